"""Firing ten due schedules among a million, and among a thousand.

Ten tasks fire every second. Counted are how late their runs are made and start,
and the processor time that the scheduler takes for a second's firing.
"""

import time

from lib import engine
from lib.report import percentile

DUE = 10
RATIO = 2
TASKS = 1000                # the schedules that are not due belong to so many tasks


def add_future(client, count):
    """Schedules of months that are not this one or its neighbours."""
    client.query("SELECT count(taskcenter.create_task('future ' || n, 'select 1')) "
                 "FROM generate_series(1, $1::int) AS n "
                 "WHERE NOT EXISTS (SELECT FROM taskcenter.tasks "
                 "WHERE name = 'future ' || n)", min(TASKS, count))
    made = client.number("SELECT count(*) FROM taskcenter.schedules "
                         "WHERE name LIKE 'later %'")
    while made < count:
        upto = min(made + 20000, count)
        client.query(
            "SELECT count(taskcenter.schedule_task("
            "'future ' || (1 + n % $3::int), format('%s %s %s %s *', n % 60, "
            "n / 60 % 24, 1 + n / 1440 % 28, "
            "1 + (extract(month FROM now())::int + 2 + n % 8) % 12), 'later ' || n)) "
            "FROM generate_series($1::int, $2::int - 1) AS n", made, upto, min(TASKS, count))
        made = upto


def fire(admin, database, seconds):
    """What a while of firing showed: dict of numbers."""
    scheduler = next(pid for pid, kind in engine.processes(admin, database).items()
                     if kind == "scheduler")
    since = admin.value("SELECT clock_timestamp()")
    before = engine.cpu_seconds(scheduler)
    time.sleep(seconds)
    used = engine.cpu_seconds(scheduler) - before
    until = admin.value("SELECT clock_timestamp()")
    rows = admin.query(
        "SELECT extract(epoch FROM created_at - scheduled_for) * 1000, "
        "extract(epoch FROM started_at - scheduled_for) * 1000 "
        f"FROM {engine.FINISHED} WHERE scheduled_for > $1 AND scheduled_for < $2",
        since, until)
    if len(rows) < DUE * (seconds - 2):
        raise RuntimeError(f"{len(rows)} runs in {seconds} s")
    made = [float(row[0]) for row in rows]
    started = [float(row[1]) for row in rows]
    return {"lateness of the run, p50": (percentile(made, 0.5), "ms"),
            "lateness of the start, p50": (percentile(started, 0.5), "ms"),
            "lateness of the start, p99": (percentile(started, 0.99), "ms"),
            "scheduler's processor time a firing": (used / seconds * 1000, "ms")}


def measure(bench):
    few, many = 1000, bench.size(1000000, 20000)
    seconds = bench.size(60, 10)
    cluster = bench.cluster
    seen = {}
    if bench.side("ours"):
        cluster.configure()
        with cluster.database("bench_million", "taskcenter") as database, \
                cluster.connect(database, "bench") as client, \
                cluster.connect(database) as admin:
            client.query("SELECT count(taskcenter.create_task('due ' || n, 'select 1', "
                         "schedule => '* * * * * *')) FROM generate_series(1, $1::int) n",
                         DUE)
            for size in (few, many):
                begin = time.monotonic()
                add_future(client, size - DUE)
                bench.report.number("million", "ours", f"loading up to {size} schedules",
                                    time.monotonic() - begin, "s")
                admin.execute("VACUUM ANALYZE")
                admin.execute("CHECKPOINT")
                load = bench.quiet()
                seen[size] = fire(admin, database, seconds)
                for name, (value, unit) in seen[size].items():
                    bench.report.number("million", f"among {size}", name, value, unit,
                                        load=load)
    for name in ("lateness of the start, p50", "scheduler's processor time a firing"):
        bench.report.compare(
            f"10 due among {many}: {name}", seen.get(many, {}).get(name, (None,))[0],
            "ms", seen.get(few, {}).get(name, (None,))[0], f"ms among {few}",
            at_most=RATIO)
