"""Numbers: percentiles, the machine's load, JSON lines and the table."""

import json
import os
import time


def percentile(values, fraction):
    """The value below which the fraction lies, interpolated; None if empty."""
    ordered = sorted(values)
    if not ordered:
        return None
    position = (len(ordered) - 1) * fraction
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def load_average():
    return os.getloadavg()[0]


def busy_share(seconds):
    """The share of all processors in use over so many seconds from now."""
    def times():
        with open("/proc/stat") as stat:
            fields = [int(field) for field in stat.readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]
    total, idle = times()
    time.sleep(seconds)
    total_after, idle_after = times()
    return 1 - (idle_after - idle) / max(total_after - total, 1)


class Report:
    """Collects single numbers (JSON lines) and rows (the table)."""

    COLUMNS = ("measure", "ours", "baseline or peer", "ratio", "target", "reached")

    def __init__(self, path):
        self.rows = []
        self.path = path
        self.file = open(path, "w")

    def number(self, measure, side, name, value, unit, **more):
        """Keep one number; every number goes out as soon as it is known."""
        self._write(dict(type="number", measure=measure, side=side, name=name,
                         value=_rounded(value), unit=unit, **more))
        shown = "-" if value is None else f"{_rounded(value)} {unit}"
        extra = " ".join(f"{k}={v}" for k, v in more.items())
        print(f"  {measure}: {side} {name} {shown} {extra}".rstrip(), flush=True)

    def row(self, measure, ours, unit, target, reached, reference=None,
            reference_name=None, ratio=None):
        """Add a line to the table; reached is None when nothing can be said."""
        row = dict(measure=measure, ours=_rounded(ours), unit=unit,
                   reference=_rounded(reference), reference_name=reference_name,
                   ratio=_rounded(ratio), target=target, reached=reached)
        self.rows.append(row)
        self._write(dict(type="row", **row))

    def compare(self, measure, ours, unit, reference, reference_name,
                at_least=None, at_most=None):
        """Add a line that is judged by ours / reference; no bound: for the record."""
        target, reached, ratio = "-", None, None
        if ours is not None and reference:
            ratio = ours / reference
        if at_least is not None:
            target = f">= {at_least} x"
            reached = None if ratio is None else ratio >= at_least
        elif at_most is not None:
            target = f"<= {at_most} x"
            reached = None if ratio is None else ratio <= at_most
        self.row(measure, ours, unit, target, reached, reference, reference_name, ratio)

    def limit(self, measure, ours, unit, at_most, reference=None,
              reference_name=None):
        """Add a line that is judged by a fixed bound."""
        self.row(measure, ours, unit, f"<= {at_most}",
                 None if ours is None else ours <= at_most,
                 reference, reference_name)

    def note(self, **fields):
        self._write(dict(type="note", **fields))

    def table(self):
        lines = [self.COLUMNS]
        for row in self.rows:
            reference = "-"
            if row["reference_name"]:
                value = "?" if row["reference"] is None else row["reference"]
                reference = f"{value} {row['reference_name']}"
            ours = "-" if row["ours"] is None else f"{row['ours']} {row['unit']}"
            lines.append((row["measure"], ours, reference,
                          "-" if row["ratio"] is None else f"{row['ratio']}",
                          row["target"],
                          {None: "-", True: "yes", False: "NO"}[row["reached"]]))
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.COLUMNS))]
        lines.insert(1, tuple("-" * width for width in widths))
        return "\n".join(" | ".join(cell.ljust(width) for cell, width
                                    in zip(line, widths)).rstrip() for line in lines)

    def failed(self):
        return [row for row in self.rows if row["reached"] is False]

    def _write(self, record):
        record["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.file.write(json.dumps(record) + "\n")
        self.file.flush()


def _rounded(value):
    if value is None or isinstance(value, (int, str)):
        return value
    return float(f"{value:.3g}") if abs(value) < 100 else round(value)
