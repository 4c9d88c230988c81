"""The history of people's tasks, out of ten million rows of which 1 % were refused.

The rows are of 10,000 tasks in turn, so that those of one task lie far apart.
Asked are, by the owner of the tasks and one after the other: the newest 50 moves
of a task that was not asked for before, its newest refused moves, and the newest
refused moves of all its tasks, each by the function; the first also by plain SQL
under row security, whose buffers are counted. Times are the server's, of planning
and execution; the client's, with a round trip and this program's reading of the
rows, stand beside them. Then tasks are moved, in transactions of their own, and
the client's time counts.
"""

import json
import random
import time

from lib.report import percentile

TASKS = 10000
REFUSED_EVERY = 100
MOVE = "a move, committed"
# what is asked, whether of one task, and the milliseconds that it may take
CASES = {
    "newest 50 of a task": ("SELECT * FROM taskcenter.status_history($1)", True, 1),
    "refused moves of a task": ("SELECT * FROM taskcenter.transition_failures($1)", True, 5),
    "refused moves of all tasks": ("SELECT * FROM taskcenter.transition_failures()", False, 5),
    MOVE: ("SELECT * FROM taskcenter.set_task_status($1, 'in_progress')", True, 50)}
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


def explained(conn, statement, parameters):
    """Milliseconds of each execution, as the server counts them."""
    times = []
    for parameter in parameters:
        asked = statement
        for place, value in enumerate(parameter, 1):
            asked = asked.replace(f"${place}", f"'{value}'")
        plan = json.loads(conn.value(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {asked}"))[0]
        times.append(plan["Planning Time"] + plan["Execution Time"])
    return times


def timed(conn, statement, parameters):
    """Milliseconds of each execution, as the client counts them."""
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
            names = [f"article {place}" for place in chosen]
            ids = [int(value) for (value,) in admin.query(
                "SELECT task_id FROM bench_tasks WHERE place = ANY ($1::int[])",
                "{%s}" % ",".join(map(str, chosen[:20])))]
            client.query("SELECT count(*) FROM taskcenter.status_history('article 0')")
            half = asked // 2
            for name, (statement, parameters, _) in CASES.items():
                parameters = [(value,) for value in names] if parameters else [()] * asked
                clients = timed(client, statement, parameters[half:])
                times = clients
                if name != MOVE:
                    times = explained(client, statement, parameters[:half])
                seen[name] = percentile(times, 0.5)
                bench.report.number("status_history", "ours", name, seen[name], "ms",
                                    p99=round(percentile(times, 0.99), 3),
                                    client_p50=round(percentile(clients, 0.5), 3))
            read = max(buffers(client, task_id) for task_id in ids)
            seen["buffers"] = read
            bench.report.number("status_history", "ours", "newest 50, by SQL", read, "buffers")
    for name, (_, _, limit) in CASES.items():
        bench.report.limit(f"status_history, {rows} rows: {name}, p50", seen.get(name), "ms",
                           limit)
    # 50 rows that lie apart, a leaf or two, and the way down
    bench.report.limit("status_history: buffers for the newest 50, by SQL", seen.get("buffers"),
                       "blocks", 64)
