--
-- Tasks that people move: by the function, in bulk, by a plain UPDATE; what is
-- refused, and what the history keeps of it.
--
SET timezone = 'UTC';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
CREATE ROLE regress_tc_ed LOGIN;
CREATE ROLE regress_tc_other LOGIN;
CREATE ROLE regress_tc_team NOLOGIN;
CREATE ROLE regress_tc_watch LOGIN IN ROLE pg_monitor;
GRANT regress_tc_team TO regress_tc_ed;
\set VERBOSITY sqlstate

-- Made: it starts where the workflow says; nothing of it is executed.
SET ROLE regress_tc_ed;
SELECT taskcenter.create_task('article', kind => 'manual', params => '{"words": 800}',
    priority => 3, tags => '{news}', description => 'An article');
SELECT name, kind, workflow, status, status_changed_at IS NOT NULL AS since, owner
FROM taskcenter.tasks;
SELECT taskcenter.create_task('x', 'SELECT 1', kind => 'manual');
SELECT taskcenter.create_task('x', kind => 'manual', schedule => '@hourly');
SELECT taskcenter.create_task('x', kind => 'manual', run_as => 'regress_tc_ed');
SELECT taskcenter.create_task('x', kind => 'manual', timeout => '1 minute');
SELECT taskcenter.create_task('x', kind => 'manual', options => '{"max_running": 1}');
SELECT taskcenter.create_task('x', kind => 'manual', options => '{"workflow": "gone"}');
SELECT taskcenter.create_task('x', kind => 'manual', options => '{"workflow": 1}');
SELECT taskcenter.create_task('x', 'SELECT 1', options => '{"workflow": "editorial"}');
SELECT taskcenter.enqueue_task('article');
SELECT taskcenter.enqueue_tasks('[{"task": "article"}]');
SELECT taskcenter.schedule_task('article', '@hourly');
SELECT taskcenter.alter_task('article', schedule => '@hourly');
SELECT taskcenter.alter_task('article', 'SELECT 1');
SELECT taskcenter.declare_task('article', 'SELECT 1');
SELECT taskcenter.declare_task('article', kind => 'manual', params => '{"words": 800}',
    priority => 3, tags => '{news}', description => 'An article');
SELECT taskcenter.declare_task('article', kind => 'manual', description => 'An essay');
SELECT reason, detail FROM taskcenter.explain_task('article');
-- a team that cannot log in may own it
RESET ROLE;
SET ROLE regress_tc_team;
SELECT taskcenter.create_task('team', kind => 'manual', options => '{"workflow": "editorial"}');
RESET ROLE;

-- Moved by the function: refused moves are answers, with all that is wrong.
SET ROLE regress_tc_ed;
\pset format unaligned
SELECT * FROM taskcenter.set_task_status('article', 'published');
SELECT * FROM taskcenter.set_task_status('article', 'rejected', expected => 'approved');
SELECT * FROM taskcenter.set_task_status('article', 'nonsense');
SELECT * FROM taskcenter.set_task_status('article', '');
SELECT * FROM taskcenter.set_task_status('article', 'in_progress', 'password=hunter2 begins',
    '{"token": "abc", "note": "x"}', 'pending');
SELECT * FROM taskcenter.set_task_status('article', 'in_progress', expected => 'in_progress');
SELECT * FROM taskcenter.set_task_status('article', 'awaiting_approval');
SELECT * FROM taskcenter.set_task_status('article', 'awaiting_approval', metadata => '{"approval_type": " "}');
SELECT * FROM taskcenter.set_task_status('article', 'awaiting_approval', metadata => '{"approval_type": null}');
SELECT success, status FROM taskcenter.set_task_status('article', 'awaiting_approval', metadata => '{"approval_type": "legal"}');
SELECT success, problems FROM taskcenter.set_task_status('article', 'rejected', '');
BEGIN;
SELECT taskcenter.set_context(actor => 'ann', reason => 'too long');
SELECT success, status FROM taskcenter.set_task_status('article', 'rejected');
COMMIT;
SELECT success, status FROM taskcenter.set_task_status('article', 'in_progress', 'once more');
SELECT status, since <= now() AS since, minutes_in_status, is_terminal, to_status, requires
FROM taskcenter.allowed_transitions('article');
SELECT id, old_status, new_status, reason, metadata, accepted, requested_status, problems, actor
FROM taskcenter.status_history('article') ORDER BY id;
SELECT id, requested_status FROM taskcenter.transition_failures('article', 2);
SELECT count(*) FROM taskcenter.transition_failures();
SELECT bool_and(h.timestamp >= before) FROM (SELECT h.timestamp,
    lag(h.timestamp) OVER (ORDER BY id) AS before FROM taskcenter.task_status_history AS h) AS h;
\pset format aligned

-- Arguments.
SELECT taskcenter.set_task_status(NULL, 'x');
SELECT taskcenter.set_task_status('article', NULL);
SELECT taskcenter.set_task_status('gone', 'x');
SELECT taskcenter.set_task_status('article', repeat('x', 201));
SELECT taskcenter.set_task_status('article', 'failed', repeat('x', 2001));
SELECT taskcenter.set_task_status('article', 'failed', metadata => '[]');
SELECT taskcenter.set_task_status('article', 'failed', metadata => jsonb_build_object('a', repeat('x', 70000)));
SELECT taskcenter.set_task_status('article', 'failed', expected => repeat('x', 201));
SELECT taskcenter.allowed_transitions(NULL);
SELECT taskcenter.allowed_transitions('gone');
SELECT taskcenter.status_history(NULL);
SELECT taskcenter.status_history('gone');
SELECT taskcenter.status_history('article', 0);
SELECT taskcenter.transition_failures('gone');
SELECT taskcenter.transition_failures(max_rows => 10001);
SELECT taskcenter.create_task('job', 'SELECT 1') > 0 AS made;
SELECT taskcenter.set_task_status('job', 'done');
SELECT taskcenter.allowed_transitions('job');
SELECT count(*) FROM taskcenter.status_history('job');
UPDATE taskcenter.tasks SET status = 'pending' WHERE name = 'job';
BEGIN TRANSACTION READ ONLY;
SELECT count(*) FROM taskcenter.allowed_transitions('article');
SELECT count(*) > 5 FROM taskcenter.status_history('article');
SELECT taskcenter.set_task_status('article', 'failed');
ROLLBACK;

-- In bulk: a result for each, in their order.
SELECT taskcenter.create_task('second', kind => 'manual') > 0 AS made;
SELECT ordinal, task, success, old_status, status, requested_status,
    (SELECT string_agg(p ->> 'code', ' ') FROM jsonb_array_elements(problems) AS p) AS problems
FROM taskcenter.set_task_statuses('[{"task": "second", "to_status": "in_progress", "reason": "a"},
    {"task": "article", "to_status": "published"}, {"task": "gone", "to_status": "failed"},
    {"task": "job", "to_status": "failed"}, {"task": "team", "to_status": "in_progress", "expected": "pending"},
    {"task": "second", "to_status": "awaiting_approval", "metadata": {"approval_type": "x"}},
    {"task": "second", "to_status": "failed", "expected": "in_progress"}]');
SELECT old_status, new_status, reason, metadata FROM taskcenter.status_history('second');
SELECT taskcenter.set_task_statuses(NULL);
SELECT taskcenter.set_task_statuses('{}');
SELECT taskcenter.set_task_statuses('[1]');
SELECT taskcenter.set_task_statuses('[{"to_status": "x"}]');
SELECT taskcenter.set_task_statuses('[{"task": "x"}]');
SELECT taskcenter.set_task_statuses('[{"task": "x", "to_status": "x", "to": 1}]');
SELECT taskcenter.set_task_statuses('[{"task": "x", "to_status": "x", "metadata": 1}]');
SELECT taskcenter.set_task_statuses((SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 10001)));
SELECT count(*) FROM taskcenter.set_task_statuses('[]');

-- A plain UPDATE is guarded and recorded; a reason may be set before.
\set VERBOSITY default
UPDATE taskcenter.tasks SET status = 'published' WHERE name = 'article';
UPDATE taskcenter.tasks SET status = 'awaiting_approval' WHERE name = 'article';
UPDATE taskcenter.tasks SET status = repeat('x', 1000) WHERE name = 'article';
\set VERBOSITY sqlstate
UPDATE taskcenter.tasks SET status = NULL WHERE name = 'article';
BEGIN;
SELECT taskcenter.set_context(actor => 'joe', reason => 'secret: x, wait') IS NOT NULL AS set;
UPDATE taskcenter.tasks SET status = 'on_hold' WHERE name IN ('article', 'team') RETURNING name;
UPDATE taskcenter.tasks SET status = status WHERE name IN ('article', 'team') RETURNING name, status;
COMMIT;
SELECT t.name, old_status, new_status, reason, metadata, actor, h.timestamp = t.status_changed_at AS same_time
FROM taskcenter.task_status_history AS h JOIN taskcenter.tasks AS t USING (task_id)
WHERE new_status = 'on_hold' ORDER BY id;
SELECT action, old_values, new_values, actor, reason FROM taskcenter.task_audit_logs
WHERE object_type = 'task' AND action <> 'create' ORDER BY audit_id DESC LIMIT 2;

-- Others: not to see, not to move; monitors see no contents.
SET ROLE regress_tc_other;
UPDATE taskcenter.tasks SET status = 'in_progress';
SELECT taskcenter.set_task_status('article', 'in_progress');
SELECT taskcenter.allowed_transitions('article');
SELECT taskcenter.status_history('article');
SELECT taskcenter.transition_failures('article');
SELECT count(*) FROM taskcenter.transition_failures();
SELECT count(*) FROM taskcenter.task_status_history;
SELECT ordinal, success, problems -> 0 ->> 'code' AS code
FROM taskcenter.set_task_statuses('[{"task": "article", "to_status": "in_progress"}]');
SET ROLE regress_tc_watch;
SELECT count(*) AS rows, count(reason) AS reasons, count(metadata) AS metadata
FROM taskcenter.status_history('article') HAVING count(*) > 5;
SELECT taskcenter.set_task_status('article', 'in_progress');
-- an operator moves what is not his; a viewer looks
RESET ROLE;
SET ROLE regress_tc_ed;
SELECT taskcenter.grant_access('regress_tc_other', 'operator', task => 'article') > 0 AS granted;
SELECT taskcenter.grant_access('regress_tc_watch', 'viewer', task => 'article') > 0 AS granted;
SET ROLE regress_tc_other;
SELECT success, status FROM taskcenter.set_task_status('article', 'in_progress', 'go on');
UPDATE taskcenter.tasks SET status = 'failed' WHERE name = 'article';
SELECT old_status, new_status, actor FROM taskcenter.status_history('article', 2);
SELECT success FROM taskcenter.set_task_status('article', 'published');
SELECT count(*) > 5 AS failures FROM taskcenter.transition_failures();
SELECT count(*) > 5 AS history FROM taskcenter.task_status_history;
SELECT success FROM taskcenter.set_task_status('team', 'in_progress');
SET ROLE regress_tc_watch;
SELECT count(reason) > 1 AS reasons FROM taskcenter.status_history('article');
SELECT taskcenter.set_task_status('article', 'pending');
SET ROLE regress_tc_ed;
SELECT success, status FROM taskcenter.set_task_status('article', 'pending');
SELECT success, status FROM taskcenter.set_task_status('article', 'in_progress');
SELECT success, status FROM taskcenter.set_task_status('article', 'on_hold');
RESET ROLE;

-- A superuser, and replica mode: guarded all the same.
SELECT count(*) > 5 AS all_of_them FROM taskcenter.transition_failures();
UPDATE taskcenter.tasks SET status = 'published' WHERE name = 'article';
UPDATE taskcenter.tasks SET workflow = 'gone' WHERE name = 'article';
UPDATE taskcenter.tasks SET kind = 'sql' WHERE name = 'article';
UPDATE taskcenter.tasks SET kind = 'manual', workflow = 'editorial', status = 'nonsense',
    status_changed_at = now() WHERE name = 'job';
INSERT INTO taskcenter.tasks (name, kind, owner, owner_id, run_as, run_as_id, workflow, status, status_changed_at)
VALUES ('bad', 'manual', 'x', 10, 'x', 10, 'editorial', 'nonsense', now());
SET session_replication_role = replica;
UPDATE taskcenter.tasks SET status = 'published' WHERE name = 'article';
INSERT INTO taskcenter.task_status_history (task_id, new_status, actor, owner_id) VALUES (1, 'forged', 'x', 10);
DELETE FROM taskcenter.task_status_history;
UPDATE taskcenter.task_status_history SET actor = 'nobody';
TRUNCATE taskcenter.task_status_history;
DELETE FROM taskcenter.tasks;
RESET session_replication_role;
ALTER TABLE taskcenter.task_status_history DISABLE TRIGGER guard_record;
SELECT state, detail FROM taskcenter.status_checks() WHERE check_name = 'guards';
ALTER TABLE taskcenter.task_status_history ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.tasks DISABLE TRIGGER guard_status;
SELECT state, detail FROM taskcenter.status_checks() WHERE check_name = 'guards';
ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER guard_status;

-- Another workflow, if it knows the status; a workflow in use keeps what is used.
SET ROLE regress_tc_ed;
SELECT taskcenter.create_workflow('short', 'todo', '{"todo": ["on_hold"], "on_hold": ["done"], "done": []}');
SELECT taskcenter.alter_task('second', options => '{"workflow": "short"}');
SELECT taskcenter.alter_task('article', options => '{"workflow": "gone"}');
SELECT taskcenter.alter_task('article', options => '{"workflow": "short"}') > 0 AS altered;
SELECT is_terminal, to_status FROM taskcenter.allowed_transitions('article');
\set VERBOSITY default
SELECT taskcenter.alter_workflow('short', 'todo', '{"todo": ["done"], "done": []}');
SELECT taskcenter.drop_workflow('short');
\set VERBOSITY sqlstate
SELECT success, allowed FROM taskcenter.set_task_status('article', 'done');
SELECT is_terminal, to_status, requires FROM taskcenter.allowed_transitions('article');
SELECT taskcenter.alter_workflow('short', 'todo', '{"todo": ["done"], "done": []}') > 0 AS altered;
SELECT taskcenter.alter_workflow('short', 'todo', '{"todo": ["done"], "done": ["todo"]}') > 0 AS altered;
SELECT allowed FROM taskcenter.set_task_status('article', 'done');
BEGIN;
SELECT taskcenter.alter_workflow('short', 'todo', '{"todo": [], "done": []}') > 0 AS altered;
SELECT success, allowed FROM taskcenter.set_task_status('article', 'todo');
ROLLBACK;
SELECT success, allowed FROM taskcenter.set_task_status('article', 'todo');

-- Archived: its status rests, its history stays; it comes back if its workflow is there.
SELECT taskcenter.archive_task('article');
UPDATE taskcenter.tasks SET status = 'done' WHERE name = 'article';
SELECT taskcenter.set_task_status('article', 'done');
SELECT count(*) > 10 AS history FROM taskcenter.status_history('article');
SELECT taskcenter.drop_workflow('short');
SELECT taskcenter.unarchive_task('article');
SELECT taskcenter.create_workflow('short', 'todo', '{"todo": []}') > 0 AS made;
SELECT taskcenter.unarchive_task('article');
SELECT taskcenter.alter_task_owner('article', 'regress_tc_team') > 0 AS given;
SELECT status FROM taskcenter.allowed_transitions('article');
RESET ROLE;

-- The checks of the seed, with its names: growth, plan of the newest 50, failures.
SET search_path = taskcenter;
SELECT count(*) > 10, count(DISTINCT task_id), max(timestamp) <= now() FROM task_status_history;
SELECT new_status, count(*) FROM task_status_history WHERE new_status IN ('validation_failed', 'failed')
GROUP BY new_status ORDER BY new_status;
RESET search_path;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM taskcenter.task_status_history WHERE task_id = 1 ORDER BY timestamp DESC LIMIT 50;
RESET enable_seqscan;
RESET enable_bitmapscan;

DROP EXTENSION taskcenter;
DROP ROLE regress_tc_ed, regress_tc_other, regress_tc_team, regress_tc_watch;
