/*
 * Does what is stored agree with itself?  And is it what it was before?
 *
 * These read every row, in sets and in one snapshot, so that what others do
 * meanwhile raises no false alarm.  SECURITY DEFINER, as the owner of the
 * tables, and granted to those who may know states of all: pg_monitor and the
 * owner of the database.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.integrity_problem AS (
    check_name      text,
    object_type     text,
    object_id       bigint,
    detail          text
);
COMMENT ON TYPE taskcenter.integrity_problem IS
'Something stored that cannot be: which rule it breaks, and in which object';

CREATE TYPE taskcenter.integrity_difference AS (
    relation        text,
    measure         text,
    before_value    text,
    after_value     text
);
COMMENT ON TYPE taskcenter.integrity_difference IS
'What differs between two snapshots: measure is rows, digest, or what else the snapshot counted';

CREATE FUNCTION taskcenter.check_integrity(since timestamptz = NULL)
RETURNS SETOF taskcenter.integrity_problem
LANGUAGE SQL STABLE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL RESTRICTED COST 100000 ROWS 10
SET search_path = pg_catalog, pg_temp
SET work_mem = '64MB'
SET jit = off
BEGIN ATOMIC
    WITH asked AS (
        SELECT coalesce(check_integrity.since, '-infinity') AS since),
    /* retention took what is older than this; own policies reach only what has one */
    purged AS (
        SELECT coalesce(max(p.newest) FILTER (WHERE p.relation = 'finished_runs'
                AND p.policy <> 'own'), '-infinity') AS runs,
            coalesce(max(p.newest) FILTER (WHERE p.relation = 'finished_runs'), '-infinity') AS own_runs,
            coalesce(max(p.newest) FILTER (WHERE p.relation = 'task_run_history'
                AND p.policy <> 'own'), '-infinity') AS history,
            coalesce(max(p.newest) FILTER (WHERE p.relation = 'task_run_history'), '-infinity') AS own_history,
            coalesce(max(p.newest) FILTER (WHERE p.relation = 'dead_letters'), '-infinity') AS letters,
            coalesce(max(p.newest) FILTER (WHERE p.relation = 'task_status_history'), '-infinity') AS statuses
        FROM (SELECT a.object_name AS relation, a.new_values ->> 'policy' AS policy,
                (a.new_values ->> 'newest')::timestamptz AS newest
            FROM taskcenter.task_audit_logs AS a WHERE a.object_type = 'purge') AS p),
    runs AS NOT MATERIALIZED (
        SELECT run_id, task_id, queue_id, status, attempt, created_at, started_at,
            NULL::timestamptz AS finished_at, retention_class, catchup_from, scheduled_for
        FROM taskcenter.live_runs
        UNION ALL
        SELECT run_id, task_id, queue_id, status, attempt, created_at, started_at,
            finished_at, retention_class, catchup_from, scheduled_for
        FROM taskcenter.finished_runs),
    /*
     * The moves of a run lead from nothing to the status that it has: each
     * status is entered as often as it is left, but for the last one.  Sums of
     * hashes tell, whatever the order is in which rows of one instant stand.
     */
    moves AS NOT MATERIALIZED (
        SELECT h.run_id, sum(hashtext(h.new_status)::bigint - coalesce(hashtext(h.old_status), 0)) AS balance,
            count(*) FILTER (WHERE h.old_status IS NULL) AS beginnings
        FROM taskcenter.task_run_history AS h
        WHERE h.changed_at >= (SELECT a.since - interval '1 hour' FROM asked AS a)
        GROUP BY h.run_id)
    SELECT 'run_without_task', 'run', r.run_id, format('task %s does not exist', r.task_id)
    FROM runs AS r
    WHERE r.created_at >= (SELECT a.since FROM asked AS a)
      AND NOT EXISTS (SELECT FROM taskcenter.tasks AS t WHERE t.task_id = r.task_id)
    UNION ALL
    SELECT 'run_without_queue', 'run', r.run_id, format('queue %s does not exist', r.queue_id)
    FROM runs AS r
    WHERE r.created_at >= (SELECT a.since FROM asked AS a)
      AND NOT EXISTS (SELECT FROM taskcenter.queues AS q WHERE q.queue_id = r.queue_id)
    UNION ALL
    SELECT 'run_twice', 'run', l.run_id, format('both %s and %s', l.status, f.status)
    FROM taskcenter.live_runs AS l
    JOIN taskcenter.finished_runs AS f ON f.run_id = l.run_id
    UNION ALL
    SELECT 'run_twice', 'run', f.run_id, format('finished %s times', count(*))
    FROM taskcenter.finished_runs AS f
    WHERE f.finished_at >= (SELECT a.since FROM asked AS a)
    GROUP BY f.run_id HAVING count(*) > 1
    UNION ALL
    SELECT 'impossible_times', 'run', r.run_id,
        concat_ws(', ', CASE WHEN r.finished_at < r.started_at THEN 'finished before it started' END,
            CASE WHEN r.finished_at < r.created_at THEN 'finished before it was made' END,
            CASE WHEN r.started_at < r.created_at THEN 'started before it was made' END,
            CASE WHEN r.catchup_from > r.scheduled_for THEN 'stands for a range that ends before it begins' END,
            CASE WHEN r.created_at > now() + interval '1 hour' THEN 'made in the future' END)
    FROM runs AS r
    WHERE r.created_at >= (SELECT a.since FROM asked AS a)
      AND (r.finished_at < r.started_at OR r.finished_at < r.created_at
        OR r.started_at < r.created_at OR r.catchup_from > r.scheduled_for
        OR r.created_at > now() + interval '1 hour')
    UNION ALL
    SELECT 'impossible_outcome', 'run', r.run_id, 'succeeded without an attempt'
    FROM runs AS r
    WHERE r.created_at >= (SELECT a.since FROM asked AS a) AND r.status = 'succeeded'
      AND (r.attempt < 1 OR r.started_at IS NULL)
    UNION ALL
    SELECT 'wrong_class', 'run', f.run_id,
        format('%s in retention class %s', f.status, f.retention_class)
    FROM taskcenter.finished_runs AS f
    WHERE f.finished_at >= (SELECT a.since FROM asked AS a)
      AND ((f.retention_class = 1 AND f.status = ANY (ARRAY['failed', 'timed_out']))
        OR (f.retention_class = 2 AND NOT f.status = ANY (ARRAY['failed', 'timed_out'])))
    UNION ALL
    SELECT 'unfinished_run_of_archived_task', 'run', l.run_id, format('it is %s', l.status)
    FROM taskcenter.live_runs AS l
    JOIN taskcenter.tasks AS t ON t.task_id = l.task_id
    WHERE t.state = 'archived' AND l.status <> 'running'
    UNION ALL
    SELECT CASE WHEN m.run_id IS NULL THEN 'run_without_history' ELSE 'history_disagrees' END,
        'run', r.run_id, format(CASE WHEN m.run_id IS NULL THEN 'it is %s'
            WHEN m.beginnings <> 1 THEN 'it is %s, and its history begins ' || m.beginnings || ' times'
            ELSE 'it is %s, and its history does not lead there' END, r.status)
    FROM runs AS r
    CROSS JOIN purged AS p
    LEFT JOIN moves AS m ON m.run_id = r.run_id
    WHERE r.created_at >= (SELECT a.since FROM asked AS a)
      AND r.created_at > CASE WHEN r.retention_class = 3 THEN greatest(p.history, p.own_history)
            ELSE p.history END
      AND (m.run_id IS NULL OR m.balance <> hashtext(r.status) OR m.beginnings <> 1)
    UNION ALL
    SELECT 'illegal_move', 'run', h.run_id,
        format('from %s to %s at %s', coalesce(h.old_status, 'nothing'), h.new_status, h.changed_at)
    FROM taskcenter.task_run_history AS h
    WHERE h.changed_at >= (SELECT a.since FROM asked AS a)
      AND coalesce(h.old_status, '') <> h.new_status
      AND NOT (h.old_status IS NULL AND h.new_status = ANY (ARRAY['queued', 'waiting']))
      AND NOT EXISTS (SELECT FROM taskcenter.run_transitions AS t
        WHERE t.old_status = h.old_status AND t.new_status = h.new_status)
    UNION ALL
    SELECT 'history_without_run', 'run', h.run_id, format('%s rows', count(*))
    FROM taskcenter.task_run_history AS h CROSS JOIN purged AS p
    LEFT JOIN taskcenter.tasks AS t ON t.task_id = h.task_id
    WHERE h.changed_at >= (SELECT a.since FROM asked AS a)
      AND h.changed_at > CASE WHEN h.retention_class = 3 OR t.retention_class = 3
            THEN greatest(p.runs, p.own_runs) ELSE p.runs END
      AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS l WHERE l.run_id = h.run_id)
      AND NOT EXISTS (SELECT FROM taskcenter.finished_runs AS f WHERE f.run_id = h.run_id
        AND f.finished_at >= (SELECT a.since FROM asked AS a))
    GROUP BY h.run_id
    UNION ALL
    SELECT 'log_without_run', 'run', g.run_id, format('%s lines', count(*))
    FROM taskcenter.task_run_logs AS g CROSS JOIN purged AS p
    LEFT JOIN taskcenter.tasks AS t ON t.task_id = g.task_id
    WHERE g.logged_at >= (SELECT a.since FROM asked AS a)
      AND g.logged_at > CASE WHEN g.retention_class = 3 OR t.retention_class = 3
            THEN greatest(p.runs, p.own_runs) ELSE p.runs END
      AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS l WHERE l.run_id = g.run_id)
      AND NOT EXISTS (SELECT FROM taskcenter.finished_runs AS f WHERE f.run_id = g.run_id
        AND f.finished_at >= (SELECT a.since FROM asked AS a))
    GROUP BY g.run_id
    UNION ALL
    SELECT 'failed_run_without_letter', 'run', f.run_id, format('it %s at %s', f.status, f.finished_at)
    FROM taskcenter.finished_runs AS f
    JOIN taskcenter.tasks AS t ON t.task_id = f.task_id
    CROSS JOIN purged AS p
    WHERE f.finished_at >= (SELECT a.since FROM asked AS a) AND f.finished_at > p.letters
      AND f.status = ANY (ARRAY['failed', 'timed_out'])
      AND f.parent_run_id IS NULL AND t.kind <> 'composite'
      AND NOT EXISTS (SELECT FROM taskcenter.dead_letters AS d WHERE d.run_id = f.run_id)
    UNION ALL
    SELECT 'letter_disagrees', 'dead_letter', d.dead_letter_id, format('it is %s, and run %s %s', d.state, d.run_id, r.status)
    FROM taskcenter.dead_letters AS d
    JOIN runs AS r ON r.run_id = d.run_id
    WHERE d.root_run_id IS NULL AND (d.state = 'open' AND r.status = 'succeeded'
       OR d.state = 'redriven' AND r.finished_at IS NOT NULL)
    UNION ALL
    SELECT 'letter_disagrees', 'dead_letter', d.dead_letter_id, format('it is %s, and its composite %s %s', d.state, d.root_run_id, r.status)
    FROM taskcenter.dead_letters AS d
    JOIN taskcenter.finished_runs AS r ON r.run_id = d.root_run_id
    /* a failure that its graph goes on in spite of stays open */
    WHERE d.state = 'redriven' OR (d.state = 'open' AND r.status = 'succeeded' AND r.attempt > 1)
    UNION ALL
    SELECT 'letter_without_task', 'dead_letter', d.dead_letter_id, format('task %s does not exist', d.task_id)
    FROM taskcenter.dead_letters AS d
    WHERE NOT EXISTS (SELECT FROM taskcenter.tasks AS t WHERE t.task_id = d.task_id)
    UNION ALL
    SELECT 'schedule_without_task', 'schedule', s.schedule_id, format('task %s does not exist', s.task_id)
    FROM taskcenter.schedules AS s
    WHERE NOT EXISTS (SELECT FROM taskcenter.tasks AS t WHERE t.task_id = s.task_id)
    UNION ALL
    SELECT 'schedule_without_next', 'schedule', s.schedule_id, 'active, and will never fire'
    FROM taskcenter.schedules AS s
    JOIN taskcenter.tasks AS t ON t.task_id = s.task_id AND t.state = 'active'
    WHERE s.state = 'active' AND s.next_run_at IS NULL AND s.schedule !~* '^\s*@reboot'
      AND NOT (s.schedule ~* '^\s*after' AND EXISTS (SELECT FROM taskcenter.live_runs AS l
        WHERE l.task_id = s.task_id AND l.schedule_id = s.schedule_id))
    UNION ALL
    SELECT 'impossible_times', 'schedule', s.schedule_id, 'its next instant is not after its last one'
    FROM taskcenter.schedules AS s
    WHERE s.state = 'active' AND s.next_run_at <= s.last_run_at
    UNION ALL
    SELECT 'skip_without_task', 'skipped_fire', k.skip_id, format('task %s does not exist', k.task_id)
    FROM taskcenter.skipped_fires AS k
    WHERE NOT EXISTS (SELECT FROM taskcenter.tasks AS t WHERE t.task_id = k.task_id)
    UNION ALL
    SELECT 'key_without_task', 'task', k.task_id, format('key of run %s; the task does not exist', k.run_id)
    FROM taskcenter.kept_keys AS k
    WHERE NOT EXISTS (SELECT FROM taskcenter.tasks AS t WHERE t.task_id = k.task_id)
    UNION ALL
    SELECT 'graph_without_task', 'graph', g.first_definition_id,
        format('version %s of task %s, which does not exist or is not composite', g.version, g.task_id)
    FROM taskcenter.graphs AS g
    WHERE NOT EXISTS (SELECT FROM taskcenter.tasks AS t
        WHERE t.task_id = g.task_id AND t.kind = 'composite')
    UNION ALL
    SELECT 'step_without_graph', 'run', l.run_id,
        format('step %s is %s, and run %s, of which it is one, has ended', l.step, l.status, l.parent_run_id)
    FROM taskcenter.live_runs AS l
    WHERE l.parent_run_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM taskcenter.live_runs AS o WHERE o.run_id = l.parent_run_id)
    UNION ALL
    SELECT 'graph_stands_still', 'run', l.run_id, 'it is running, by nobody, and has no steps to wait for'
    FROM taskcenter.live_runs AS l
    WHERE l.status = 'running' AND l.executor_id IS NULL AND l.worker_id IS NULL
      AND NOT (EXISTS (SELECT FROM taskcenter.graph_progress AS p WHERE p.run_id = l.run_id) AND (
        EXISTS (SELECT FROM taskcenter.live_runs AS c WHERE c.parent_run_id = l.run_id)
        OR EXISTS (SELECT FROM taskcenter.arrivals AS a WHERE a.root_run_id = l.run_id)
        OR EXISTS (SELECT FROM taskcenter.graph_progress AS p
            WHERE p.run_id = l.run_id AND (p.paused OR p.phase = 'cancelling'))))
    UNION ALL
    SELECT 'status_disagrees', 'task', t.task_id,
        format('it is %s, and the last accepted move leads to %s', t.status, coalesce(s.new_status, 'nothing'))
    FROM taskcenter.tasks AS t
    CROSS JOIN purged AS p
    LEFT JOIN LATERAL (
        SELECT h.new_status FROM taskcenter.task_status_history AS h
        WHERE h.task_id = t.task_id AND h.accepted
        ORDER BY h.timestamp DESC, h.id DESC LIMIT 1) AS s ON true
    WHERE t.kind = 'manual' AND t.status_changed_at > p.statuses
      AND s.new_status IS DISTINCT FROM t.status
    UNION ALL
    SELECT 'status_without_task', 'status_history', h.id, format('task %s does not exist', h.task_id)
    FROM taskcenter.task_status_history AS h
    WHERE h.timestamp >= (SELECT a.since FROM asked AS a) AND h.task_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM taskcenter.tasks AS t WHERE t.task_id = h.task_id)
    UNION ALL
    /* by the workflow as it is, for moves made since it is so */
    SELECT 'illegal_move', 'status_history', h.id,
        format('from %s to %s in workflow %s', h.old_status, h.new_status, w.name)
    FROM taskcenter.task_status_history AS h
    JOIN taskcenter.tasks AS t ON t.task_id = h.task_id
    JOIN taskcenter.workflows AS w ON w.name = t.workflow
    WHERE h.timestamp >= (SELECT a.since FROM asked AS a) AND h.accepted AND h.timestamp > w.updated_at
      AND h.old_status <> h.new_status
      AND NOT EXISTS (SELECT FROM taskcenter.workflow_transitions AS m
        WHERE m.workflow = w.name AND m.old_status = h.old_status AND m.new_status = h.new_status)
    UNION ALL
    SELECT 'sequence_behind', 'sequence', NULL, format('%s gives %s next, and %s is in use', q.name, q.last_value, q.used)
    FROM (
        SELECT 'run_ids' AS name, (SELECT last_value FROM taskcenter.run_ids) AS last_value, greatest(
            (SELECT max(run_id) FROM taskcenter.live_runs), (SELECT max(run_id) FROM taskcenter.finished_runs)) AS used
        UNION ALL SELECT 'task_ids', (SELECT last_value FROM taskcenter.task_ids),
            (SELECT max(task_id) FROM taskcenter.tasks)
        UNION ALL SELECT 'schedule_ids', (SELECT last_value FROM taskcenter.schedule_ids),
            (SELECT max(schedule_id) FROM taskcenter.schedules)
        UNION ALL SELECT 'queue_ids', (SELECT last_value FROM taskcenter.queue_ids),
            (SELECT max(queue_id) FROM taskcenter.queues)
        UNION ALL SELECT 'audit_ids', (SELECT last_value FROM taskcenter.audit_ids),
            (SELECT max(audit_id) FROM taskcenter.task_audit_logs)
        UNION ALL SELECT 'skip_ids', (SELECT last_value FROM taskcenter.skip_ids),
            (SELECT max(skip_id) FROM taskcenter.skipped_fires)
        UNION ALL SELECT 'dead_letter_ids', (SELECT last_value FROM taskcenter.dead_letter_ids),
            (SELECT max(dead_letter_id) FROM taskcenter.dead_letters)
        UNION ALL SELECT 'workflow_ids', (SELECT last_value FROM taskcenter.workflow_ids),
            (SELECT max(workflow_id) FROM taskcenter.workflows)
        UNION ALL SELECT 'status_history_ids', (SELECT last_value FROM taskcenter.status_history_ids),
            (SELECT max(id) FROM taskcenter.task_status_history)
        UNION ALL SELECT 'event_ids', (SELECT last_value FROM taskcenter.event_ids), greatest(
            (SELECT max(event_id) FROM taskcenter.task_run_history),
            (SELECT max(event_id) FROM taskcenter.task_audit_logs),
            (SELECT max(event_id) FROM taskcenter.task_status_history),
            (SELECT max(event_id) FROM taskcenter.noted_events))
        UNION ALL SELECT 'grant_ids', (SELECT last_value FROM taskcenter.grant_ids),
            (SELECT max(grant_id) FROM taskcenter.access_grants)
        UNION ALL SELECT 'guarded_table_ids', (SELECT last_value FROM taskcenter.guarded_table_ids),
            (SELECT max(guarded_table_id) FROM taskcenter.guarded_tables)
        UNION ALL SELECT 'step_definition_ids', (SELECT last_value FROM taskcenter.step_definition_ids),
            (SELECT max(first_definition_id) FROM taskcenter.graphs)
        UNION ALL SELECT 'token_ids', (SELECT last_value FROM taskcenter.token_ids),
            (SELECT max(token) FROM taskcenter.live_runs)) AS q
    WHERE q.used > q.last_value
    UNION ALL
    SELECT 'guard_not_in_force', 'trigger', NULL, format('%s.%s %s', g.relation, g.trigger_name, g.problem)
    FROM taskcenter.guard_problems() AS g WHERE NOT g.in_force
    UNION ALL
    SELECT 'guard_not_in_force', 'guarded_table', g.guarded_table_id, format('%s has not its triggers, enabled always', g.relation)
    FROM taskcenter.guarded_tables AS g
    JOIN pg_class AS c ON c.oid = g.relation_id::oid AND c.oid = to_regclass(g.relation)
    WHERE g.state = 'guarded' AND (SELECT count(*) FROM pg_trigger AS t
        WHERE t.tgrelid = c.oid AND t.tgfoid = 'taskcenter.guard_row'::regproc
          AND t.tgenabled = 'A') < CASE c.relkind WHEN 'p' THEN 3 ELSE 2 END
    UNION ALL
    SELECT 'constraint_missing', 'table', NULL, format('%s has no primary key', c.relname)
    FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace('taskcenter') AND c.relkind = 'r' AND NOT c.relispartition
      AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid)
    UNION ALL
    SELECT 'constraint_missing', 'table', NULL, format('%s of %s is not valid', k.conname, k.conrelid::regclass)
    FROM pg_constraint AS k
    WHERE k.connamespace = to_regnamespace('taskcenter') AND NOT k.convalidated
    UNION ALL
    /* adoption adds it: a copy is without */
    SELECT 'constraint_missing', 'table', NULL, 'task_status_history has no foreign key to tasks'
    FROM taskcenter.scheduler_state AS s
    WHERE s.database_id = (SELECT d.oid::bigint FROM pg_database AS d WHERE d.datname = current_database())
      AND s.system_identifier = (SELECT c.system_identifier::text FROM pg_control_system() AS c)
      AND NOT EXISTS (SELECT FROM pg_constraint AS k
        WHERE k.conrelid = to_regclass('taskcenter.task_status_history') AND k.contype = 'f');
END;
COMMENT ON FUNCTION taskcenter.check_integrity(timestamptz) IS
'Whether what is stored agrees with itself: orphans, runs that exist twice, impossible times, runs without history and histories that do not lead to the status of their run, moves that no rule allows, sequences behind their ids, guards and constraints that are missing. A row for each problem, no rows: all is well. It reads everything, or what was made since a time, in one snapshot: others go on working meanwhile. What retention took is not missed. For superusers, the owner of the database and members of pg_monitor';

/* ---- before and after ---- */

/* a row of each table enters the digest with all its columns, in no order */
CREATE FUNCTION taskcenter.table_digests() RETURNS jsonb
LANGUAGE SQL STABLE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL RESTRICTED COST 100000
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_object_agg(d.relation, jsonb_build_object('rows', d.rows,
        'digest', to_hex(coalesce(d.digest, 0))))
    FROM (
        SELECT 'tasks' AS relation, count(*) AS rows, bit_xor(hash_record_extended(x, 0)) AS digest FROM taskcenter.tasks AS x
        UNION ALL SELECT 'schedules', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.schedules AS x
        UNION ALL SELECT 'skipped_fires', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.skipped_fires AS x
        UNION ALL SELECT 'queues', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.queues AS x
        UNION ALL SELECT 'setting_values', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.setting_values AS x
        UNION ALL SELECT 'scheduler_state', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.scheduler_state AS x
        UNION ALL SELECT 'access_grants', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.access_grants AS x
        UNION ALL SELECT 'noted_events', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.noted_events AS x
        UNION ALL SELECT 'feature_flags', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.feature_flags AS x
        UNION ALL SELECT 'flag_overrides', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.flag_overrides AS x
        UNION ALL SELECT 'workflows', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.workflows AS x
        UNION ALL SELECT 'task_status_history', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.task_status_history AS x
        UNION ALL SELECT 'task_audit_logs', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.task_audit_logs AS x
        UNION ALL SELECT 'graphs', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.graphs AS x
        UNION ALL SELECT 'guarded_tables', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.guarded_tables AS x
        UNION ALL SELECT 'alert_rules', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.alert_rules AS x
        UNION ALL SELECT 'attention_rules', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.attention_rules AS x
        UNION ALL SELECT 'alerts', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.alerts AS x
        UNION ALL SELECT 'kept_keys', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.kept_keys AS x
        UNION ALL SELECT 'failure_codes', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.failure_codes AS x
        UNION ALL SELECT 'dead_letters', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.dead_letters AS x
        UNION ALL SELECT 'workers', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.workers AS x
        UNION ALL SELECT 'rate_buckets', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.rate_buckets AS x
        UNION ALL SELECT 'counted_usage', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.counted_usage AS x
        UNION ALL SELECT 'usage_horizon', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.usage_horizon AS x
        UNION ALL SELECT 'graph_progress', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.graph_progress AS x
        UNION ALL SELECT 'graph_exemptions', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.graph_exemptions AS x
        UNION ALL SELECT 'arrivals', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.arrivals AS x
        UNION ALL SELECT 'decisions', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.decisions AS x
        UNION ALL SELECT 'signals', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.signals AS x
        UNION ALL SELECT 'live_runs', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.live_runs AS x
        UNION ALL SELECT 'finished_runs', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.finished_runs AS x
        UNION ALL SELECT 'task_run_history', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.task_run_history AS x
        UNION ALL SELECT 'task_run_logs', count(*), bit_xor(hash_record_extended(x, 0)) FROM taskcenter.task_run_logs AS x) AS d;
END;
COMMENT ON FUNCTION taskcenter.table_digests() IS
'Rows and digest of each table: the part of integrity_snapshot() that reads everything';

CREATE FUNCTION taskcenter.integrity_snapshot() RETURNS jsonb
LANGUAGE SQL STABLE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL RESTRICTED COST 100000
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_build_object('format', 1, 'taken_at', now(), 'database', current_database(),
        'version', (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'taskcenter'),
        'tables', taskcenter.table_digests(),
        'counts', jsonb_build_object(
            'tasks', (SELECT jsonb_object_agg(t.state, t.rows)
                FROM (SELECT state, count(*) AS rows FROM taskcenter.tasks GROUP BY state) AS t),
            'schedules', (SELECT jsonb_object_agg(s.state, s.rows)
                FROM (SELECT state, count(*) AS rows FROM taskcenter.schedules GROUP BY state) AS s),
            'live_runs', (SELECT jsonb_object_agg(l.status, l.rows)
                FROM (SELECT status, count(*) AS rows FROM taskcenter.live_runs GROUP BY status) AS l),
            'finished_runs', (SELECT jsonb_object_agg(f.status, f.rows)
                FROM (SELECT status, count(*) AS rows FROM taskcenter.finished_runs GROUP BY status) AS f),
            'purges', jsonb_build_object('pieces',
                (SELECT count(*) FROM taskcenter.task_audit_logs WHERE object_type = 'purge'))));
END;
COMMENT ON FUNCTION taskcenter.integrity_snapshot() IS
'What is stored, as one object to be kept before an upgrade, a migration or a restore: rows and digest of each table, tasks, schedules and runs by state, and the number of purges. compare_integrity() compares it with what is there later, on this server or on another one. It reads everything: pause or drain the scheduler first if nothing may change in between';

CREATE FUNCTION taskcenter.compare_integrity(before jsonb, after jsonb = NULL)
RETURNS SETOF taskcenter.integrity_difference
LANGUAGE SQL STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 100000 ROWS 10
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH given AS (
        SELECT compare_integrity.before AS old, coalesce(compare_integrity.after,
            CASE WHEN NOT taskcenter.refuse_null('before', compare_integrity.before IS NULL)
                THEN taskcenter.integrity_snapshot() END) AS new
        WHERE NOT taskcenter.refuse_null('before', compare_integrity.before IS NULL)),
    measures AS (
        SELECT p.place, r.key AS relation, m.key AS measure, m.value
        FROM (SELECT 'old' AS place, g.old -> 'tables' AS part FROM given AS g
            UNION ALL SELECT 'old', g.old -> 'counts' FROM given AS g
            UNION ALL SELECT 'new', g.new -> 'tables' FROM given AS g
            UNION ALL SELECT 'new', g.new -> 'counts' FROM given AS g) AS p,
            jsonb_each(CASE jsonb_typeof(p.part) WHEN 'object' THEN p.part ELSE '{}' END) AS r,
            jsonb_each_text(CASE jsonb_typeof(r.value) WHEN 'object' THEN r.value ELSE '{}' END) AS m)
    SELECT coalesce(o.relation, n.relation), coalesce(o.measure, n.measure), o.value, n.value
    FROM (SELECT relation, measure, value FROM measures WHERE place = 'old') AS o
    FULL JOIN (SELECT relation, measure, value FROM measures WHERE place = 'new') AS n
        ON n.relation = o.relation AND n.measure = o.measure
    WHERE o.value IS DISTINCT FROM n.value
    ORDER BY 1, 2;
END;
COMMENT ON FUNCTION taskcenter.compare_integrity(jsonb, jsonb) IS
'What differs between a snapshot and another one, or (after NULL) what is there now: a row for each count and digest, no rows: nothing';

RESET ROLE;

REVOKE ALL ON FUNCTION taskcenter.check_integrity(timestamptz), taskcenter.table_digests(),
    taskcenter.integrity_snapshot(), taskcenter.compare_integrity(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION taskcenter.check_integrity(timestamptz), taskcenter.table_digests(),
    taskcenter.integrity_snapshot(), taskcenter.compare_integrity(jsonb, jsonb)
    TO pg_monitor, pg_database_owner;
