--
-- The scheduler's state, queues, settings, adoption, partitions.
--
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET datestyle = 'ISO, MDY';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
CREATE ROLE regress_tc_stranger;
CREATE ROLE regress_tc_job LOGIN;

-- Reading needs no activation, settings have defaults.
SELECT key, value, default_value, updated_at, updated_by FROM taskcenter.list_settings() ORDER BY key;
SELECT taskcenter.get_setting('max_wait');
SELECT count(*) FROM taskcenter.scheduler_state;

-- Steering activates.
SELECT taskcenter.pause_scheduler('works');
SELECT state, state_reason, changed_by = current_user AS by_me FROM taskcenter.scheduler_state;
SELECT taskcenter.pause_scheduler('again');
SELECT taskcenter.resume_scheduler();
SELECT taskcenter.drain_scheduler('deploy');
SELECT taskcenter.disable_scheduler();
SELECT state, state_reason FROM taskcenter.scheduler_state;
SELECT taskcenter.resume_scheduler('done');
SELECT taskcenter.wait_until_idle('1 second'), taskcenter.wait_until_idle(queue => 'default');
BEGIN;
SELECT taskcenter.drain_scheduler();
SELECT taskcenter.wait_until_idle();
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT taskcenter.wait_until_idle();
ROLLBACK;
SELECT taskcenter.wait_until_idle('0');
SELECT action, object_type, reason, old_values, new_values FROM taskcenter.task_audit_logs
WHERE object_type = 'scheduler' AND action <> 'create' ORDER BY audit_id;

-- What runs is waited for, at most so long.
SELECT taskcenter.create_task('load', 'SELECT 1') > 0 AS made;
SELECT taskcenter.enqueue_task('load') AS run_id \gset
UPDATE taskcenter.live_runs SET status = 'running', token = 1 WHERE run_id = :run_id;
SELECT taskcenter.wait_until_idle('10 milliseconds'),
    taskcenter.wait_until_idle('10 milliseconds', 'default'),
    taskcenter.wait_until_idle('10 milliseconds', 'control');
SELECT taskcenter.drain_scheduler(), taskcenter.resume_scheduler();
-- a task that runs keeps its roles
SELECT taskcenter.alter_task_owner('load', 'regress_tc_job');
SELECT taskcenter.alter_task('load', run_as => 'regress_tc_job');

-- Queues.
SELECT taskcenter.create_queue('slow', 2, 'For reports') > 0 AS made;
SELECT taskcenter.pause_queue('slow', 'works'), taskcenter.pause_queue('slow');
SELECT taskcenter.limit_queue('slow', 0) > 0 AS limited;
SELECT queue, state, state_reason, max_running, description FROM taskcenter.queues
WHERE queue = 'slow';
SELECT taskcenter.resume_queue('slow'), taskcenter.limit_queue('slow', NULL) > 0 AS limited;
SELECT queue, state, state_reason, max_running, description FROM taskcenter.queues
WHERE queue = 'slow';

-- Settings.
SELECT taskcenter.set_setting('runs_retention', 'keep'),
    taskcenter.set_setting('max_wait', '90 minutes'),
    taskcenter.set_setting('require_actor', 'off');
SELECT key, value, updated_by = current_user AS by_me FROM taskcenter.list_settings()
WHERE updated_at IS NOT NULL ORDER BY key;
SELECT taskcenter.set_setting('runs_retention', NULL), taskcenter.get_setting('runs_retention');

-- An actor can be asked for.
BEGIN;
SELECT taskcenter.set_context('alice');
SELECT taskcenter.set_setting('require_actor', 'on');
COMMIT;
\set VERBOSITY sqlstate
SELECT taskcenter.pause_queue('slow');
\set VERBOSITY default
BEGIN;
SELECT taskcenter.set_context('alice');
SELECT taskcenter.pause_queue('slow');
SELECT taskcenter.set_setting('require_actor', 'false');
COMMIT;

-- Only superusers and the database's owner steer.
SET ROLE regress_tc_stranger;
SELECT taskcenter.pause_scheduler();
SELECT taskcenter.resume_scheduler();
SELECT taskcenter.drain_scheduler();
SELECT taskcenter.disable_scheduler();
SELECT taskcenter.adopt_database('mine');
SELECT taskcenter.repair_partitions();
SELECT taskcenter.create_queue('mine');
SELECT taskcenter.pause_queue('default');
SELECT taskcenter.resume_queue('default');
SELECT taskcenter.limit_queue('default', 1);
SELECT taskcenter.set_setting('max_wait', '1 day');
SELECT taskcenter.get_setting('max_wait');
SELECT count(*) > 0 AS seen FROM taskcenter.databases;
SELECT count(*) >= 0 AS seen FROM taskcenter.scheduler_processes();
SELECT count(*) FROM taskcenter.settings;
RESET ROLE;

-- A foreign database takes work, fires nothing, and says so; until it is adopted.
UPDATE taskcenter.scheduler_state SET system_identifier = '1', database_id = 1;
SELECT taskcenter.create_task('copy', 'SELECT 1', '* * * * *') > 0 AS made;
SELECT taskcenter.enqueue_task('copy') > 0 AS queued;
UPDATE taskcenter.tasks SET owner_id = 1, run_as_id = 1 WHERE name = 'load';
SELECT taskcenter.create_task('orphan', 'SELECT 1') > 0 AS made;
UPDATE taskcenter.tasks SET owner = 'regress_tc_gone', run_as = 'regress_tc_gone',
    owner_id = 2, run_as_id = 2 WHERE name = 'orphan';
SELECT taskcenter.adopt_database('a restored copy', 'keep');
SELECT database_id = (SELECT oid FROM pg_database WHERE datname = current_database()) AS here,
    system_identifier = (SELECT system_identifier::text FROM pg_control_system()) AS server
FROM taskcenter.scheduler_state;
SELECT name, state, state_reason, owner_id = current_user::regrole::bigint AS mine, owner_id = 0 AS nobodys
FROM taskcenter.tasks ORDER BY task_id;
SELECT action, object_type, reason FROM taskcenter.task_audit_logs
WHERE action IN ('adopt', 'quarantine') ORDER BY audit_id;
SELECT taskcenter.adopt_database('once more', 'cancel') AS cancelled;
SELECT count(*) AS live FROM taskcenter.live_runs;
SELECT status, reason FROM taskcenter.finished_runs ORDER BY run_id;
SELECT old_status, new_status, reason FROM taskcenter.task_run_history
WHERE new_status = 'cancelled' ORDER BY run_id;

-- Rows of a time without partitions are moved into some of their own.
INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id, task_id, attempt, new_status, actor)
SELECT n, '2020-01-01 00:00+00'::timestamptz + n * interval '1 day', 10, 1, 1, 'queued', 'test'
FROM generate_series(0, 20) AS n;
SELECT count(*) FROM taskcenter.task_run_history_1_rest;
SELECT taskcenter.repair_partitions();
SELECT count(*) FROM taskcenter.task_run_history_1_rest;
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_class AS c
WHERE c.relname ~ '^task_run_history_1_p20(19|20)....$' ORDER BY c.relname;
SELECT count(*) FROM taskcenter.task_run_history WHERE actor = 'test';
SELECT taskcenter.repair_partitions();
TRUNCATE taskcenter.task_run_history_1_p20200106;
-- the width follows the retention, and ranges never overlap
SELECT taskcenter.set_setting('run_history_retention', '10 days');
INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id, task_id, attempt, new_status, actor)
VALUES (1, '2020-01-22 12:00+00', 10, 1, 1, 'queued', 'test'),
    (1, '2019-12-29 12:00+00', 10, 1, 1, 'queued', 'test');
SELECT taskcenter.repair_partitions();
SELECT taskcenter.set_setting('run_history_retention', 'keep');
INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id, task_id, attempt, new_status, actor)
VALUES (1, '2020-01-30 12:00+00', 10, 1, 1, 'queued', 'test');
SELECT taskcenter.repair_partitions();
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_class AS c
WHERE c.relname ~ '^task_run_history_1_p20(19|20)....' AND c.relkind = 'r' ORDER BY c.relname;

DROP EXTENSION taskcenter;
DROP ROLE regress_tc_stranger, regress_tc_job;
