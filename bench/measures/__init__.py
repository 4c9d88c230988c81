"""One script a measure; each has measure(bench)."""
