"""Claims while somebody else holds a snapshot open, under a steady load.

Runs arrive at 2,500 a second, first without, then with a repeatable-read
transaction open in another session of the database. Counted are the claims as
the server timed them (a sample), and how long runs waited for their start.
"""

import time

from lib import claim_log, engine
from lib.load import Load
from lib.report import percentile

ARRIVE, EVERY = 25, 0.010
RATE = 2000                 # at least so many a second must have been run
RATIO = 3
GROWTH = 1.5                # last third against first third: not growing


def under_load(bench, admin, database, seconds):
    """(claim times, waits for the start) as lists of (position 0..1, ms)."""
    log = claim_log.ClaimLog(bench.cluster)
    load = Load(bench.cluster, database, ARRIVE, EVERY)
    load.start()
    time.sleep(5)
    since = admin.number("SELECT extract(epoch FROM clock_timestamp())")
    time.sleep(seconds)
    load.stop()
    engine.wait_live_empty(admin, 120)
    claims = [((at - since) / seconds, ms) for at, ms in log.claims()
              if 0 <= at - since < seconds]
    waits = [(float(at) / seconds, float(ms)) for at, ms in admin.query(
        "SELECT extract(epoch FROM created_at) - $1::numeric, "
        "extract(epoch FROM started_at - created_at) * 1000 "
        f"FROM {engine.FINISHED} WHERE created_at >= to_timestamp($1::float8) "
        "AND created_at < to_timestamp($1::float8 + $2::float8)", since, seconds)]
    if len(waits) < RATE * seconds:
        raise RuntimeError(f"only {len(waits) / seconds:.0f} runs a second")
    return claims, waits


def third(samples, number):
    return [ms for at, ms in samples if number <= at * 3 < number + 1]


def p99(samples):
    return percentile([ms for _, ms in samples], 0.99)


def measure(bench):
    without_for, held_for = bench.size(120, 15), bench.size(600, 30)
    cluster = bench.cluster
    without = held = {"claim": [], "wait": []}
    if bench.side("ours"):
        cluster.configure(**claim_log.settings(0.02))
        with cluster.database("bench_held", "taskcenter") as database, \
                cluster.connect(database, "bench") as client, \
                cluster.connect(database) as admin:
            engine.create_task(client, "noop")
            load = bench.quiet()
            without = dict(zip(("claim", "wait"),
                               under_load(bench, admin, database, without_for)))
            with cluster.connect(database) as holder:
                holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
                held = dict(zip(("claim", "wait"),
                                under_load(bench, admin, database, held_for)))
                holder.execute("COMMIT")
        for state, seen in (("without", without), ("held", held)):
            for kind, samples in seen.items():
                values = [ms for _, ms in samples]
                for label, share in (("p50", 0.5), ("p99", 0.99)):
                    bench.report.number("held_snapshot", state, f"{kind} {label}",
                                        percentile(values, share), "ms",
                                        samples=len(values), load=load)
    for kind in ("claim", "wait"):
        bench.report.compare(f"snapshot held {held_for} s: {kind} p99",
                             p99(held[kind]), "ms", p99(without[kind]),
                             "ms without", at_most=RATIO)
        bench.report.compare(f"snapshot held: {kind} p99, last third",
                             percentile(third(held[kind], 2), 0.99), "ms",
                             percentile(third(held[kind], 0), 0.99),
                             "ms first third", at_most=GROWTH)
