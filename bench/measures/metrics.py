"""What counting costs: the same drain of atomic runs, counted and not.

Both sides in turn, in the same cluster; the setting taskcenter.metrics is read
anew by each executor, which is new in each round. Then how long it takes to
read the metrics of 500 tasks, and how large they are.
"""

import time

from lib import engine
from lib.report import percentile
from measures.drain import EXECUTORS, best_rates, drain_ours

SLOWER = 0.98               # of the drain without
READ_WITHIN = 50            # ms
TASKS = 500


def drain(bench, count, metrics):
    bench.cluster.configure(taskcenter__metrics=metrics,
                            **{engine.EXECUTORS: str(EXECUTORS)})
    return drain_ours(bench, count, "atomic")


def read(bench):
    cluster = bench.cluster
    cluster.configure(taskcenter__metrics="on")
    with cluster.database("bench_metrics", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        for place in range(bench.size(TASKS, 50)):
            engine.create_task(client, f"task {place}")
            client.query("SELECT taskcenter.enqueue_task($1)", f"task {place}")
        engine.wait_live_empty(admin, 60)
        load = bench.quiet()
        times = []
        for _ in range(bench.size(50, 5)):
            start = time.monotonic()
            text = admin.value("SELECT taskcenter.metrics()")
            times.append((time.monotonic() - start) * 1000)
    bench.report.number("metrics", "ours", "read", percentile(times, 0.5), "ms",
                        bytes=len(text), load=load)
    bench.report.limit("metrics of 500 tasks, read", percentile(times, 0.5), "ms", READ_WITHIN)


def measure(bench):
    if not bench.side("ours"):
        return
    count = bench.size(100000, 8000)
    best = best_rates(bench, "metrics", [
        ("off", "runs/s", lambda: drain(bench, count, "off")),
        ("on", "runs/s", lambda: drain(bench, count, "on"))])
    bench.report.compare("drain, atomic, counted", best["on"], "runs/s", best["off"],
                         "runs/s without", at_least=SLOWER)
    read(bench)
