/*
 * Events: one stream, in one order, of records that are written anyway, and of
 * noted_events.  What is of runs is told as the task's option events says.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE VIEW taskcenter.events WITH (security_barrier) AS
SELECT e.event_id,
    e.recorded_at,
    e.event_type,
    e.task_id,
    e.task,
    e.run_id,
    e.attempt,
    e.status,
    e.actor,
    e.payload
FROM (
    SELECT h.event_id,
        h.changed_at AS recorded_at,
        CASE WHEN h.new_status = h.old_status THEN 'task_run_noted'
            WHEN h.new_status = 'running' THEN 'task_run_started'
            WHEN h.new_status = 'retrying' THEN 'task_run_retrying'
            WHEN h.new_status = ANY (ARRAY['queued', 'waiting']) THEN 'task_run_queued'
            ELSE 'task_run_finished' END AS event_type,
        h.owner_id,
        h.task_id AS shared_task_id,
        h.task_id,
        t.name AS task,
        h.run_id,
        h.attempt,
        h.new_status AS status,
        h.actor,
        jsonb_strip_nulls(jsonb_build_object(
            'old_status', h.old_status,
            'reason', h.reason,
            'max_attempts', r.max_attempts,
            'origin', CASE WHEN r.parent_run_id IS NOT NULL THEN 'step'
                WHEN r.schedule_id IS NOT NULL THEN 'schedule'
                WHEN r.max_attempts IS NOT NULL THEN 'call' END,
            'schedule_id', r.schedule_id,
            'scheduled_for', r.scheduled_for,
            'parent_run_id', r.parent_run_id,
            'step', r.step,
            'trace_id', r.trace_id,
            'started_at', f.started_at,
            'finished_at', f.finished_at,
            'duration_ms', round(extract(epoch FROM f.finished_at - f.started_at) * 1000, 3),
            'error', f.error,
            'sqlstate', f.sqlstate)) AS payload
    FROM taskcenter.task_run_history AS h
    LEFT JOIN taskcenter.tasks AS t ON t.task_id = h.task_id
    /* what does not change while the run lives; its end is not before what is told */
    LEFT JOIN LATERAL (
        SELECT l.max_attempts, l.schedule_id, l.scheduled_for, l.parent_run_id, l.step, l.trace_id,
            NULL::timestamptz AS started_at, NULL::timestamptz AS finished_at, NULL::text AS error,
            NULL::text AS sqlstate
        FROM taskcenter.live_runs AS l
        WHERE l.run_id = h.run_id
        UNION ALL
        SELECT f.max_attempts, f.schedule_id, f.scheduled_for, f.parent_run_id, f.step, f.trace_id,
            f.started_at, f.finished_at, f.error, f.sqlstate
        FROM taskcenter.finished_runs AS f
        WHERE f.run_id = h.run_id AND f.finished_at >= h.changed_at) AS r ON true
    /* of the end that is told, not of a later one */
    LEFT JOIN LATERAL (
        SELECT r.started_at, r.finished_at, r.error, r.sqlstate
        WHERE r.finished_at = h.changed_at) AS f ON true
    WHERE h.event_id IS NOT NULL
      AND (t.events IS NULL OR t.events = 'all'
        OR (t.events = 'failures' AND h.new_status = ANY (ARRAY['retrying', 'failed', 'timed_out'])
            AND h.old_status IS DISTINCT FROM h.new_status))
    UNION ALL
    SELECT s.event_id,
        s.timestamp,
        CASE WHEN s.accepted THEN 'status_changed' ELSE 'status_refused' END,
        s.owner_id,
        s.task_id,
        s.task_id,
        t.name,
        NULL,
        NULL,
        s.new_status,
        s.actor,
        jsonb_strip_nulls(jsonb_build_object('old_status', s.old_status,
            'requested_status', s.requested_status, 'reason', s.reason, 'problems', s.problems,
            'relation', s.relation, 'row_key', s.row_key))
            || CASE WHEN s.metadata = '{}' THEN '{}' ELSE jsonb_build_object('metadata', s.metadata) END
    FROM taskcenter.task_status_history AS s
    LEFT JOIN taskcenter.tasks AS t ON t.task_id = s.task_id
    WHERE s.event_id IS NOT NULL
    UNION ALL
    /* who was granted to read a task does not read who changed it */
    SELECT a.event_id,
        a.recorded_at,
        CASE a.object_type WHEN 'purge' THEN 'task_history_purged'
            WHEN 'run' THEN 'task_run_steered'
            WHEN 'guards' THEN 'guards_repaired'
            WHEN 'worker' THEN CASE a.action WHEN 'create' THEN 'worker_registered'
                ELSE 'worker_ended' END
            ELSE replace(a.object_type, ' ', '_') || '_changed' END,
        a.owner_id,
        NULL,
        CASE a.object_type WHEN 'task' THEN a.object_id END,
        CASE a.object_type WHEN 'task' THEN a.object_name END,
        CASE a.object_type WHEN 'run' THEN a.object_id END,
        NULL,
        a.new_values ->> 'state',
        a.actor,
        jsonb_strip_nulls(jsonb_build_object('action', a.action, 'name', a.object_name,
            'reason', a.reason, 'channel', a.channel, 'by_run_id', a.run_id, 'trace_id', a.trace_id))
            || CASE WHEN a.old_values IS NULL THEN '{}'
                ELSE jsonb_build_object('old_values', a.old_values) END
            || CASE WHEN a.new_values IS NULL THEN '{}'
                ELSE jsonb_build_object('new_values', a.new_values) END
    FROM taskcenter.task_audit_logs AS a
    /* what is done to a dead letter is told when it changes */
    WHERE a.event_id IS NOT NULL AND a.object_type <> 'dead letter'
    UNION ALL
    SELECT n.event_id,
        n.recorded_at,
        n.event_type,
        n.owner_id,
        n.task_id,
        n.task_id,
        t.name,
        n.run_id,
        NULL,
        NULL,
        NULL,
        n.payload
    FROM taskcenter.noted_events AS n
    LEFT JOIN taskcenter.tasks AS t ON t.task_id = n.task_id) AS e
WHERE (SELECT taskcenter.sees_contents_of_all())
   OR e.owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
   OR taskcenter.is_among(e.shared_task_id, (SELECT taskcenter.granted_task_ids('read')))
   OR (e.owner_id IS NULL AND (SELECT taskcenter.sees_states_of_all()));

RESET ROLE;

CREATE FUNCTION taskcenter.read_events(after bigint = 0, max_rows int = 100, types text[] = NULL)
RETURNS SETOF taskcenter.events
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'taskcenter_read_events';
COMMENT ON FUNCTION taskcenter.read_events(bigint, int, text[]) IS
'The next events after a number, in the order of their numbers: those of types, or all (NULL), that the caller may see, at most max_rows (10000). Keep the last event_id, and give it as after the next time: no event is missed, none comes twice. An event is told when its transaction has committed, and so has every one that took a lower number: a transaction that writes events and stays open holds up what comes after it, and the check event_stream of status says so. Who reads few types, or few tasks, calls events_end() before, and goes on from there when he got fewer rows than he asked for. Raises 55000 on a standby, and in a transaction that keeps one snapshot';

CREATE FUNCTION taskcenter.events_end() RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_events_end';
COMMENT ON FUNCTION taskcenter.events_end() IS
'The number up to which read_events() tells all there is now: a new reader who wants nothing of the past begins after it. Raises 55000 as read_events() does';

GRANT EXECUTE ON FUNCTION taskcenter.read_events(bigint, int, text[]), taskcenter.events_end() TO PUBLIC;
GRANT SELECT ON taskcenter.events TO PUBLIC;
