-- The checks of five rollout checklists, as somebody who follows them would type
-- them, answered by taskcenter.  S0: a desktop task center; S1: an agent hub; S2: a
-- job queue with dead letters and heartbeats; S3: a status manager with audit trail; S4: a
-- scheduler with an upgrade runbook.  "Ln" numbers the check; what is expected
-- stands behind it.
--
--     psql -X -d DATABASE -f examples/seed-checks.sql
--
-- Works in a database with the extension, as its owner or a superuser.  It leaves behind the schema seed_names with views of foreign
-- names, and the history of three tasks; SELECT taskcenter.drop_alias_views('seed_names')
-- removes the views.

\set QUIET on
\pset pager off
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS seed_names;
SELECT taskcenter.create_alias_views('seed_names') \g /dev/null
SELECT taskcenter.declare_task('seed_check', 'SELECT taskcenter.set_output(''"done"'')', application => 'seed checks') \g /dev/null
SELECT taskcenter.declare_task('seed_check_fails', 'SELECT 1/0', application => 'seed checks') \g /dev/null
SELECT taskcenter.declare_task('seed_check_article', kind => 'manual', application => 'seed checks') \g /dev/null

\echo '=== names of the extension alone: search_path = taskcenter'
SET search_path = taskcenter;

\echo 'L1  S0: runs, logs and audit agree with each other, as after a rollback they must; no rows'
SELECT * FROM check_integrity();

\echo 'L3  S0: everything that the application calls exists; no rows'
SELECT name, problem FROM check_contract('{create_task,alter_task,archive_task,pause_task,resume_task,schedule_task,enqueue_task,cancel_run,retry_run,pause_scheduler,resume_scheduler,set_setting,preview_purge,purge,task_runs.status,task_run_logs.message,task_audit_logs.action,"set_task_status(task text, to_status text, reason text DEFAULT NULL::text, metadata jsonb DEFAULT ''{}''::jsonb, expected text DEFAULT NULL::text)"}');

\echo 'L5  S0: no purge took anything younger than its cutoff; t (examples/retention.sql purges, and proves it)'
SELECT coalesce(bool_and(newest <= cutoff), true) AS in_policy_kept FROM purges;

\echo 'L7  S1: the health call answers ok: true'
SELECT health() -> 'ok' AS ok;

\echo 'L13 S2: the health script ends in a verdict, with counts; healthy'
SELECT health() ->> 'verdict' AS verdict, health() -> 'pass' AS pass, health() -> 'fail' AS fail, health() -> 'warn' AS warn;
SELECT check_name, state, detail, hint FROM status WHERE state <> 'ok';

\echo 'L14 S3: the table exists; t'
SELECT EXISTS(
  SELECT 1 FROM information_schema.tables
  WHERE table_name = 'task_status_history'
);

\echo 'L15 S3: its indexes; all begin with its name'
SELECT indexname FROM pg_indexes
WHERE tablename = 'task_status_history';
\di task_status_history*

\echo 'L16 S3: its foreign key; one row'
SELECT constraint_name FROM information_schema.table_constraints
WHERE table_name = 'task_status_history'
AND constraint_type = 'FOREIGN KEY';

\echo 'L17 S3: growth; one more entry for each change'
SELECT count(*) AS entries FROM task_status_history \gset
SELECT success, status FROM set_task_status('seed_check_article', 'in_progress', metadata => '{"ticket": 7}');
SELECT success, status, problems ->> 0 AS problem FROM set_task_status('seed_check_article', 'published');
SELECT count(*) - :entries AS more FROM task_status_history;
SELECT
  COUNT(*) as total_entries,
  COUNT(DISTINCT task_id) as unique_tasks,
  MAX(timestamp) as latest_change
FROM task_status_history;

\echo 'L18 S3: index usage; a row for each index'
SELECT
  indexrelname AS indexname, -- the view calls it so
  idx_scan as scans,
  idx_tup_read as tuples_read,
  idx_tup_fetch as tuples_fetched
FROM pg_stat_user_indexes
WHERE relname = 'task_status_history' -- and the table so
ORDER BY idx_scan DESC;

\echo 'L18 S3: the newest 50 of a task (an id of yours); an index scan, far below 100 ms'
SELECT task_id AS article FROM tasks WHERE name = 'seed_check_article' AND state <> 'archived' \gset
EXPLAIN ANALYZE
SELECT * FROM task_status_history
WHERE task_id = :'article'
ORDER BY timestamp DESC LIMIT 50;

\echo 'L19 S3: refused and failed changes; a row for each status that there is'
SELECT new_status, COUNT(*)
FROM task_status_history
WHERE new_status IN ('validation_failed', 'failed')
GROUP BY new_status;

\echo 'L20 S3: the time of queries on it; the checklist names columns that pg_stat_statements does not have'
SELECT count(*) > 0 AS has_statements, min(extnamespace::regnamespace::text) AS its_schema
FROM pg_extension WHERE extname = 'pg_stat_statements' \gset
\if :has_statements
SELECT calls, round(mean_exec_time::numeric, 3) AS mean_ms FROM :its_schema.pg_stat_statements
WHERE query LIKE '%task_status_history%' ORDER BY calls DESC LIMIT 5;
\else
\echo 'pg_stat_statements is not installed; see the time of L18'
\endif

\echo 'L21 S3: stop processing before a rollback (undone here); paused, then running'
BEGIN;
SELECT pause_scheduler('rollback') AS scheduler;
ROLLBACK;
SELECT state FROM status WHERE check_name = 'scheduler_state';

\echo 'L22 S4: schedules, before; compare with after'
SELECT count(*) FROM schedules WHERE state IN ('active','paused');
SELECT count(*) AS before FROM schedules WHERE state IN ('active','paused') \gset

\echo 'L27 S4: an operator pauses everything by a plain UPDATE (undone here); audited, with the operator as actor'
BEGIN;
UPDATE schedules SET state = 'paused' WHERE state = 'active';
SELECT count(*) AS still_active FROM schedules WHERE state = 'active';
SELECT DISTINCT action, object_type, actor = current_user AS by_me, session_role = session_user AS my_session
FROM task_audit_logs WHERE recorded_at >= now() AND object_type = 'schedule';
ROLLBACK;

\echo 'L29 S4: is the scheduler alive, in place of the age of its schedule file; ok'
SELECT check_name, state FROM status WHERE check_name IN ('scheduler', 'scheduler_state') ORDER BY check_name;

\echo '=== with foreign names: search_path = seed_names, taskcenter'
SET search_path = seed_names, taskcenter;

\echo 'L2  S0: the retention of run logs, in days; 30 unless set otherwise'
SELECT key, value FROM task_manager_settings WHERE key = 'task_run_log_retention_days';

\echo 'L9  S2: dead letters; 0 right after the installation'
SELECT COUNT(*) FROM job_dlq;
SELECT COUNT(*) AS dead FROM job_dlq \gset

\echo 'L10 S2: the heartbeat column; one row'
SELECT column_name FROM information_schema.columns
WHERE table_name = 'qc_jobs' AND column_name = 'last_heartbeat_at';

\echo 'L11 S2: the numbers of dead letters, and of the watchdog; they answer'
SELECT (stats ->> 'open')::bigint + (stats ->> 'resolved')::bigint <= (stats ->> 'total')::bigint AS adds_up
FROM dlq_stats() AS stats;
SELECT checked >= stuck AS adds_up, last_checked_at IS NOT NULL AS watches FROM watchdog_metrics();

\echo 'L12 S2: inject a failing job and see it arrive; 1 more, with its error'
SELECT taskcenter.enqueue_task('seed_check_fails') AS run \gset
SELECT * FROM taskcenter.wait_for_run(:run, '15 seconds') \g /dev/null
SELECT COUNT(*) - :dead AS more FROM job_dlq;
SELECT job_type, failure_code, failure_reason, attempt_count FROM job_dlq WHERE job_id = :run;

\echo 'L25 S4: force a run; queued, then completed'
BEGIN;
SELECT taskcenter.enqueue_task('seed_check') AS run \gset
SELECT status FROM executions WHERE id = :run;
COMMIT;
SELECT * FROM taskcenter.wait_for_run(:run, '15 seconds') \g /dev/null
SELECT status FROM executions WHERE id = :run;

\echo 'L4  S0: the stream of events tells of its beginning and its end; t (of ticks and purges when there are any)'
SELECT array_agg(event_type ORDER BY event_id) = '{task_run_started,task_run_finished}' AS told
FROM taskcenter.events WHERE run_id = :run;

\echo 'L8  S1: what tasks do, as events of agents; t'
SELECT array_agg(type ORDER BY id) = '{AGENT_CREATED,TOOL_RUN_STARTED,TOOL_RUN_FINISHED}' AS told
FROM (SELECT min(id) AS id, type FROM agent_events WHERE agent_ref = 'seed_check' AND type ~ '^(TOOL|AGENT_CREATED)' GROUP BY type) AS first;

\echo 'L23 S4: the newest audit entries; job, status, time'
SELECT job_name, status, created_at FROM execution_audit_logs ORDER BY created_at DESC LIMIT 5;

\echo 'L26 S4: who made the newest runs of schedules; scheduler'
SELECT DISTINCT actor FROM (
    SELECT actor FROM execution_audit_logs AS l JOIN executions AS e ON e.id = l.execution_id
    WHERE e.schedule_id IS NOT NULL AND l.previous_status IS NULL ORDER BY l.created_at DESC LIMIT 20) AS newest;

\echo 'L24 S4: the next ten; next_run_at is filled and moves forward over a restart'
SELECT id, next_run_at FROM schedules WHERE state = 'active' ORDER BY next_run_at LIMIT 10;

\echo 'L22 S4: schedules, after; 0 lost'
SELECT :before - count(*) AS lost FROM schedules WHERE state IN ('active','paused');

SELECT taskcenter.archive_task(name) FROM unnest('{seed_check,seed_check_fails,seed_check_article}'::text[]) AS name \g /dev/null
RESET search_path;
