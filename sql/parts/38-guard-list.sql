/*
 * The triggers that must be in force, whatever somebody did with superuser's
 * rights.  Whoever adds a trigger to one of our relations adds a row here: a
 * trigger that is not in the list counts as a stranger's, and one that is in
 * it and not in force keeps the scheduler from working.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.guard_problem AS (
    relation        text,
    trigger_name    text,
    problem         text,
    in_force        boolean,
    repair          text
);
COMMENT ON TYPE taskcenter.guard_problem IS
'A trigger of taskcenter''s that is not as it must be (in_force false; repair is the SQL that brings it back), or a stranger''s trigger or rule on our relations (in_force true)';

RESET ROLE;

CREATE FUNCTION taskcenter.guard_problems() RETURNS SETOF taskcenter.guard_problem
LANGUAGE SQL STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH ours AS (
        SELECT c.oid, c.relname::text AS relation, c.relispartition,
            CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END AS root
        FROM pg_class AS c
        WHERE c.relnamespace = to_regnamespace('taskcenter')
          AND c.relowner = to_regrole('taskcenter_owner')
          AND c.relkind = ANY (ARRAY['r'::"char", 'p'::"char"])),
    listed (relation, trigger_name, fires, condition, function_name) AS (VALUES
        ('live_runs', 'guard_status', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_live_run'),
        ('finished_runs', 'guard_status', 'BEFORE DELETE OR UPDATE', '', 'guard_finished_run'),
        ('finished_runs', 'note_dead_letter', 'AFTER INSERT',
            'WHEN (((new.status = ''failed''::text) OR (new.status = ''timed_out''::text) OR (new.attempt > 1) OR ((new.attempt > 0) AND (new.status <> ''succeeded''::text)))) ',
            'note_dead_letter'),
        ('dead_letters', 'guard_dead_letter', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_dead_letter'),
        ('failure_codes', 'guard_dead_letter', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_dead_letter'),
        ('finished_runs', 'note_arrival', 'BEFORE INSERT', '', 'note_arrival'),
        ('graph_progress', 'guard_graph_run', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_graph_run'),
        ('graph_exemptions', 'guard_graph_run', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_graph_run'),
        ('arrivals', 'guard_graph_run', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_graph_run'),
        ('decisions', 'guard_graph_run', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_graph_run'),
        ('signals', 'guard_graph_run', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_graph_run'),
        ('finished_runs', 'count_run', 'BEFORE INSERT', '', 'count_run'),
        ('task_run_history', 'guard_record', 'BEFORE DELETE OR UPDATE', '', 'guard_record'),
        ('task_run_logs', 'guard_record', 'BEFORE DELETE OR UPDATE', '', 'guard_record'),
        ('task_audit_logs', 'guard_record', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_record'),
        ('tasks', 'guard_definition', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_task'),
        ('tasks', 'regate_runs', 'AFTER UPDATE',
            'WHEN ((old.gated IS DISTINCT FROM new.gated)) ', 'regate_runs'),
        ('tasks', 'guard_status_time', 'BEFORE UPDATE',
            'WHEN ((old.status IS DISTINCT FROM new.status)) ', 'guard_status_time'),
        ('tasks', 'guard_status', 'AFTER UPDATE',
            'WHEN (((old.status IS DISTINCT FROM new.status) OR (old.workflow IS DISTINCT FROM new.workflow) OR ((old.state = ''archived''::text) AND (new.state <> ''archived''::text)))) ',
            'guard_status'),
        ('tasks', 'guard_new_status', 'AFTER INSERT',
            'WHEN ((new.workflow IS NOT NULL)) ', 'guard_status'),
        ('schedules', 'guard_definition', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_schedule'),
        ('schedules', 'resume_by_update', 'AFTER UPDATE',
            'WHEN (((old.state <> new.state) AND (new.state = ''active''::text))) ',
            'resume_by_update'),
        ('queues', 'guard_control', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_control'),
        ('setting_values', 'guard_control', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_control'),
        ('scheduler_state', 'guard_control', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_control'),
        ('workflows', 'guard_definition', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_workflow'),
        ('access_grants', 'guard_grant', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_grant'),
        ('access_grants', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('task_status_history', 'guard_record', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_record'),
        ('graphs', 'guard_record', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_record'),
        ('noted_events', 'guard_record', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_record'),
        ('dead_letters', 'tell_new', 'AFTER INSERT', '', 'tell_dead_letter'),
        ('dead_letters', 'tell_change', 'AFTER UPDATE',
            'WHEN (((old.state <> new.state) OR (old.failed_at <> new.failed_at))) ',
            'tell_dead_letter'),
        ('workers', 'audit_new', 'AFTER INSERT', '', 'audit_change'),
        ('workers', 'audit_end', 'AFTER UPDATE',
            'WHEN (((old.ended_at IS NULL) <> (new.ended_at IS NULL))) ', 'audit_change'),
        ('feature_flags', 'guard_control', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_control'),
        ('feature_flags', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('flag_overrides', 'guard_control', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_control'),
        ('flag_overrides', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('guarded_tables', 'guard_registration', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_registration'),
        ('guarded_tables', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('alert_rules', 'guard_control', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_control'),
        ('alert_rules', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('attention_rules', 'guard_control', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_control'),
        ('attention_rules', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('alerts', 'guard_record', 'BEFORE INSERT OR DELETE OR UPDATE', '', 'guard_alert'),
        ('tasks', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('schedules', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('queues', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('workflows', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('setting_values', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change'),
        ('scheduler_state', 'audit_change', 'AFTER INSERT OR DELETE OR UPDATE', '', 'audit_change')),
    functions AS (
        SELECT p.oid, p.proname::text AS function_name,
            l.lanname <> 'c' OR p.prosrc <> 'taskcenter_' || p.proname AS replaced
        FROM pg_proc AS p
        JOIN pg_language AS l ON l.oid = p.prolang
        WHERE p.pronamespace = to_regnamespace('taskcenter')
          AND p.prorettype = to_regtype('trigger')),
    /* each relation has its own, a partition those of its root; none can be truncated */
    wanted AS (
        SELECT o.oid, coalesce(o.relation, l.relation) AS relation, o.relispartition,
            l.trigger_name, l.fires, 'ROW' AS level, l.condition, l.function_name,
            1 + CASE WHEN l.fires ^@ 'BEFORE' THEN 2 ELSE 0 END
                + CASE WHEN l.fires LIKE '%INSERT%' THEN 4 ELSE 0 END
                + CASE WHEN l.fires LIKE '%DELETE%' THEN 8 ELSE 0 END
                + CASE WHEN l.fires LIKE '%UPDATE%' THEN 16 ELSE 0 END AS type
        FROM listed AS l
        LEFT JOIN ours AS o ON o.root = to_regclass(format('taskcenter.%I', l.relation))
        UNION ALL
        SELECT o.oid, o.relation, false, 'guard_truncate', 'BEFORE TRUNCATE', 'STATEMENT', '',
            'guard_truncate', 2 + 32
        FROM ours AS o
        WHERE NOT o.relation = ANY (ARRAY['kept_keys'])),
    found AS (
        SELECT t.oid, t.tgrelid, t.tgname::text AS trigger_name, t.tgenabled, t.tgtype, t.tgfoid,
            t.tgqual IS NOT NULL AS is_conditional,
            t.tgdeferrable OR t.tgnargs > 0 OR t.tgattr::text <> '' AS is_special
        FROM ours AS o
        JOIN pg_trigger AS t ON t.tgrelid = o.oid AND NOT t.tgisinternal),
    judged AS (
        SELECT w.relation, w.trigger_name, w.relispartition, w.fires, w.level, w.condition,
            w.function_name,
            CASE WHEN f.oid IS NULL THEN 'is missing'
                WHEN f.tgtype <> w.type OR f.is_special OR p.oid IS NULL
                    OR f.is_conditional <> (w.condition <> '') THEN 'was replaced'
                WHEN f.is_conditional AND NOT w.relispartition
                    AND position(w.condition IN pg_get_triggerdef(f.oid)) = 0 THEN 'was replaced'
                WHEN p.replaced THEN 'calls a function that was replaced'
                WHEN f.tgenabled = 'D' THEN 'is disabled'
                WHEN f.tgenabled <> 'A' THEN 'is not enabled always' END AS problem
        FROM wanted AS w
        LEFT JOIN found AS f ON f.tgrelid = w.oid AND f.trigger_name = w.trigger_name
        LEFT JOIN functions AS p ON p.oid = f.tgfoid AND p.function_name = w.function_name)
    SELECT j.relation, j.trigger_name, j.problem, false,
        CASE WHEN j.problem LIKE 'calls%' THEN NULL
            ELSE CASE WHEN j.problem LIKE 'is %ed%' OR j.relispartition THEN ''
                    ELSE CASE WHEN j.problem = 'is missing' THEN ''
                            ELSE format('DROP TRIGGER %I ON taskcenter.%I; ',
                                j.trigger_name, j.relation) END
                        || format('CREATE TRIGGER %I %s ON taskcenter.%I FOR EACH %s %sEXECUTE FUNCTION taskcenter.%I(); ',
                            j.trigger_name, j.fires, j.relation, j.level, j.condition,
                            j.function_name) END
                || format('ALTER TABLE taskcenter.%I ENABLE ALWAYS TRIGGER %I',
                    j.relation, j.trigger_name) END
    FROM judged AS j
    WHERE j.problem IS NOT NULL
    UNION ALL
    SELECT o.relation, f.trigger_name, 'is not of taskcenter', true, NULL
    FROM found AS f
    JOIN ours AS o ON o.oid = f.tgrelid
    WHERE NOT EXISTS (SELECT FROM wanted AS w
        WHERE w.oid = f.tgrelid AND w.trigger_name = f.trigger_name)
    UNION ALL
    SELECT o.relation, r.rulename::text, 'is a rule that is not of taskcenter', true, NULL
    FROM ours AS o
    JOIN pg_rewrite AS r ON r.ev_class = o.oid
    ORDER BY 1, 2;
END;
COMMENT ON FUNCTION taskcenter.guard_problems() IS
'Triggers of our relations that are missing, replaced, or not enabled always, with the SQL that brings each back; and triggers and rules on them that are not ours. No rows: all is well. repair_guards() repairs';

CREATE FUNCTION taskcenter.repair_guards(reason text = NULL) RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_repair_guards';
COMMENT ON FUNCTION taskcenter.repair_guards(text) IS
'Bring back the triggers that guard_problems() finds not in force, and let the scheduler go on. Returns the number of triggers repaired. For superusers and the owner of the database: 42501 for others. 55000 if one cannot be brought back';

GRANT EXECUTE ON FUNCTION taskcenter.guard_problems(), taskcenter.repair_guards(text) TO PUBLIC;

/* what repairs them acts as the owner of the tables */
GRANT EXECUTE ON FUNCTION taskcenter.guard_live_run(), taskcenter.guard_task(),
    taskcenter.regate_runs(), taskcenter.guard_schedule(), taskcenter.resume_by_update(),
    taskcenter.guard_control(), taskcenter.guard_workflow(),
    taskcenter.guard_status_time(), taskcenter.guard_status() TO taskcenter_owner;
