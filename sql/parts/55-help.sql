/*
 * The comments of everything that users can call or read, by topic.  Whoever
 * adds a function or a relation adds its name to a topic here.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.help_entry AS (
    kind            text,
    name            text,
    meaning         text
);
COMMENT ON TYPE taskcenter.help_entry IS
'What something is, what it is called, and what it means, folded to 100 columns';

CREATE TYPE taskcenter.help_topic AS (
    topic           text,
    title           text,
    members         text[]
);
COMMENT ON TYPE taskcenter.help_topic IS
'A topic of help(), with the names of its functions and relations';

RESET ROLE;

CREATE FUNCTION taskcenter.list_help_topics() RETURNS SETOF taskcenter.help_topic
LANGUAGE SQL IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT t.topic, t.title, string_to_array(t.members, ' ')
    FROM (VALUES
        ('tasks', 'Defining tasks', 'create_task declare_task alter_task rename_task alter_task_owner tasks task_overview'),
        ('graphs', 'Composite tasks: graphs of steps', 'save_graph get_graph plan_task task_tree task_dot task_mermaid graphs decide_step send_signal pause_run resume_run graph_progress decisions signals'),
        ('schedules', 'When tasks fire', 'schedule_task drop_schedule pause_schedule resume_schedule preview_schedule preview_fires schedules next_fires skipped_fires'),
        ('hold', 'Holding and ending tasks', 'pause_task resume_task disable_task enable_task archive_task unarchive_task'),
        ('enqueue', 'Making runs, and waiting for them', 'enqueue_task enqueue_tasks wait_for_run await_run perform_run perform_due_runs'),
        ('runs', 'Looking at runs, and steering them', 'recent_runs running_runs failed_runs list_runs task_runs task_run_history task_run_logs explain_run cancel_run cancel_runs retry_run retry_runs run_transitions'),
        ('pictures', 'How a composite task goes', 'run_tree run_timeline run_dot run_mermaid open_decisions'),
        ('inside', 'Inside a run', 'current_run param write_log report_progress set_output step_output'),
        ('dead letters', 'What failed for good', 'open_dead_letters dead_letters redrive_dead_letter redrive_dead_letters resolve_dead_letter discard_dead_letter export_dead_letters dlq_stats failure_codes set_failure_code failure_code_of watchdog_metrics'),
        ('workers', 'External workers', 'register_worker unregister_worker await_runs claim_runs heartbeat complete_run complete_runs fail_run snooze_run log_run report_run_progress workers worker_runs'),
        ('scheduler', 'The scheduler of the database', 'pause_scheduler resume_scheduler drain_scheduler disable_scheduler wait_until_idle adopt_database databases scheduler_processes'),
        ('queues', 'Queues', 'create_queue pause_queue resume_queue limit_queue queues'),
        ('settings', 'Settings of the database', 'set_setting get_setting settings'),
        ('workflows', 'Status of what people move', 'set_task_status set_task_statuses allowed_transitions status_history transition_failures create_workflow alter_workflow drop_workflow workflows workflow_transitions task_status_history'),
        ('guarded tables', 'Status in tables of your own', 'guard_table unguard_table set_row_status row_status_history guarded_tables'),
        ('documents', 'Tasks of an application as one document', 'export_tasks apply_tasks'),
        ('audit', 'Who changed what', 'set_context task_audit_logs redact_text redact_json'),
        ('flags', 'Feature flags', 'set_flag override_flag flag_enabled feature_flags flag_overrides'),
        ('events', 'What happened, in one stream', 'read_events events_end events'),
        ('retention', 'How long history is kept', 'preview_purge purge purges hold_history release_history'),
        ('access', 'Who may do what', 'grant_access revoke_access access_grants access_levels'),
        ('health', 'Whether everything is as it should be', 'status health explain_task overview guard_problems repair_guards repair_partitions storage check_integrity integrity_snapshot compare_integrity self_test review review_items'),
        ('monitoring', 'Metrics, usage and alerts', 'metrics usage set_alert_rule drop_alert_rule alert_rules alerts open_alerts'),
        ('attention', 'Which alerts are told, when and how often', 'set_attention_rule remove_attention_rule acknowledge_alert preview_attention attention_rules'),
        ('contract', 'What applications rely on', 'api_contract check_contract create_alias_views drop_alias_views help list_help_topics'),
        ('internals', 'Behind the views', 'enqueuing_since executor_activity fold_text granted_task_ids is_among last_beat last_runs list_access_levels list_databases list_run_transitions list_settings listed_run_ids made_run newest_runs next_event_id next_run_event_id refuse_null require_monitor sees_contents_of_all sees_states_of_all status_checks table_digests usage_of_days visible_owner_ids'))
        AS t (topic, title, members);
END;
COMMENT ON FUNCTION taskcenter.list_help_topics() IS
'The topics of help(), and what belongs to each';

CREATE FUNCTION taskcenter.help(topic text = NULL) RETURNS SETOF taskcenter.help_entry
LANGUAGE SQL STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH asked AS (
        SELECT regexp_replace(lower(btrim(help.topic)), '^taskcenter\.|\(.*$', '', 'g') AS topic),
    routines AS (
        SELECT p.oid, p.proname::text AS name, p.prokind,
            CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
            obj_description(p.oid, 'pg_proc') AS meaning
        FROM pg_proc AS p
        WHERE p.pronamespace = to_regnamespace('taskcenter')
          AND p.prorettype <> to_regtype('trigger')
          AND has_function_privilege(p.oid, 'EXECUTE')),
    relations AS (
        SELECT c.oid, c.relname::text AS name,
            CASE c.relkind WHEN 'v' THEN 'view' WHEN 'c' THEN 'type' ELSE 'table' END AS kind,
            CASE c.relkind WHEN 'c' THEN obj_description(c.reltype, 'pg_type')
                ELSE obj_description(c.oid, 'pg_class') END AS meaning
        FROM pg_class AS c
        WHERE c.relnamespace = to_regnamespace('taskcenter')
          AND c.relkind = ANY (ARRAY['r'::"char", 'p'::"char", 'v'::"char", 'c'::"char"])
          AND NOT c.relispartition
          AND (c.relkind = 'c' OR has_table_privilege(c.oid, 'SELECT'))),
    named AS (
        SELECT r.kind, r.name, r.meaning FROM routines AS r
        UNION ALL SELECT r.kind, r.name, r.meaning FROM relations AS r
        UNION ALL SELECT 'setting', s.key, s.description || '; now ' || s.value FROM taskcenter.settings AS s),
    topics AS (
        SELECT t.topic, t.title, m.name, m.place
        FROM taskcenter.list_help_topics() AS t, unnest(t.members) WITH ORDINALITY AS m (name, place)
        UNION ALL
        /* what nobody gave a place to is found all the same */
        SELECT 'others', 'What has no topic', n.name, 1
        FROM named AS n
        WHERE n.kind = ANY (ARRAY['function', 'procedure', 'view', 'table'])
          AND NOT EXISTS (SELECT FROM taskcenter.list_help_topics() AS t WHERE n.name = ANY (t.members))),
    answer AS (
        /* without a topic: the topics */
        SELECT 1 AS level, 0 AS place, 'topic' AS kind, t.topic AS name,
            t.title || ': ' || string_agg(t.name, ', ' ORDER BY t.place) AS meaning
        FROM topics AS t, asked AS a
        WHERE EXISTS (SELECT FROM named AS n WHERE n.name = t.name)
          /* or those that speak of what was asked for, if that is no name */
          AND (a.topic IS NULL
            OR (length(a.topic) > 2 AND position(a.topic IN lower(t.topic || ' ' || t.title)) > 0
                AND NOT EXISTS (SELECT FROM topics AS o WHERE o.topic = a.topic)
                AND NOT EXISTS (SELECT FROM named AS n WHERE a.topic IN (n.name, n.kind || 's'))))
        GROUP BY t.topic, t.title
        UNION ALL
        SELECT 2, 0, 'help', 'help(''runs'')',
            'shows a topic, and so does each name; functions, procedures, views, tables, types and settings list all of a kind'
        FROM asked AS a WHERE a.topic IS NULL
        UNION ALL
        /* a thing by its name: all that is said of it */
        SELECT 1, 0, n.kind, n.name, n.meaning
        FROM named AS n, asked AS a WHERE n.name = a.topic
        UNION ALL
        SELECT 2, g.place::int, 'argument', p.proargnames[g.place],
            format_type(g.type, NULL) || coalesce(' = ' || regexp_replace(
                pg_get_function_arg_default(r.oid, g.place::int), '::[a-z ]+(\[\])?', '', 'g'), '')
        FROM routines AS r
        JOIN asked AS a ON a.topic = r.name
        JOIN pg_proc AS p ON p.oid = r.oid
        CROSS JOIN unnest(p.proargtypes::oid[]) WITH ORDINALITY AS g (type, place)
        UNION ALL
        SELECT 3, 0, 'returns', r.name, pg_get_function_result(r.oid)
        FROM routines AS r, asked AS a WHERE r.name = a.topic AND r.prokind <> 'p'
        UNION ALL
        SELECT 2, c.attnum, 'column', c.attname::text,
            coalesce(col_description(r.oid, c.attnum), format_type(c.atttypid, c.atttypmod))
        FROM relations AS r
        JOIN asked AS a ON a.topic = r.name
        JOIN pg_attribute AS c ON c.attrelid = r.oid AND c.attnum > 0 AND NOT c.attisdropped
        UNION ALL
        /* a topic, a kind, or a part of a name: the first sentence of each */
        SELECT 5, coalesce(t.place, 0)::int, n.kind, n.name, split_part(n.meaning, '. ', 1)
        FROM named AS n
        CROSS JOIN asked AS a
        LEFT JOIN topics AS t ON t.name = n.name AND t.topic = a.topic AND n.kind <> 'setting'
        WHERE (t.topic IS NOT NULL OR a.topic = n.kind || 's'
            OR (length(a.topic) > 2 AND position(replace(a.topic, ' ', '_') IN n.name) > 0
                AND NOT EXISTS (SELECT FROM topics AS o WHERE o.topic = a.topic)))
          AND n.name <> a.topic)
    SELECT w.kind, w.name, taskcenter.fold_text(replace(replace(w.meaning,
        'timestamp with time zone', 'timestamptz'), 'integer', 'int'), 58)
    FROM (SELECT level, place, kind, name, meaning FROM answer
        UNION ALL
        SELECT 1, 0, 'help', a.topic, 'nothing has this in its name, and no topic; without an argument the topics are shown'
        FROM asked AS a WHERE a.topic IS NOT NULL AND NOT EXISTS (SELECT FROM answer)) AS w
    ORDER BY w.level, w.place, CASE w.level WHEN 1 THEN (SELECT min(l.line) FROM (
            SELECT t.topic, row_number() OVER () AS line FROM taskcenter.list_help_topics() AS t) AS l
            WHERE l.topic = w.name) END,
        w.kind, w.name;
END;
COMMENT ON FUNCTION taskcenter.help(text) IS
'What can be called and read. Without an argument the topics; a topic, a kind such as views or settings, or a part of a name lists what belongs to it; a word of a topic shows that topic; the name of one thing tells all about it, with arguments or columns';

GRANT EXECUTE ON FUNCTION taskcenter.help(text), taskcenter.list_help_topics() TO PUBLIC;
