/*
 * What people read.  Tables with rows of the users' are row-secured: an
 * owner, and any role with its privileges, sees its own, and what was granted
 * (46-access.sql).  Runs are read through task_runs, which shows members of
 * pg_monitor, and whoever was granted that much only, runs without their
 * contents.
 *
 * Whose rows, and which besides, is asked once for each query, in sub-selects
 * without reference to the row: a condition of the reader's on an indexed
 * column stays an index scan.
 */
CREATE FUNCTION taskcenter.visible_owner_ids() RETURNS bigint[]
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'taskcenter_visible_owner_ids';
CREATE FUNCTION taskcenter.sees_contents_of_all() RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'taskcenter_sees_contents_of_all';
CREATE FUNCTION taskcenter.sees_states_of_all() RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'taskcenter_sees_states_of_all';

COMMENT ON FUNCTION taskcenter.visible_owner_ids() IS
'OIDs of the roles whose tasks the current user may see: those whose privileges it has';
COMMENT ON FUNCTION taskcenter.sees_contents_of_all() IS
'Is the current user a superuser, or does it bypass row security?';
COMMENT ON FUNCTION taskcenter.sees_states_of_all() IS
'May the current user see states and timings of all runs, as members of pg_monitor do?';

SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.executor_info AS (
    executor_id     bigint,
    pid             int,
    role            text,
    state           text,
    state_since     timestamptz,
    served_since    timestamptz,
    run_id          bigint,
    task_id         bigint,
    attempt         int,
    started_at      timestamptz,
    deadline_at     timestamptz,
    progress_done   bigint,
    progress_total  bigint,
    progress_phase  text
);

CREATE TYPE taskcenter.check_result AS (
    check_name      text,
    state           text,
    detail          text,
    hint            text
);

CREATE TYPE taskcenter.newest_run AS (
    run_id          bigint,
    task            text,
    status          text,
    attempt         int,
    run_at          timestamptz,
    finished_at     timestamptz,
    duration        interval,
    sqlstate        text,
    error           text
);

CREATE TYPE taskcenter.last_run AS (
    task_id         bigint,
    status          text,
    started_at      timestamptz,
    finished_at     timestamptz
);

CREATE TYPE taskcenter.run_transition AS (
    old_status      text,
    new_status      text
);

RESET ROLE;

CREATE FUNCTION taskcenter.list_run_transitions() RETURNS SETOF taskcenter.run_transition
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20
AS 'MODULE_PATHNAME', 'taskcenter_list_run_transitions';
CREATE FUNCTION taskcenter.newest_runs(failed boolean = false) RETURNS SETOF taskcenter.newest_run
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'taskcenter_newest_runs';
CREATE FUNCTION taskcenter.last_runs() RETURNS SETOF taskcenter.last_run
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'taskcenter_last_runs';
CREATE FUNCTION taskcenter.executor_activity() RETURNS SETOF taskcenter.executor_info
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 4
AS 'MODULE_PATHNAME', 'taskcenter_executor_activity';
CREATE FUNCTION taskcenter.status_checks() RETURNS SETOF taskcenter.check_result
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 15 AS 'MODULE_PATHNAME', 'taskcenter_status_checks';
CREATE FUNCTION taskcenter.health() RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_health';

CREATE FUNCTION taskcenter.fold_text(value text, width int) RETURNS text
LANGUAGE SQL IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT rtrim(regexp_replace(fold_text.value,
        format('(.{1,%s})(\s+|$)', greatest(fold_text.width, 1)), E'\\1\n', 'g'), E'\n');
END;
COMMENT ON FUNCTION taskcenter.fold_text(text, int) IS
'A text in lines of at most width characters, broken between words: what makes a view fit a terminal';

/* views call functions as their reader; each shows him what is his */
GRANT EXECUTE ON FUNCTION
    taskcenter.fold_text(text, int),
    taskcenter.visible_owner_ids(),
    taskcenter.sees_contents_of_all(),
    taskcenter.sees_states_of_all(),
    taskcenter.list_run_transitions(),
    taskcenter.newest_runs(boolean),
    taskcenter.last_runs(),
    taskcenter.executor_activity(),
    taskcenter.status_checks(), taskcenter.health() TO PUBLIC;

COMMENT ON FUNCTION taskcenter.list_run_transitions() IS
'The rows of the view run_transitions';
COMMENT ON FUNCTION taskcenter.newest_runs(boolean) IS
'The rows of the views recent_runs and failed_runs: what the current user may see of the runs that he may know of';
COMMENT ON FUNCTION taskcenter.last_runs() IS
'The last run of each task that the current user may know of, if it ended in the last 24 hours';
COMMENT ON FUNCTION taskcenter.executor_activity() IS
'Executors of this database that the current user may see, from shared memory';
COMMENT ON FUNCTION taskcenter.status_checks() IS
'The rows of the view status, unfolded: one for each check, with its state ok, warn (it works; look at it) or fail (something does not work)';
COMMENT ON FUNCTION taskcenter.health() IS
'status as one object for a monitor: ok (nothing fails), verdict (healthy, degraded when something warns, or fail), the numbers pass, warn and fail, checked_at, took_ms, and checks with check_name, state, detail and hint. Everybody may call it; details that concern others'' tasks are told to superusers, the owner of the database and members of pg_monitor';

SET LOCAL ROLE taskcenter_owner;

/* ---- who sees what ---- */

/* none for runs and partitions: nobody reads these by themselves, with pg_read_all_data neither */
ALTER TABLE taskcenter.live_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.finished_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.kept_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.finished_runs_1 ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.finished_runs_2 ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.finished_runs_3 ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.finished_runs_1_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.finished_runs_2_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.finished_runs_3_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_history_1 ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_history_3 ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_history_1_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_history_3_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_logs_1 ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_logs_3 ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_logs_1_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_logs_3_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.access_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.skipped_fires ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_run_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.task_audit_logs ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_tasks ON taskcenter.tasks
    USING ((SELECT taskcenter.sees_contents_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[]));
CREATE POLICY granted_tasks ON taskcenter.tasks FOR SELECT
    USING (taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('read'))));
CREATE POLICY operated_tasks ON taskcenter.tasks FOR UPDATE
    USING (taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('operate'))));
CREATE POLICY own_schedules ON taskcenter.schedules
    USING ((SELECT taskcenter.sees_contents_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[]));
CREATE POLICY schedules_for_monitors ON taskcenter.schedules FOR SELECT
    USING ((SELECT taskcenter.sees_states_of_all()));
CREATE POLICY granted_schedules ON taskcenter.schedules FOR SELECT
    USING (taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('view'))));
CREATE POLICY operated_schedules ON taskcenter.schedules FOR UPDATE
    USING (taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('operate'))));
CREATE POLICY own_skipped_fires ON taskcenter.skipped_fires FOR SELECT
    USING ((SELECT taskcenter.sees_states_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
        OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('view'))));
CREATE POLICY own_run_history ON taskcenter.task_run_history FOR SELECT
    USING ((SELECT taskcenter.sees_contents_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[]));
CREATE POLICY granted_run_history ON taskcenter.task_run_history FOR SELECT
    USING (taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('read')))
        OR (taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('enqueue')))
            AND taskcenter.made_run(run_id)));
CREATE POLICY own_run_logs ON taskcenter.task_run_logs FOR SELECT
    USING ((SELECT taskcenter.sees_contents_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[]));
CREATE POLICY granted_run_logs ON taskcenter.task_run_logs FOR SELECT
    USING (taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('read')))
        OR (taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('enqueue')))
            AND taskcenter.made_run(run_id)));
CREATE POLICY own_audit_logs ON taskcenter.task_audit_logs FOR SELECT
    USING ((SELECT taskcenter.sees_contents_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[]));
CREATE POLICY granted_audit_logs ON taskcenter.task_audit_logs FOR SELECT
    USING (object_type = ANY (ARRAY['task', 'graph'])
        AND taskcenter.is_among(object_id, (SELECT taskcenter.granted_task_ids('manage'))));
/* who made it, whom it concerns, and who manages what it is about */
CREATE POLICY own_grants ON taskcenter.access_grants FOR SELECT
    USING ((SELECT taskcenter.sees_states_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
        OR role_id = 0
        OR role_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
        OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('manage'))));

GRANT SELECT ON taskcenter.tasks, taskcenter.schedules, taskcenter.skipped_fires,
    taskcenter.queues, taskcenter.task_run_history, taskcenter.task_run_logs,
    taskcenter.task_audit_logs, taskcenter.access_grants TO PUBLIC;
GRANT UPDATE (state, status) ON taskcenter.tasks TO PUBLIC;
GRANT UPDATE (state) ON taskcenter.schedules TO PUBLIC;

/* ---- runs ---- */

/*
 * A barrier: a condition of the reader's sees no row before the rule about
 * owners did.  Conditions on columns pass down to both sides all the same,
 * where their operators are leakproof, as = and < of our types are.
 */
CREATE VIEW taskcenter.task_runs WITH (security_barrier) AS
SELECT r.run_id,
    r.task_id,
    t.name AS task,
    r.parent_run_id,
    r.step,
    r.status,
    r.attempt,
    r.max_attempts,
    CASE WHEN s.readable THEN r.params END AS params,
    CASE WHEN s.readable THEN r.output END AS output,
    CASE WHEN s.readable THEN r.error END AS error,
    r.sqlstate,
    CASE WHEN s.readable THEN r.reason END AS reason,
    q.queue,
    r.priority,
    t.owner,
    r.schedule_id,
    r.scheduled_for,
    r.is_catchup,
    r.catchup_from,
    r.catchup_count,
    r.run_at,
    r.created_at,
    r.created_by,
    r.started_at,
    r.finished_at,
    CASE WHEN r.status = 'running'
        THEN taskcenter.last_beat(r.executor_id, r.last_heartbeat_at)
        ELSE r.last_heartbeat_at END AS last_heartbeat_at,
    r.lost,
    CASE WHEN s.readable THEN r.unique_key END AS unique_key,
    r.trace_id,
    CASE WHEN r.code IS NOT NULL THEN r.code
        WHEN r.sqlstate IS NOT NULL OR r.status = ANY (ARRAY['failed', 'timed_out'])
        THEN taskcenter.failure_code_of(r.sqlstate, r.status) END AS code
FROM (
    SELECT run_id, task_id, queue_id, parent_run_id, step, status, attempt, max_attempts,
        params, NULL::jsonb AS output, error, sqlstate, reason, priority, schedule_id,
        scheduled_for, is_catchup, catchup_from, catchup_count, run_at, created_at, created_by,
        started_at, NULL::timestamptz AS finished_at, last_heartbeat_at, lost, unique_key,
        trace_id, executor_id, NULL::text AS code
    FROM taskcenter.live_runs
    UNION ALL
    SELECT run_id, task_id, queue_id, parent_run_id, step, status, attempt, max_attempts,
        params, output, error, sqlstate, reason, priority, schedule_id,
        scheduled_for, is_catchup, catchup_from, catchup_count, run_at, created_at, created_by,
        started_at, finished_at, NULL::timestamptz AS last_heartbeat_at, lost, unique_key,
        trace_id, NULL::bigint AS executor_id, code
    FROM taskcenter.finished_runs) AS r
LEFT JOIN (
    SELECT task_id, name, owner,
        owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
            OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('view'))) AS known,
        owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
            OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('read'))) AS readable,
        taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('enqueue'))) AS enqueueable
    FROM taskcenter.tasks) AS t ON t.task_id = r.task_id
LEFT JOIN taskcenter.queues AS q ON q.queue_id = r.queue_id
CROSS JOIN LATERAL (
    SELECT t.readable OR (SELECT taskcenter.sees_contents_of_all())
        /* who may enqueue reads what he made himself */
        OR (t.enqueueable AND r.created_by = CURRENT_USER::text AND r.schedule_id IS NULL
            AND r.created_at >= (SELECT taskcenter.enqueuing_since()))) AS s (readable)
WHERE t.known OR (SELECT taskcenter.sees_states_of_all());

/*
 * For people: few columns, times to the second, the beginning of errors.  A
 * default psql shows them without folding lines; task_runs has the rest.
 */
CREATE VIEW taskcenter.running_runs WITH (security_barrier) AS
SELECT r.run_id,
    r.task,
    r.attempt,
    e.pid,
    date_trunc('second', clock_timestamp() - e.started_at) AS running_for,
    e.progress_done AS done,
    e.progress_total AS total,
    e.progress_phase AS phase
FROM taskcenter.task_runs AS r
LEFT JOIN taskcenter.executor_activity() AS e
    ON e.run_id = r.run_id AND e.attempt = r.attempt
WHERE r.status = 'running'
ORDER BY r.run_id;

/* found in C, by plans that are kept: making one for all partitions takes longer than reading */
CREATE VIEW taskcenter.recent_runs WITH (security_barrier) AS
SELECT run_id, task, status, attempt, run_at, duration, error
FROM taskcenter.newest_runs(false)
ORDER BY run_id DESC;

CREATE VIEW taskcenter.failed_runs WITH (security_barrier) AS
SELECT n.run_id,
    n.task,
    n.status,
    date_trunc('second', n.finished_at) AS finished_at,
    n.sqlstate,
    n.error
FROM taskcenter.newest_runs(true) AS n
ORDER BY n.finished_at DESC;

CREATE VIEW taskcenter.next_fires WITH (security_barrier) AS
SELECT s.next_run_at AS fires_at,
    t.name AS task,
    s.name AS schedule_name,
    s.schedule,
    s.timezone
FROM taskcenter.schedules AS s
JOIN (
    SELECT task_id, name, state,
        owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
            OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('view'))) AS known
    FROM taskcenter.tasks) AS t ON t.task_id = s.task_id
WHERE s.state = 'active'
  AND s.next_run_at IS NOT NULL
  AND t.state = 'active'
  AND (t.known OR (SELECT taskcenter.sees_states_of_all()))
ORDER BY s.next_run_at;

CREATE VIEW taskcenter.access_levels AS
SELECT level, sees_states, sees_contents, enqueues, works, operates, manages
FROM taskcenter.list_access_levels();

CREATE VIEW taskcenter.run_transitions AS
SELECT old_status, new_status FROM taskcenter.list_run_transitions();

CREATE VIEW taskcenter.status AS
SELECT c.check_name,
    c.state,
    taskcenter.fold_text(c.detail, 36) AS detail,
    taskcenter.fold_text(c.hint, 30) AS hint
FROM taskcenter.status_checks() WITH ORDINALITY AS c (check_name, state, detail, hint, place)
ORDER BY array_position(ARRAY['fail', 'warn', 'ok'], c.state), c.place;

GRANT SELECT ON taskcenter.task_runs, taskcenter.running_runs, taskcenter.recent_runs,
    taskcenter.failed_runs, taskcenter.next_fires, taskcenter.run_transitions,
    taskcenter.access_levels, taskcenter.status TO PUBLIC;

RESET ROLE;

/* ---- listing ---- */

CREATE FUNCTION taskcenter.listed_run_ids(task text, statuses text[], since timestamptz,
    before_run_id bigint, max_rows int) RETURNS bigint[]
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_listed_run_ids';
COMMENT ON FUNCTION taskcenter.listed_run_ids(text, text[], timestamptz, bigint, int) IS
'Ids of the rows that list_runs() shows';

CREATE FUNCTION taskcenter.list_runs(task text = NULL, statuses text[] = NULL,
    since timestamptz = NULL, before_run_id bigint = NULL, max_rows int = 50)
RETURNS SETOF taskcenter.task_runs
LANGUAGE SQL STABLE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT r.*
    FROM taskcenter.task_runs AS r
    WHERE r.run_id = ANY ((SELECT taskcenter.listed_run_ids(list_runs.task,
        list_runs.statuses, list_runs.since, list_runs.before_run_id,
        list_runs.max_rows))::bigint[])
    ORDER BY r.run_id DESC;
END;
COMMENT ON FUNCTION taskcenter.list_runs(text, text[], timestamptz, bigint, int) IS
'Runs, newest first: of a task, in some statuses, made since a time. The next page begins before the last run_id of this one';

GRANT EXECUTE ON FUNCTION
    taskcenter.listed_run_ids(text, text[], timestamptz, bigint, int),
    taskcenter.list_runs(text, text[], timestamptz, bigint, int) TO PUBLIC;
