"""Composite tasks against the same steps as independent runs.

A chain of no-op steps on one executor, and a fan of no-op steps with one that
joins them on four, are timed as the drains are: from resume_scheduler() until
nothing is unfinished, executors running already. Beside each as many runs of an
atomic no-op task. The rounds of both sides alternate, the best of each counts.

From the end of a step to the start of its successor is the time between the
stored finished_at of the one whose end released the other and that one's
started_at: the commit of the first lies in between. The start of a composite is
the time from its own started_at to that of its first step; its steps must have
been queued in one transaction.
"""

import json
import time

from lib import engine
from lib.report import percentile

RATIO = 1.5
SUCCESSOR_MS, START_MS = 1, 2

NOOP = {"command": "select 1", "transaction_mode": "atomic"}


def make_composite(conn, name, steps):
    """A composite task of these steps."""
    conn.query("SELECT taskcenter.create_task($1, kind => 'composite')", name)
    conn.query("SELECT taskcenter.save_graph($1, $2::jsonb)", name,
               json.dumps({"steps": steps}))


def chain(count):
    steps = {"s0": NOOP}
    for place in range(1, count):
        steps[f"s{place}"] = dict(NOOP, after=[f"s{place - 1}"])
    return steps


def fan(count):
    steps = {f"s{place}": NOOP for place in range(count)}
    steps["join"] = dict(NOOP, after=list(steps))
    return steps


def diamonds(count):
    """One, two beside each other, one that joins them, and so on."""
    steps = {"j0": NOOP}
    for place in range(1, count + 1):
        for side in "ab":
            steps[f"{side}{place}"] = dict(NOOP, after=[f"j{place - 1}"])
        steps[f"j{place}"] = dict(NOOP, after=[f"a{place}", f"b{place}"])
    return steps


class Database:
    """A database for one round, with a no-op task and a warm executor."""

    def __init__(self, bench):
        self.bench = bench

    def __enter__(self):
        cluster = self.bench.cluster
        self.database = cluster.database("bench_graphs", "taskcenter")
        name = self.database.__enter__()
        self.client, self.admin = cluster.connect(name, "bench"), cluster.connect(name)
        engine.create_task(self.client, "noop", transaction_mode="'atomic'")
        engine.enqueue_many(self.client, "noop", 400)
        engine.wait_live_empty(self.admin, 30)
        return self

    def __exit__(self, *error):
        self.client.close()
        self.admin.close()
        self.database.__exit__(*error)

    def timed(self, enqueue, runs):
        """Seconds from resume_scheduler() to the last end; (seconds, load)."""
        self.admin.query("SELECT taskcenter.pause_scheduler('bench')")
        before = engine.finished(self.admin)
        enqueue()
        self.admin.execute(f"VACUUM ANALYZE {engine.LIVE}")
        self.admin.execute("CHECKPOINT")
        load = self.bench.quiet()
        start = time.monotonic()
        self.admin.query("SELECT taskcenter.resume_scheduler('bench')")
        seconds = engine.wait_live_empty(self.admin, 300, poll=0.005) - start
        if engine.finished(self.admin) - before != runs:
            raise RuntimeError(f"{engine.finished(self.admin) - before} of {runs} runs succeeded")
        return seconds, load

    def run(self, name):
        return int(self.client.value("SELECT taskcenter.enqueue_task($1)", name))


def compare_with_runs(bench, name, make, count, executors):
    """Best seconds of the graph and of independent runs."""
    best = {}
    bench.cluster.configure(**{engine.EXECUTORS: str(executors)})
    for _ in bench.rounds():
        for side in ("ours", "independent runs"):
            with Database(bench) as where:
                if side == "ours":
                    steps = make(count)
                    make_composite(where.client, name, steps)
                    seconds, load = where.timed(lambda: where.run(name), len(steps) + 1)
                else:
                    seconds, load = where.timed(
                        lambda: engine.enqueue_many(where.client, "noop", count), count)
            bench.report.number("graphs", side, f"{name} of {count}", seconds, "s", load=load)
            best[side] = min(best.get(side, seconds), seconds)
    bench.report.compare(f"{name} of {count} steps, {executors} executors", best["ours"], "s",
                         best["independent runs"], "s independent runs", at_most=RATIO)


# of each step that came after others: from the end that released it to its start
WAITS = """
SELECT extract(epoch FROM c.started_at - max(p.finished_at)) * 1000
FROM {finished} AS c
JOIN taskcenter.graphs AS g ON g.task_id = c.task_id
CROSS JOIN LATERAL jsonb_array_elements_text(g.graph->'steps'->c.step->'after') AS a (step)
JOIN {finished} AS p ON p.parent_run_id = c.parent_run_id AND p.step = a.step
WHERE c.parent_run_id = $1::bigint GROUP BY c.run_id, c.started_at
""".format(finished=engine.FINISHED)


def measure_successors(bench, name, steps, executors):
    best = None
    bench.cluster.configure(**{engine.EXECUTORS: str(executors)})
    for _ in bench.rounds():
        load = bench.quiet()
        with Database(bench) as where:
            make_composite(where.client, name, steps)
            root = where.run(name)
            engine.wait_live_empty(where.admin, 60)
            where.admin.execute(f"ANALYZE {engine.FINISHED}")
            waits = [float(ms) for ms, in where.admin.query(WAITS, root)]
        p50 = percentile(waits, 0.5)
        bench.report.number("graphs", "ours", f"{name}: end to start, p50", p50, "ms",
                            load=load, p99=round(percentile(waits, 0.99), 3))
        best = p50 if best is None else min(best, p50)
    bench.report.limit(f"end of a step to start of its successor, {name}, p50", best, "ms",
                       SUCCESSOR_MS)


def measure_start(bench, count):
    bench.cluster.configure()
    with Database(bench) as where:
        make_composite(where.client, "ten", {f"s{place}": NOOP for place in range(10)})
        load = bench.quiet()
        roots = []
        for _ in range(count):
            roots.append(where.run("ten"))
            engine.wait_live_empty(where.admin, 30, poll=0.002)
            time.sleep(0.01)
        rows = where.admin.query(
            "SELECT extract(epoch FROM min(c.started_at) - r.started_at) * 1000,"
            " (SELECT count(DISTINCT h.xmin::text) FROM taskcenter.task_run_history AS h"
            "  WHERE h.new_status = 'queued' AND h.run_id = ANY (array_agg(c.run_id)))"
            f" FROM {engine.FINISHED} AS r JOIN {engine.FINISHED} AS c ON c.parent_run_id = r.run_id"
            " GROUP BY r.run_id, r.started_at")
    waits = [float(ms) for ms, _ in rows][5:]
    commits = max(int(number) for _, number in rows)
    p50 = percentile(waits, 0.5)
    bench.report.number("graphs", "ours", "start of a composite with 10 steps, p50", p50, "ms",
                        load=load, p99=round(percentile(waits, 0.99), 3), transactions=commits)
    bench.report.limit("start of a composite with 10 steps, p50", p50, "ms", START_MS)
    bench.report.limit("transactions in which its steps were queued", commits, "", 1)


def measure(bench):
    if not bench.side("ours"):
        return
    compare_with_runs(bench, "chain", chain, bench.size(1000, 200), executors=1)
    compare_with_runs(bench, "fan", fan, bench.size(10000, 1000), executors=4)
    measure_successors(bench, "chain", chain(bench.size(500, 100)), executors=1)
    measure_successors(bench, "diamonds", diamonds(bench.size(150, 30)), executors=4)
    measure_start(bench, bench.size(200, 30))
