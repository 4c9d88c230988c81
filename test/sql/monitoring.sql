-- Metrics, alert rules, review and self test, as far as they go without the library preloaded.
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_monitoring;
CREATE ROLE regress_mon_keeper LOGIN;
CREATE ROLE regress_mon_monitor LOGIN;
GRANT pg_monitor TO regress_mon_monitor;
CREATE ROLE regress_mon_alice LOGIN;
CREATE ROLE regress_mon_gone LOGIN;
ALTER DATABASE regress_monitoring OWNER TO regress_mon_keeper;
\connect regress_monitoring
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
\pset format unaligned
\pset tuples_only on

-- metrics: nothing is counted without shared memory, what tables tell is there
SELECT taskcenter.create_task('first', 'SELECT 1') > 0;
SELECT taskcenter.enqueue_task('first') > 0;
SELECT line FROM regexp_split_to_table(taskcenter.metrics(), E'\n') AS line
WHERE line ~ '^taskcenter_(queue_runs|tasks|scheduler_up|executors)\{';
SELECT count(*) FROM regexp_split_to_table(taskcenter.metrics(), E'\n') AS line WHERE line LIKE '# TYPE%';
-- each sample belongs to the metric above it
SELECT count(*) FROM (SELECT line, count(*) FILTER (WHERE line LIKE '# TYPE%') OVER (ORDER BY place) AS part
    FROM regexp_split_to_table(taskcenter.metrics(), E'\n') WITH ORDINALITY AS l (line, place) WHERE line <> '') AS l
JOIN (SELECT split_part(line, ' ', 3) AS metric, row_number() OVER (ORDER BY place) AS part
    FROM regexp_split_to_table(taskcenter.metrics(), E'\n') WITH ORDINALITY AS l (line, place) WHERE line LIKE '# TYPE%') AS m USING (part)
WHERE line !~ '^#' AND line !~ ('^' || metric || '(_bucket|_sum|_count)?\{');
\set VERBOSITY sqlstate
SET ROLE regress_mon_alice;
SELECT taskcenter.metrics();
SET ROLE regress_mon_monitor;
SELECT length(taskcenter.metrics()) > 1000;
SET ROLE regress_mon_keeper;
SELECT length(taskcenter.metrics()) > 1000;
RESET ROLE;
\set VERBOSITY terse

-- alert rules: made, replaced, dropped, audited
SELECT taskcenter.set_alert_rule('a', 'failure_ratio', '>=', '0.1') AS rule \gset
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3', '1 hour', 'critical', task => 'first', queue => 'default',
    description => 'look at it', reason => 'more precise') = :rule;
SELECT name, metric, comparison, threshold, time_window, severity, task_id IS NOT NULL, queue_id IS NOT NULL, description
FROM taskcenter.alert_rules;
SELECT action, object_type, object_name, reason, new_values ->> 'metric' FROM taskcenter.task_audit_logs
WHERE object_type = 'alert rule' ORDER BY audit_id;
SELECT taskcenter.drop_alert_rule('a', reason => 'done') = :rule;
SELECT taskcenter.drop_alert_rule('a', if_exists => true) IS NULL;
SELECT count(*) FROM taskcenter.alert_rules;

-- refused
SELECT taskcenter.drop_alert_rule('a');
SELECT taskcenter.drop_alert_rule(NULL);
SELECT taskcenter.set_alert_rule(NULL, 'runs_failed', '>', '3');
SELECT taskcenter.set_alert_rule('', 'runs_failed', '>', '3');
SELECT taskcenter.set_alert_rule('a', NULL, '>', '3');
SELECT taskcenter.set_alert_rule('a', 'runs', '>', '3');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', NULL, '3');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '=', '3');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', NULL);
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', 'three');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', 'nan');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', 'inf');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3 s');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', repeat('1', 50));
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3', NULL);
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3', '0');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3', '8 days');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3', severity => 'loud');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3', severity => NULL);
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3', task => 'none');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3', queue => 'none');
SELECT taskcenter.set_alert_rule('a', 'executors_lost', '>', '3', queue => 'default');
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3', description => repeat('x', 3000));
SELECT count(taskcenter.set_alert_rule('rule ' || i, 'runs_failed', '>', '3')) FROM generate_series(1, 100) AS i;
SELECT taskcenter.set_alert_rule('one more', 'runs_failed', '>', '3');
SELECT count(taskcenter.drop_alert_rule(name)) FROM taskcenter.alert_rules WHERE name <> 'rule 1';
UPDATE taskcenter.alert_rules SET threshold = '5';
DELETE FROM taskcenter.alert_rules;
TRUNCATE taskcenter.alert_rules;
INSERT INTO taskcenter.alerts (raised_at, kind, name, state, severity, alert_rule_id, metric, threshold, detail)
VALUES (now(), 'rule', 'a', 'breached', 'info', 1, 'runs_failed', '3', 'planted');
TRUNCATE taskcenter.saved_metrics;
SELECT taskcenter.set_setting('failure_notice_after', value) FROM (VALUES ('0'), ('007')) AS v (value);
SELECT taskcenter.set_setting('failure_notice_after', 'three');
SELECT taskcenter.set_setting('failure_notice_after', '-1');
SELECT taskcenter.set_setting('failure_notice_after', '1000001');
SELECT taskcenter.set_setting('failure_notice_after', NULL);

-- who
\connect - regress_mon_alice
\set VERBOSITY sqlstate
SELECT taskcenter.set_alert_rule('a', 'runs_failed', '>', '3');
SELECT taskcenter.drop_alert_rule('rule 1');
SELECT * FROM taskcenter.self_test();
SELECT * FROM taskcenter.saved_metrics;
UPDATE taskcenter.alert_rules SET threshold = '5';
SELECT (SELECT count(*) FROM taskcenter.alert_rules), (SELECT count(*) FROM taskcenter.open_alerts);
\connect - regress_mon_monitor
SELECT count(*) FROM taskcenter.alert_rules;
\connect - regress_mon_keeper
SELECT count(*) FROM taskcenter.alert_rules;
SELECT taskcenter.drop_alert_rule('rule 1') > 0;

-- self test: nothing can be executed here
\connect - :super
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
\set VERBOSITY terse
SELECT * FROM taskcenter.self_test();

-- review: each finding provoked
TABLE taskcenter.review_items;
SELECT taskcenter.cancel_run(run_id) FROM taskcenter.live_runs;
SET ROLE regress_mon_alice;
SELECT taskcenter.create_task('mail', 'SELECT 1', schedule => '@daily') > 0;
SELECT taskcenter.create_task('bill', 'SELECT 1') > 0;
RESET ROLE;
CREATE FUNCTION public.found() RETURNS SETOF text LANGUAGE sql SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
    SELECT concat_ws(' | ', severity, issue, object_type, object_name,
        regexp_replace(detail, '\d{4}-\d\d-\d\d [0-9:.]+\+00', 'T', 'g'), advice) FROM taskcenter.review() $$;
SELECT found();
BEGIN;
ALTER TABLE taskcenter.tasks DISABLE TRIGGER ALL;
UPDATE taskcenter.tasks SET owner = 'nobody', run_as = 'nobody' WHERE name = 'mail';
UPDATE taskcenter.tasks SET run_as = 'nobody' WHERE name = 'bill';
SELECT found();
UPDATE taskcenter.tasks SET owner = 'regress_mon_alice', run_as = 'regress_mon_alice';
UPDATE taskcenter.tasks SET owner = 'regress_mon_alice', run_as = 'regress_mon_alice',
    owner_id = 'regress_mon_alice'::regrole::oid, run_as_id = 'regress_mon_alice'::regrole::oid;
UPDATE taskcenter.tasks SET state = 'quarantined', state_reason = 'cannot be read' WHERE name = 'bill';
SELECT found();
UPDATE taskcenter.tasks SET state = 'paused', updated_at = now() - interval '31 days' WHERE name = 'bill';
SELECT found();
UPDATE taskcenter.tasks SET state = 'active', created_at = now() - interval '31 days' WHERE name = 'bill';
SELECT found();
ROLLBACK;
BEGIN;
ALTER TABLE taskcenter.schedules DISABLE TRIGGER ALL;
UPDATE taskcenter.schedules SET next_run_at = now() - interval '25 hours';
SELECT found();
UPDATE taskcenter.schedules SET next_run_at = NULL, updated_at = now() - interval '2 minutes';
SELECT found();
UPDATE taskcenter.schedules SET schedule = '@reboot';
SELECT found();
UPDATE taskcenter.schedules SET state = 'quarantined', state_reason = 'no such zone';
SELECT found();
UPDATE taskcenter.schedules SET state = 'paused', updated_at = now() - interval '31 days';
SELECT found();
UPDATE taskcenter.schedules SET state = 'active', next_run_at = now(), created_at = now() - interval '31 days';
SELECT found();
ROLLBACK;
BEGIN;
SELECT taskcenter.enqueue_task('bill') AS run \gset
UPDATE taskcenter.live_runs SET run_at = now() - interval '25 hours';
SELECT replace(found, :'run', 'N') FROM found();
ROLLBACK;
-- failing
BEGIN;
SELECT taskcenter.create_task('bad', 'SELECT 1 / 0') > 0;
SELECT status FROM taskcenter.perform_run(taskcenter.enqueue_task('bad'));
SELECT status FROM taskcenter.perform_run(taskcenter.enqueue_task('bad'));
SELECT found();
SELECT status FROM taskcenter.perform_run(taskcenter.enqueue_task('bad'));
SELECT found();
ROLLBACK;
BEGIN;
SELECT taskcenter.create_task('bad', 'SELECT 1 / 0') > 0;
SELECT status FROM taskcenter.perform_run(taskcenter.enqueue_task('bad'));
ALTER TABLE taskcenter.finished_runs DISABLE TRIGGER ALL;
UPDATE taskcenter.finished_runs SET finished_at = now() - interval '8 days' WHERE status = 'failed';
SELECT found();
ROLLBACK;
-- queues
BEGIN;
SELECT taskcenter.create_queue('old') > 0, taskcenter.pause_queue('default');
ALTER TABLE taskcenter.queues DISABLE TRIGGER ALL;
UPDATE taskcenter.queues SET created_at = now() - interval '31 days', updated_at = now() - interval '31 days';
SELECT found();
ROLLBACK;
-- each sees what is his
GRANT CREATE ON SCHEMA public TO regress_mon_alice;
BEGIN;
ALTER TABLE taskcenter.tasks DISABLE TRIGGER ALL;
UPDATE taskcenter.tasks SET state = 'quarantined';
SET ROLE regress_mon_alice;
SELECT count(*) FROM found() WHERE found LIKE '%quarantined%';
SET ROLE regress_mon_gone;
SELECT count(*) FROM found();
SET ROLE regress_mon_monitor;
SELECT count(*) FROM found() WHERE found LIKE '%quarantined%';
ROLLBACK;

\connect contrib_regression :super
DROP DATABASE regress_monitoring;
DROP ROLE regress_mon_keeper, regress_mon_monitor, regress_mon_alice, regress_mon_gone;
