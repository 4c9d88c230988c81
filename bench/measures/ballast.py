"""Claims beside work that is not to be claimed, all of it at better priority.

300,000 runs of the future and 100,000 due runs in a paused queue lie in the
same table. Counted are the claims as the server timed them, and the way from
the commit of an enqueue to the start of its command.
"""

from lib import claim_log, engine
from lib.report import percentile
from measures.latency import WARM_UP, enqueue, waits

RATIO = 1.5


def probe(bench, client, admin, count):
    """(p50 of the claims, p50 from commit to start) in milliseconds"""
    log = claim_log.ClaimLog(bench.cluster)
    client.execute("TRUNCATE bench.started")
    commits = enqueue(client, "SELECT taskcenter.enqueue_task('probe')", count)
    engine.wait_for(
        lambda: admin.number("SELECT count(*) FROM bench.started") >= count, 60,
        "the probes to be run")
    started = {run_id: int(at) for run_id, at in client.query(
        "SELECT run_id, (extract(epoch FROM at) * 1000000)::bigint "
        "FROM bench.started")}
    claims = [ms for _, ms in log.claims()]
    if len(claims) < count // 2:
        raise RuntimeError(f"only {len(claims)} claims in the log")
    return percentile(claims, 0.5), percentile(waits(commits, started, 0)[1], 0.5)


def add_ballast(client, admin, future, parked):
    admin.query("SELECT taskcenter.create_queue('parked')")
    admin.query("SELECT taskcenter.pause_queue('parked', 'bench')")
    for task, queue in (("later", "default"), ("parked", "parked")):
        engine.create_task(client, task, queue=f"'{queue}'", priority="-10")
    for task, count, more in (
            ("later", future, ", 'run_at', now() + n * interval '1 second' "
                              "+ interval '1 day'"),
            ("parked", parked, "")):
        for start in range(0, count, 10000):
            client.query(
                "SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg("
                f"jsonb_build_object('task', '{task}'{more})) "
                "FROM generate_series($1::int, $2::int) AS n))",
                start + 1, min(start + 10000, count))


def measure(bench):
    count = WARM_UP + bench.size(2000, 300)
    cluster = bench.cluster
    without = loaded = (None, None)
    if bench.side("ours"):
        cluster.configure(**claim_log.settings(1))
        with cluster.database("bench_ballast", "taskcenter") as database, \
                cluster.connect(database, "bench") as client, \
                cluster.connect(database) as admin:
            client.execute(
                "CREATE TABLE bench.started (run_id bigint, at timestamptz)")
            engine.create_task(
                client, "probe",
                "INSERT INTO bench.started SELECT (c).run_id, clock_timestamp() "
                "FROM taskcenter.current_run() AS c", transaction_mode="'atomic'")
            load = bench.quiet()
            without = probe(bench, client, admin, count)
            add_ballast(client, admin, bench.size(300000, 20000),
                        bench.size(100000, 10000))
            admin.execute("VACUUM ANALYZE")
            admin.execute("CHECKPOINT")
            bench.quiet()
            loaded = probe(bench, client, admin, count)
        for state, seen in (("without", without), ("with", loaded)):
            for kind, value in zip(("claim p50", "start p50"), seen):
                bench.report.number("ballast", state, kind, value, "ms", load=load)
    for kind, with_it, without_it in zip(("claim p50", "commit to start p50"),
                                         loaded, without):
        bench.report.compare(f"future and paused runs: {kind}", with_it, "ms",
                             without_it, "ms without", at_most=RATIO)
