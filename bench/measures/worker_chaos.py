"""A hundred workers that are stopped, killed and cut off at random.

Each is a process of its own. It claims, writes an effect and completes in one
transaction, and repeats every completion that it did: the answer must be the
same, or a refusal. Meanwhile processes get SIGSTOP and SIGCONT, are killed and
replaced, and their connections are terminated by the server. At the end every
run must have succeeded with exactly one effect, of the token that it was ended
with; a stale token that was accepted would show as a second effect.
"""

import os
import random
import signal
import sys
import time

from lib import engine
from lib.libpq import Connection, DatabaseError

WORKERS = 100
LEASE = "2 seconds"


def work(conninfo):
    """The life of a worker: forked, ended by a signal."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    dice = random.Random(os.getpid())
    while True:
        try:
            with Connection(conninfo) as client:
                worker = client.value(
                    "SELECT taskcenter.register_worker('chaos', '{default}')")
                while True:
                    claim_and_complete(client, worker, dice)
        except DatabaseError:
            time.sleep(0.05)


def claim_and_complete(client, worker, dice):
    claimed = client.query("SELECT run_id, token FROM taskcenter.claim_runs("
                           "$1, $2, $3::interval)", worker, dice.randint(1, 4), LEASE)
    if not claimed:
        client.query(f"CALL taskcenter.await_runs({worker}, '1 s')")
    for run_id, token in claimed:
        if dice.random() < 0.1:
            time.sleep(dice.uniform(0, 3))      # past its lease, now and then
        try:
            client.execute("BEGIN")
            client.query("INSERT INTO bench.effects VALUES ($1, $2)", run_id, token)
            client.query("SELECT taskcenter.complete_run($1, $2)", run_id, token)
            client.execute("COMMIT")
            client.query("SELECT taskcenter.complete_run($1, $2)", run_id, token)
        except DatabaseError as error:
            if error.sqlstate != "55000":
                raise
            client.execute("ROLLBACK")


def fork_worker(conninfo):
    pid = os.fork()
    if pid == 0:
        try:
            work(conninfo)
        finally:
            os._exit(1)
    return pid


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def torment(admin, conninfo, pids, seconds, report):
    """Until the time is up; returns what was done to them."""
    dice, done, stopped = random.Random(4), dict(stops=0, kills=0, cuts=0), {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for pid in [pid for pid, until in stopped.items() if until < time.monotonic()]:
            os.kill(pid, signal.SIGCONT)
            del stopped[pid]
        place, what = dice.randrange(len(pids)), dice.random()
        if what < 0.4:
            os.kill(pids[place], signal.SIGSTOP)
            stopped[pids[place]] = time.monotonic() + dice.uniform(0.5, 5)
            done["stops"] += 1
        elif what < 0.6:
            stopped.pop(pids[place], None)
            kill(pids[place])
            pids[place] = fork_worker(conninfo)
            done["kills"] += 1
        else:
            admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE usename = 'bench' AND pid <> pg_backend_pid() "
                        "ORDER BY random() LIMIT 1")
            done["cuts"] += 1
        time.sleep(0.05)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    return done


def run_ours(bench, seconds):
    cluster = bench.cluster
    with cluster.database("bench_chaos", "taskcenter") as database, \
            cluster.connect(database) as admin:
        with cluster.connect(database, "bench") as owner:
            owner.execute("CREATE TABLE bench.effects (run_id bigint, token bigint)")
            owner.query("SELECT taskcenter.create_task('job', kind => 'external', "
                        "options => '{\"max_lost\": 10000}')")
        load = bench.quiet()
        sys.stdout.flush()
        pids = [fork_worker(cluster.conninfo(database, "bench")) for _ in range(WORKERS)]
        made = 0
        try:
            with cluster.connect(database) as feeder:
                end = time.monotonic() + seconds
                done = dict(stops=0, kills=0, cuts=0)
                while time.monotonic() < end:
                    engine.enqueue_many(feeder, "job", 1000)
                    made += 1000
                    part = torment(admin, cluster.conninfo(database, "bench"), pids,
                                   min(5, end - time.monotonic()), bench.report)
                    done = {key: done[key] + part[key] for key in done}
            engine.wait_live_empty(admin, 120)
        finally:
            for pid in pids:
                kill(pid)
        lost = made - engine.finished(admin)
        doubled = admin.number(
            "SELECT count(*) FROM (SELECT run_id FROM bench.effects GROUP BY 1 "
            "HAVING count(*) > 1) AS d")
        stale = admin.number(
            f"SELECT count(*) FROM {engine.FINISHED} AS f LEFT JOIN bench.effects AS e "
            "USING (run_id) WHERE e.token IS DISTINCT FROM f.token")
        refused = admin.number("SELECT false_positives FROM taskcenter.watchdog_metrics()")
    for key, value in done.items():
        bench.report.number("worker_chaos", "ours", key, value, "times", load=load)
    bench.report.number("worker_chaos", "ours", "runs", made, "runs", load=load)
    bench.report.number("worker_chaos", "ours", "refused calls", refused, "calls", load=load)
    return lost, doubled + stale


def measure(bench):
    if not bench.side("ours"):
        return
    bench.cluster.configure(max_connections="200")
    lost, stale = run_ours(bench, bench.size(300, 10))
    bench.report.limit("worker_chaos, runs lost", lost, "runs", 0)
    bench.report.limit("worker_chaos, accepted with an old token", stale, "runs", 0)
