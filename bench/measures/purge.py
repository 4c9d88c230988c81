"""Retention: ten million runs with history and log go, while others are claimed.

All runs are between 31 and 61 days old: at the default settings those that did
not fail, and all lines of the log, are out of policy; history and the one
percent that failed are not, and one task is held. Then rows that must be looked
at one by one: half of the tasks keep everything, the others 20 days.
"""

import time

from lib import claim_log, engine, history
from lib.load import Load
from lib.report import percentile

DROP_WITHIN = 2             # seconds
CLAIM_RATIO = 2
ROWS_A_SECOND = 50000
PIECE = 5000
ARRIVE, EVERY = 5, 0.010    # runs of the load
HELD = "past_5"


COUNTS = {
    "runs out of policy": "SELECT count(*) FROM taskcenter.finished_runs_1 AS r "
                          "WHERE finished_at < now() - interval '30 days' AND task_id <> $1",
    "lines out of policy": "SELECT count(*) FROM taskcenter.task_run_logs AS r "
                           "WHERE logged_at < now() - interval '30 days' AND task_id <> $1",
    "failed runs": "SELECT count(*) FROM taskcenter.finished_runs AS r "
                   "WHERE status = 'failed' AND finished_at < now() - interval '30 days' "
                   "AND $1 > 0",
    "history": "SELECT count(*) FROM taskcenter.task_run_history AS r "
               "WHERE changed_at < now() - interval '30 days' AND $1 > 0",
    "held runs": "SELECT count(*) FROM taskcenter.finished_runs WHERE task_id = $1",
    "held history": "SELECT count(*) FROM taskcenter.task_run_history WHERE task_id = $1",
    "held lines": "SELECT count(*) FROM taskcenter.task_run_logs WHERE task_id = $1",
}


def counts(admin, held):
    return {name: admin.number(query.replace("$1", "$1::bigint"), held)
            for name, query in COUNTS.items()}


def epoch(admin):
    return admin.number("SELECT extract(epoch FROM clock_timestamp())")


def purge(admin):
    """(seconds, seconds of the processor, rows, partitions) of a CALL"""
    began, used = time.monotonic(), engine.cpu_seconds(admin.pid)
    row = admin.query("CALL taskcenter.purge('bench')")[0]
    return (time.monotonic() - began, engine.cpu_seconds(admin.pid) - used,
            int(row[0]), int(row[2]))


def whole_partitions(bench, runs):
    cluster = bench.cluster
    cluster.configure(taskcenter__purge_interval="0", **claim_log.settings(1))
    with cluster.database("bench_purge", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        history.generate(lambda: cluster.connect(database), client, runs, 61, 31,
                         tasks=bench.size(1000, 20))
        engine.create_task(client, "noop")
        held = admin.number("SELECT task_id FROM taskcenter.tasks WHERE name = $1", HELD)
        admin.query("SELECT taskcenter.hold_history($1, 'bench')", HELD)
        # partitions that are written no more get an index at the first purge
        keep_all(admin)
        purge(admin)
        reset_all(admin)
        admin.execute("VACUUM (ANALYZE)")
        before = counts(admin, held)
        admin.execute("CHECKPOINT")
        load_average = bench.quiet()
        log = claim_log.ClaimLog(cluster)
        load = Load(cluster, database, ARRIVE, EVERY)
        load.start()
        time.sleep(3)
        base = epoch(admin)
        time.sleep(bench.size(20, 5))
        began = epoch(admin)
        seconds, processor, rows, partitions = purge(admin)
        ended = epoch(admin)
        load.stop()
        engine.wait_live_empty(admin, 60)
        after = counts(admin, held)
        claims = log.claims()
        left = admin.number("SELECT coalesce(sum(rows), 0) FROM taskcenter.preview_purge()")
    without = [ms for at, ms in claims if base <= at < began]
    during = [ms for at, ms in claims if began <= at < ended]
    touched = [name for name in before
               if after[name] != (0 if name.endswith("out of policy") else before[name])]
    bench.report.number("purge", "ours", "partitions, seconds", seconds, "s", load=load_average,
                        processor=round(processor, 2), rows=rows, partitions=partitions,
                        claims=len(during), left=left)
    for label, share in (("p50", 0.5), ("p99", 0.99), ("max", 1)):
        bench.report.number("purge", "without", f"claim {label}", percentile(without, share),
                            "ms", samples=len(without))
        bench.report.number("purge", "during", f"claim {label}", percentile(during, share),
                            "ms", samples=len(during))
    for name in before:
        bench.report.number("purge", "ours", name, after[name], "rows", before=before[name])
    bench.report.limit(f"purge of {runs} runs and their log, {partitions} partitions", seconds,
                       "s", DROP_WITHIN)
    bench.report.row("purge: relations with a wrong number of rows afterwards",
                     len(touched) + (left > 0), "", "0", not touched and left == 0)
    bench.report.compare("purge: claim p99 meanwhile", percentile(during, 0.99), "ms",
                         percentile(without, 0.99), "ms without", at_most=CLAIM_RATIO)


RETENTIONS = ("runs_retention", "failed_runs_retention", "run_history_retention",
              "run_logs_retention")


def keep_all(admin):
    for key in RETENTIONS:
        admin.query("SELECT taskcenter.set_setting($1, 'keep')", key)


def reset_all(admin):
    for key in RETENTIONS:
        admin.query("SELECT taskcenter.set_setting($1, NULL)", key)


def single_rows(bench, runs):
    cluster = bench.cluster
    cluster.configure(taskcenter__purge_interval="0")
    with cluster.database("bench_purge", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        history.generate(
            lambda: cluster.connect(database), client, runs, 61, 31, tasks=100,
            options="'{\"retention\": \"keep\", \"failed_retention\": \"keep\"}'")
        for place in range(0, 100, 2):
            client.query("SELECT taskcenter.alter_task($1, options => "
                         "'{\"retention\": \"20 days\", \"failed_retention\": \"20 days\"}')",
                         f"past_{place}")
        admin.execute("CHECKPOINT")
        load_average = bench.quiet()
        expected = admin.number("SELECT sum(rows) FROM taskcenter.preview_purge()")
        seconds, _, rows, _ = purge(admin)
        largest = admin.number("SELECT max(rows) FROM taskcenter.purges")
    if rows != expected:
        raise RuntimeError(f"{rows} rows went, {expected} were shown")
    bench.report.number("purge", "ours", "row by row", rows / seconds, "rows/s",
                        rows=rows, seconds=round(seconds, 1), largest=largest, load=load_average)
    bench.report.row("purge row by row, mixed policies", rows / seconds, "rows/s",
                     f">= {ROWS_A_SECOND}", rows / seconds >= ROWS_A_SECOND)
    bench.report.limit("purge row by row: rows in a transaction", largest, "", PIECE)


def measure(bench):
    if not bench.side("ours"):
        return
    whole_partitions(bench, bench.size(10000000, 100000))
    single_rows(bench, bench.size(1000000, 50000))
