"""Draining queued no-op runs with events, and without.

The beginning and the end of each run are events: rows of the history that get
a number, and an entry in an index of numbers.  Without means that the column
has no default and the partitions no such index; nothing else differs.  The
level of the task (events: all, none) changes what is read, not what is
written, and is measured for the record, as is reading what was written.
"""

import time

from lib import engine
from measures.drain import EXECUTORS, best_rates

SLOWER = 0.9                    # of without


def switch_off(admin):
    admin.execute(f"ALTER TABLE {engine.HISTORY} ALTER COLUMN event_id DROP DEFAULT")
    for table, in admin.query("SELECT t.relid::regclass FROM pg_partition_tree($1::regclass)"
                              " AS t WHERE t.isleaf", engine.HISTORY):
        admin.execute(f"ALTER TABLE {table} ALTER COLUMN event_id DROP DEFAULT")
    for index, in admin.query("SELECT c.oid::regclass FROM pg_class AS c "
                              "WHERE c.relname LIKE 'task_run_history%event_idx'"):
        admin.execute(f"DROP INDEX {index}")


def read_all(admin, start, count):
    """Events per second by read_events(), a thousand at a time."""
    begun = time.monotonic()
    place, read = start, 0
    while True:
        rows = admin.query("SELECT event_id FROM taskcenter.read_events($1::bigint, 1000)",
                           place)
        if not rows:
            break
        place = rows[-1][0]
        read += len(rows)
    if read < 2 * count:
        raise RuntimeError(f"{read} events were read of {count} runs")
    return read / (time.monotonic() - begun)


def drain(bench, count, events, level="all"):
    cluster = bench.cluster
    with cluster.database("bench_events", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        engine.create_task(client, "noop", transaction_mode="'atomic'",
                           options="'{\"events\": \"%s\"}'" % level)
        engine.warm_and_pause(client, admin)
        if not events:
            switch_off(admin)
        place = admin.value("SELECT taskcenter.events_end()")
        engine.enqueue_many(client, "noop", count)
        admin.execute(f"VACUUM ANALYZE {engine.LIVE}")
        admin.execute("CHECKPOINT")
        load = bench.quiet()
        start = time.monotonic()
        admin.query("SELECT taskcenter.resume_scheduler('bench')")
        seconds = engine.wait_live_empty(admin, 300) - start
        if engine.finished(admin) - 400 != count:
            raise RuntimeError("runs are missing")
        if events and level == "all":
            bench.report.number("events", "ours", "read", read_all(admin, place, count),
                                "events/s")
    return count / seconds, load


def measure(bench):
    count = bench.size(100000, 8000)
    contenders = [("without events", "runs/s", lambda: drain(bench, count, False)),
                  ("events: all", "runs/s", lambda: drain(bench, count, True)),
                  ("events: none", "runs/s", lambda: drain(bench, count, True, "none"))]
    bench.cluster.configure(taskcenter__run_events="on", **{engine.EXECUTORS: str(EXECUTORS)})
    best = best_rates(bench, "events", contenders)
    bench.report.compare("events", best.get("events: all"), "runs/s",
                         best.get("without events"), "runs/s without events",
                         at_least=SLOWER)
    bench.report.compare("events", best.get("events: none"), "runs/s",
                         best.get("without events"), "runs/s without events")
