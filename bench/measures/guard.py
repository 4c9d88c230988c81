"""What a guard costs: the same updates of the same rows, with and without.

A table of ten columns and two indexes. Single-row updates of the status, each
in its own transaction, go through the rows of both tables in turn, a piece
here and a piece there; then one statement changes the status of all rows.
For the record: updates of another column, inserts, and history rows written
by plain SQL.
"""

import os
import time

from lib.report import percentile

SINGLE_RATIO, SET_RATIO = 1.4, 6
PIECES = 20
PLAIN, GUARDED = "plain", "guarded"
SIDES = (PLAIN, GUARDED)


def create_tables(bench, admin, count):
    with open(bench.script("guard_table.sql")) as script:
        text = script.read().replace("ROWS", str(count))
    for side in SIDES:
        admin.execute(text.replace("SIDE", side))


def single_script(bench, side):
    path = os.path.join(bench.cluster.work, f"guard_{side}.sql")
    with open(path, "w") as script:
        script.write("\\set id :id + 1\n"
                     f"UPDATE bench.{side} SET status = 'in_progress' WHERE id = :id;\n")
    return path


def single_updates(bench, database, count):
    """{side: rows per second} of updates in transactions of their own: the median piece."""
    piece = count // PIECES
    rates = {side: [] for side in SIDES}
    scripts = {side: single_script(bench, side) for side in SIDES}
    for number in range(PIECES):
        for side in SIDES if number % 2 else reversed(SIDES):
            rate = bench.cluster.pgbench(
                database, "-M", "prepared", "-t", str(piece),
                "-D", f"id={number * piece}", "-f", scripts[side])
            rates[side].append(rate)
    return {side: percentile(rates[side], 0.5) for side in SIDES}


def timed(client, statement):
    start = time.monotonic()
    client.execute(statement)
    return time.monotonic() - start


def set_statement(admin, client, statement):
    """{side: seconds} of one statement over each table."""
    seconds = {}
    for side in SIDES:
        admin.execute(f"VACUUM ANALYZE bench.{side}")
        admin.execute("CHECKPOINT")
        seconds[side] = timed(client, statement.replace("SIDE", side))
    return seconds


def plain_history(admin, client, count):
    """Seconds of as many rows in a table like the history, without a guard."""
    admin.execute("CREATE TABLE bench.history (LIKE taskcenter.task_status_history "
                  "INCLUDING ALL); GRANT ALL ON bench.history TO bench")
    admin.execute("CHECKPOINT")
    return timed(client,
                 "INSERT INTO bench.history (id, relation, row_key, old_status, "
                 "new_status, actor, owner_id) SELECT n, 'bench.guarded', "
                 "format('{\"id\": %s}', n), 'in_progress', 'failed', 'bench', 10 "
                 f"FROM generate_series(1, {count}) AS n")


def check_history(admin, expected):
    written = admin.number("SELECT count(*) FROM taskcenter.task_status_history")
    if written != expected:
        raise RuntimeError(f"{written} rows of history, {expected} expected")


def one_round(bench, count):
    cluster = bench.cluster
    with cluster.database("bench_guard", "taskcenter") as database, \
            cluster.connect(database, "bench") as client, \
            cluster.connect(database) as admin:
        create_tables(bench, admin, count)
        client.query("SELECT taskcenter.guard_table('bench.guarded', 'status', 'editorial')")
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")
        load = bench.quiet()
        single = single_updates(bench, database, count)
        check_history(admin, count)
        sets = set_statement(admin, client, "UPDATE bench.SIDE SET status = 'failed'")
        check_history(admin, 2 * count)
        others = set_statement(admin, client, "UPDATE bench.SIDE SET version = version + 1")
        inserts = set_statement(
            admin, client, "INSERT INTO bench.SIDE SELECT id + 10000000, 'pending', "
            "customer, region, amount, placed_at, note, details, paid, 0 FROM bench.SIDE")
        check_history(admin, 2 * count)
        history = plain_history(admin, client, count)
    return dict(load=load, single=single, set=sets, other=others, insert=inserts,
                history=history)


def measure(bench):
    if not bench.side("ours"):
        return
    count = bench.size(100000, 4000)
    rounds = []
    for _ in bench.rounds():
        numbers = one_round(bench, count)
        rounds.append(numbers)
        for side in SIDES:
            bench.report.number("guard", side, "single rows", numbers["single"][side],
                                "rows/s", load=numbers["load"])
            for name in ("set", "other", "insert"):
                bench.report.number("guard", side, name, numbers[name][side], "s")
        bench.report.number("guard", PLAIN, "history rows alone", numbers["history"], "s")

    def best(name, side, choose):
        return choose(numbers[name][side] for numbers in rounds)

    bench.report.compare("guard, single-row updates",
                         1e6 / best("single", GUARDED, max), "µs a row",
                         1e6 / best("single", PLAIN, max), "µs a row unguarded",
                         at_most=SINGLE_RATIO)
    bench.report.compare("guard, one set", best("set", GUARDED, min), "s",
                         best("set", PLAIN, min), "s unguarded", at_most=SET_RATIO)
    for name, what in (("other", "another column"), ("insert", "inserts")):
        bench.report.compare(f"guard, {what}", best(name, GUARDED, min), "s",
                             best(name, PLAIN, min), "s unguarded")
