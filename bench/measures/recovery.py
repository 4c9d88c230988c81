"""A backend is killed: how long until everything in flight is settled?

SIGKILL of any backend makes the server restart. Each cycle has fifty runs in
flight. In even cycles they all sleep after their INSERT; in odd ones a thousand
short runs stream through fifty executors and the kill comes at a random moment.
The effect of a run is an INSERT into a table without any constraint, so a run
that was done twice shows, as does one that was lost.
"""

import os
import random
import signal
import time

from lib import engine
from lib.libpq import DatabaseError
from lib.report import percentile

IN_FLIGHT = 50
STREAM = 1000
WITHIN = 5
COMMAND = ("INSERT INTO bench.effects SELECT (c).run_id FROM taskcenter.current_run()"
           " AS c; SELECT pg_sleep(shortest + random() * more) FROM bench.pace")


def prepare(cluster, database, sleeping):
    """Queue a cycle's runs and bring them into flight; returns their number."""
    runs = IN_FLIGHT if sleeping else STREAM
    with cluster.connect(database, "bench") as client:
        client.execute("TRUNCATE bench.effects; UPDATE bench.pace SET "
                       + ("shortest = 3600, more = 0" if sleeping
                          else "shortest = 0, more = 0.05"))
        engine.enqueue_many(client, "effect", runs)
        if sleeping:
            engine.wait_for(lambda: in_flight(client) >= IN_FLIGHT, 30,
                            "all runs to be in flight", poll=0.01)
            # They have read their pace; the repetition is to be quick.
            client.execute("UPDATE bench.pace SET shortest = 0")
        else:
            engine.wait_for(lambda: in_flight(client) >= IN_FLIGHT // 2, 30,
                            "the stream to be in flight", poll=0.01)
            time.sleep(random.uniform(0, 0.3))
    return runs


def in_flight(conn):
    return conn.number("SELECT count(*) FROM pg_stat_activity "
                       "WHERE wait_event = 'PgSleep'")


def crash(cluster, database):
    """Kill a backend of our own; returns when the server answers again."""
    victim = cluster.connect(database)
    witness = cluster.connect(database)
    os.kill(victim.pid, signal.SIGKILL)
    try:
        while True:
            witness.execute("SELECT 1")
            time.sleep(0.001)
    except DatabaseError:
        pass
    victim.close()
    witness.close()
    cluster.wait_ready().close()
    return time.monotonic()


def judge(cluster, database, runs, ready):
    """(seconds from ready until all is settled, lost, doubled)"""
    with cluster.connect(database) as admin:
        settled = engine.wait_live_empty(admin, 120, poll=0.01) - ready
        effects, distinct = (int(value) for value in admin.query(
            "SELECT count(*), count(DISTINCT run_id) FROM bench.effects")[0])
    return settled, runs - distinct, effects - distinct


def measure(bench):
    cycles = bench.size(bench.options.cycles, 4)
    cluster = bench.cluster
    results = []
    if bench.side("ours"):
        cluster.configure(**{engine.EXECUTORS: str(IN_FLIGHT),
                             engine.STRICT_START: "60"})
        with cluster.database("bench_recovery", "taskcenter") as database:
            with cluster.connect(database, "bench") as client:
                client.execute("CREATE TABLE bench.effects (run_id bigint);"
                               "CREATE TABLE bench.pace (shortest float8, more float8);"
                               "INSERT INTO bench.pace VALUES (0, 0)")
                engine.create_task(client, "effect", COMMAND,
                                   transaction_mode="'atomic'")
            for cycle in range(cycles):
                sleeping = cycle % 2 == 0
                runs = prepare(cluster, database, sleeping)
                ready = crash(cluster, database)
                results.append(judge(cluster, database, runs, ready))
                settled, lost, doubled = results[-1]
                if lost or doubled or settled > WITHIN:
                    print(f"  cycle {cycle}: settled {settled:.2f} s, {lost} lost, "
                          f"{doubled} doubled")
        bench.report.number("recovery", "ours", "settled after ready, p50",
                            percentile([result[0] for result in results], 0.5), "s",
                            cycles=cycles)
    settled, lost, doubled = (zip(*results) if results else ((), (), ()))
    bench.report.limit(f"{cycles} crashes: settled after ready, worst",
                       max(settled, default=None), "s", WITHIN)
    bench.report.limit(f"{cycles} crashes: runs lost",
                       sum(lost) if results else None, "runs", 0)
    bench.report.limit(f"{cycles} crashes: runs doubled",
                       sum(doubled) if results else None, "runs", 0)
