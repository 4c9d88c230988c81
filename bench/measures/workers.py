"""External workers: claiming and completing queued no-op runs, eight sessions.

In batches of 100 (claim_runs, complete_runs; what was claimed goes back as the
server aggregated it) and one by one (claim_runs, complete_run), each statement a
transaction of its own. Beside it pg-boss with fetch and complete of as many jobs
on as many connections, on the same cluster with the same durability.
"""

import threading
import time

from lib import engine

SESSIONS = 8
BATCH_RATIO, SINGLE_RATIO = 2, 5

CLAIM_BATCH = ("SELECT jsonb_agg(jsonb_build_object('run_id', c.run_id, 'token', c.token)) "
               "FROM taskcenter.claim_runs($1, 100) AS c")
COMPLETE_BATCH = "SELECT count(*) FROM taskcenter.complete_runs($1)"
CLAIM_ONE = "SELECT run_id, token FROM taskcenter.claim_runs($1)"
COMPLETE_ONE = "SELECT taskcenter.complete_run($1, $2)"


def in_batches(client, worker):
    client.prepare("claim", CLAIM_BATCH)
    client.prepare("complete", COMPLETE_BATCH)
    while True:
        (claimed,), = client.execute_prepared("claim", worker)
        if claimed is None:
            return
        client.execute_prepared("complete", claimed)


def one_by_one(client, worker):
    client.prepare("claim", CLAIM_ONE)
    client.prepare("complete", COMPLETE_ONE)
    while True:
        claimed = client.execute_prepared("claim", worker)
        if not claimed:
            return
        client.execute_prepared("complete", *claimed[0])


def run_ours(bench, count, work):
    cluster = bench.cluster
    with cluster.database("bench_workers", "taskcenter") as database, \
            cluster.connect(database, "bench") as owner, \
            cluster.connect(database) as admin:
        owner.query("SELECT taskcenter.create_task('noop', kind => 'external')")
        engine.enqueue_many(owner, "noop", count)
        admin.execute(f"VACUUM ANALYZE {engine.LIVE}")
        clients = [cluster.connect(database, "bench") for _ in range(SESSIONS)]
        workers = [client.value("SELECT taskcenter.register_worker('bench', '{default}')")
                   for client in clients]
        admin.execute("CHECKPOINT")
        load = bench.quiet()
        threads = [threading.Thread(target=work, args=pair) for pair in zip(clients, workers)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - start
        for client in clients:
            client.close()
        done = engine.finished(admin)
        history = admin.number(f"SELECT count(*) FROM {engine.HISTORY}")
        if done != count or history != 3 * count:
            raise RuntimeError(f"{done} runs, {history} history rows of {count} runs")
    return count / seconds, load


def run_pgboss(bench, count, batch):
    with bench.cluster.database("bench_workers") as database, \
            bench.cluster.connect(database) as admin:
        admin.execute(f"ALTER DATABASE {database} OWNER TO bench")
        with bench.peers.pgboss(database, "queue", count) as boss:
            boss.answer()
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")
        load = bench.quiet()
        with bench.peers.pgboss(database, "drain", count, sessions=SESSIONS,
                                batch=batch) as boss:
            seconds = boss.answer()["seconds"]
    return count / seconds, load


def measure(bench):
    sides = (("batches of 100", bench.size(100000, 10000), in_batches, 100, BATCH_RATIO),
             ("one by one", bench.size(10000, 1000), one_by_one, 1, SINGLE_RATIO))
    bench.cluster.configure()
    for name, count, work, batch, ratio in sides:
        ours = theirs = None
        for _ in bench.rounds():
            if bench.side("ours"):
                rate, load = run_ours(bench, count, work)
                bench.report.number("workers", "ours", name, rate, "runs/s", load=load)
                ours = max(ours or 0, rate)
            if bench.side("peers") and bench.peers.node:
                rate, load = run_pgboss(bench, count, batch)
                bench.report.number("workers", "pg-boss", name, rate, "jobs/s", load=load)
                theirs = max(theirs or 0, rate)
        bench.report.compare(f"workers, {name}", ours, "runs/s", theirs, "jobs/s pg-boss",
                             at_least=ratio)
