"""What the long-lived processes grow by while a million schedules fire.

2,000 schedules fire every second. Of those, 1,800 belong to a paused queue, so
that their firing is a skip once a run waits there; 200 make a run each second,
100,000 in all. Recycling of executors is off. Private memory after a warm-up is
compared with that at the end, the medians of some samples each.
"""

import statistics
import time

from lib import engine

FIRING, RUNNING = 2000, 200
WARM_UP = 60
SAMPLE_EVERY = 5
MEDIAN_OF = 5
LIMIT = 1.0                 # MB


def sample(processes, seconds):
    """{pid: [bytes, …]} over so many seconds."""
    seen = {pid: [] for pid in processes}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for pid in processes:
            seen[pid].append(engine.private_memory(pid))
        time.sleep(SAMPLE_EVERY)
    return seen


def growth(values):
    """MB between the medians of the first and of the last samples."""
    count = min(MEDIAN_OF, max(1, len(values) // 2))
    return (statistics.median(values[-count:])
            - statistics.median(values[:count])) / 1048576


def create_schedules(client, admin):
    admin.query("SELECT taskcenter.create_queue('parked')")
    admin.query("SELECT taskcenter.pause_queue('parked', 'bench')")
    client.query(
        "SELECT count(taskcenter.create_task('tick ' || n, 'select 1', '* * * * * *', "
        "queue => CASE WHEN n <= $2::int THEN 'default' ELSE 'parked' END)) "
        "FROM generate_series(1, $1::int) AS n", FIRING, RUNNING)


def measure(bench):
    seconds = bench.size(500, 40)
    warm_up = bench.size(WARM_UP, 10)
    cluster = bench.cluster
    grown = {}
    if bench.side("ours"):
        cluster.configure(**engine.NO_RECYCLING)
        with cluster.database("bench_memory", "taskcenter") as database, \
                cluster.connect(database, "bench") as client, \
                cluster.connect(database) as admin:
            create_schedules(client, admin)
            time.sleep(warm_up)
            processes = engine.processes(admin, database)
            before = engine.finished(admin)
            seen = sample(processes, seconds)
            alive = engine.processes(admin, database)
            runs = engine.finished(admin) - before
            behind = admin.number("SELECT extract(epoch FROM now() - min(next_run_at)) "
                                  "FROM taskcenter.schedules")
            bench.report.number("memory", "ours", "runs", runs, f"in {seconds} s")
            if set(processes) - set(alive):
                raise RuntimeError("a process ended though recycling is off")
            if behind > 5 or runs < 0.95 * RUNNING * seconds:
                raise RuntimeError(f"firing is {behind:.1f} s behind, {runs} runs")
            for pid, kind in processes.items():
                value = growth(seen[pid])
                bench.report.number("memory", kind, "growth", value, "MB",
                                    size=round(seen[pid][-1] / 1048576, 1))
                grown[kind] = max(grown.get(kind, value), value)
    for kind in ("launcher", "scheduler", "executor"):
        bench.report.limit(f"memory, {FIRING * seconds} firings: {kind} grew by",
                           grown.get(kind), "MB", LIMIT)
