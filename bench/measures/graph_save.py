"""What saving a graph costs, and whether checking it is linear.

A chain in which each step takes the output of one far before it, a fan-out
with its fan-in, and layers in which each step comes after twenty others: of
10,000 steps, and of half as many. Each is saved as a new version, timed at the
client with its commit; then a task of ten steps is made, for the record.
"""

import time

SAVE_WITHIN = 2          # s
LINEAR = 3               # twice the steps, at most so many times the seconds
TIMES = 5

SHAPES = {
    "chain": "jsonb_build_object('command', 'SELECT ' || i, 'after', CASE WHEN i > 1"
             " THEN jsonb_build_array('s' || i - 1) END, 'params', CASE WHEN i > 1 THEN"
             " jsonb_build_object('x', jsonb_build_object('$output',"
             " 's' || greatest(1, i - 2000))) END)",
    "fan": "jsonb_build_object('command', 'SELECT ' || i, 'after', CASE WHEN i = {last}"
           " THEN (SELECT jsonb_agg('s' || j) FROM generate_series(2, {last} - 1) AS j)"
           " WHEN i > 1 THEN jsonb_build_array('s1') END)",
    "layers": "jsonb_build_object('command', 'SELECT ' || i, 'after', (SELECT"
              " coalesce(jsonb_agg('s' || j), '[]') FROM generate_series("
              "(i - 1) / 20 * 20 - 19, (i - 1) / 20 * 20) AS j WHERE j > 0))",
}


def make_graph(client, shape, steps, number):
    """The text of a graph; number makes it another one than the last."""
    step = SHAPES[shape].replace("{last}", str(steps))
    return client.query(
        "SELECT jsonb_build_object('steps', jsonb_object_agg('s' || i, "
        f"{step} || '{{\"description\": \"{number}\"}}')) FROM generate_series(1, {steps}) AS i"
    )[0][0]


def save_seconds(client, shape, steps):
    """Seconds of the fastest of some saves."""
    task = f"{shape} {steps}"
    client.query(f"SELECT taskcenter.create_task('{task}', kind => 'composite')")
    spent = []
    for number in range(TIMES):
        graph = make_graph(client, shape, steps, number)
        begin = time.monotonic()
        client.query(f"SELECT taskcenter.save_graph('{task}', $g${graph}$g$)")
        spent.append(time.monotonic() - begin)
    return min(spent)


def small_milliseconds(client):
    graph = make_graph(client, "chain", 10, 0)
    begin = time.monotonic()
    client.query("SELECT taskcenter.create_task('small', kind => 'composite', "
                 f"options => jsonb_build_object('graph', $g${graph}$g$::jsonb))")
    return (time.monotonic() - begin) * 1000


def measure(bench):
    if not bench.side("ours"):
        return
    steps = bench.size(10000, 1000)
    cluster = bench.cluster
    with cluster.database("bench_graphs", "taskcenter") as database, \
            cluster.connect(database, "bench") as client:
        for shape in SHAPES:
            load = bench.quiet()
            half = save_seconds(client, shape, steps // 2)
            whole = save_seconds(client, shape, steps)
            bench.report.number("graph_save", "ours", f"{shape} of {steps // 2}", half, "s",
                                load=load)
            bench.report.number("graph_save", "ours", f"{shape} of {steps}", whole, "s")
            bench.report.compare(f"graph of {steps} steps, {shape}", whole, "s",
                                 SAVE_WITHIN, "s at most", at_most=1)
            bench.report.compare(f"graph, twice the steps, {shape}", whole, "s",
                                 half, "s with half", at_most=LINEAR)
        bench.report.number("graph_save", "ours", "task of ten steps",
                            small_milliseconds(client), "ms")
