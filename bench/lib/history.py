"""A past: finished runs with their history and log, as if the days had been worked.

A superuser's INSERT of a finished run is checked for validity only, so rows are
written in sets, day by day, into the partitions that the extension makes for
them: one run of each day goes into the default partitions first, and
repair_partitions() makes the days out of that. Runs have ascending ids and are
spread evenly over the tasks and over each day; one in failure_every failed.
"""

import threading

from . import engine

STEPS = ("(VALUES (1, 0, NULL, 'queued', interval '0'),"
         " (2, 1, 'queued', 'running', interval '10 ms'),"
         " (3, 1, 'running', NULL, interval '20 ms'))"
         " AS s (place, attempt, old_status, new_status, later)")

# $1 first run, $2 runs, $3 midnight of the day, $4 failure_every, $5 log lines a run
DAY = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT $1::bigint + n AS run_id, t.task_id, t.owner_id, t.run_as_id, t.owner, t.class,
    $3::timestamptz + n * (interval '86300 s' / $2::int) AS at,
    ($1::bigint + n + ($1::bigint + n) / 1000) % $4::int = 0 AS failed
FROM generate_series(0, $2::int - 1) AS n
JOIN bench_tasks AS t ON t.place = ($1::bigint + n) % (SELECT count(*) FROM bench_tasks);
INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at,
    created_at, started_at, finished_at, retention_class, priority, attempt, max_attempts,
    lost, is_catchup, status, params, error, sqlstate, created_by)
SELECT run_id, task_id, run_as_id, owner_id, (SELECT min(queue_id) FROM taskcenter.queues), at,
    at, at + interval '10 ms', at + interval '20 ms', CASE WHEN class = 3 THEN 3 WHEN failed THEN 2 ELSE 1 END, 0,
    1, 1, 0, false, CASE WHEN failed THEN 'failed' ELSE 'succeeded' END, '{}',
    CASE WHEN failed THEN 'division by zero' END, CASE WHEN failed THEN '22012' END, owner
FROM made;
INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id, task_id,
    retention_class, attempt, old_status, new_status, actor)
SELECT m.run_id, m.at + s.later, m.owner_id, m.task_id, m.class, s.attempt, s.old_status,
    coalesce(s.new_status, CASE WHEN m.failed THEN 'failed' ELSE 'succeeded' END),
    CASE WHEN s.place = 1 THEN m.owner ELSE 'executor' END
FROM made AS m CROSS JOIN """ + STEPS + """;
INSERT INTO taskcenter.task_run_logs (run_id, logged_at, owner_id, task_id, retention_class,
    attempt, level, message)
SELECT m.run_id, m.at + interval '15 ms', m.owner_id, m.task_id, m.class, 1, 'notice',
    'line ' || l || ' of the run ' || m.run_id
FROM made AS m CROSS JOIN generate_series(1, $5::int) AS l;
"""


def _write_day(admin, *parameters):
    admin.execute("BEGIN")
    for statement in DAY.split(";\n"):
        if not statement.strip():
            continue
        # parameters are text; those that a statement does not use are not sent
        for place, value in enumerate(parameters, 1):
            statement = statement.replace(f"${place}::", f"'{value}'::")
        admin.execute(statement)
    admin.execute("COMMIT")


def make_tasks(client, admin, count, prefix="past", **more):
    """Tasks of the client's role; the table bench_tasks numbers them from 0."""
    for place in range(count):
        engine.create_task(client, f"{prefix}_{place}", **more)
    admin.execute(
        "CREATE TABLE bench_tasks AS SELECT row_number() OVER (ORDER BY task_id) - 1 AS place, "
        "task_id, owner_id, run_as_id, owner, retention_class AS class FROM taskcenter.tasks "
        f"WHERE name ~ '^{prefix}_[0-9]+$'; ALTER TABLE bench_tasks ADD PRIMARY KEY (place); "
        "ANALYZE bench_tasks")


class _Writer(threading.Thread):
    def __init__(self, connect, days):
        super().__init__(daemon=True)
        self.connect, self.days, self.error = connect, days, None

    def run(self):
        try:
            with self.connect() as admin:
                admin.execute("SET synchronous_commit = off; SET work_mem = '256MB'")
                while self.days:
                    try:
                        day = self.days.pop()
                    except IndexError:
                        break
                    _write_day(admin, *day)
        except Exception as error:
            self.error = error


def generate(connect, client, runs, oldest, newest, tasks=1000, failure_every=100, log_lines=1,
             writers=2, **more):
    """Write so many runs, finished between `oldest` and `newest` days ago.

    connect() opens a session of a superuser; client is one of the role whose tasks
    they are; more: arguments of create_task() for them. Whole days, in UTC.
    Afterwards all is vacuumed and analyzed.
    """
    days = oldest - newest
    each = runs // days
    with connect() as admin:
        admin.execute("SET TimeZone = 'UTC'")
        make_tasks(client, admin, tasks, **more)
        first = admin.number("SELECT setval('taskcenter.run_ids', nextval('taskcenter.run_ids') "
                             "+ $1::bigint) - $1::bigint", runs + days)
        work = []
        for number in range(days):
            midnight = admin.value("SELECT date_trunc('day', now()) - $1::int * interval '1 day'",
                                   oldest - number)
            count = each + (runs % days if number == days - 1 else 0)
            # a success and a failure make the day's partitions; the rest follows
            sown = min(count, failure_every)
            _write_day(admin, first, sown, midnight, failure_every, log_lines)
            if count > sown:
                work.append((first + sown, count - sown, midnight, failure_every, log_lines))
            first += count
        while admin.number("SELECT taskcenter.repair_partitions()"):
            pass
        threads = [_Writer(connect, work) for _ in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for thread in threads:
            if thread.error:
                raise thread.error
        while admin.number("SELECT taskcenter.repair_partitions()"):
            pass
        admin.execute("VACUUM (ANALYZE)")
