"""Our side, as its SQL contract has it; the few internals are named here only."""

import time

# settings
STRICT_START = "taskcenter__strict_start"
EXECUTORS = "taskcenter__max_executors"
IDLE_TIMEOUT = "taskcenter__executor_idle_timeout"
NO_RECYCLING = {"taskcenter__executor_max_runs": "0",
                "taskcenter__executor_max_memory": "0",
                IDLE_TIMEOUT: "0"}
# relations behind the views
LIVE = "taskcenter.live_runs"
FINISHED = "taskcenter.finished_runs"
HISTORY = "taskcenter.task_run_history"
# how the log knows the claim
CLAIM_WORDS = ("taskcenter.live_runs", "skip locked")
PROCESS_NAMES = {"taskcenter launcher": "launcher",
                 "taskcenter scheduler": "scheduler",
                 "taskcenter executor": "executor"}


def create_task(conn, name, command="select 1", **more):
    """create_task with named arguments; values are SQL expressions."""
    arguments = "".join(f", {key} => {value}" for key, value in more.items())
    return int(conn.value(
        f"SELECT taskcenter.create_task($1, command => $2{arguments})", name, command))


def enqueue_many(conn, task, count, chunk=10000):
    """Queue so many runs of a task through enqueue_tasks."""
    for start in range(0, count, chunk):
        conn.query(
            "SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg("
            "jsonb_build_object('task', $1::text)) FROM generate_series(1, $2::int)))",
            task, min(chunk, count - start))


def wait_for(condition, deadline, what, poll=0.05):
    """Poll until the condition holds; raises after so many seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {deadline} s in vain for {what}")
        time.sleep(poll)


def wait_live_empty(conn, deadline, poll=0.05):
    """Wait until no run is unfinished; returns when that was seen, or raises."""
    end = time.monotonic() + deadline
    while conn.query(f"SELECT 1 FROM {LIVE} LIMIT 1"):
        if time.monotonic() > end:
            left = conn.query(f"SELECT status, count(*) FROM {LIVE} GROUP BY 1")
            raise RuntimeError(f"runs are left after {deadline} s: {left}")
        time.sleep(poll)
    return time.monotonic()


def finished(conn, status="succeeded"):
    return conn.number(f"SELECT count(*) FROM {FINISHED} WHERE status = $1", status)


def processes(admin, database=None):
    """{pid: kind} of our processes: the launcher, and those of one database."""
    rows = admin.query(
        "SELECT pid, backend_type FROM pg_stat_activity "
        "WHERE backend_type LIKE 'taskcenter %' "
        "AND (datname IS NULL OR $1::text IS NULL OR datname = $1)", database)
    return {int(pid): PROCESS_NAMES.get(kind, kind) for pid, kind in rows}


def cpu_seconds(pid):
    """Processor time that a process has used."""
    with open(f"/proc/{pid}/schedstat") as schedstat:
        return int(schedstat.read().split()[0]) / 1e9


def wakeups(pid):
    """How often a process gave up its processor to wait."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("voluntary_ctxt_switches"):
                return int(line.split()[1])
    return 0


def private_memory(pid):
    """Bytes that only this process has: what grows when it leaks.

    Shared buffers do not count, even where no other process mapped the page yet.
    """
    total = 0
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(("RssAnon:", "VmSwap:")):
                total += int(line.split()[1]) * 1024
    return total


def warm_and_pause(client, admin):
    """Executors run already when the clock starts: at resume_scheduler()."""
    enqueue_many(client, "noop", 400)
    wait_live_empty(admin, 30)
    admin.query("SELECT taskcenter.pause_scheduler('bench')")
