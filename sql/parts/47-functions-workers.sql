/*
 * What external workers call.  All are invoker's: a worker acts with the
 * rights of the role that registered it.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.claimed_run AS (
    run_id          bigint,
    token           bigint,
    task            text,
    params          jsonb,
    queue           text,
    attempt         int,
    max_attempts    int,
    lease_until     timestamptz,
    deadline_at     timestamptz,
    scheduled_for   timestamptz,
    is_catchup      boolean,
    step            text,
    parent_run_id   bigint,
    trace_id        text
);
COMMENT ON TYPE taskcenter.claimed_run IS
'A run that a worker may execute until lease_until, unless heartbeat() prolongs it; token belongs to this attempt and is given back with its end. deadline_at: when the task''s time limit ends the attempt, whatever beats come; null: none';

CREATE TYPE taskcenter.held_run AS (
    run_id          bigint,
    lease_until     timestamptz,
    cancel_requested boolean
);
COMMENT ON TYPE taskcenter.held_run IS
'A run that the worker still holds, until when, and whether somebody wants it to end';

CREATE TYPE taskcenter.completed_run AS (
    run_id          bigint,
    status          text,
    problem         text
);
COMMENT ON TYPE taskcenter.completed_run IS
'What became of an element of complete_runs(): the status, or null with the problem, and then nothing was changed';

RESET ROLE;

CREATE FUNCTION taskcenter.register_worker(name text, queues text[], tasks text[] = NULL,
    metadata jsonb = NULL) RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_register_worker';
COMMENT ON FUNCTION taskcenter.register_worker(text, text[], text[], jsonb) IS
'Announce a worker that claims from these queues, and only runs of these tasks (NULL: of all that its role may work on); returns its id. Each call is a new incarnation, whatever the name. metadata (version, host, ...) is shown in workers, without secrets. What a worker may claim is decided at each claim: runs of tasks whose owner''s privileges its role has, and those granted with grant_access(role, ''worker'', queue => ...), or task, or application. Raises 42704 for an unknown queue, 42501 where the role may work on nothing of a queue, 54000 beyond 10000 workers of a role that are not ended';

CREATE FUNCTION taskcenter.unregister_worker(worker_id bigint) RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_unregister_worker';
COMMENT ON FUNCTION taskcenter.unregister_worker(bigint) IS
'End a worker: what it holds is queued again at once, uncounted; returns how many runs that were. Those of tasks with on_crash = fail, which are not repeated, fail instead: give back with snooze_run() what was not begun. May be repeated. Raises 42704 for an unknown worker, 42501 for one of another role';

CREATE FUNCTION taskcenter.claim_runs(worker_id bigint, max_runs int = 1,
    lease interval = '2 minutes', options jsonb = '{}') RETURNS SETOF taskcenter.claimed_run
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'taskcenter_claim_runs';
COMMENT ON FUNCTION taskcenter.claim_runs(bigint, int, interval, jsonb) IS
'Take up to max_runs (at most 1000) due runs of external tasks for a worker; no other gets them until the lease (1 second to 1 day) ends. Without a beat within the lease, or within the task''s option stuck_after if that is shorter, the run is lost and goes to somebody else: counted by max_lost, not by max_attempts. Lower priority first, lowered by one for each setting priority_aging that a run has waited; tenants, that is group keys or else owners, take turns; limits of queues and tasks, and rate limits, are kept. Params with {"$secret": "name"} come with the secret, fetched as the current role by the setting secret_function. options: queues (some of the worker''s). Commit before the work begins. Raises 42704 for an unknown worker, 42501 for one of another role, 55000 for one that has ended, for a copy that is not adopted and where the transaction''s snapshot is fixed';

CREATE FUNCTION taskcenter.heartbeat(worker_id bigint, run_ids bigint[] = NULL)
RETURNS SETOF taskcenter.held_run
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'taskcenter_heartbeat';
COMMENT ON FUNCTION taskcenter.heartbeat(bigint, bigint[]) IS
'Say that a worker lives, and prolong its leases by their length, of these runs or (NULL) of all that it holds. A row for each run that it still holds: one that is missing is lost, stop working on it. cancel_requested: somebody wants it to end; say so with fail_run(). Raises as claim_runs()';

CREATE FUNCTION taskcenter.complete_run(run_id bigint, token bigint, output jsonb = NULL)
RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_complete_run';
COMMENT ON FUNCTION taskcenter.complete_run(bigint, bigint, jsonb) IS
'The attempt with this token succeeded; returns succeeded, also when it is called again. In one transaction with what the work wrote, effects and success commit together, exactly once. Raises 55000 (lease lost) for a token that is stale, and changes nothing then, 42501 for a run of another role''s worker';

CREATE FUNCTION taskcenter.complete_runs(results jsonb, options jsonb = '{}')
RETURNS SETOF taskcenter.completed_run
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'taskcenter_complete_runs';
COMMENT ON FUNCTION taskcenter.complete_runs(jsonb, jsonb) IS
'complete_run() of many, in one statement: an array of objects with run_id, token and output, at most 10000; a row for each, in their order. Where a token is stale the row says so and nothing of that run is changed; with the option strict (boolean) 55000 is raised instead, and nothing at all is changed: for work whose writes are in the same transaction';

CREATE FUNCTION taskcenter.fail_run(run_id bigint, token bigint, error text, code text = NULL,
    retryable boolean = NULL, retry_after interval = NULL, detail jsonb = NULL) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_fail_run';
COMMENT ON FUNCTION taskcenter.fail_run(bigint, bigint, text, text, boolean, interval, jsonb) IS
'The attempt with this token failed; returns retrying when it is tried again (retryable, and attempts are left), else failed; cancelled if that was asked for. code: of failure_codes, or any other, as capital letters, digits and underscores. retryable NULL: what the code says, yes for one that is not there. retry_after: when, instead of the task''s backoff. The error and detail are kept in task_run_logs, without secrets. The same call again gives the same answer, after retrying until the run is claimed anew. Raises as complete_run()';

CREATE FUNCTION taskcenter.snooze_run(run_id bigint, token bigint, delay interval) RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_snooze_run';
COMMENT ON FUNCTION taskcenter.snooze_run(bigint, bigint, interval) IS
'Put a run off: it is queued again, due after the delay, and no attempt is spent. Returns queued, also when it is called again before the run is claimed anew. Raises as complete_run()';

CREATE FUNCTION taskcenter.log_run(run_id bigint, token bigint, level text, message text,
    metadata jsonb = NULL) RETURNS boolean
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_log_run';
COMMENT ON FUNCTION taskcenter.log_run(bigint, bigint, text, text, jsonb) IS
'A line in task_run_logs, as write_log() writes it inside a run: debug, info, notice, warning or error; false if the task''s log_level leaves it out, or if the attempt has said as much as is kept: 1000 lines, and 1 MB of messages and metadata, as of a run inside; one last line, a warning, says that more were not kept. Raises as complete_run()';

CREATE FUNCTION taskcenter.report_run_progress(run_id bigint, token bigint, done bigint,
    total bigint = NULL, phase text = NULL) RETURNS boolean
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_report_run_progress';
COMMENT ON FUNCTION taskcenter.report_run_progress(bigint, bigint, bigint, bigint, text) IS
'How far a run is, shown by worker_runs once this transaction commits; it is no beat. Returns whether somebody wants the run to end. Raises as complete_run()';

CREATE PROCEDURE taskcenter.await_runs(worker_id bigint, timeout interval = '1 minute',
    INOUT due boolean = NULL)
LANGUAGE C AS 'MODULE_PATHNAME', 'taskcenter_await_runs';
COMMENT ON PROCEDURE taskcenter.await_runs(bigint, interval, boolean) IS
'Wait until there is a run that the worker can claim, at most for the timeout and the setting max_wait; due says whether there is one. It ends the transaction and sleeps without one, until a commit, a due time or a limit that is free again wakes it: no query is repeated. Call it outside of a transaction block (25001); the setting notify_workers is for those who listen instead. Raises as claim_runs()';

GRANT EXECUTE ON FUNCTION
    taskcenter.register_worker(text, text[], text[], jsonb),
    taskcenter.unregister_worker(bigint),
    taskcenter.claim_runs(bigint, int, interval, jsonb),
    taskcenter.heartbeat(bigint, bigint[]),
    taskcenter.complete_run(bigint, bigint, jsonb),
    taskcenter.complete_runs(jsonb, jsonb),
    taskcenter.fail_run(bigint, bigint, text, text, boolean, interval, jsonb),
    taskcenter.snooze_run(bigint, bigint, interval),
    taskcenter.log_run(bigint, bigint, text, text, jsonb),
    taskcenter.report_run_progress(bigint, bigint, bigint, bigint, text) TO PUBLIC;
GRANT EXECUTE ON PROCEDURE taskcenter.await_runs(bigint, interval, boolean) TO PUBLIC;
