-- Making, steering and performing runs: what a session can do without executors.
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_run_api;
CREATE ROLE regress_run_alice LOGIN;
CREATE ROLE regress_run_bob LOGIN;
\connect regress_run_api
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
GRANT CREATE ON SCHEMA public TO regress_run_alice;
\connect - regress_run_alice

SELECT taskcenter.create_task('plain', 'SELECT 1', params => '{"a": 1, "b": {"c": 2}}',
    priority => 5, max_attempts => 2) > 0 AS made;

-- params are merged flat, a null inside stays, a time in the past is now
SELECT taskcenter.enqueue_task('plain', '{"b": null, "d": [3]}', run_at => '2000-01-01',
    trace_id => 'trace-1') AS run \gset
SELECT task, status, attempt, max_attempts, params, queue, priority, owner, created_by, trace_id,
    run_at >= created_at AS due_not_before_creation, run_at <= now() AS due
FROM taskcenter.task_runs WHERE run_id = :run;
SELECT old_status, new_status, attempt, reason, actor
FROM taskcenter.task_run_history WHERE run_id = :run;

-- JSON null is not given; the context names the actor, the reason and the trace
BEGIN;
SELECT taskcenter.set_context('carol', 'because', 'trace-2') IS NOT NULL AS set;
SELECT taskcenter.enqueue_task('plain', 'null', run_at => '2999-01-01', priority => -1,
    options => '{"queue": "control", "max_attempts": 9}') AS run \gset
COMMIT;
SELECT params, queue, priority, max_attempts, trace_id, run_at
FROM taskcenter.task_runs WHERE run_id = :run;
SELECT new_status, reason, actor FROM taskcenter.task_run_history WHERE run_id = :run;

-- a rolled back call leaves nothing
BEGIN;
SELECT taskcenter.enqueue_task('plain') AS gone \gset
ROLLBACK;
SELECT count(*) FROM taskcenter.task_runs WHERE run_id = :gone;

---- unique keys ----

SELECT taskcenter.enqueue_task('plain', '{"n": 1}', unique_key => 'k') AS first \gset
SELECT taskcenter.enqueue_task('plain', '{"n": 1}', unique_key => 'k') = :first AS same_run;
\set VERBOSITY sqlstate
SELECT taskcenter.enqueue_task('plain', '{"n": 2}', unique_key => 'k');
SELECT taskcenter.enqueue_task('plain', '{"n": 1}', unique_key => 'k', on_conflict => 'error');
\set VERBOSITY default
SELECT taskcenter.enqueue_task('plain', '{"n": 2}', run_at => '2999-02-01', priority => 7,
    unique_key => 'k', on_conflict => 'replace') = :first AS replaced;
SELECT status, params, run_at, priority FROM taskcenter.task_runs WHERE run_id = :first;
SELECT old_status, new_status, reason FROM taskcenter.task_run_history
WHERE run_id = :first ORDER BY changed_at;
-- the key is of the task, and free again after the end
SELECT taskcenter.create_task('other', 'SELECT 2') > 0 AS made;
SELECT taskcenter.enqueue_task('other', unique_key => 'k') <> :first AS another_run;
SELECT taskcenter.cancel_run(:first);
SELECT taskcenter.enqueue_task('plain', '{"n": 3}', unique_key => 'k') AS second \gset
SELECT :second <> :first AS another_run;
-- a retry needs the key
\set VERBOSITY sqlstate
SELECT taskcenter.retry_run(:first);
\set VERBOSITY default
SELECT taskcenter.cancel_run(:second);
SELECT taskcenter.retry_run(:first);
SELECT taskcenter.cancel_run(:first);

-- a key that outlives its run gives back the stored outcome
SELECT taskcenter.enqueue_task('plain', '{"n": 4}', unique_key => 'keep',
    options => '{"unique_for": "1 day"}') AS kept \gset
SELECT taskcenter.cancel_run(:kept);
SELECT taskcenter.enqueue_task('plain', '{"n": 4}', unique_key => 'keep') = :kept AS same_run;
\set VERBOSITY sqlstate
SELECT taskcenter.enqueue_task('plain', '{"n": 5}', unique_key => 'keep');
SELECT taskcenter.enqueue_task('plain', '{"n": 5}', unique_key => 'keep',
    on_conflict => 'replace');
\set VERBOSITY default
SELECT taskcenter.enqueue_task('plain', unique_key => 'brief',
    options => '{"unique_for": "0 seconds"}') AS brief \gset
SELECT taskcenter.cancel_run(:brief);
SELECT taskcenter.enqueue_task('plain', unique_key => 'brief') <> :brief AS another_run;
-- asked for by a later call
SELECT taskcenter.enqueue_task('plain', unique_key => 'later') AS later \gset
SELECT taskcenter.enqueue_task('plain', unique_key => 'later',
    options => '{"unique_for": "1 day"}') = :later AS same_run;
SELECT taskcenter.cancel_run(:later);
SELECT taskcenter.enqueue_task('plain', unique_key => 'later') = :later AS same_run;

---- many at once ----

SELECT ordinal, added, run_id = lag(run_id) OVER (ORDER BY ordinal) AS as_before
FROM taskcenter.enqueue_tasks('[
    {"task": "plain"},
    {"task": "plain", "params": {"n": 1}, "unique_key": "m", "priority": 3},
    {"task": "plain", "params": {"n": 1}, "unique_key": "m"},
    {"task": "other", "unique_key": "m", "run_at": "2999-01-01 00:00+00", "trace_id": "t"},
    {"task": "plain", "params": {"n": 2}, "unique_key": "m", "on_conflict": "replace"},
    {"task": "plain", "params": {"n": 4}, "unique_key": "keep"},
    {"task": "plain", "unique_key": "new", "options": {"unique_for": "1 hour"}},
    {"task": "plain", "unique_key": "new", "run_at": null}]') ORDER BY ordinal;
SELECT task, params, priority, run_at = '2999-01-01 00:00+00' AS late, trace_id
FROM taskcenter.task_runs WHERE unique_key = 'm' ORDER BY task;
SELECT count(*) FROM taskcenter.enqueue_tasks('[]');
-- all or none
\set VERBOSITY sqlstate
SELECT * FROM taskcenter.enqueue_tasks('[{"task": "plain", "unique_key": "atomic"}, {"task": "nobody"}]');
\set VERBOSITY default
SELECT count(*) FROM taskcenter.task_runs WHERE unique_key = 'atomic';
-- a thousand, each with its history
SELECT count(DISTINCT run_id), bool_and(added)
FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', 'other',
    'trace_id', 'bulk', 'params', jsonb_build_object('i', i))) FROM generate_series(1, 1000) AS i));
SELECT count(*), count(DISTINCT r.params) AS params, count(h.run_id) AS history
FROM taskcenter.task_runs AS r
LEFT JOIN taskcenter.task_run_history AS h ON h.run_id = r.run_id AND h.new_status = 'queued'
WHERE r.trace_id = 'bulk';

---- cancel and retry ----

SELECT taskcenter.enqueue_task('plain') AS run \gset
SELECT taskcenter.cancel_run(:run, 'not wanted');
SELECT taskcenter.cancel_run(:run);
SELECT status, attempt, reason, finished_at IS NOT NULL AS finished
FROM taskcenter.task_runs WHERE run_id = :run;
SELECT taskcenter.retry_run(:run, 'wanted after all');
SELECT status, attempt, max_attempts, reason, error, started_at, finished_at
FROM taskcenter.task_runs WHERE run_id = :run;
SELECT old_status, new_status, attempt, reason, actor FROM taskcenter.task_run_history
WHERE run_id = :run ORDER BY changed_at;
\set VERBOSITY sqlstate
SELECT taskcenter.retry_run(:run);
\set VERBOSITY default
SELECT task, old_status, status, problem, count(*)
FROM taskcenter.cancel_runs(reason => 'tidy up') GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3;
SELECT count(*) FROM taskcenter.task_runs WHERE finished_at IS NULL;
SELECT count(*) FROM taskcenter.cancel_runs();
SELECT count(*) FROM taskcenter.retry_runs();
-- of runs with one key only the newest comes back
SELECT count(*) FROM taskcenter.enqueue_tasks('[{"task": "other", "unique_key": "u"}]');
SELECT count(*) FROM taskcenter.cancel_runs('other', '{queued}');
SELECT count(*) FROM taskcenter.enqueue_tasks('[{"task": "other", "unique_key": "u"}]');
SELECT count(*) FROM taskcenter.cancel_runs('other', '{queued,waiting}');
SELECT old_status, status, problem, count(*)
FROM taskcenter.retry_runs('other', '{cancelled}') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT count(*) FROM taskcenter.cancel_runs('other');

---- performing ----

SELECT taskcenter.create_task('reporter', $$
    SELECT taskcenter.write_log('debug', 'too fine'), taskcenter.write_log('info', 'begins'),
        taskcenter.write_log('warning', 'careful', '{"k": [1]}'),
        taskcenter.report_progress(1, 2, 'half'),
        taskcenter.set_output(jsonb_build_object('who', (taskcenter.current_run()).task,
            'attempt', (taskcenter.current_run()).attempt, 'x', taskcenter.param('x'),
            'y', taskcenter.param('y', '"fallback"'), 'z', taskcenter.param('z', '"fallback"')))
$$, params => '{"x": 1, "z": null}') > 0 AS made;
SELECT taskcenter.create_task('failing', $$
    CREATE TABLE left_behind (); SELECT taskcenter.write_log('notice', 'before'); SELECT 1 / 0
$$, max_attempts => 2, backoff => 'fixed', backoff_base => '1 hour') > 0 AS made;
SELECT taskcenter.create_task('selecting', 'SELECT 1 AS one, ''two'' AS two',
    options => '{"capture_output": true, "settings": {"work_mem": "1MB"}}') > 0 AS made;
SELECT taskcenter.create_task('vacuuming', 'VACUUM') > 0 AS made;
SELECT taskcenter.create_task('reading', 'SELECT taskcenter.set_output(to_jsonb(current_setting(''work_mem'')))',
    options => '{"settings": {"work_mem": "1MB"}}') > 0 AS made;

-- in a transaction that rolls back: nothing stays
BEGIN;
SELECT taskcenter.enqueue_task('reporter', '{"x": 2}') AS run \gset
SELECT task, status, output, error, sqlstate FROM taskcenter.perform_run(:run);
SELECT old_status, new_status, attempt, actor FROM taskcenter.task_run_history
WHERE run_id = :run ORDER BY changed_at;
SELECT level, message, metadata, attempt FROM taskcenter.task_run_logs
WHERE run_id = :run ORDER BY logged_at;
ROLLBACK;
SELECT count(*) FROM taskcenter.task_runs WHERE run_id = :run;
SELECT taskcenter.current_run() IS NULL AS outside;

-- a failure rolls back what the command did, and nothing else
BEGIN;
SELECT taskcenter.enqueue_task('failing') AS run \gset
CREATE TABLE kept ();
SELECT task, status, error, sqlstate, finished_at FROM taskcenter.perform_run(:run);
SELECT to_regclass('left_behind') AS left_behind, to_regclass('kept') AS kept;
COMMIT;
SELECT status, attempt, run_at > now() + '50 minutes' AS later FROM taskcenter.task_runs
WHERE run_id = :run;
SELECT status FROM taskcenter.perform_run(:run);
SELECT status, attempt, error, sqlstate FROM taskcenter.task_runs WHERE run_id = :run;
SELECT level, message, attempt FROM taskcenter.task_run_logs WHERE run_id = :run ORDER BY logged_at;
SELECT old_status, new_status, attempt, reason FROM taskcenter.task_run_history
WHERE run_id = :run ORDER BY changed_at;
-- one more attempt
SELECT taskcenter.retry_run(:run);
SELECT status, attempt, max_attempts FROM taskcenter.task_runs WHERE run_id = :run;
SELECT taskcenter.cancel_run(:run);

-- settings hold for the run only; what cannot run in a transaction is refused
SHOW work_mem;
SELECT taskcenter.enqueue_task('reading') AS a, taskcenter.enqueue_task('selecting', priority => 9) AS b \gset
SELECT task, status, output FROM taskcenter.perform_due_runs();
SHOW work_mem;
SELECT taskcenter.enqueue_task('vacuuming') AS run \gset
\set VERBOSITY sqlstate
SELECT * FROM taskcenter.perform_run(:run);
\set VERBOSITY default
SELECT status FROM taskcenter.task_runs WHERE run_id = :run;
SELECT taskcenter.cancel_run(:run);

-- only the role itself, in a session of its own
SELECT taskcenter.enqueue_task('reporter') AS run_of_alice \gset
\connect - regress_run_bob
\set VERBOSITY sqlstate
SELECT * FROM taskcenter.perform_run(:run_of_alice);
SELECT * FROM taskcenter.perform_due_runs('reporter');
\connect - :super
SELECT * FROM taskcenter.perform_run(:run_of_alice);
SET ROLE regress_run_alice;
SELECT * FROM taskcenter.perform_run(:run_of_alice);
SET SESSION AUTHORIZATION regress_run_alice;
SELECT * FROM taskcenter.perform_run(:run_of_alice);

---- waiting ----

\connect - regress_run_alice
\set VERBOSITY sqlstate
SELECT taskcenter.cancel_run(:run_of_alice);
SELECT status FROM taskcenter.wait_for_run(:run_of_alice);
CALL taskcenter.await_run(:run_of_alice);
BEGIN;
SELECT taskcenter.enqueue_task('plain') AS run \gset
SELECT * FROM taskcenter.wait_for_run(:run);
ROLLBACK;
SELECT taskcenter.enqueue_task('plain') AS run \gset
SELECT * FROM taskcenter.wait_for_run(:run, '1 second');
BEGIN;
CALL taskcenter.await_run(:run);
ROLLBACK;

\connect contrib_regression :super
DROP DATABASE regress_run_api;
DROP ROLE regress_run_alice, regress_run_bob;
