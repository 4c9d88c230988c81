--
-- Tasks: create, declare, alter, steer, and what each leaves in the tables.
--
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET datestyle = 'ISO, MDY';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
CREATE ROLE regress_tc_team NOLOGIN;
CREATE ROLE regress_tc_job LOGIN;
CREATE ROLE regress_tc_stranger LOGIN;

-- The first task activates the database.
SELECT count(*) FROM taskcenter.scheduler_state;
SELECT taskcenter.create_task('load', 'SELECT 1') AS task_id;
SELECT state, database_name = current_database() AS here FROM taskcenter.scheduler_state;
SELECT queue, state, max_running FROM taskcenter.queues ORDER BY queue_id;
SELECT parent, count(*) AS partitions, bool_and(indexed) AS indexed, bool_and(guarded) AS guarded
FROM (SELECT i.inhparent::regclass::text AS parent,
        EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = i.inhrelid) AS indexed,
        EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = i.inhrelid
            AND t.tgname = 'guard_truncate' AND t.tgenabled = 'A') AS guarded
      FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
      WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind = 'r'
        AND c.relname !~ '_rest$' AND c.relreplident = 'f'
        AND c.relowner = 'taskcenter_owner'::regrole) AS p
GROUP BY parent ORDER BY parent;

-- Defaults, and every property.
SELECT task_id, name, kind, state, command, params, queue, priority, max_attempts, backoff,
    backoff_base, backoff_cap, timeout, overlap, misfire, transaction_mode, learned_mode, on_crash,
    owner = current_user AS mine, run_as = current_user AS as_me, description, tags, application,
    batch, isolation, synchronous_commit, settings, capture_output, log_level, max_running,
    max_lost, stuck_after, misfire_grace, max_catchup, dst_gap, dst_repeat, retention,
    failed_retention, events, retry_rules, definition_version, gated
FROM taskcenter.tasks \gx
SELECT taskcenter.create_task('all', 'SELECT taskcenter.param(''a'')', 'every 15 minutes',
    'Europe/Berlin', 'sql', '{"a": null, "b": [1]}', 'control', -5, 7, 'linear', '2 seconds',
    '3 hours', '10 minutes', 'queue', 'run_all', 'atomic', 'fail', 'regress_tc_job',
    'Does it all', '{red,blue,red}', 'shop',
    '{"batch": 10, "isolation": "process", "synchronous_commit": "off",
      "settings": {"search_path": "public", "work_mem": "8MB", "my.flag": true},
      "capture_output": true, "log_level": "debug", "max_running": 2, "max_lost": 5,
      "stuck_after": "5 minutes", "misfire_grace": "30 seconds", "max_catchup": 9,
      "dst_gap": "skip", "dst_repeat": "both", "retention": "7 days",
      "failed_retention": "keep", "events": "failures", "paused": true,
      "retry_rules": [{"sqlstate": "40", "delay": "1 second"}]}') AS task_id;
SELECT task_id, name, kind, state, command, params, queue, priority, max_attempts, backoff,
    backoff_base, backoff_cap, timeout, overlap, misfire, transaction_mode, learned_mode, on_crash,
    owner = current_user AS mine, run_as, description, tags, application,
    batch, isolation, synchronous_commit, settings, capture_output, log_level, max_running,
    max_lost, stuck_after, misfire_grace, max_catchup, dst_gap, dst_repeat, retention,
    failed_retention, events, retry_rules, definition_version, gated
FROM taskcenter.tasks WHERE name = 'all' \gx
SELECT name, schedule, timezone, state, next_run_at > now() AS planned
FROM taskcenter.schedules ORDER BY schedule_id;

-- Declaring: created, changed, unchanged.
SELECT taskcenter.declare_task('decl', 'SELECT 1', '0 3 * * *', params => '{"x": 1}');
SELECT xmin AS before FROM taskcenter.tasks WHERE name = 'decl' \gset
SELECT count(*) AS audited FROM taskcenter.task_audit_logs \gset
SELECT taskcenter.declare_task('decl', 'SELECT 1', '0 3 * * *', params => '{"x": 1}');
SELECT xmin = :before AS untouched FROM taskcenter.tasks WHERE name = 'decl';
SELECT count(*) = :audited AS nothing_audited FROM taskcenter.task_audit_logs;
SELECT taskcenter.declare_task('decl', 'SELECT 1', '0 4 * * *', params => '{"x": 1}');
SELECT taskcenter.declare_task('decl', 'SELECT 1', params => '{"x": 2}', tags => '{b,a}');
SELECT taskcenter.declare_task('decl', 'SELECT 1', params => '{"x": 2}', tags => '{a,b,a}');
SELECT command, params, tags, definition_version FROM taskcenter.tasks WHERE name = 'decl';
SELECT schedule FROM taskcenter.schedules JOIN taskcenter.tasks USING (task_id)
WHERE tasks.name = 'decl';
-- an instant that has passed is done
SELECT taskcenter.declare_task('once', 'SELECT 1', 'at 2001-01-01 00:00');
SELECT taskcenter.declare_task('once', 'SELECT 1', 'at 2001-01-01 00:00');
SELECT s.state, s.next_run_at FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t
USING (task_id) WHERE t.name = 'once';

-- What surely cannot run in a transaction is autonomous, and not repeated after a crash.
SELECT taskcenter.declare_task('tidy', 'VACUUM');
SELECT taskcenter.declare_task('tidy', 'VACUUM');
SELECT transaction_mode, learned_mode, on_crash, gated FROM taskcenter.tasks WHERE name = 'tidy';
SELECT taskcenter.alter_task('tidy', on_crash => 'retry') > 0 AS altered;
SELECT taskcenter.declare_task('tidy', 'VACUUM');
SELECT learned_mode, on_crash FROM taskcenter.tasks WHERE name = 'tidy';
SELECT taskcenter.alter_task('tidy', 'SELECT 1') > 0 AS altered;
SELECT learned_mode, on_crash, gated FROM taskcenter.tasks WHERE name = 'tidy';

-- Altering: what is not given stays, reset goes back.
SELECT taskcenter.alter_task('all', priority => 3, reset => '{timeout,max_running,retry_rules}',
    options => '{"batch": 20}', reason => 'calmer') > 0 AS altered;
SELECT priority, timeout, max_running, retry_rules, batch, command, params, definition_version
FROM taskcenter.tasks WHERE name = 'all';
SELECT taskcenter.alter_task('all') > 0 AS altered;
SELECT definition_version FROM taskcenter.tasks WHERE name = 'all';
SELECT taskcenter.alter_task('all', schedule => 'every 20 minutes') > 0 AS altered;
SELECT schedule, timezone FROM taskcenter.schedules JOIN taskcenter.tasks USING (task_id)
WHERE tasks.name = 'all';
SELECT taskcenter.alter_task('all', timezone => 'UTC') > 0 AS altered;
SELECT schedule, timezone FROM taskcenter.schedules JOIN taskcenter.tasks USING (task_id)
WHERE tasks.name = 'all';

-- States.
SELECT taskcenter.resume_task('all'), taskcenter.resume_task('all');
SELECT taskcenter.pause_task('all', 'tired'), taskcenter.pause_task('all');
SELECT state, state_reason FROM taskcenter.tasks WHERE name = 'all';
SELECT taskcenter.disable_task('all'), taskcenter.disable_task('all');
SELECT taskcenter.enable_task('all'), taskcenter.enable_task('all');
SELECT state, state_reason FROM taskcenter.tasks WHERE name = 'all';
ALTER TABLE taskcenter.tasks DISABLE TRIGGER guard_definition;
UPDATE taskcenter.tasks SET state = 'quarantined', state_reason = 'broken' WHERE name = 'all';
ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER guard_definition;
SELECT taskcenter.alter_task('all', 'SELECT 2') > 0 AS altered;
SELECT state, state_reason FROM taskcenter.tasks WHERE name = 'all';

-- A plain UPDATE is audited, and queued runs follow into their lane and out again.
SELECT taskcenter.enqueue_task('load') > 0 AS queued;
UPDATE taskcenter.tasks SET state = 'disabled' WHERE name = 'load';
SELECT status, gate = task_id AS held FROM taskcenter.live_runs;
SELECT taskcenter.enable_task('load');
SELECT status, gate FROM taskcenter.live_runs;
SELECT taskcenter.alter_task('load', options => '{"max_running": 1}') > 0 AS altered;
SELECT status, gate = task_id AS gated FROM taskcenter.live_runs;
SELECT taskcenter.alter_task('load', reset => '{max_running}') > 0 AS altered;
SELECT status, gate FROM taskcenter.live_runs;

-- Owners and roles: unfinished runs follow.
SELECT taskcenter.alter_task_owner('load', 'regress_tc_job') > 0 AS given;
SELECT owner, run_as FROM taskcenter.tasks WHERE name = 'load';
SELECT owner_id = 'regress_tc_job'::regrole::bigint AS owner,
    run_as_id = 'regress_tc_job'::regrole::bigint AS run_as FROM taskcenter.live_runs;
SELECT taskcenter.alter_task('load', run_as => 'regress_tc_stranger') > 0 AS altered;
SELECT taskcenter.alter_task_owner('load', 'regress_tc_team') > 0 AS given;
SELECT owner, run_as FROM taskcenter.tasks WHERE name = 'load';
SELECT owner_id = 'regress_tc_team'::regrole::bigint AS owner,
    run_as_id = 'regress_tc_stranger'::regrole::bigint AS run_as FROM taskcenter.live_runs;

-- A member of the owner's role may act on a task, a stranger may not.
GRANT regress_tc_team TO regress_tc_job;
SET ROLE regress_tc_job;
SELECT taskcenter.pause_task('load'), taskcenter.resume_task('load');
-- but decides what another role executes only if he could become it
SELECT taskcenter.alter_task('load', priority => 1) > 0 AS altered;
SELECT taskcenter.alter_task('load', 'DROP TABLE x');
SELECT taskcenter.alter_task('load', options => '{"settings": {"search_path": "evil"}}');
SELECT taskcenter.declare_task('load', 'DROP TABLE x');
SELECT taskcenter.create_task('mine', 'SELECT 1') > 0 AS made;
SELECT owner, run_as FROM taskcenter.tasks WHERE name = 'mine';
\set VERBOSITY sqlstate
SET ROLE regress_tc_stranger;
SELECT taskcenter.pause_task('load');
SELECT taskcenter.create_task('his', 'SELECT 1', run_as => 'regress_tc_job');
SELECT taskcenter.alter_task_owner('mine', 'regress_tc_stranger');
RESET ROLE;
\set VERBOSITY default

-- Names.
SELECT taskcenter.rename_task('load', 'load it, "all" of it'' ü') > 0 AS renamed;
SELECT taskcenter.rename_task('load it, "all" of it'' ü', 'load') > 0 AS renamed;
SELECT taskcenter.rename_task('load', 'load') > 0 AS renamed;

-- Archiving cancels what is unfinished, frees the name, keeps the history.
SELECT taskcenter.archive_task('load', 'over');
SELECT count(*) AS live FROM taskcenter.live_runs;
SELECT status, reason, attempt FROM taskcenter.finished_runs;
SELECT old_status, new_status, reason FROM taskcenter.task_run_history ORDER BY changed_at;
SELECT taskcenter.create_task('load', 'SELECT 2') > 0 AS made;
SELECT taskcenter.unarchive_task('load');
SELECT taskcenter.rename_task('load', 'load2') > 0 AS renamed;
SELECT taskcenter.unarchive_task('load');
SELECT name, state, archived_at FROM taskcenter.tasks WHERE name ~ '^load' ORDER BY name;
SELECT taskcenter.archive_task('nobody', if_exists => true);
SELECT taskcenter.archive_task('all');
SELECT s.state, s.next_run_at FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t
USING (task_id) WHERE t.name = 'all';
SELECT taskcenter.unarchive_task('all');
SELECT s.state, s.next_run_at > now() AS planned FROM taskcenter.schedules AS s
JOIN taskcenter.tasks AS t USING (task_id) WHERE t.name = 'all';

-- Why a task does not run.
SELECT taskcenter.pause_task('load2', 'holiday');
SELECT taskcenter.pause_queue('default', 'works');
SELECT reason, detail FROM taskcenter.explain_task('load2') WHERE reason !~ 'preloaded';
SELECT taskcenter.resume_queue('default');
ALTER ROLE regress_tc_job NOLOGIN;
SELECT reason, detail FROM taskcenter.explain_task('mine') WHERE reason !~ 'preloaded';

-- The audit: who, what, why.
BEGIN;
SELECT taskcenter.set_context(actor => 'alice', reason => 'ticket 7', trace_id => 't-1');
SELECT taskcenter.alter_task('load2', priority => 9) > 0 AS altered;
SAVEPOINT one;
SELECT taskcenter.set_context(actor => 'bob');
ROLLBACK TO one;
SELECT taskcenter.disable_task('load2', 'own reason');
SELECT taskcenter.set_context(actor => '', trace_id => '');
SELECT taskcenter.enable_task('load2');
COMMIT;
SELECT taskcenter.set_context();
SELECT action, object_type, object_name,
    CASE actor WHEN current_user THEN 'me' ELSE actor END AS actor, reason, trace_id,
    old_values, new_values
FROM taskcenter.task_audit_logs ORDER BY audit_id DESC LIMIT 3;
SELECT action, object_type, object_name, old_values - varying AS old_values,
    new_values - varying AS new_values
FROM taskcenter.task_audit_logs,
    (VALUES (ARRAY['owner', 'owner_id', 'run_as', 'run_as_id', 'archived_at'])) AS v (varying)
WHERE action <> 'create' AND object_type <> 'scheduler' AND object_name !~ '^load2$|^all$'
ORDER BY audit_id;
SELECT count(*) FILTER (WHERE session_role <> session_user OR effective_role IS NULL
    OR recorded_at IS NULL OR actor IS NULL) AS incomplete FROM taskcenter.task_audit_logs;

-- Nothing is deleted, and the record is never rewritten.
DELETE FROM taskcenter.tasks;
UPDATE taskcenter.task_audit_logs SET actor = 'nobody';
DELETE FROM taskcenter.task_audit_logs;

DROP EXTENSION taskcenter;
DROP ROLE regress_tc_team, regress_tc_job, regress_tc_stranger;
