"""The history of people's tasks, out of ten million rows of which 1 % were refused.

The rows are of 10,000 tasks in turn, so that those of one task lie far apart.
Asked are, by the owner of the tasks and one after the other: the newest 50 moves
of a task that was not asked for before, its newest refused moves, and the newest
refused moves of all its tasks, each by the function; the first also by plain SQL
under row security, whose buffers are counted. Times are the client's, and so
hold a round trip. Then tasks are moved, in transactions of their own.
"""

import json
import random
import time

from lib.report import percentile

TASKS = 10000
REFUSED_EVERY = 100
FILL = """
INSERT INTO taskcenter.task_status_history (task_id, old_status, new_status, reason, timestamp,
    accepted, requested_status, problems, actor, owner_id)
SELECT t.task_id, 'in_progress', CASE WHEN refused THEN 'validation_failed' ELSE 'on_hold' END,
    'because of this and that', now() - (%(rows)d - n) * interval '3 seconds', NOT refused,
    CASE WHEN refused THEN 'published' END,
    CASE WHEN refused THEN '[{"code": "forbidden_move", "key": "published", "message": "The status \\"in_progress\\" cannot become \\"published\\"."}]'::jsonb END,
    'bench', t.owner_id
FROM generate_series(%(first)d, %(last)d) AS n
CROSS JOIN LATERAL (SELECT (n / %(tasks)d + n) %% %(every)d = 0) AS r (refused)
JOIN bench_tasks AS t ON t.place = n %% %(tasks)d
ORDER BY n
"""


def fill(admin, rows, tasks):
    admin.execute("CREATE TABLE bench_tasks AS SELECT row_number() OVER (ORDER BY task_id) - 1 "
                  "AS place, task_id, owner_id FROM taskcenter.tasks")
    # neither the foreign key nor the guard against forged rows is what is measured
    admin.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    admin.execute("ALTER TABLE taskcenter.task_status_history DISABLE TRIGGER guard_record")
    for first in range(0, rows, 500000):
        admin.execute(FILL % dict(rows=rows, first=first, last=min(rows, first + 500000) - 1,
                                  tasks=tasks, every=REFUSED_EVERY))
    admin.execute("RESET session_replication_role")
    admin.query("SELECT taskcenter.repair_guards('bench')")
    admin.execute("VACUUM (ANALYZE) taskcenter.task_status_history")


def timed(conn, statement, parameters):
    """Milliseconds of each execution."""
    conn.execute("DEALLOCATE ALL")
    conn.prepare("asked", statement)
    times = []
    for parameter in parameters:
        start = time.perf_counter()
        conn.execute_prepared("asked", *parameter)
        times.append((time.perf_counter() - start) * 1000)
    return times


def buffers(conn, task_id):
    plan = json.loads(conn.value(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM taskcenter.task_status_history "
        f"WHERE task_id = {task_id} ORDER BY timestamp DESC LIMIT 50"))[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def measure(bench):
    rows = bench.size(10_000_000, 100_000)
    tasks = bench.size(TASKS, 500)
    asked = bench.size(500, 100)
    seen = {}
    if bench.side("ours"):
        with bench.cluster.database("bench_status", "taskcenter") as database, \
                bench.cluster.connect(database, "bench") as client, \
                bench.cluster.connect(database) as admin:
            client.query("SELECT count(taskcenter.create_task('article ' || n, kind => 'manual')) "
                         "FROM generate_series(0, $1::int - 1) AS n", tasks)
            fill(admin, rows, tasks)
            size = admin.number("SELECT pg_total_relation_size('taskcenter.task_status_history')")
            bench.report.number("status_history", "ours", "a row with its indexes", size / rows,
                                "bytes")
            chosen = random.Random(1).sample(range(tasks), asked)
            names = [(f"article {place}",) for place in chosen]
            ids = [int(value) for (value,) in admin.query(
                "SELECT task_id FROM bench_tasks WHERE place = ANY ($1::int[])",
                "{%s}" % ",".join(map(str, chosen[:20])))]
            client.query("SELECT count(*) FROM taskcenter.status_history('article 0')")
            cases = {
                "newest 50 of a task": ("SELECT * FROM taskcenter.status_history($1)", names, 1),
                "refused moves of a task":
                    ("SELECT * FROM taskcenter.transition_failures($1)", names, 5),
                "refused moves of all tasks":
                    ("SELECT * FROM taskcenter.transition_failures()", [()] * asked, 5),
                "a move, committed":
                    ("SELECT * FROM taskcenter.set_task_status($1, 'in_progress')", names, 50)}
            for name, (statement, parameters, limit) in cases.items():
                times = timed(client, statement, parameters)
                seen[name] = percentile(times, 0.5), limit
                bench.report.number("status_history", "ours", name, seen[name][0], "ms",
                                    p99=round(percentile(times, 0.99), 3))
            read = max(buffers(client, task_id) for task_id in ids)
            seen["buffers"] = read
            bench.report.number("status_history", "ours", "newest 50, by SQL", read, "buffers")
    for name in ("newest 50 of a task", "refused moves of a task", "refused moves of all tasks",
                 "a move, committed"):
        value, limit = seen.get(name, (None, {"newest 50 of a task": 1,
                                              "a move, committed": 50}.get(name, 5)))
        bench.report.limit(f"status_history, {rows} rows: {name}, p50", value, "ms", limit)
    # 50 rows that lie apart, a leaf or two, and the way down
    bench.report.limit("status_history: buffers for the newest 50, by SQL", seen.get("buffers"),
                       "blocks", 64)
