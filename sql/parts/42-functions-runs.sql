/*
 * Functions for runs.  All of them are SECURITY INVOKER: the caller's rights
 * to the task decide, and only our own pinned statements run as the owner of
 * our relations.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.enqueued_run AS (
    ordinal         bigint,
    run_id          bigint,
    added           boolean
);
COMMENT ON TYPE taskcenter.enqueued_run IS
'What enqueue_tasks() made of an element: its place from 1, its run, and whether the run is new';

CREATE TYPE taskcenter.run_result AS (
    run_id          bigint,
    task            text,
    status          text,
    output          jsonb,
    error           text,
    sqlstate        text,
    finished_at     timestamptz
);
COMMENT ON TYPE taskcenter.run_result IS
'How a run stands; finished_at is null while it has not finished';

CREATE TYPE taskcenter.run_change AS (
    run_id          bigint,
    task            text,
    old_status      text,
    status          text,
    problem         text
);
COMMENT ON TYPE taskcenter.run_change IS
'What became of a run; problem is null where it was done as asked';

CREATE TYPE taskcenter.current_run_info AS (
    run_id          bigint,
    task_id         bigint,
    task            text,
    step            text,
    parent_run_id   bigint,
    queue           text,
    attempt         int,
    max_attempts    int,
    params          jsonb,
    scheduled_for   timestamptz,
    is_catchup      boolean,
    catchup_from    timestamptz,
    catchup_count   bigint,
    trace_id        text
);
COMMENT ON TYPE taskcenter.current_run_info IS
'What a run knows of itself; a catch-up run stands for catchup_count instants from catchup_from to scheduled_for';

RESET ROLE;

/* ---- making runs ---- */

CREATE FUNCTION taskcenter.enqueue_task(task text, params jsonb = NULL,
    run_at timestamptz = NULL, priority int = NULL, unique_key text = NULL,
    unique_until text = 'finished', on_conflict text = 'existing', trace_id text = NULL,
    options jsonb = '{}') RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_enqueue_task';
COMMENT ON FUNCTION taskcenter.enqueue_task(text, jsonb, timestamptz, int, text, text, text,
    text, jsonb) IS
'Make a run of a task, due now or at run_at (a time in the past is now), and return its id. params are laid over those of the task. A unique_key admits one run at a time, until it is finished or started; on_conflict says what another call gets: existing (its id; other params are refused with 23505), replace (new params and time, if it is not running) or error. Options: unique_for (interval: keep the key that long after the run is due, and return the stored outcome''s id), queue, max_attempts';

CREATE FUNCTION taskcenter.enqueue_tasks(runs jsonb)
RETURNS SETOF taskcenter.enqueued_run
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'taskcenter_enqueue_tasks';
COMMENT ON FUNCTION taskcenter.enqueue_tasks(jsonb) IS
'Make many runs at once: an array of objects with the arguments of enqueue_task() as keys. All or none are made; returns a row for each element';

/* ---- steering runs ---- */

CREATE FUNCTION taskcenter.cancel_run(run_id bigint, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_cancel_run';
COMMENT ON FUNCTION taskcenter.cancel_run(bigint, text) IS
'Cancel a run. Returns cancelled if it was not running; cancelling if it is, and then its executor is told when this transaction commits; compensating if it is a graph that undoes its steps, which goes on and changes nothing; else the status that it finished with';

CREATE FUNCTION taskcenter.cancel_runs(task text = NULL, statuses text[] = NULL,
    reason text = NULL) RETURNS SETOF taskcenter.run_change
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'taskcenter_cancel_runs';
COMMENT ON FUNCTION taskcenter.cancel_runs(text, text[], text) IS
'Cancel all unfinished runs of a task, or of all tasks that the caller may manage, in some statuses or any, but for what undoes the steps of a graph. Returns a row for each';

CREATE FUNCTION taskcenter.retry_run(run_id bigint, reason text = NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_retry_run';
COMMENT ON FUNCTION taskcenter.retry_run(bigint, text) IS
'Queue a failed, timed_out or cancelled run again: the same run, with one more attempt. A graph goes on from where it was: steps that succeeded are kept';

CREATE FUNCTION taskcenter.retry_runs(task text = NULL, statuses text[] = NULL,
    reason text = NULL) RETURNS SETOF taskcenter.run_change
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'taskcenter_retry_runs';
COMMENT ON FUNCTION taskcenter.retry_runs(text, text[], text) IS
'Queue finished runs of a task again, or of all tasks that the caller may manage; statuses of failed, timed_out and cancelled, by default the first two. Returns a row for each';

/* ---- waiting for runs ---- */

CREATE FUNCTION taskcenter.wait_for_run(run_id bigint, timeout interval = '1 minute')
RETURNS taskcenter.run_result
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_wait_for_run';
COMMENT ON FUNCTION taskcenter.wait_for_run(bigint, interval) IS
'Wait until a run has finished, at most for timeout and the setting max_wait, and return how it stands then. The statement''s snapshot is held meanwhile, and CREATE INDEX CONCURRENTLY in the run would wait for it; CALL await_run() holds none';

CREATE PROCEDURE taskcenter.await_run(run_id bigint, timeout interval = NULL,
    INOUT status text = NULL)
LANGUAGE C AS 'MODULE_PATHNAME', 'taskcenter_await_run';
COMMENT ON PROCEDURE taskcenter.await_run(bigint, interval, text) IS
'Wait until a run has finished, without holding a snapshot: for scripts that wait long. It ends transactions, so it stands outside of a transaction block. Sets status to that of the run';

CREATE FUNCTION taskcenter.perform_run(run_id bigint) RETURNS taskcenter.run_result
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_perform_run';
COMMENT ON FUNCTION taskcenter.perform_run(bigint) IS
'Execute a queued run here and now, in the caller''s transaction, and record it like any other: for tests that roll back. Only for sessions of the role that the task runs as; limits, pauses and the time limit do not apply';

CREATE FUNCTION taskcenter.perform_due_runs(task text = NULL)
RETURNS SETOF taskcenter.run_result
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'taskcenter_perform_due_runs';
COMMENT ON FUNCTION taskcenter.perform_due_runs(text) IS
'perform_run() for all runs of the session''s role, or of a task, that are due now, in the order of priority and due time';

/* ---- understanding runs ---- */

CREATE FUNCTION taskcenter.explain_run(run_id bigint) RETURNS SETOF taskcenter.explanation
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 5 AS 'MODULE_PATHNAME', 'taskcenter_explain_run';
COMMENT ON FUNCTION taskcenter.explain_run(bigint) IS
'Why a run is not running, or how it ended: a row for each reason, the decisive one first';

/* ---- inside a run ---- */

CREATE FUNCTION taskcenter.current_run() RETURNS taskcenter.current_run_info
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'taskcenter_current_run';
COMMENT ON FUNCTION taskcenter.current_run() IS
'The run that executes in this session; null outside a run';

CREATE FUNCTION taskcenter.param(key text, fallback jsonb = NULL) RETURNS jsonb
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'taskcenter_param';
COMMENT ON FUNCTION taskcenter.param(text, jsonb) IS
'A param of the run that executes in this session; the fallback if the run has no such param, and outside a run';

CREATE FUNCTION taskcenter.step_output(step text) RETURNS jsonb
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'taskcenter_step_output';
COMMENT ON FUNCTION taskcenter.step_output(text) IS
'The output of another step of the same run; not available in this version';

CREATE FUNCTION taskcenter.write_log(level text, message text, metadata jsonb = NULL)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'taskcenter_write_log';
COMMENT ON FUNCTION taskcenter.write_log(text, text, jsonb) IS
'Add a line to the log of the executing run; it is kept also if the run fails. Levels: debug, info, notice, warning, error. False: dropped, being below the task''s log_level or too many';

CREATE FUNCTION taskcenter.report_progress(done bigint, total bigint = NULL,
    phase text = NULL) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'taskcenter_report_progress';
COMMENT ON FUNCTION taskcenter.report_progress(bigint, bigint, text) IS
'Show in running_runs how far the executing run has come, at once and without a commit. False: there is nobody to see it';

CREATE FUNCTION taskcenter.set_output(output jsonb) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'taskcenter_set_output';
COMMENT ON FUNCTION taskcenter.set_output(jsonb) IS
'Set the output of the executing run, to be stored if it succeeds; null removes it';

/* rights to tasks decide, not rights to functions */
GRANT EXECUTE ON FUNCTION
    taskcenter.enqueue_task(text, jsonb, timestamptz, int, text, text, text, text, jsonb),
    taskcenter.enqueue_tasks(jsonb),
    taskcenter.cancel_run(bigint, text),
    taskcenter.cancel_runs(text, text[], text),
    taskcenter.retry_run(bigint, text),
    taskcenter.retry_runs(text, text[], text),
    taskcenter.wait_for_run(bigint, interval),
    taskcenter.perform_run(bigint),
    taskcenter.perform_due_runs(text),
    taskcenter.explain_run(bigint),
    taskcenter.current_run(),
    taskcenter.param(text, jsonb),
    taskcenter.step_output(text),
    taskcenter.write_log(text, text, jsonb),
    taskcenter.report_progress(bigint, bigint, text),
    taskcenter.set_output(jsonb) TO PUBLIC;
GRANT EXECUTE ON PROCEDURE taskcenter.await_run(bigint, interval, text) TO PUBLIC;
