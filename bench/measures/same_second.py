"""Ten thousand schedules due in one second: when is the last run finished?

Beside it, for scale, pg_cron with 500 jobs due at one minute.
"""

import time

from lib import engine

WITHIN = 3
CRON_JOBS = 500


def run_ours(bench, count):
    """(seconds from the due instant to the last finish, to the first start)"""
    cluster = bench.cluster
    with cluster.database("bench_due", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        begin = time.monotonic()
        client.query("SELECT count(taskcenter.create_task('due ' || n, 'select 1')) "
                     "FROM generate_series(1, $1::int) AS n", count)
        ahead = max(15, int(2 * (time.monotonic() - begin)))
        due = client.value("SELECT date_trunc('second', clock_timestamp() "
                           "+ make_interval(secs => $1::int)) AT TIME ZONE 'UTC'",
                           ahead)
        client.query("SELECT count(taskcenter.schedule_task('due ' || n, "
                     "'at ' || $2::text)) FROM generate_series(1, $1::int) AS n",
                     count, due)
        if client.value("SELECT clock_timestamp() > $1::timestamp AT TIME ZONE 'UTC' "
                        "- interval '3 seconds'", due) == "t":
            raise RuntimeError(f"scheduling {count} tasks took more than {ahead} s")
        deadline = time.monotonic() + ahead + 60
        while engine.finished(admin) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{engine.finished(admin)} of {count} finished")
            time.sleep(0.5)
        tasks, last, first = admin.query(
            "SELECT count(DISTINCT task_id), "
            "extract(epoch FROM max(finished_at) - $1::timestamp AT TIME ZONE 'UTC'), "
            "extract(epoch FROM min(started_at) - $1::timestamp AT TIME ZONE 'UTC') "
            f"FROM {engine.FINISHED}", due)[0]
        if int(tasks) != count or engine.finished(admin) != count:
            raise RuntimeError(f"{tasks} of {count} tasks ran")
    return float(last), float(first)


def run_pg_cron(bench):
    """Seconds from the minute to the end of the last of pg_cron's jobs."""
    cluster = bench.cluster
    cluster.configure(preload=["pg_cron"], cron__database_name="'postgres'",
                      cron__host=f"'{cluster.sockets}'")
    with cluster.connect() as admin:
        admin.execute("CREATE EXTENSION IF NOT EXISTS pg_cron")
        wait = 60 - admin.number("SELECT extract(second FROM clock_timestamp())")
        if wait < 10:
            time.sleep(wait + 1)
        admin.query("SELECT count(cron.schedule('job ' || n, '* * * * *', 'select 1'))"
                    " FROM generate_series(1, $1::int) AS n", CRON_JOBS)
        minute = admin.value("SELECT date_trunc('minute', clock_timestamp()) "
                             "+ interval '1 minute'")
        deadline = time.monotonic() + 120
        ended = 0
        while ended < CRON_JOBS and time.monotonic() < deadline:
            time.sleep(0.5)
            ended = admin.number("SELECT count(*) FROM cron.job_run_details "
                                 "WHERE status = 'succeeded'")
        admin.execute("SELECT count(cron.unschedule(jobid)) FROM cron.job")
        seconds = admin.number("SELECT extract(epoch FROM max(end_time) - $1) "
                               "FROM cron.job_run_details", minute)
        admin.execute("DROP EXTENSION pg_cron")
    if ended < CRON_JOBS:
        raise RuntimeError(f"pg_cron ran {ended} of {CRON_JOBS} jobs")
    return seconds


def measure(bench):
    count = bench.size(10000, 1000)
    last = cron = None
    if bench.side("ours"):
        bench.cluster.configure()
        load = bench.quiet()
        last, first = run_ours(bench, count)
        bench.report.number("same_second", "ours", f"{count} runs finished after",
                            last, "s", load=load, first_start=round(first, 4))
    if bench.side("peers") and bench.peers.pg_cron:
        load = bench.quiet()
        cron = run_pg_cron(bench)
        bench.report.number("same_second", "pg_cron",
                            f"{CRON_JOBS} jobs finished after", cron, "s", load=load)
    bench.report.limit(f"{count} schedules due in one second", last, "s", WITHIN,
                       cron, f"s pg_cron, {CRON_JOBS} jobs")
