"""A claim of an external worker among few and among many tenants with due runs.

Tenants take turns; what a claim costs may not grow with their number. One
worker claims one by one, and in batches of 100, without an end of the runs.
"""

import time

from lib import engine
from lib.report import percentile

FEW, RATIO = 256, 2


def enqueue(client, tenants, each):
    for start in range(1, tenants + 1, 1000):
        client.query(
            "SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object("
            "'task', 'noop', 'options', jsonb_build_object('group_key', 'tenant ' || n))) "
            "FROM generate_series($1::int, $2::int) AS n, generate_series(1, $3::int)))",
            start, min(start + 999, tenants), each)


def claims(client, worker, batch, count):
    """p50 of the claims in milliseconds"""
    times = []
    for _ in range(count):
        start = time.monotonic()
        got = client.number("SELECT count(*) FROM taskcenter.claim_runs($1, $2)", worker, batch)
        times.append((time.monotonic() - start) * 1000)
        if got != batch:
            raise RuntimeError(f"a claim of {batch} gave {got}")
    return percentile(times, 0.5)


def run(bench, tenants, runs):
    cluster = bench.cluster
    with cluster.database("bench_tenants", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        client.query("SELECT taskcenter.create_task('noop', kind => 'external')")
        enqueue(client, tenants, runs // tenants)
        worker = client.value("SELECT taskcenter.register_worker('bench', '{default}')")
        admin.execute(f"VACUUM ANALYZE {engine.LIVE}")
        load = bench.quiet()
        return [(batch, claims(client, worker, batch, 50)) for batch in (1, 100)], load


def measure(bench):
    few = many = None
    bench.cluster.configure()
    most = bench.size(10000, 2000)
    for _ in bench.rounds():
        if bench.side("ours"):
            for tenants in (FEW, most):
                times, load = run(bench, tenants, 40 * FEW)
                for batch, ms in times:
                    bench.report.number("tenants", f"{tenants}", f"claim of {batch}, p50", ms,
                                        "ms", load=load)
                if tenants == FEW:
                    few = times
                else:
                    many = times
    for kind in range(2):
        bench.report.compare(
            f"tenants, claim of {(1, 100)[kind]}: {most}", many and many[kind][1], "ms",
            few and few[kind][1], f"ms among {FEW}", at_most=RATIO)
