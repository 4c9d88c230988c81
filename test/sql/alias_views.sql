--
-- Views with foreign names: made, made anew, refused, removed; what they show.
--
SET timezone = 'UTC';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
\set VERBOSITY terse
CREATE ROLE regress_tc_owner LOGIN;
CREATE ROLE regress_tc_other;
CREATE SCHEMA "Odd ""names""" AUTHORIZATION regress_tc_owner;
CREATE SCHEMA others AUTHORIZATION regress_tc_other;

-- Names of the schema's own must not get into the views.
SET ROLE regress_tc_owner;
SET search_path = "Odd ""names""";
CREATE FUNCTION trim_scale(numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 666';
CREATE FUNCTION trim_scale(int) RETURNS numeric LANGUAGE sql AS 'SELECT 666';
CREATE FUNCTION round(numeric, int) RETURNS numeric LANGUAGE sql AS 'SELECT 666';
CREATE FUNCTION odd_equal(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR = (FUNCTION = odd_equal, LEFTARG = text, RIGHTARG = text);
CREATE DOMAIN text AS varchar;
RESET search_path;

SELECT taskcenter.create_alias_views('Odd "names"');
SELECT taskcenter.create_alias_views('Odd "names"');
SELECT table_name, table_type FROM information_schema.tables WHERE table_schema LIKE 'Odd%' ORDER BY table_name;
SELECT count(*) AS members FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid
WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass AND c.relnamespace::regnamespace::text LIKE '%Odd%';
SELECT bool_and(pg_get_userbyid(relowner) = 'regress_tc_owner') AS mine, bool_and('security_invoker=true' = ANY (reloptions)) AS invoker,
    bool_and(obj_description(oid, 'pg_class') LIKE 'taskcenter alias: %') AS marked,
    bool_or(pg_get_viewdef(oid) ~ 'Odd|odd_') AS hijacked
FROM pg_class WHERE relnamespace::regnamespace::text LIKE '%Odd%' AND relkind = 'v';
SHOW search_path;

-- What they show is what the reader may see.
RESET ROLE;
SELECT current_user AS me \gset
\c - regress_tc_owner
SET search_path = "Odd ""names""", taskcenter;
SELECT taskcenter.create_task('job', 'SELECT taskcenter.set_output(''{"a": 1}'')', '0 3 * * *') > 0 AS made;
SELECT taskcenter.create_task('broken', 'SELECT 1/0', params => '{"p": 1}') > 0 AS made;
SELECT count(*) FROM job_dlq;
SELECT taskcenter.enqueue_task('job') > 0 AS queued, taskcenter.enqueue_task('broken') > 0 AS queued;
SELECT job_name, status FROM executions ORDER BY id;
SELECT count(*) AS performed FROM taskcenter.perform_due_runs();
SELECT job_name, status, attempt_count, max_attempts, last_error_code, finished_at >= started_at AS timed FROM executions ORDER BY id;
SELECT job_name, previous_status, status, attempt_count, actor <> '' AS told FROM execution_audit_logs ORDER BY execution_id, attempt_count, status DESC;
SELECT job_type, payload, failure_reason, failure_code, attempt_count, max_retries, status, created_by FROM job_dlq;
SELECT qc_type, status, result_json, error_message, progress, completed_at IS NOT NULL AS completed FROM qc_jobs ORDER BY id;
SELECT agent_ref, type, message FROM agent_events ORDER BY id;
SELECT name, schedule, state, next_run_at > now() AS planned FROM schedules;
UPDATE schedules SET state = 'paused' WHERE state = 'active';
SELECT name, state FROM taskcenter.schedules;
SELECT key, value FROM task_manager_settings WHERE key LIKE 'task_run_log%' OR key = 'run_logs_retention' ORDER BY key;
\c - :me
SET search_path = "Odd ""names""", taskcenter;
SELECT taskcenter.set_setting('run_logs_retention', '36 hours') IS NOT NULL AS set;
SELECT key, value, updated_at IS NOT NULL AS dated FROM task_manager_settings WHERE key = 'task_run_log_retention_days';
SELECT taskcenter.set_setting('run_logs_retention', 'keep') IS NOT NULL AS set;
SELECT key, value FROM task_manager_settings WHERE key = 'task_run_log_retention_days';
SET ROLE regress_tc_owner;
GRANT USAGE ON SCHEMA "Odd ""names""" TO regress_tc_other;
GRANT SELECT ON ALL TABLES IN SCHEMA "Odd ""names""" TO regress_tc_other;
SET ROLE regress_tc_other;
SELECT (SELECT count(*) FROM executions) + (SELECT count(*) FROM execution_audit_logs) + (SELECT count(*) FROM job_dlq)
    + (SELECT count(*) FROM qc_jobs) + (SELECT count(*) FROM schedules) AS seen_by_strangers;

-- Refused.
RESET search_path;
SELECT taskcenter.create_alias_views('Odd "names"');
SELECT taskcenter.drop_alias_views('Odd "names"');
SELECT taskcenter.create_alias_views('taskcenter');
SELECT taskcenter.create_alias_views('pg_catalog');
SELECT taskcenter.create_alias_views('nowhere');
SELECT taskcenter.create_alias_views('');
SELECT taskcenter.create_alias_views(NULL);
SELECT taskcenter.drop_alias_views(NULL);
RESET ROLE;
SELECT taskcenter.create_alias_views('taskcenter');
SET ROLE regress_tc_other;
CREATE TABLE others.executions (id int);
SELECT taskcenter.create_alias_views('others');
SELECT count(*) AS made FROM pg_class WHERE relnamespace = 'others'::regnamespace AND relkind = 'v';
DROP TABLE others.executions;
CREATE VIEW others.executions AS SELECT 1 AS id;
SELECT taskcenter.create_alias_views('others');
SELECT taskcenter.drop_alias_views('others');
DROP VIEW others.executions;
SELECT cardinality(taskcenter.create_alias_views('others')) AS made;
CREATE VIEW others.mine AS SELECT * FROM others.executions;
SELECT taskcenter.drop_alias_views('others');
SELECT count(*) AS left FROM pg_class WHERE relnamespace = 'others'::regnamespace AND relkind = 'v';
DROP VIEW others.mine;
SELECT taskcenter.drop_alias_views('others');
SELECT taskcenter.drop_alias_views('others');
RESET ROLE;

-- They stand in nobody's way but that of the extension itself.
DROP EXTENSION taskcenter;
\set VERBOSITY default
SELECT taskcenter.drop_alias_views('Odd "names"');
DROP EXTENSION taskcenter;
SET client_min_messages = error;
DROP SCHEMA "Odd ""names""", others CASCADE;
DROP ROLE regress_tc_owner, regress_tc_other;
