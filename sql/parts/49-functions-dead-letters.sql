/*
 * What failed for good, and what is to be done about it; and the watchdog.
 * All functions are SECURITY INVOKER: the caller's rights to the task decide.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.redriven_letter AS (
    dead_letter_id  bigint,
    run_id          bigint,
    task            text,
    code            text,
    run_at          timestamptz,
    problem         text
);
COMMENT ON TYPE taskcenter.redriven_letter IS
'What became of a dead letter: the run that goes again, and when it is due; problem is null where it was done as asked';

CREATE TYPE taskcenter.watchdog_look AS (
    checked         bigint,
    stuck           bigint,
    moved_to_dead_letters bigint,
    false_positives bigint,
    terminated      bigint,
    running         bigint,
    stuck_now       bigint,
    last_checked_at timestamptz
);
COMMENT ON TYPE taskcenter.watchdog_look IS
'What the watchdog of the database did so far: runs whose beat it looked at because it was missing, runs found stuck, those of them that ended as dead letters, late finishes that the token refused, executors that it terminated; running and stuck_now are counted now, last_checked_at is the scheduler''s last cycle';

RESET ROLE;

/* ---- failure codes ---- */

CREATE FUNCTION taskcenter.failure_code_of(sqlstate text, run_status text = 'failed') RETURNS text
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'taskcenter_failure_code_of';
COMMENT ON FUNCTION taskcenter.failure_code_of(text, text) IS
'The failure code of a run that ended in a status with an SQLSTATE, unless its worker named one: by the class of the SQLSTATE; TIMEOUT for timed_out; UNKNOWN where nothing is known, as of a run that lost its executor';

CREATE FUNCTION taskcenter.set_failure_code(code text, retryable boolean, description text = NULL,
    reason text = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_set_failure_code';
COMMENT ON FUNCTION taskcenter.set_failure_code(text, boolean, text, text) IS
'Make a failure code, or say anew whether failures with it are worth another attempt: what fail_run() decides by unless the worker says it. A code is 1 to 50 capital letters, digits and underscores. Errors of SQL are judged by their SQLSTATE and the task''s retry_rules instead. Returns created, changed or unchanged. For superusers and the owner of the database: 42501 for others';

/* ---- dead letters ---- */

CREATE FUNCTION taskcenter.redrive_dead_letter(dead_letter_id bigint, note text = NULL)
RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_redrive_dead_letter';
COMMENT ON FUNCTION taskcenter.redrive_dead_letter(bigint, text) IS
'Let the run of an open dead letter go again: the same run with one more attempt, or, where it is purged, a new run with the params that the letter kept, laid over those that the task has now. The letter is closed if that succeeds and open again if not. That of a step lets the outermost composite go on. Returns the id of the run that goes. For operators of its task: 42501 for others, 42704 for an unknown id, 55000 unless it is open (the second of two callers is told so), and where the run cannot go again: its task accepts no runs, its unique key is taken, or it is purged and its params held secrets';

CREATE FUNCTION taskcenter.redrive_dead_letters(filter jsonb = '{}', max_runs int = 1000,
    per_hour int = NULL, dry_run boolean = false, reason text = NULL)
RETURNS SETOF taskcenter.redriven_letter
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'taskcenter_redrive_dead_letters';
COMMENT ON FUNCTION taskcenter.redrive_dead_letters(jsonb, int, int, boolean, text) IS
'Let the runs of many open dead letters go again, the oldest first: at most max_runs (1 to 100000) of those that match and are the caller''s to operate. Keys of filter: task, application, queue, code, sqlstate, status (failed or timed_out), retryable (boolean, by the table of failure codes), since and before (instants of the last failure), dead_letter_ids (array). per_hour (1 to 3600000) spreads them: each is due later than the one before, and after all of the caller''s tasks that wait from earlier calls. What somebody else is about to redrive, close or retry is left to him, and others go instead. dry_run says what would be done and does nothing. A row for each letter; a problem of one does not keep the others';

CREATE FUNCTION taskcenter.resolve_dead_letter(dead_letter_id bigint, note text = NULL)
RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_resolve_dead_letter';
COMMENT ON FUNCTION taskcenter.resolve_dead_letter(bigint, text) IS
'Close an open dead letter because what it asked for is done; the note says how. Returns resolved. For operators of its task: 42501 for others, 42704 for an unknown id, 55000 unless it is open';

CREATE FUNCTION taskcenter.discard_dead_letter(dead_letter_id bigint, note text = NULL)
RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_discard_dead_letter';
COMMENT ON FUNCTION taskcenter.discard_dead_letter(bigint, text) IS
'Close an open dead letter because nothing is to be done about it; the note says why. Returns discarded. For operators of its task: 42501 for others, 42704 for an unknown id, 55000 unless it is open';

CREATE FUNCTION taskcenter.export_dead_letters(filter jsonb = '{}', max_rows int = 1000)
RETURNS jsonb
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_export_dead_letters';
COMMENT ON FUNCTION taskcenter.export_dead_letters(jsonb, int) IS
'Dead letters as one array of objects with all their columns and the name of their task, the oldest first: at most max_rows (1 to 100000) of those that match and that the caller may read. filter as for redrive_dead_letters(), and state (open, redriven, resolved, discarded; else any)';

CREATE FUNCTION taskcenter.dlq_stats() RETURNS jsonb
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_dlq_stats';
COMMENT ON FUNCTION taskcenter.dlq_stats() IS
'Dead letters of the tasks that the caller may know of, in numbers: total; open, redriven, resolved, discarded; by_code and by_task (open ones, the ten tasks with most); oldest_open_at; added_last_hour and added_last_day; discarded_last_day; redrives, and redrive_success (the part of the letters that were redriven which are resolved, from 0 to 1; null: none were)';

/* ---- the watchdog ---- */

CREATE FUNCTION taskcenter.watchdog_metrics() RETURNS taskcenter.watchdog_look
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_watchdog_metrics';
COMMENT ON FUNCTION taskcenter.watchdog_metrics() IS
'What the watchdog of the database did and sees. Stuck means: no beat for the task''s stuck_after (2 minutes unless it says otherwise). Executors beat by being alive, so an SQL run is stuck as soon as its executor is gone; an executor that goes on taskcenter.cancel_grace after its time limit, or after a cancel, is terminated. Workers beat by heartbeat(). Counters outlive restarts of the server, as those of metrics() do';

CREATE FUNCTION taskcenter.last_beat(executor_id bigint, stored timestamptz) RETURNS timestamptz
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'taskcenter_last_beat';
COMMENT ON FUNCTION taskcenter.last_beat(bigint, timestamptz) IS
'When a running run gave its last sign of life: now, while its executor is alive; else what is stored';

GRANT EXECUTE ON FUNCTION
    taskcenter.failure_code_of(text, text),
    taskcenter.set_failure_code(text, boolean, text, text),
    taskcenter.redrive_dead_letter(bigint, text),
    taskcenter.redrive_dead_letters(jsonb, int, int, boolean, text),
    taskcenter.resolve_dead_letter(bigint, text),
    taskcenter.discard_dead_letter(bigint, text),
    taskcenter.export_dead_letters(jsonb, int),
    taskcenter.dlq_stats(),
    taskcenter.watchdog_metrics(),
    taskcenter.last_beat(bigint, timestamptz) TO PUBLIC;
