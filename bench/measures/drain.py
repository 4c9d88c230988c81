"""Draining queued no-op runs one transaction each, with four executors.

Beside it pgbench inserting single rows with four clients, and graphile-worker
draining as many no-op jobs at its documented defaults (one job at a time) and,
for the record, with as many at a time as its pool has connections (ten).
"""

import time

from lib import engine, peers

EXECUTORS = 4
PGBENCH_RATIO, GRAPHILE_RATIO = 0.6, 2.5


def drain_ours(bench, count, mode, options="{}"):
    """Runs per second from resume_scheduler() until nothing is unfinished."""
    cluster = bench.cluster
    with cluster.database("bench_drain", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        engine.create_task(client, "noop", transaction_mode=f"'{mode}'",
                           options=f"'{options}'")
        engine.warm_and_pause(client, admin)
        engine.enqueue_many(client, "noop", count)
        admin.execute(f"VACUUM ANALYZE {engine.LIVE}")
        admin.execute("CHECKPOINT")
        load = bench.quiet()
        start = time.monotonic()
        admin.query("SELECT taskcenter.resume_scheduler('bench')")
        seconds = engine.wait_live_empty(admin, 300) - start
        succeeded = engine.finished(admin) - 400
        history = admin.number(f"SELECT count(*) FROM {engine.HISTORY}") - 1200
        if succeeded != count or history < 3 * count:
            raise RuntimeError(f"{succeeded} runs, {history} history rows "
                               f"of {count} runs")
    return count / seconds, load


def drain_graphile(bench, count, settings):
    cluster = bench.cluster
    with cluster.database("bench_drain") as database, \
            cluster.connect(database) as admin:
        admin.execute(f"ALTER DATABASE {database} OWNER TO bench")
        with bench.peers.graphile(database, "migrate") as migration:
            migration.answer()
        with cluster.connect(database, "bench") as client:
            client.query("SELECT count(*) FROM graphile_worker.add_jobs(ARRAY("
                         "SELECT json_populate_record("
                         "NULL::graphile_worker.job_spec, '{\"identifier\": \"noop\"}')"
                         " FROM generate_series(1, $1::int)))", count)
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")
        load = bench.quiet()
        with bench.peers.graphile(database, "drain", count, **settings) as worker:
            seconds = worker.answer()["seconds"]
            worker.wait()
        left = admin.number("SELECT count(*) FROM graphile_worker.jobs")
        if left:
            raise RuntimeError(f"graphile-worker left {left} jobs")
    return count / seconds, load


def drain_pgboss(bench, count):
    with bench.cluster.database("bench_drain") as database, \
            bench.cluster.connect(database) as admin:
        admin.execute(f"ALTER DATABASE {database} OWNER TO bench")
        with bench.peers.pgboss(database, "queue", count) as boss:
            boss.answer()
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")
        load = bench.quiet()
        with bench.peers.pgboss(database, "drain", count) as boss:
            seconds = boss.answer()["seconds"]
    return count / seconds, load


def insert_rows(bench, count):
    cluster = bench.cluster
    with cluster.database("bench_insert") as database, \
            cluster.connect(database) as admin:
        admin.execute("CREATE TABLE bench.rows (id bigserial PRIMARY KEY, "
                      "client int, at timestamptz DEFAULT now(), note text);"
                      "GRANT ALL ON ALL TABLES IN SCHEMA bench TO bench;"
                      "GRANT ALL ON ALL SEQUENCES IN SCHEMA bench TO bench;"
                      "CHECKPOINT")
        load = bench.quiet()
        rate = cluster.pgbench(
            database, "-M", "prepared", "-c", str(EXECUTORS), "-j", "2",
            "-t", str(count // EXECUTORS), "-f", bench.script("insert.sql"))
    return rate, load


def best_rates(bench, measure_name, contenders):
    """Run all contenders in turn, round by round; {name: best rate}."""
    best = {}
    for _ in bench.rounds():
        for name, unit, run in contenders:
            rate, load = run()
            bench.report.number(measure_name, name, "rate", rate, unit, load=load)
            best[name] = max(best.get(name, 0), rate)
    return best


def measure(bench):
    count = bench.size(100000, 8000)
    contenders = []
    if bench.side("baseline"):
        contenders.append(("pgbench", "rows/s", lambda: insert_rows(bench, count)))
    if bench.side("ours"):
        contenders.append(("ours", "runs/s",
                           lambda: drain_ours(bench, count, "atomic")))
    if bench.side("peers") and bench.peers.node:
        contenders += [
            ("graphile-worker", "jobs/s",
             lambda: drain_graphile(bench, count, peers.GRAPHILE_DEFAULTS)),
            ("graphile-worker, 10 at a time", "jobs/s",
             lambda: drain_graphile(bench, count, peers.GRAPHILE_TEN))]
    bench.cluster.configure(**{engine.EXECUTORS: str(EXECUTORS)})
    best = best_rates(bench, "drain", contenders)
    bench.report.compare("drain, atomic", best.get("ours"), "runs/s",
                         best.get("pgbench"), "rows/s pgbench",
                         at_least=PGBENCH_RATIO)
    bench.report.compare("drain, atomic", best.get("ours"), "runs/s",
                         best.get("graphile-worker"), "jobs/s graphile-worker",
                         at_least=GRAPHILE_RATIO)
    bench.report.compare("drain, atomic", best.get("ours"), "runs/s",
                         best.get("graphile-worker, 10 at a time"),
                         "jobs/s graphile-worker, 10 at a time")
