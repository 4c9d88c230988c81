--
-- The audit: one row for each change, by whichever way, and none of anybody's making.
--
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
\set VERBOSITY sqlstate

CREATE ROLE regress_audit_owner LOGIN;
CREATE ROLE regress_audit_stranger;
CREATE TEMP TABLE seen (audit_id bigint);
INSERT INTO seen VALUES (0);
GRANT SELECT, UPDATE ON seen TO PUBLIC;

-- what came since the last look
CREATE FUNCTION pg_temp.fresh() RETURNS TABLE (action text, object_type text, object_name text, old_values jsonb, new_values jsonb, channel text, actor text, reason text)
LANGUAGE sql AS $$
    WITH looked AS (UPDATE seen SET audit_id = greatest(audit_id, (SELECT max(audit_id) FROM taskcenter.task_audit_logs))
        RETURNING audit_id),
    before AS (SELECT audit_id FROM seen)
    SELECT a.action, a.object_type, a.object_name, a.old_values,
        CASE WHEN a.action = 'create' THEN jsonb_build_object('state', a.new_values -> 'state') ELSE a.new_values END,
        a.channel, CASE WHEN a.actor = session_user THEN 'me' ELSE a.actor END, a.reason
    FROM taskcenter.task_audit_logs AS a, before, looked
    WHERE a.audit_id > before.audit_id AND a.audit_id <= looked.audit_id
    ORDER BY a.audit_id
$$;

SELECT taskcenter.create_task('one', 'SELECT 1', schedule => 'at 2099-01-01 03:00', params => '{"a": 1}') > 0 AS created;
SELECT action, object_type, object_name FROM pg_temp.fresh();

-- ---- by functions: only what changed, with the reason ----
SELECT taskcenter.alter_task('one', command => 'SELECT 2', params => '{"a": 1, "password": "x"}', reason => 'ticket 7') > 0;
SELECT taskcenter.alter_task('one', command => 'SELECT 2') > 0 AS the_same_again;
SELECT * FROM taskcenter.pause_task('one', 'night');
SELECT taskcenter.rename_task('one', 'first') > 0;
SELECT taskcenter.limit_queue('default', 3, 'load');
SELECT taskcenter.set_setting('runs_retention', '10 days', 'law');
SELECT taskcenter.pause_scheduler('now');
SELECT taskcenter.resume_scheduler();
SELECT * FROM pg_temp.fresh();

-- ---- by plain SQL: of an operator, of a superuser, of one in replica mode ----
UPDATE taskcenter.tasks SET state = 'active' WHERE name = 'first';
UPDATE taskcenter.schedules SET state = 'paused';
UPDATE taskcenter.schedules SET next_run_at = '2100-01-01' WHERE name = 'default';
UPDATE taskcenter.schedules SET next_run_at = next_run_at;
SELECT * FROM pg_temp.fresh();
SET session_replication_role = replica;
UPDATE taskcenter.queues SET max_running = 4 WHERE queue = 'default';
UPDATE taskcenter.setting_values SET value = '11 days';
UPDATE taskcenter.scheduler_state SET state = 'paused';
INSERT INTO taskcenter.queues (queue) VALUES ('extra');
RESET session_replication_role;
UPDATE taskcenter.scheduler_state SET state = 'running';
SELECT * FROM pg_temp.fresh();
INSERT INTO taskcenter.tasks (name, kind, command, owner, owner_id, run_as, run_as_id)
SELECT 'planted', 'sql', 'SELECT 1', owner, owner_id, run_as, run_as_id FROM taskcenter.tasks;
SELECT * FROM pg_temp.fresh();
BEGIN;
INSERT INTO taskcenter.setting_values (key, value, updated_by) VALUES ('max_wait', '1 minute', 'x');
SELECT action, object_name FROM pg_temp.fresh();
ROLLBACK;
SELECT count(*) AS left_of_what_was_rolled_back FROM taskcenter.task_audit_logs WHERE object_name = 'max_wait';

-- ---- runs that are steered ----
SELECT taskcenter.enqueue_task('first', run_at => '2100-01-01') AS run \gset
SELECT taskcenter.cancel_run(:run, 'wrong day');
SELECT taskcenter.cancel_run(:run, 'it is cancelled already');
SELECT taskcenter.retry_run(:run, 'right after all');
SELECT count(*) FROM taskcenter.enqueue_tasks('[{"task": "first", "run_at": "2100-01-01"}, {"task": "planted", "run_at": "2100-01-01"}]');
SELECT count(*) FROM taskcenter.cancel_runs('first', reason => 'all of them');
SELECT count(*) FROM taskcenter.cancel_runs();
SELECT count(*) FROM taskcenter.cancel_runs();
SELECT count(*) FROM taskcenter.retry_runs('first', '{cancelled}');
SELECT * FROM pg_temp.fresh();
SELECT new_status, reason FROM taskcenter.task_run_history WHERE run_id = :run ORDER BY changed_at;

-- ---- who ----
SELECT taskcenter.create_task('of_owner', 'SELECT 1') > 0 AS created;
SET client_min_messages = error;
GRANT regress_audit_owner TO CURRENT_USER;
SELECT taskcenter.alter_task('of_owner', run_as => 'regress_audit_owner') > 0;
SELECT taskcenter.alter_task_owner('of_owner', 'regress_audit_owner') > 0;
RESET client_min_messages;
BEGIN;
SET LOCAL ROLE regress_audit_owner;
SET LOCAL application_name = 'desk';
SELECT taskcenter.set_context(actor => 'kim', reason => 'asked by phone', trace_id => 't-1');
UPDATE taskcenter.tasks SET state = 'paused' WHERE name = 'of_owner';
SAVEPOINT s;
SELECT taskcenter.set_context(actor => 'lee', reason => 'forgotten');
ROLLBACK TO s;
SELECT taskcenter.resume_task('of_owner');
SELECT taskcenter.disable_task('of_owner', 'a better reason');
COMMIT;
SELECT action, actor, session_role = session_user AS session, effective_role, application_name, client_addr IS NULL AS local, reason, trace_id
FROM taskcenter.task_audit_logs WHERE object_name = 'of_owner' ORDER BY audit_id DESC LIMIT 3;
SET ROLE regress_audit_owner;
SELECT action, object_name FROM taskcenter.task_audit_logs ORDER BY audit_id DESC LIMIT 2;
SET ROLE regress_audit_stranger;
SELECT action, object_name FROM taskcenter.task_audit_logs;
RESET ROLE;

-- an actor can be asked for
SELECT taskcenter.set_setting('require_actor', 'true');
BEGIN;
SELECT taskcenter.set_context(actor => 'kim');
SELECT taskcenter.set_setting('require_actor', 'true');
COMMIT;
UPDATE taskcenter.tasks SET state = 'paused' WHERE name = 'first';
INSERT INTO taskcenter.queues (queue) VALUES ('nobody''s');
SELECT taskcenter.cancel_runs('first');
SELECT taskcenter.enqueue_task('first', run_at => '2100-01-01') > 0 AS runs_may_be_made;
BEGIN;
SELECT taskcenter.set_context(actor => 'kim');
SELECT count(*) FROM taskcenter.cancel_runs('first');
SELECT taskcenter.set_setting('require_actor', 'false');
COMMIT;
SELECT channel, actor, action, object_type FROM taskcenter.task_audit_logs ORDER BY audit_id DESC LIMIT 2;

-- ---- nobody writes, changes or removes it ----
INSERT INTO taskcenter.task_audit_logs SELECT * FROM taskcenter.task_audit_logs LIMIT 1;
INSERT INTO taskcenter.task_audit_logs (recorded_at, action, object_type, channel, actor, session_role, effective_role)
VALUES (now(), 'create', 'task', 'session', 'x', 'x', 'x');
UPDATE taskcenter.task_audit_logs SET actor = 'x';
DELETE FROM taskcenter.task_audit_logs;
TRUNCATE taskcenter.task_audit_logs;
SET session_replication_role = replica;
INSERT INTO taskcenter.task_audit_logs SELECT * FROM taskcenter.task_audit_logs LIMIT 1;
UPDATE taskcenter.task_audit_logs SET actor = 'x';
DELETE FROM taskcenter.task_audit_logs;
TRUNCATE taskcenter.task_audit_logs CASCADE;
RESET session_replication_role;
SET ROLE regress_audit_owner;
INSERT INTO taskcenter.task_audit_logs SELECT * FROM taskcenter.task_audit_logs LIMIT 1;
DELETE FROM taskcenter.task_audit_logs;
RESET ROLE;
-- a guard that was taken out of force is missed, and its return is audited
ALTER TABLE taskcenter.queues DISABLE TRIGGER audit_change;
UPDATE taskcenter.queues SET max_running = 77 WHERE queue = 'extra';
SELECT taskcenter.repair_guards('found by chance');
SELECT taskcenter.repair_guards('again');
SELECT action, object_type, old_values, reason FROM taskcenter.task_audit_logs ORDER BY audit_id DESC LIMIT 1;
-- but a dump is restored as it was
BEGIN;
SET LOCAL check_function_bodies = off;
INSERT INTO taskcenter.queues (queue) VALUES ('restored');
INSERT INTO taskcenter.task_audit_logs (recorded_at, action, object_type, object_name, channel, actor, session_role, effective_role)
VALUES ('2020-01-01', 'create', 'queue', 'restored', 'session', 'x', 'x', 'x');
SELECT recorded_at, action, actor FROM taskcenter.task_audit_logs WHERE object_name = 'restored';
ROLLBACK;

-- ---- a scheduled run does not change schedules ----
CREATE FUNCTION pg_temp.scheduled(command text) RETURNS TABLE (status text, sqlstate text, error text) LANGUAGE plpgsql AS $$
DECLARE
    run bigint;
BEGIN
    PERFORM taskcenter.alter_task('planted', command => command);
    run := taskcenter.enqueue_task('planted', run_at => '2100-01-01');
    UPDATE taskcenter.live_runs SET scheduled_for = '2020-01-01' WHERE run_id = run AND scheduled.command LIKE '%scheduled%';
    RETURN QUERY SELECT r.status, r.sqlstate, r.error FROM taskcenter.perform_run(run) AS r;
END $$;
SELECT * FROM pg_temp.scheduled($$/* scheduled */ SELECT taskcenter.schedule_task('first', '@hourly', 'more')$$);
SELECT * FROM pg_temp.scheduled($$/* scheduled */ UPDATE taskcenter.schedules SET state = 'active'$$);
SELECT * FROM pg_temp.scheduled($$/* scheduled */ SELECT taskcenter.drop_schedule('first')$$);
SELECT * FROM pg_temp.scheduled($$SELECT taskcenter.schedule_task('first', '@hourly', 'more')$$);
SELECT * FROM pg_temp.scheduled($$/* scheduled */ SELECT taskcenter.pause_task('first')$$);
SELECT taskcenter.set_setting('scheduled_runs_may_schedule', 'true');
SELECT * FROM pg_temp.scheduled($$/* scheduled */ SELECT taskcenter.schedule_task('first', '@hourly', 'most')$$);
SELECT action, object_type, object_name, channel, run_id IS NOT NULL AS run FROM taskcenter.task_audit_logs
WHERE channel <> 'session' ORDER BY audit_id;

SET client_min_messages = error;
DROP EXTENSION taskcenter;
DROP ROLE regress_audit_owner, regress_audit_stranger;
