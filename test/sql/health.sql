/*
 * status and health(): each check provoked, on a server without the library
 * preloaded; and who learns what.
 */
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_health;
CREATE ROLE regress_health_monitor LOGIN;
GRANT pg_monitor TO regress_health_monitor;
CREATE ROLE regress_health_stranger LOGIN;
CREATE ROLE regress_health_owner LOGIN;
CREATE ROLE regress_health_runner LOGIN;
ALTER DATABASE regress_health OWNER TO regress_health_owner;
\connect regress_health
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
\pset format unaligned
\pset tuples_only on

-- what is not well, but for what this server is: not preloaded
CREATE VIEW public.unwell AS SELECT check_name, state, detail, hint FROM taskcenter.status_checks()
WHERE state <> 'ok' AND check_name NOT IN ('preloaded', 'worker_slots', 'server_settings');
SELECT (state = 'ok') = (current_setting('fsync')::boolean AND current_setting('full_page_writes')::boolean)
FROM taskcenter.status_checks() WHERE check_name = 'server_settings';

-- every check has a name, once, and a state; hints are for what is not well
SELECT count(*) = count(DISTINCT check_name), bool_and(state IN ('ok', 'warn', 'fail')),
    bool_and((hint IS NULL) = (state = 'ok')), bool_and(detail <> '') FROM taskcenter.status_checks();
TABLE unwell;
SELECT taskcenter.create_task('first', 'SELECT 1', schedule => '@daily') > 0;
TABLE unwell;

-- identity, state of the scheduler
SELECT taskcenter.pause_scheduler('test');
TABLE unwell;
SELECT taskcenter.resume_scheduler('test');
BEGIN;
ALTER TABLE taskcenter.scheduler_state DISABLE TRIGGER ALL;
UPDATE taskcenter.scheduler_state SET system_identifier = '1';
SELECT check_name, state, detail FROM unwell WHERE check_name = 'identity';
ROLLBACK;
BEGIN;
UPDATE pg_extension SET extversion = '0.1' WHERE extname = 'taskcenter';
SELECT check_name, state, regexp_replace(detail, 'Library [0-9.]+', 'Library N'), hint FROM unwell;
ROLLBACK;

-- runs
SELECT taskcenter.enqueue_task('first') AS run \gset
UPDATE taskcenter.live_runs SET run_at = now() - interval '1 hour';
SELECT check_name, state, regexp_replace(detail, 'for [0-9]+ s', 'for N s'), hint FROM unwell;
-- what cannot start is not late
BEGIN;
SELECT taskcenter.disable_task('first');
TABLE unwell;
ROLLBACK;
BEGIN;
SELECT taskcenter.pause_queue('default');
TABLE unwell;
ROLLBACK;
BEGIN;
UPDATE taskcenter.live_runs SET status = 'running', executor_id = 99, token = 1, claimed_at = now() - interval '2 minutes';
TABLE unwell;
ROLLBACK;
BEGIN;
UPDATE taskcenter.live_runs SET lost = 1, run_at = now();
TABLE unwell;
ROLLBACK;
SELECT taskcenter.cancel_run(:run);

-- tasks and schedules
BEGIN;
ALTER TABLE taskcenter.tasks DISABLE TRIGGER guard_definition;
UPDATE taskcenter.tasks SET state = 'quarantined';
SELECT * FROM unwell WHERE check_name = 'quarantined';
ROLLBACK;
BEGIN;
SELECT taskcenter.pause_task('first');
TABLE unwell;
ROLLBACK;
BEGIN;
UPDATE taskcenter.schedules SET next_run_at = NULL;
TABLE unwell;
ROLLBACK;
BEGIN;
SELECT taskcenter.schedule_task('first', '@reboot', 'at start') > 0;
TABLE unwell;
ROLLBACK;
BEGIN;
UPDATE taskcenter.schedules SET next_run_at = now() - interval '1 day';
SELECT check_name, state, regexp_replace(detail, 'for [0-9]+ s', 'for N s'), hint FROM unwell;
ROLLBACK;
BEGIN;
SELECT taskcenter.create_task('of another', 'SELECT 1', run_as => 'regress_health_runner') > 0;
ALTER ROLE regress_health_runner NOLOGIN;
TABLE unwell;
ROLLBACK;

-- the house
BEGIN;
ALTER TABLE taskcenter.live_runs DISABLE TRIGGER guard_status;
TABLE unwell;
SELECT taskcenter.repair_guards();
TABLE unwell;
ROLLBACK;
BEGIN;
CREATE FUNCTION public.other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER other AFTER INSERT ON taskcenter.tasks FOR EACH ROW EXECUTE FUNCTION public.other();
TABLE unwell;
ROLLBACK;
BEGIN;
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relname ~ '^task_run_logs_1_p' AND relkind = 'r' LOOP
        EXECUTE format('DROP TABLE taskcenter.%I', name);
    END LOOP; END $$;
TABLE unwell;
ROLLBACK;
BEGIN;
INSERT INTO taskcenter.task_run_logs_1_rest (run_id, logged_at, owner_id, task_id, attempt, level, message)
VALUES (1, now() - interval '10 days', 1, 1, 1, 'info', 'old');
TABLE unwell;
SELECT taskcenter.repair_partitions();
TABLE unwell;
ROLLBACK;
-- users' tables
CREATE TABLE public.papers (paper_id bigint PRIMARY KEY, state text NOT NULL);
SELECT taskcenter.guard_table('public.papers', 'state', 'editorial') > 0;
TABLE unwell;
BEGIN;
ALTER TABLE public.papers DISABLE TRIGGER ALL;
TABLE unwell;
SELECT check_name, object_type, detail FROM taskcenter.check_integrity();
ROLLBACK;
BEGIN;
DROP TABLE public.papers;
TABLE unwell;
ROLLBACK;
BEGIN;
SELECT taskcenter.unguard_table('public.papers') IS NOT NULL;
TABLE unwell;
ROLLBACK;
-- what should have been purged days ago
BEGIN;
INSERT INTO taskcenter.task_run_logs (run_id, logged_at, owner_id, task_id, attempt, level, message)
VALUES (1, now() - interval '960 hours', 1, 1, 1, 'info', 'old');
SELECT taskcenter.repair_partitions();
SELECT check_name, state, detail, hint FROM unwell;
SELECT taskcenter.set_setting('run_logs_retention', 'keep');
TABLE unwell;
ROLLBACK;
BEGIN;
SELECT taskcenter.hold_history('first', 'test');
SELECT detail FROM taskcenter.status_checks() WHERE check_name = 'retention';
ROLLBACK;
BEGIN;
GRANT taskcenter_owner TO regress_health_stranger;
TABLE unwell;
ROLLBACK;
BEGIN;
GRANT INSERT ON taskcenter.tasks TO regress_health_stranger;
TABLE unwell;
ROLLBACK;
BEGIN;
ALTER TABLE taskcenter.tasks DISABLE ROW LEVEL SECURITY;
TABLE unwell;
ROLLBACK;
BEGIN;
ALTER TABLE taskcenter.queues OWNER TO regress_health_owner;
SELECT check_name, state, detail FROM unwell WHERE check_name = 'privileges';
ROLLBACK;
BEGIN;
SELECT taskcenter.set_setting('capacity_warning', '1 kB');
SELECT check_name, state, detail ~ '^All relations: [0-9]+ MB; the largest is [a-z_]+ with [0-9]+ MB\.$', hint FROM unwell;
ROLLBACK;
SELECT taskcenter.set_setting('capacity_warning', value) FROM (VALUES ('0'), ('1.5 GB'), ('100kB')) AS v (value);
SELECT taskcenter.set_setting('capacity_warning', NULL);
\set VERBOSITY terse
SELECT taskcenter.set_setting('capacity_warning', 'much');
SELECT taskcenter.set_setting('capacity_warning', '-1 MB');
SELECT taskcenter.set_setting('capacity_warning', '5 apples');
SELECT taskcenter.set_setting('capacity_warning', '1e300 TB');
SELECT taskcenter.set_setting('capacity_warning', 'nan');
BEGIN;
ALTER TABLE taskcenter.live_runs SET (autovacuum_enabled = off);
TABLE unwell;
ROLLBACK;
BEGIN;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'taskcenter.tasks_name_key'::regclass;
TABLE unwell;
ROLLBACK;

-- health(): one object, the same verdict
SELECT h - 'checks' - 'took_ms' - 'checked_at', (h->>'took_ms')::float > 0,
    (h->>'checked_at')::timestamptz BETWEEN now() - interval '1 minute' AND clock_timestamp(),
    jsonb_array_length(h->'checks') = (h->>'pass')::int + (h->>'warn')::int + (h->>'fail')::int
FROM taskcenter.health() AS h;
SELECT (SELECT count(*) FROM taskcenter.status_checks()) = jsonb_array_length(taskcenter.health()->'checks');
SELECT c->'state', c->'hint' FROM jsonb_array_elements(taskcenter.health()->'checks') AS c
WHERE c->>'check_name' IN ('preloaded', 'enabled');

-- who learns what
CREATE FUNCTION public.told() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT CASE WHEN detail LIKE 'Told to%' THEN 'closed' ELSE 'open' END || ': '
        || string_agg(check_name, ', ' ORDER BY check_name COLLATE "C")
    FROM taskcenter.status_checks() GROUP BY detail LIKE 'Told to%' ORDER BY 1 $$;
GRANT CREATE ON SCHEMA public TO regress_health_owner;
SELECT told();
SET ROLE regress_health_monitor;
SELECT told();
SET ROLE regress_health_owner;
SELECT told();
SET ROLE regress_health_stranger;
SELECT told();
SELECT (taskcenter.health()->>'verdict'), taskcenter.health()::text LIKE '%Told to%';
RESET ROLE;

-- the view for people fits 100 columns, whatever is wrong
SELECT taskcenter.pause_scheduler('test'), taskcenter.pause_queue('default'), taskcenter.pause_task('first');
ALTER TABLE taskcenter.live_runs DISABLE TRIGGER ALL;
GRANT INSERT ON taskcenter.tasks TO regress_health_stranger;
SELECT 1 + max(length(check_name)) + 3 + max(length(state)) + 3 + max(d) + 3 + max(h) <= 100
FROM taskcenter.status, LATERAL (SELECT max(length(l)) AS d FROM regexp_split_to_table(detail, E'\n') AS l) AS d,
    LATERAL (SELECT max(length(l)) AS h FROM regexp_split_to_table(coalesce(hint, ''), E'\n') AS l) AS h;
SELECT string_agg(DISTINCT state, ' ' ORDER BY state) FROM taskcenter.status;
SELECT state FROM taskcenter.status LIMIT 1;

\connect contrib_regression :super
DROP DATABASE regress_health;
DROP ROLE regress_health_monitor, regress_health_stranger, regress_health_owner, regress_health_runner;
