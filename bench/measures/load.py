"""A hundred jobs at a time: how long until each begins, and whether all end.

A hundred workers, each with one run at a time that lasts a quarter of a second,
wait in await_runs() when there is none; a client enqueues as many runs as keep
four fifths of them busy, at random moments. Counted from the commit of the
enqueue to the claim, on the server's clock.
"""

import random
import threading
import time

from lib import engine
from lib.report import percentile

WORKERS, JOB_SECONDS, BUSY = 100, 0.25, 0.8
LIMIT_MS = 50


def make(cluster, database, until, failures):
    dice = random.Random(7)
    try:
        with cluster.connect(database, "bench") as client:
            client.prepare("enqueue", "SELECT taskcenter.enqueue_task('job')")
            moment = time.monotonic()
            while moment < until:
                client.execute_prepared("enqueue")
                moment += dice.expovariate(WORKERS * BUSY / JOB_SECONDS)
                time.sleep(max(moment - time.monotonic(), 0))
    except Exception as error:          # a thread's error is the measure's
        failures.append(repr(error))


def work(cluster, database, stop, failures):
    try:
        with cluster.connect(database, "bench") as client:
            worker = client.value("SELECT taskcenter.register_worker('bench', '{default}')")
            client.prepare("claim", "SELECT run_id, token FROM taskcenter.claim_runs($1)")
            client.prepare("complete", "SELECT taskcenter.complete_run($1, $2)")
            while not stop.is_set():
                claimed = client.execute_prepared("claim", worker)
                if claimed:
                    time.sleep(JOB_SECONDS)
                    client.execute_prepared("complete", *claimed[0])
                else:
                    client.query(f"CALL taskcenter.await_runs({worker}, '1 s')")
    except Exception as error:
        failures.append(repr(error))


def run_ours(bench, seconds):
    cluster = bench.cluster
    failures, stop = [], threading.Event()
    with cluster.database("bench_load", "taskcenter") as database, \
            cluster.connect(database, "bench") as owner, \
            cluster.connect(database) as admin:
        owner.query("SELECT taskcenter.create_task('job', kind => 'external')")
        load = bench.quiet()
        workers = [threading.Thread(target=work, args=(cluster, database, stop, failures))
                   for _ in range(WORKERS)]
        until = time.monotonic() + seconds
        for thread in workers:
            thread.start()
        make(cluster, database, until, failures)
        engine.wait_live_empty(admin, 30)
        stop.set()
        for thread in workers:
            thread.join()
        waits = [float(value) for value, in admin.query(
            "SELECT extract(epoch FROM started_at - created_at) * 1000 "
            f"FROM {engine.FINISHED}")]
        left = admin.number(f"SELECT count(*) FROM {engine.LIVE}")
    if failures or left:
        raise RuntimeError(f"{len(failures)} failures, {left} left: {failures[:3]}")
    return waits, load


def measure(bench):
    if not bench.side("ours"):
        return
    seconds = bench.size(300, 5)
    bench.cluster.configure(max_connections="200")
    waits, load = run_ours(bench, seconds)
    for share, label in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        bench.report.number("load", "ours", f"enqueue to claim, {label}",
                            percentile(waits, share), "ms", load=load)
    bench.report.number("load", "ours", "runs", len(waits) / seconds, "runs/s", load=load)
    bench.report.limit("load, 100 jobs at a time, enqueue to claim p95",
                       percentile(waits, 0.95), "ms", LIMIT_MS)
