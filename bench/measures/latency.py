"""From the commit of an enqueue to the start of its command, executor idle.

One client commits about a hundred enqueues a second, each in a transaction of
its own. The commit lies between the moment when COMMIT is sent and the moment
when its answer arrives. Both are noted, and the table judges by both: counting
from the sending includes the enqueue's own flush to disk, which is the same on
both sides; counting from the answer is what comes on top of it.

Our command records clock_timestamp() itself (CLOCK_REALTIME); graphile-worker's
task records CLOCK_MONOTONIC when it is entered. The client reads both clocks.
"""

import random
import time

from lib import engine
from lib.report import percentile

WARM_UP = 100
PAUSE = (0.005, 0.015)
P50_RATIO, P99_RATIO = 0.5, 1.0


def enqueue(conn, statement, count):
    """{id: (sent, answered)}, each as (realtime, monotonic) in microseconds."""
    def clocks():
        return time.time_ns() // 1000, time.monotonic_ns() // 1000
    conn.execute("DEALLOCATE ALL")
    conn.prepare("enqueue", statement)
    random_pause = random.Random(1)
    commits = {}
    for _ in range(count):
        conn.execute("BEGIN")
        (identity,), = conn.execute_prepared("enqueue")
        sent = clocks()
        conn.execute("COMMIT")
        commits[identity] = (sent, clocks())
        time.sleep(random_pause.uniform(*PAUSE))
    return commits


def waits(commits, started, clock):
    """Milliseconds from (sent, answered) to the start, without the warm-up."""
    if set(commits) - set(started):
        raise RuntimeError(f"{len(set(commits) - set(started))} runs never started")
    measured = list(commits)[WARM_UP:]
    return [[(started[key] - commits[key][edge][clock]) / 1000 for key in measured]
            for edge in (0, 1)]


def run_ours(bench, count):
    cluster = bench.cluster
    with cluster.database("bench_latency", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        client.execute("CREATE TABLE bench.started (run_id bigint, at timestamptz)")
        engine.create_task(
            client, "probe",
            "INSERT INTO bench.started SELECT (c).run_id, clock_timestamp() "
            "FROM taskcenter.current_run() AS c", transaction_mode="'atomic'")
        commits = enqueue(client, "SELECT taskcenter.enqueue_task('probe')", count)
        engine.wait_live_empty(admin, 30)
        started = {run_id: int(at) for run_id, at in client.query(
            "SELECT run_id, (extract(epoch FROM at) * 1000000)::bigint "
            "FROM bench.started")}
    return waits(commits, started, clock=0)


def run_graphile(bench, count):
    cluster = bench.cluster
    with cluster.database("bench_latency") as database, \
            cluster.connect(database) as admin:
        admin.execute(f"ALTER DATABASE {database} OWNER TO bench")
        with bench.peers.graphile(database, "serve") as worker, \
                cluster.connect(database, "bench") as client:
            worker.answer()
            commits = enqueue(
                client, "SELECT id FROM graphile_worker.add_job('noop')", count)
            time.sleep(3)       # its own poll interval is 2 s
            answer = worker.stop()
    return waits(commits, {key: at for key, at in answer["started"]}, clock=1)


def measure(bench):
    count = WARM_UP + bench.size(2000, 300)
    sides = [("ours", run_ours)] if bench.side("ours") else []
    if bench.side("peers") and bench.peers.node:
        sides.append(("graphile-worker", run_graphile))
    bench.cluster.configure()
    best = {}
    for _ in bench.rounds():
        for side, run in sides:
            load = bench.quiet()
            from_sent, from_answer = run(bench, count)
            for name, values in (("from COMMIT sent", from_sent),
                                 ("from COMMIT answered", from_answer)):
                for share, label in ((0.5, "p50"), (0.99, "p99")):
                    value = percentile(values, share)
                    bench.report.number("latency", side, f"{label} {name}", value,
                                        "ms", load=load)
                    key = side, label, name
                    best[key] = min(best.get(key, value), value)
    for label, ratio in (("p50", P50_RATIO), ("p99", P99_RATIO)):
        for name in ("from COMMIT answered", "from COMMIT sent"):
            bench.report.compare(
                f"enqueue to start, {label} {name}", best.get(("ours", label, name)),
                "ms", best.get(("graphile-worker", label, name)),
                "ms graphile-worker", at_most=ratio)
