"""Draining queued no-op runs sixty to a transaction, with four executors.

Beside it plain set-based SQL that writes the same rows into tables made like
ours (live row deleted, finished row and three history rows inserted), 64 runs
a transaction, in four sessions; and graphile-worker with its local queue and
batched completion, which keeps no history: at the size that its documentation
gives to start with, and for the record at that of its performance page. pg-boss
is there for the record too.
"""

from lib import engine, peers
from measures.drain import (EXECUTORS, best_rates, drain_graphile, drain_ours,
                            drain_pgboss)

BATCH = 60
PLAIN_BATCH = 64
PLAIN_RATIO, GRAPHILE_RATIO = 0.6, 1.4
ADVISED = "graphile-worker, batched"
FASTEST = "graphile-worker, batched by 500"


def leaf(admin, parent):
    """A partition of one of our tables, of those that activation made if any."""
    return admin.value(
        "SELECT t.relid::regclass FROM pg_partition_tree($1::regclass) AS t "
        "JOIN pg_class AS c ON c.oid = t.relid WHERE t.isleaf "
        "ORDER BY pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', c.relname LIMIT 1",
        parent)


def create_plain_tables(bench, client, admin):
    engine.create_task(client, "noop")      # activates the database
    with open(bench.script("plain_tables.sql")) as script:
        text = script.read()
    for word, parent in (("FINISHED_LEAF", engine.FINISHED),
                         ("HISTORY_LEAF", engine.HISTORY)):
        text = text.replace(word, leaf(admin, parent))
    admin.execute(text)


def plain_sql(bench, count):
    """Runs per second of the baseline."""
    cluster = bench.cluster
    rounds = count // EXECUTORS // PLAIN_BATCH
    share = rounds * PLAIN_BATCH
    with cluster.database("bench_plain", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        create_plain_tables(bench, client, admin)
        admin.query("SELECT plain.fill($1::bigint)", share * EXECUTORS)
        admin.execute("VACUUM ANALYZE plain.live_runs")
        admin.execute("CHECKPOINT")
        load = bench.quiet()
        rate = cluster.pgbench(
            database, "-M", "prepared", "-c", str(EXECUTORS), "-j", "2",
            "-t", str(rounds), "-D", f"share={share}", "-D", "round=-1",
            "-D", f"batch={PLAIN_BATCH}", "-f", bench.script("plain_batch.sql"))
        written = admin.query("SELECT (SELECT count(*) FROM plain.live_runs), "
                              "(SELECT count(*) FROM plain.finished_runs), "
                              "(SELECT count(*) FROM plain.task_run_history)")
        runs = share * EXECUTORS
        if written != [("0", str(runs), str(3 * runs))]:
            raise RuntimeError(f"the baseline wrote {written} for {runs} runs")
    return rate * PLAIN_BATCH, load


def measure(bench):
    count = bench.size(100000, 8000)
    contenders = []
    if bench.side("baseline") and bench.cluster.has_engine:
        contenders.append(("plain SQL", "runs/s", lambda: plain_sql(bench, count)))
    if bench.side("ours"):
        contenders.append(("ours", "runs/s", lambda: drain_ours(
            bench, count, "batched", '{"batch": %d}' % BATCH)))
    if bench.side("peers") and bench.peers.node:
        contenders += [
            (ADVISED, "jobs/s",
             lambda: drain_graphile(bench, count, peers.GRAPHILE_ADVISED)),
            (FASTEST, "jobs/s",
             lambda: drain_graphile(bench, count, peers.GRAPHILE_FASTEST)),
            ("pg-boss, fetched by 60", "jobs/s", lambda: drain_pgboss(bench, count))]
    bench.cluster.configure(**{engine.EXECUTORS: str(EXECUTORS)})
    best = best_rates(bench, "batched", contenders)
    bench.report.compare("drain, batched", best.get("ours"), "runs/s",
                         best.get("plain SQL"), "runs/s plain SQL",
                         at_least=PLAIN_RATIO)
    bench.report.compare("drain, batched", best.get("ours"), "runs/s",
                         best.get(ADVISED), f"jobs/s {ADVISED}",
                         at_least=GRAPHILE_RATIO)
    bench.report.compare("drain, batched", best.get("ours"), "runs/s",
                         best.get(FASTEST), f"jobs/s {FASTEST}")
