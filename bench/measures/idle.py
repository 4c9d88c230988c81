"""What it costs to do nothing: 10,000 schedules, none of them due.

Autovacuum is off and the observer sits in another database, so whatever moves is
ours: transaction ids, the end of the write-ahead log, transactions and statements
of the database, and how often each process woke up.
"""

import time

from lib import engine

SCHEDULES = 10000
WAKEUPS_A_MINUTE = 12
SETTLED = 35                # two rounds of the background writer's own log record


def settle(observer):
    """Wait until the server's own processes have nothing left to write."""
    observer.execute("CHECKPOINT")
    deadline = time.monotonic() + 300
    position, since = None, time.monotonic()
    while time.monotonic() - since < SETTLED:
        if time.monotonic() > deadline:
            raise RuntimeError("the write-ahead log does not come to rest")
        now = observer.value("SELECT pg_current_wal_insert_lsn()")
        if now != position:
            position, since = now, time.monotonic()
        time.sleep(1)


def counters(observer, database):
    """Transaction ids, log position, transactions and statements so far."""
    return [int(value) for value in observer.query(
        "SELECT pg_snapshot_xmax(pg_current_snapshot()), "
        "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), "
        "(SELECT xact_commit + xact_rollback FROM pg_stat_database "
        "WHERE datname = $1), "
        "(SELECT coalesce(sum(s.calls), 0) FROM pg_stat_statements AS s "
        "JOIN pg_database AS d ON d.oid = s.dbid WHERE d.datname = $1)",
        database)[0]]


def log_of_others_excluded(observer, start, end):
    """Bytes of log but for the background writer's record of running transactions."""
    observer.execute("CREATE EXTENSION pg_walinspect")
    written = int(observer.query(
        "SELECT coalesce(sum(record_length), 0) FROM pg_get_wal_records_info("
        "'0/0'::pg_lsn + $1::numeric, '0/0'::pg_lsn + $2::numeric) "
        "WHERE (resource_manager, record_type) <> ('Standby', 'RUNNING_XACTS')",
        str(start), str(end))[0][0])
    observer.execute("DROP EXTENSION pg_walinspect")
    return written


def observe(bench, database, seconds):
    """Changes of the counters, and wake-ups a minute of each process."""
    with bench.cluster.connect() as observer:
        observer.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        settle(observer)
        processes = engine.processes(observer, database)
        before = counters(observer, database)
        woken = {pid: engine.wakeups(pid) for pid in processes}
        time.sleep(seconds)
        rates = {}
        for pid, kind in processes.items():
            rate = (engine.wakeups(pid) - woken[pid]) * 60 / seconds
            rates[kind] = max(rates.get(kind, 0), rate)
        after = counters(observer, database)
        changes = [new - old for new, old in zip(after, before)]
        if changes[1] > 0:
            changes[1] = log_of_others_excluded(observer, before[1], after[1])
        observer.execute("DROP EXTENSION pg_stat_statements")
    return changes, rates


def measure(bench):
    seconds = bench.size(300, 30)
    names = ("transaction ids", "bytes of log", "transactions", "statements")
    changes, rates = [None] * len(names), {}
    if bench.side("ours"):
        bench.cluster.configure(
            preload=["pg_stat_statements"], autovacuum="off",
            pg_stat_statements__track="all", **{engine.IDLE_TIMEOUT: "0"})
        with bench.cluster.database("bench_idle", "taskcenter") as database:
            with bench.cluster.connect(database, "bench") as client, \
                    bench.cluster.connect(database) as admin:
                client.query("SELECT count(taskcenter.create_task('later ' || n, "
                             "'select 1', schedule => '0 0 1 1 *')) "
                             "FROM generate_series(1, $1::int) AS n",
                             bench.size(SCHEDULES, 500))
                # The executors are there too and have worked.
                engine.create_task(client, "noop")
                engine.enqueue_many(client, "noop", 1000)
                engine.wait_live_empty(admin, 60)
            changes, rates = observe(bench, database, seconds)
        for name, change in zip(names, changes):
            bench.report.number("idle", "ours", name, change, f"in {seconds} s")
        for kind, rate in rates.items():
            bench.report.number("idle", kind, "wake-ups", rate, "a minute")
    for name, change in zip(names, changes):
        bench.report.limit(f"idle {seconds} s: {name}", change, "", 0)
    bench.report.limit("idle: wake-ups of the liveliest process",
                       max(rates.values(), default=None), "a minute", WAKEUPS_A_MINUTE)
