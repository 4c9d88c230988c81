"""A hundred jobs at a time: how long until each begins, and whether all end.

A hundred clients make runs of external tasks for so long, each the next one when
its own has ended; twenty workers claim and complete them, waiting in
await_runs() when there is none. Counted from the commit of the enqueue to the
claim, on the server's clock.
"""

import threading
import time

from lib import engine
from lib.report import percentile

CLIENTS, WORKERS = 100, 20
LIMIT_MS = 50


def make(cluster, database, until, failures):
    try:
        with cluster.connect(database, "bench") as client:
            client.prepare("enqueue", "SELECT taskcenter.enqueue_task('job')")
            client.prepare("wait", "SELECT status FROM taskcenter.wait_for_run($1, '30 s')")
            while time.monotonic() < until:
                (run_id,), = client.execute_prepared("enqueue")
                (status,), = client.execute_prepared("wait", run_id)
                if status != "succeeded":
                    failures.append(f"run {run_id} is {status}")
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
        makers = [threading.Thread(target=make, args=(cluster, database, until, failures))
                  for _ in range(CLIENTS)]
        for thread in workers + makers:
            thread.start()
        for thread in makers:
            thread.join()
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
    seconds = bench.size(60, 5)
    bench.cluster.configure(max_connections="200")
    waits, load = run_ours(bench, seconds)
    for share, label in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        bench.report.number("load", "ours", f"enqueue to claim, {label}",
                            percentile(waits, share), "ms", load=load)
    bench.report.number("load", "ours", "runs", len(waits) / seconds, "runs/s", load=load)
    bench.report.limit("load, 100 jobs at a time, enqueue to claim p95",
                       percentile(waits, 0.95), "ms", LIMIT_MS)
