/*
 * check_integrity(): each class of damage, done on purpose by a superuser with
 * the guards switched off, yields its own row and no other; and what a snapshot
 * tells of before and after.
 */
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_integrity;
CREATE ROLE regress_integrity_monitor;
GRANT pg_monitor TO regress_integrity_monitor;
CREATE ROLE regress_integrity_owner;
CREATE ROLE regress_integrity_stranger;
ALTER DATABASE regress_integrity OWNER TO regress_integrity_owner;
\connect regress_integrity
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
\pset format unaligned
\pset tuples_only on
-- before the database is activated
SELECT * FROM taskcenter.check_integrity();
SELECT taskcenter.create_task('ok', 'SELECT 1', schedule => '@daily') AS ok,
    taskcenter.create_task('fails', 'SELECT 1 / 0', max_attempts => 2, backoff => 'none') AS fails,
    taskcenter.create_task('moved', kind => 'manual', options => '{"workflow": "editorial"}') AS moved,
    taskcenter.create_task('own', 'SELECT 1', options => '{"retention": "1 hour"}') AS own \gset
SELECT taskcenter.enqueue_task('ok') AS ok_run, taskcenter.enqueue_task('fails') AS fails_run,
    taskcenter.enqueue_task('own') AS own_run, taskcenter.enqueue_task('ok') AS cancelled_run,
    taskcenter.enqueue_task('ok', run_at => now() + interval '1 day') AS queued_run,
    taskcenter.enqueue_task('ok', '{"a": 1}', run_at => now() + interval '1 day', unique_key => 'k') AS replaced_run \gset
SELECT status FROM taskcenter.perform_run(:ok_run);
SELECT status FROM taskcenter.perform_run(:fails_run);
SELECT status FROM taskcenter.perform_run(:fails_run);
SELECT status FROM taskcenter.perform_run(:own_run);
SELECT taskcenter.cancel_run(:cancelled_run);
SELECT taskcenter.enqueue_task('ok', '{"a": 2}', unique_key => 'k', on_conflict => 'replace') = :replaced_run;
SELECT taskcenter.retry_run(:fails_run);
SELECT status FROM taskcenter.perform_run(:fails_run);
SELECT success FROM taskcenter.set_task_status('moved', 'in_progress');
SELECT success FROM taskcenter.set_task_status('moved', 'published');
SELECT * FROM taskcenter.check_integrity();
SELECT * FROM taskcenter.check_integrity(now() - interval '1 hour');

-- without the rows about the guards that the test itself switches off
CREATE VIEW public.damage AS SELECT * FROM taskcenter.check_integrity() WHERE check_name <> 'guard_not_in_force';
CREATE FUNCTION public.unguard() RETURNS void LANGUAGE plpgsql AS $$ DECLARE r regclass; BEGIN
    FOR r IN SELECT oid FROM pg_class WHERE relnamespace = 'taskcenter'::regnamespace AND relkind IN ('r', 'p') LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', r);
    END LOOP; END $$;

-- orphans
BEGIN; SELECT unguard();
DELETE FROM taskcenter.tasks WHERE task_id = :own;
SELECT check_name, object_type, object_id = :own_run, detail = 'task ' || :own || ' does not exist' FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
DELETE FROM taskcenter.tasks WHERE task_id = :ok;
INSERT INTO taskcenter.skipped_fires (schedule_id, task_id, owner_id, skipped_from, skipped_to, instants, reason) VALUES (1, :ok, 1, now(), now(), 1, 'x');
INSERT INTO taskcenter.kept_keys (task_id, unique_key, run_id, params, expires_at) VALUES (:ok, 'k', 1, '{}', now());
SELECT check_name, object_type, count(*) FROM damage GROUP BY 1, 2 ORDER BY 1, 2;
ROLLBACK;
BEGIN; SELECT unguard();
DELETE FROM taskcenter.tasks WHERE task_id = :moved;
SELECT check_name, object_type, count(*) FROM damage GROUP BY 1, 2 ORDER BY 1, 2;
ROLLBACK;
BEGIN; SELECT unguard();
DELETE FROM taskcenter.finished_runs WHERE run_id = :fails_run;
SELECT check_name, object_type, object_id = :fails_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.live_runs SET queue_id = 99 WHERE run_id = :queued_run;
SELECT check_name, object_type, object_id = :queued_run, detail FROM damage;
ROLLBACK;
-- twice
BEGIN; SELECT unguard();
INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at, priority, max_attempts, status, created_by)
SELECT run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at, priority, max_attempts, 'queued', created_by
FROM taskcenter.finished_runs WHERE run_id = :cancelled_run;
SELECT check_name, object_id = :cancelled_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
INSERT INTO taskcenter.finished_runs SELECT * FROM taskcenter.finished_runs WHERE run_id = :ok_run;
SELECT check_name, object_id = :ok_run, detail FROM damage;
ROLLBACK;
-- times and outcomes
BEGIN; SELECT unguard();
UPDATE taskcenter.finished_runs SET started_at = finished_at + interval '1 second' WHERE run_id = :ok_run;
SELECT check_name, object_id = :ok_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.finished_runs SET started_at = created_at - interval '2 hours', finished_at = created_at - interval '1 hour' WHERE run_id = :ok_run;
SELECT check_name, object_id = :ok_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.live_runs SET created_at = now() + interval '1 day' WHERE run_id = :queued_run;
SELECT check_name, object_id = :queued_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.live_runs SET catchup_from = now(), scheduled_for = now() - interval '1 day' WHERE run_id = :queued_run;
SELECT check_name, object_id = :queued_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.finished_runs SET attempt = 0, started_at = NULL WHERE run_id = :ok_run;
SELECT check_name, object_id = :ok_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.schedules SET last_run_at = next_run_at;
SELECT check_name, object_type, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.schedules SET next_run_at = NULL;
SELECT check_name, object_type, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.schedules SET task_id = 99;
SELECT check_name, object_type, detail FROM damage;
ROLLBACK;
-- classes
BEGIN; SELECT unguard();
UPDATE taskcenter.finished_runs SET retention_class = 1 WHERE run_id = :fails_run;
UPDATE taskcenter.finished_runs SET retention_class = 2 WHERE run_id = :ok_run;
SELECT check_name, object_id, detail FROM damage ORDER BY 2;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.tasks SET state = 'archived', archived_at = now() WHERE task_id = :ok;
SELECT check_name, object_id IN (:queued_run, :replaced_run), detail FROM damage;
ROLLBACK;
-- history
BEGIN; SELECT unguard();
DELETE FROM taskcenter.task_run_history WHERE run_id = :ok_run;
SELECT check_name, object_id = :ok_run, detail FROM damage;
-- what a purge took is not missed, of that policy
INSERT INTO taskcenter.task_audit_logs (recorded_at, action, object_type, object_name, new_values, actor, channel, session_role, effective_role)
SELECT now(), 'purge', 'purge', 'task_run_history', jsonb_build_object('policy', p.policy, 'newest', now()), 'x', 'session', 'x', 'x'
FROM (VALUES ('own')) AS p (policy);
SELECT check_name, object_id = :ok_run, detail FROM damage;
INSERT INTO taskcenter.task_audit_logs (recorded_at, action, object_type, object_name, new_values, actor, channel, session_role, effective_role)
SELECT now(), 'purge', 'purge', 'task_run_history', jsonb_build_object('policy', 'default', 'newest', clock_timestamp()), 'x', 'session', 'x', 'x';
SELECT check_name, object_id = :ok_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
DELETE FROM taskcenter.task_run_history WHERE run_id = :fails_run AND new_status = 'retrying';
SELECT check_name, object_id = :fails_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.finished_runs SET status = 'skipped' WHERE run_id = :cancelled_run;
SELECT check_name, object_id = :cancelled_run, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
UPDATE taskcenter.task_run_history SET old_status = NULL WHERE run_id = :cancelled_run AND new_status = 'cancelled';
SELECT check_name, object_id = :cancelled_run, regexp_replace(detail, ' at .*', '') FROM damage ORDER BY 1;
ROLLBACK;
BEGIN; SELECT unguard();
INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id, task_id, attempt, old_status, new_status, actor)
SELECT :ok_run, now(), owner_id, task_id, 1, m.old_status, m.new_status, 'x'
FROM taskcenter.tasks, (VALUES ('succeeded', 'running'), ('running', 'succeeded')) AS m (old_status, new_status) WHERE task_id = :ok;
SELECT check_name, object_id = :ok_run, regexp_replace(detail, ' at .*', '') FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
INSERT INTO taskcenter.task_run_logs (run_id, logged_at, owner_id, task_id, attempt, level, message)
SELECT 990000, now(), 1, :ok, 1, 'info', 'x' FROM generate_series(1, 3);
SELECT check_name, object_id, detail FROM damage;
ROLLBACK;
-- status of what people move
BEGIN; SELECT unguard();
UPDATE taskcenter.tasks SET status = 'published' WHERE task_id = :moved;
SELECT check_name, object_type, object_id = :moved, detail FROM damage;
ROLLBACK;
BEGIN; SELECT unguard();
INSERT INTO taskcenter.task_status_history (task_id, old_status, new_status, actor, owner_id)
SELECT :moved, m.old_status, m.new_status, 'x', 1 FROM (VALUES ('in_progress', 'published'), ('published', 'in_progress')) AS m (old_status, new_status);
SELECT check_name, object_type, detail FROM damage;
ROLLBACK;
-- sequences
BEGIN;
SELECT setval('taskcenter.run_ids', 1), setval('taskcenter.audit_ids', 1);
SELECT check_name, regexp_replace(detail, ', and [0-9]+', ', and N') FROM damage ORDER BY 2;
ROLLBACK;
SELECT setval('taskcenter.run_ids', 1000), setval('taskcenter.audit_ids', 1000);
-- guards and constraints
BEGIN;
ALTER TABLE taskcenter.live_runs DISABLE TRIGGER guard_status;
SELECT * FROM taskcenter.check_integrity();
ROLLBACK;
BEGIN;
ALTER TABLE taskcenter.kept_keys DROP CONSTRAINT kept_keys_pkey;
ALTER TABLE taskcenter.queues DROP CONSTRAINT queue_limit_not_negative,
    ADD CONSTRAINT queue_limit_not_negative CHECK (max_running >= 0) NOT VALID;
SELECT * FROM damage ORDER BY detail COLLATE "C";
ROLLBACK;
BEGIN;
DO $$ DECLARE name text; BEGIN
    SELECT conname INTO name FROM pg_constraint WHERE conrelid = 'taskcenter.task_status_history'::regclass AND contype = 'f';
    EXECUTE format('ALTER TABLE taskcenter.task_status_history DROP CONSTRAINT %I', name); END $$;
SELECT * FROM damage;
ROLLBACK;
-- since: what was made before is left alone
BEGIN; SELECT unguard();
UPDATE taskcenter.finished_runs SET created_at = '2001-01-01', started_at = '2001-01-02', finished_at = '2001-01-01 12:00' WHERE run_id = :ok_run;
UPDATE taskcenter.task_run_history SET changed_at = '2001-01-01' WHERE run_id = :ok_run;
SELECT check_name, object_id = :ok_run, detail FROM damage;
SELECT * FROM taskcenter.check_integrity('2002-01-01') WHERE check_name <> 'guard_not_in_force';
ROLLBACK;
SELECT * FROM taskcenter.check_integrity();

-- who may
SET ROLE regress_integrity_monitor;
SELECT count(*) FROM taskcenter.check_integrity();
SELECT taskcenter.integrity_snapshot() ->> 'format';
SET ROLE regress_integrity_owner;
SELECT count(*) FROM taskcenter.check_integrity();
SELECT count(*) FROM taskcenter.compare_integrity(taskcenter.integrity_snapshot());
SET ROLE regress_integrity_stranger;
\set VERBOSITY terse
SELECT count(*) FROM taskcenter.check_integrity();
SELECT taskcenter.integrity_snapshot();
SELECT count(*) FROM taskcenter.compare_integrity('{}', '{}');
RESET ROLE;

-- before and after
SELECT taskcenter.integrity_snapshot() AS before \gset
SELECT * FROM taskcenter.compare_integrity(:'before');
SELECT * FROM taskcenter.compare_integrity(:'before', :'before');
SELECT taskcenter.pause_schedule('ok');
SELECT relation, measure, CASE WHEN measure <> 'digest' THEN before_value END, CASE WHEN measure <> 'digest' THEN after_value END
FROM taskcenter.compare_integrity(:'before') ORDER BY 1, 2;
SELECT taskcenter.resume_schedule('ok');
-- the same row with another value: the digest tells
BEGIN; SELECT unguard();
UPDATE taskcenter.finished_runs SET output = '{"forged": true}' WHERE run_id = :ok_run;
SELECT relation, measure FROM taskcenter.compare_integrity(:'before') WHERE relation = 'finished_runs';
ROLLBACK;
-- what is no snapshot
SELECT count(*) > 10 FROM taskcenter.compare_integrity('[]');
SELECT count(*) > 10 FROM taskcenter.compare_integrity('{"tables": 1, "counts": {"tasks": []}}');
SELECT * FROM taskcenter.compare_integrity(NULL);
-- every table of the extension is part of it, but for what each restart writes
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname <> 'saved_metrics' AND NOT taskcenter.table_digests() ? c.relname::text;

\connect contrib_regression :super
DROP DATABASE regress_integrity;
DROP ROLE regress_integrity_monitor, regress_integrity_owner, regress_integrity_stranger;
