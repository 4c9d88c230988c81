-- What a refusal says to somebody who meets it for the first time.
SET client_min_messages = error;
CREATE DATABASE regress_messages;
\connect regress_messages
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
\set SHOW_CONTEXT always
SELECT taskcenter.create_task('known', 'SELECT 1') > 0 AS made;

-- a command without a statement
SELECT taskcenter.create_task('empty', '');
SELECT taskcenter.create_task('empty', ' ; -- nothing');

-- settings are tried when the task is defined
SELECT taskcenter.create_task('set', 'SELECT 1', options => '{"settings": {"work_mem": "much"}}');
SELECT taskcenter.create_task('set', 'SELECT 1', options => '{"settings": {"shared_buffers": "1GB"}}');
SELECT taskcenter.create_task('set', 'SELECT 1',
    options => '{"settings": {"work_mem": 8192, "enable_seqscan": false, "my.own": "x"}}') > 0 AS made;
SHOW work_mem;

-- retentions
SELECT taskcenter.set_setting('runs_retention', 'forever');
SELECT taskcenter.set_setting('runs_retention', 'keep');

-- the bounds of a run are those of its task; a key's end needs a key
SELECT taskcenter.enqueue_task('known', priority => 1000001);
SELECT taskcenter.enqueue_tasks('[{"task": "known", "priority": -1000001}]');
SELECT taskcenter.enqueue_task('known', unique_until => 'started');

-- no statement of ours is shown
BEGIN READ ONLY;
SELECT taskcenter.enqueue_task('known');
ROLLBACK;
BEGIN READ ONLY;
SELECT taskcenter.pause_task('known');
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) > 0 AS explained FROM taskcenter.explain_task('known');
SELECT count(*) > 0 AS checked FROM taskcenter.status;
COMMIT;

-- what plain SQL cannot do, and what can
DELETE FROM taskcenter.schedules;
SELECT taskcenter.schedule_task('known', '@daily') > 0 AS made;
DELETE FROM taskcenter.schedules;
DELETE FROM taskcenter.queues;

-- the beginnings of errors, on one line
SELECT taskcenter.create_task('talks', $$DO $do$ BEGIN RAISE EXCEPTION E'%\nsecond line', repeat('x', 60); END $do$ $$) > 0 AS made;
SELECT taskcenter.enqueue_task('talks') AS run \gset
SELECT status, length(error) FROM taskcenter.perform_run(:run);
SELECT task, status, error FROM taskcenter.recent_runs;
SELECT task, sqlstate, error FROM taskcenter.failed_runs;
SELECT old_status, string_agg(new_status, ', ' ORDER BY new_status) AS new_status
FROM taskcenter.run_transitions GROUP BY old_status ORDER BY old_status;

\connect contrib_regression
DROP DATABASE regress_messages;
