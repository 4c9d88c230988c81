"""What a large past costs those who read, and what its rows take.

10 million finished runs of 1,000 tasks over 30 days, 1 % of them failed, with
their history and log (see lib/history.py), and 10 million moves of the status of
1,000 manual tasks, 1 % of them refused. Each query is sent often and timed at
the client until all that it returns is there, without making values of this
program of it; the median counts, after a first time that plans and loads. The views are read whole, by a superuser, by the owner of
all tasks, by the owner of three, by a stranger who may see nothing, and by a
member of pg_monitor.

Bytes are those of relation and indexes after VACUUM, divided by the rows: of a
day's partition of task_run_history, and of the audit after so many alter_task()
with a new command and a reason.
"""

import time

from lib import engine, history
from lib.report import percentile

TASKS = 1000
TIMES = 21
ALTERS = 20000

HISTORY_WITHIN, FAILURES_WITHIN, VIEW_WITHIN = 1, 5, 20       # ms
RUN_HISTORY_BYTES, AUDIT_BYTES = 130, 400

VIEWS = ("status", "running_runs", "recent_runs", "failed_runs", "next_fires", "databases",
         "queues", "settings", "overview", "task_overview")
READERS = {"superuser": "postgres", "owner of all": "bench", "owner of three": "bench_small",
           "stranger": "bench_stranger", "monitor": "bench_monitor"}
ROLES = """
DO $$ BEGIN CREATE ROLE bench_small LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
DO $$ BEGIN CREATE ROLE bench_stranger LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
DO $$ BEGIN CREATE ROLE bench_monitor LOGIN IN ROLE pg_monitor;
    EXCEPTION WHEN duplicate_object THEN END $$;
"""

# $1 rows, $2 tasks: round about the tasks, every hundredth refused, the last a moment ago
MOVES = """
INSERT INTO taskcenter.task_status_history (task_id, old_status, new_status, accepted,
    requested_status, problems, reason, actor, owner_id, timestamp)
SELECT t.task_id, 'pending', CASE WHEN r.refused THEN 'validation_failed' ELSE 'in_progress' END,
    NOT r.refused, CASE WHEN r.refused THEN 'done' END,
    CASE WHEN r.refused THEN '[{"code": "not_allowed"}]'::jsonb END, 'as agreed', 'bench',
    t.owner_id, now() - ({rows} - n) * (interval '300 days' / {rows})
FROM generate_series(1, {rows}) AS n
CROSS JOIN LATERAL (SELECT n / {tasks} % 100 = 0 AS refused) AS r
JOIN (SELECT row_number() OVER (ORDER BY task_id) - 1 AS place, task_id, owner_id
    FROM taskcenter.tasks WHERE kind = 'manual') AS t ON t.place = n % {tasks}
ORDER BY n
"""


def timed(conn, sql, times=TIMES):
    """(median, slowest) in ms, and rows; the first time does not count."""
    rows = conn.fetch(sql)
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        conn.fetch(sql)
        spent.append((time.perf_counter() - begin) * 1000)
    return percentile(spent, 0.5), max(spent), rows


def buffers(conn, sql):
    """Pages that the query touches, once it is planned."""
    for (line,) in conn.execute("EXPLAIN (ANALYZE, BUFFERS, COSTS off, TIMING off) " + sql):
        if line.strip().startswith("Buffers: shared"):
            return sum(int(part.split("=")[1]) for part in line.split() if "=" in part)
    return 0


def read(bench, admin, name, sql, within, explain=None):
    median, slowest, rows = timed(admin, sql)
    bench.report.number("history", "ours", name, median, "ms", slowest=round(slowest, 2),
                        rows=rows, buffers=buffers(admin, explain or sql))
    bench.report.limit(f"history: {name}", median, "ms", within)


def make_past(bench, database, client, admin):
    cluster = bench.cluster
    runs = bench.size(10000000, 20000)
    history.generate(lambda: cluster.connect(database), client, runs, bench.size(30, 4), 0,
                     tasks=bench.size(TASKS, 50))
    admin.execute(ROLES)
    client.query("SELECT count(taskcenter.schedule_task('past_' || n, '0 3 * * *')) "
                 "FROM generate_series(0, $1::int) AS n", bench.size(TASKS, 50) - 1)
    with cluster.connect(database, "bench_small") as small:
        small.query("SELECT count(taskcenter.create_task('small_' || n, 'select 1/(n-n)')) "
                    "FROM generate_series(1, 3) AS n")
        for number in (1, 2, 3):
            engine.enqueue_many(small, f"small_{number}", 20)
        engine.wait_live_empty(admin, 60)


def make_moves(bench, client, admin):
    tasks = bench.size(TASKS, 50)
    client.query("SELECT count(taskcenter.create_task('paper_' || n, kind => 'manual', "
                 "options => '{\"workflow\": \"editorial\"}')) "
                 "FROM generate_series(1, $1::int) AS n", tasks)
    admin.execute("SET synchronous_commit = off")
    # rows that no move wrote are refused otherwise
    admin.execute("ALTER TABLE taskcenter.task_status_history DISABLE TRIGGER guard_record")
    admin.execute(MOVES.replace("{rows}", str(bench.size(10000000, 20000)))
                  .replace("{tasks}", str(tasks)))
    admin.query("SELECT taskcenter.repair_guards('bench')")
    admin.execute("VACUUM (ANALYZE) taskcenter.task_status_history")


def measure_reading(bench, database, client, admin):
    task = admin.number("SELECT task_id FROM taskcenter.tasks WHERE name = 'paper_7'")
    run = admin.number("SELECT max(run_id) / 2 FROM taskcenter.finished_runs")
    moves = ("SELECT * FROM taskcenter.task_status_history WHERE task_id = "
             f"{task} ORDER BY timestamp DESC LIMIT 50")
    read(bench, client, "50 moves of a task", "SELECT * FROM taskcenter.status_history('paper_7')",
         HISTORY_WITHIN, moves)
    read(bench, client, "the same by plain SQL", moves, HISTORY_WITHIN)
    read(bench, client, "50 refused moves",
         "SELECT * FROM taskcenter.transition_failures()", FAILURES_WITHIN)
    read(bench, client, "refused moves of a task",
         "SELECT * FROM taskcenter.transition_failures('paper_7')", FAILURES_WITHIN)
    read(bench, client, "50 failed runs", "SELECT * FROM taskcenter.failed_runs LIMIT 50",
         VIEW_WITHIN)
    read(bench, client, "history of a run, planned",
         f"SELECT * FROM taskcenter.task_run_history WHERE run_id = {run} ORDER BY changed_at",
         VIEW_WITHIN)
    client.execute("PREPARE run_history (bigint) AS SELECT * FROM taskcenter.task_run_history "
                   "WHERE run_id = $1 ORDER BY changed_at; "
                   "SET plan_cache_mode = force_generic_plan")
    read(bench, client, "history of a run, prepared", f"EXECUTE run_history ({run})",
         HISTORY_WITHIN)
    client.execute("RESET plan_cache_mode")
    for view in VIEWS:
        slowest = {}
        for reader, role in READERS.items():
            with bench.cluster.connect(database, role) as conn:
                median, worst, rows = timed(conn, f"TABLE taskcenter.{view}")
                slowest[reader] = median
                bench.report.number("history", reader, f"view {view}", median, "ms",
                                    slowest=round(worst, 2), rows=rows)
        bench.report.limit(f"history: view {view}, by who waits longest",
                           max(slowest.values()), "ms", VIEW_WITHIN)
    for name, sql in (("list_runs()", "SELECT * FROM taskcenter.list_runs()"),
                      ("list_runs() of failed runs",
                       "SELECT * FROM taskcenter.list_runs(statuses => '{failed,timed_out}')")):
        for reader, role in READERS.items():
            with bench.cluster.connect(database, role) as conn:
                median, worst, rows = timed(conn, sql, 7)
                bench.report.number("history", reader, name, median, "ms",
                                    slowest=round(worst, 2), rows=rows)


def measure_bytes(bench, client, admin):
    """Bytes per row, and per alteration."""
    partition = admin.value(
        "SELECT c.oid::regclass FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid "
        "WHERE i.inhparent = 'taskcenter.task_run_history_1'::regclass "
        "ORDER BY c.reltuples DESC LIMIT 1")
    admin.execute(f"VACUUM {partition}")
    size = admin.number(f"SELECT pg_total_relation_size('{partition}')::float8 "
                        f"/ (SELECT count(*) FROM {partition})")
    bench.report.limit("history: bytes of a row of task_run_history", size, "bytes",
                       RUN_HISTORY_BYTES)
    status = admin.number("SELECT pg_total_relation_size('taskcenter.task_status_history')"
                          "::float8 / (SELECT count(*) FROM taskcenter.task_status_history)")
    bench.report.number("history", "ours", "row of task_status_history", status, "bytes")

    before = admin.query("SELECT count(*), pg_total_relation_size('taskcenter.task_audit_logs') "
                         "FROM taskcenter.task_audit_logs")[0]
    client.query("SELECT count(taskcenter.alter_task('past_' || n % $2::int, "
                 "command => 'SELECT refresh_report(' || n || ')', "
                 "reason => 'ticket ' || n)) FROM generate_series(1, $1::int) AS n",
                 bench.size(ALTERS, 1000), bench.size(TASKS, 50))
    admin.execute("VACUUM taskcenter.task_audit_logs")
    after = admin.query("SELECT count(*), pg_total_relation_size('taskcenter.task_audit_logs') "
                        "FROM taskcenter.task_audit_logs")[0]
    size = (int(after[1]) - int(before[1])) / (int(after[0]) - int(before[0]))
    bench.report.limit("history: bytes of a row of the audit, a typical alter", size, "bytes",
                       AUDIT_BYTES)


def measure(bench):
    if not bench.side("ours"):
        return
    cluster = bench.cluster
    cluster.configure()
    with cluster.database("bench_history", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        begin = time.monotonic()
        make_past(bench, database, client, admin)
        make_moves(bench, client, admin)
        bench.report.number("history", "ours", "making the past", time.monotonic() - begin, "s")
        admin.execute("CHECKPOINT")
        bench.quiet()
        measure_reading(bench, database, client, admin)
        measure_bytes(bench, client, admin)
