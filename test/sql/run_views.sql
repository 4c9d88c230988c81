-- What the views show, to whom, and how they are read.
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_run_views;
CREATE ROLE regress_view_team;
CREATE ROLE regress_view_alice LOGIN IN ROLE regress_view_team;
CREATE ROLE regress_view_bob LOGIN;
CREATE ROLE regress_view_runner LOGIN;
GRANT regress_view_runner TO regress_view_alice;
CREATE ROLE regress_view_monitor LOGIN;
GRANT pg_monitor TO regress_view_monitor;
\connect regress_run_views
SET client_min_messages = error;
CREATE EXTENSION taskcenter;

\connect - regress_view_alice
SELECT taskcenter.create_task('alone', 'SELECT 1', schedule => 'every 1 hour',
    params => '{"secret": 1}') > 0 AS made;
SELECT taskcenter.create_task('fails', 'SELECT 1 / 0') > 0 AS made;
SELECT taskcenter.enqueue_task('alone', unique_key => 'private') AS alone,
    taskcenter.enqueue_task('fails') AS fails \gset
SELECT status FROM taskcenter.perform_run(:fails);
SELECT taskcenter.create_task('shared', 'SELECT 1', run_as => 'regress_view_runner') > 0 AS made;
SELECT taskcenter.enqueue_task('shared') AS shared \gset
SELECT taskcenter.alter_task_owner('shared', 'regress_view_team') > 0 AS given;

-- the owner's role, and who has its privileges
SET ROLE regress_view_team;
SELECT task, status, owner FROM taskcenter.task_runs ORDER BY run_id;
RESET ROLE;
SELECT task, status, params, error, owner FROM taskcenter.task_runs ORDER BY run_id;
SELECT name FROM taskcenter.tasks ORDER BY name;
SELECT task, status, sqlstate FROM taskcenter.failed_runs;
SELECT task, status FROM taskcenter.recent_runs ORDER BY run_id;
SELECT task, schedule_name, schedule, timezone, fires_at > now() AS ahead FROM taskcenter.next_fires;
SELECT count(*) FROM taskcenter.running_runs;
SELECT count(*) AS history FROM taskcenter.task_run_history;
SELECT level, message FROM taskcenter.task_run_logs;
SELECT queue FROM taskcenter.queues ORDER BY queue;

-- nobody else
\connect - regress_view_bob
SELECT (SELECT count(*) FROM taskcenter.task_runs) AS runs,
    (SELECT count(*) FROM taskcenter.tasks) AS tasks,
    (SELECT count(*) FROM taskcenter.schedules) AS schedules,
    (SELECT count(*) FROM taskcenter.failed_runs) AS failed,
    (SELECT count(*) FROM taskcenter.recent_runs) AS recent,
    (SELECT count(*) FROM taskcenter.next_fires) AS fires,
    (SELECT count(*) FROM taskcenter.task_run_history) AS history,
    (SELECT count(*) FROM taskcenter.task_run_logs) AS logs,
    (SELECT count(*) FROM taskcenter.task_audit_logs) AS audit,
    (SELECT count(*) FROM taskcenter.list_runs()) AS listed;
-- no function of his own sees a row before the rule did
CREATE FUNCTION pg_temp.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
AS $$ BEGIN RAISE NOTICE 'leaked %', value; RETURN true; END $$;
SELECT count(*) FROM taskcenter.task_runs WHERE pg_temp.leak(task);
SELECT count(*) FROM taskcenter.failed_runs WHERE pg_temp.leak(error);
SELECT count(*) FROM taskcenter.tasks WHERE pg_temp.leak(command);
SELECT count(*) FROM taskcenter.task_run_logs WHERE pg_temp.leak(message);
\set VERBOSITY sqlstate
SELECT * FROM taskcenter.live_runs;
SELECT * FROM taskcenter.finished_runs;
SELECT * FROM taskcenter.finished_runs_1_rest;
SELECT * FROM taskcenter.kept_keys;
SELECT * FROM taskcenter.setting_values;
INSERT INTO taskcenter.task_run_history SELECT * FROM taskcenter.task_run_history;
UPDATE taskcenter.task_run_logs SET message = '';
DELETE FROM taskcenter.tasks;
UPDATE taskcenter.tasks SET command = 'SELECT 2';
UPDATE taskcenter.queues SET state = 'paused';
UPDATE taskcenter.task_runs SET status = 'cancelled';
SELECT taskcenter.explain_run(:alone);
SELECT taskcenter.cancel_run(:alone);
SELECT taskcenter.retry_run(:fails);
SELECT taskcenter.wait_for_run(:fails);
SELECT taskcenter.list_runs('alone');
SELECT taskcenter.enqueue_task('alone');
SELECT taskcenter.enqueue_tasks('[{"task": "alone"}]');
SELECT * FROM taskcenter.cancel_runs('alone');
\set VERBOSITY default
UPDATE taskcenter.tasks SET state = 'paused';
UPDATE taskcenter.schedules SET state = 'paused';
SELECT count(*) FROM taskcenter.cancel_runs();

-- members of pg_monitor see states and timings, no contents
\connect - regress_view_monitor
SELECT task, status, params, output, error, reason, unique_key, sqlstate, finished_at IS NULL AS live
FROM taskcenter.task_runs ORDER BY run_id;
SELECT task, error, sqlstate FROM taskcenter.failed_runs;
SELECT count(*) FROM taskcenter.next_fires;
SELECT count(*) FROM taskcenter.schedules;
SELECT count(*) FROM taskcenter.list_runs('alone');
SELECT (SELECT count(*) FROM taskcenter.tasks) AS tasks,
    (SELECT count(*) FROM taskcenter.task_run_history) AS history,
    (SELECT count(*) FROM taskcenter.task_run_logs) AS logs;
SELECT reason, detail FROM taskcenter.explain_run(:fails);
SELECT has_function_privilege('taskcenter.cancel_run(bigint, text)', 'EXECUTE') AS may_call;
\set VERBOSITY sqlstate
SELECT taskcenter.cancel_run(:alone);
\set VERBOSITY default

-- explained
\connect - regress_view_alice
SELECT reason, regexp_replace(detail, '[0-9-]{10} [^;,]*(?=[;,.]|$)', 'TIME') AS detail
FROM taskcenter.explain_run(:fails);
SELECT reason FROM taskcenter.explain_run(:alone);
SELECT taskcenter.enqueue_task('alone', run_at => '2999-01-01 00:00+00') AS late \gset
SELECT reason FROM taskcenter.explain_run(:late);
SELECT taskcenter.disable_task('alone', 'broken by design');
SELECT reason, detail FROM taskcenter.explain_run(:alone) WHERE reason ~ 'task';
SELECT taskcenter.enable_task('alone');
SELECT taskcenter.cancel_run(:late, 'too late');
SELECT reason, detail ~ 'By regress_view_alice at .*: too late' AS by_whom
FROM taskcenter.explain_run(:late);

-- pages
SELECT count(*) FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', 'alone',
    'params', jsonb_build_object('page', true))) FROM generate_series(1, 120)));
SELECT count(*), max(run_id) - min(run_id) AS span FROM taskcenter.list_runs();
SELECT count(*) AS first, min(run_id) AS next FROM taskcenter.list_runs('alone', '{queued}', max_rows => 100) \gset
SELECT :first AS first, count(*) AS second, bool_and(run_id < :next) AS older
FROM taskcenter.list_runs('alone', '{queued}', before_run_id => :next);
SELECT task, status FROM taskcenter.list_runs(statuses => '{failed,timed_out}');
SELECT count(*) FROM taskcenter.list_runs(since => now() + '1 hour');
SELECT array_agg(run_id) = array_agg(run_id ORDER BY run_id DESC) AS newest_first FROM taskcenter.list_runs();

-- conditions reach the indexes of both sides under the barrier
SET enable_seqscan = off;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql
AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT bool_or(line ~ 'live_runs_pkey') AS live, bool_or(line ~ 'finished_runs_1_.*run_idx') AS finished,
    bool_or(line ~ 'Index Cond: \(run_id = 5\)') AS by_id
FROM pg_temp.plan('SELECT * FROM taskcenter.task_runs WHERE run_id = 5') AS line;
SELECT bool_or(line ~ 'live_runs_running_idx') AS live, bool_or(line ~ 'finished_runs') AS finished
FROM pg_temp.plan('SELECT * FROM taskcenter.task_runs WHERE status = ''running''') AS line;
SELECT bool_or(line ~ 'live_runs') AS live, bool_or(line ~ 'finished_runs') AS finished
FROM pg_temp.plan('SELECT * FROM taskcenter.task_runs WHERE status = ''succeeded''') AS line;
SELECT bool_or(line ~ 'live_runs') AS live, bool_or(line ~ 'finished_runs_1_rest') AS rest,
    bool_or(line ~ 'Subplans Removed') AS pruned
FROM pg_temp.plan('SELECT * FROM taskcenter.task_runs WHERE finished_at > now() + interval ''1000 years''') AS line;

-- help and comments: everything says what it is
RESET enable_seqscan;
SELECT kind, name FROM taskcenter.help('running_runs');
SELECT count(*) > 0 AS known FROM taskcenter.help('enqueue');
SELECT count(*) AS without_comment FROM taskcenter.help() WHERE meaning IS NULL;
\connect - :super
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
  AND obj_description(c.oid, 'pg_class') IS NULL AND c.relname !~ '[0-9]{6}' ORDER BY 1;
SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND col_description(c.oid, a.attnum) IS NULL ORDER BY 1, 2;

-- status without preloading
SELECT check_name, state, hint FROM taskcenter.status_checks()
WHERE check_name NOT IN ('worker_slots', 'partitions', 'server_settings') AND state <> 'ok' ORDER BY check_name COLLATE "C";
ALTER TABLE taskcenter.live_runs DISABLE TRIGGER guard_status;
SELECT state, detail FROM taskcenter.status_checks() WHERE check_name = 'guards';
ALTER TABLE taskcenter.live_runs ENABLE TRIGGER guard_status;
SELECT state, detail FROM taskcenter.status_checks() WHERE check_name = 'guards';
ALTER TABLE taskcenter.live_runs ENABLE ALWAYS TRIGGER guard_status;
SELECT state, detail FROM taskcenter.status_checks() WHERE check_name = 'guards';
GRANT taskcenter_owner TO regress_view_bob;
SELECT state, detail FROM taskcenter.status_checks() WHERE check_name = 'owner_role';
REVOKE taskcenter_owner FROM regress_view_bob;
SELECT state FROM taskcenter.status_checks() WHERE check_name = 'owner_role';

\connect contrib_regression :super
DROP DATABASE regress_run_views;
DROP ROLE regress_view_alice, regress_view_team, regress_view_runner, regress_view_bob, regress_view_monitor;
