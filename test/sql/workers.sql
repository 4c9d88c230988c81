-- External workers: what their functions answer and refuse.  Time and
-- processes are test/t/090_workers.pl's.
\set VERBOSITY default
\set ON_ERROR_STOP 0
SET client_min_messages = warning;
SELECT current_user AS super \gset
CREATE ROLE regress_worker_owner LOGIN;
CREATE ROLE regress_worker;
CREATE ROLE regress_worker_other;
CREATE DATABASE regress_workers;
\connect regress_workers
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
SET client_min_messages = warning;

-- tasks of this kind
SET ROLE regress_worker_owner;
SELECT taskcenter.create_task('mail', kind => 'external', max_attempts => 3, backoff => 'none',
    options => '{"group_key": "all", "rate_limit": "100 per minute", "max_running": 50, "stuck_after": "1 hour"}');
SELECT kind, run_as, run_as_id, group_key, rate_limit FROM taskcenter.tasks;
SELECT taskcenter.alter_task('mail', reset => '{group_key,rate_limit,max_running,stuck_after}') = task_id AS altered
FROM taskcenter.tasks WHERE name = 'mail';
SELECT taskcenter.declare_task('mail', kind => 'external', max_attempts => 3, backoff => 'none');
SELECT jsonb_path_query_array(taskcenter.export_tasks(), '$.tasks[*].kind'),
    taskcenter.export_tasks()::text ~ 'run_as' AS run_as;
SELECT taskcenter.create_task('x', 'SELECT 1', kind => 'external');
SELECT taskcenter.create_task('x', kind => 'external', run_as => 'regress_worker_owner');
SELECT taskcenter.create_task('x', kind => 'external', transaction_mode => 'atomic');
SELECT taskcenter.create_task('x', kind => 'external', options => '{"capture_output": true}');
SELECT taskcenter.create_task('x', kind => 'external', options => '{"rate_limit": "many"}');
SELECT taskcenter.create_task('x', kind => 'external', options => '{"rate_limit": "0 per minute"}');
SELECT taskcenter.create_task('x', kind => 'external', options => '{"rate_limit": "5 per fortnight"}');
SELECT taskcenter.create_task('x', kind => 'external', options => '{"rate_limit": "5 daily, 6 daily"}');
SELECT taskcenter.create_task('x', 'SELECT 1', options => '{"rate_limit": "5/never"}');
SELECT taskcenter.create_task('plain', 'SELECT 1') > 0 AS made;
SELECT taskcenter.enqueue_task('plain', options => '{"group_key": "a"}');
SELECT taskcenter.enqueue_task('mail', '{"to": 1}') AS first \gset
SELECT count(*) FROM taskcenter.enqueue_tasks('[{"task": "mail", "params": {"to": 2}, "options": {"group_key": "b"}},
    {"task": "mail", "params": {"to": 3}}, {"task": "mail", "params": {"to": 4}}]');
SELECT taskcenter.perform_run(:first);
SELECT taskcenter.perform_due_runs('mail');

-- registering
SELECT taskcenter.register_worker(NULL, '{default}');
SELECT taskcenter.register_worker('w', NULL);
SELECT taskcenter.register_worker('w', '{}');
SELECT taskcenter.register_worker('w', '{none}');
SELECT taskcenter.register_worker('w', '{default}', '{}');
SELECT taskcenter.register_worker('w', '{default}', metadata => '[]');
SELECT taskcenter.register_worker('w', '{default}', metadata => '{"password": "x"}') AS w \gset
SELECT name, role, queues, tasks, metadata, ended_at FROM taskcenter.workers;
SELECT taskcenter.claim_runs(NULL);
SELECT taskcenter.claim_runs(0);
SELECT taskcenter.claim_runs(12345);
SELECT taskcenter.claim_runs(:w, 0);
SELECT taskcenter.claim_runs(:w, 1001);
SELECT taskcenter.claim_runs(:w, 1, '0 seconds');
SELECT taskcenter.claim_runs(:w, 1, '25 hours');
SELECT taskcenter.claim_runs(:w, options => '{"queues": ["control"]}');
SELECT taskcenter.claim_runs(:w, options => '{"queues": []}');
SELECT taskcenter.claim_runs(:w, options => '{"tasks": ["mail"]}');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT taskcenter.claim_runs(:w);
ROLLBACK;
SELECT taskcenter.heartbeat(:w, '{1,NULL}');

-- who may
RESET ROLE;
SET ROLE regress_worker;
SELECT taskcenter.register_worker('w', '{default}');
SELECT taskcenter.claim_runs(:w);
SELECT taskcenter.unregister_worker(:w);
RESET ROLE;
SET ROLE regress_worker_owner;
SELECT taskcenter.grant_access('regress_worker', 'worker', queue => 'default') > 0 AS granted;
RESET ROLE;
SET ROLE regress_worker;
SELECT taskcenter.register_worker('theirs', '{default}', '{mail}') AS theirs \gset
SELECT taskcenter.register_worker('old build', '{default}', '{other}') AS old \gset
SELECT count(*) AS not_for_an_old_build FROM taskcenter.claim_runs(:old, 10);
SELECT task, params, queue, attempt, max_attempts, lease_until - now() > '110 seconds' AS leased,
    deadline_at, scheduled_for, is_catchup, step, parent_run_id, trace_id
FROM taskcenter.claim_runs(:theirs, 2);
SELECT count(*) AS held FROM taskcenter.heartbeat(:theirs);
SELECT worker, task, attempt FROM taskcenter.worker_runs;
RESET ROLE;
SELECT run_id AS r1, token AS t1 FROM taskcenter.live_runs WHERE status = 'running' ORDER BY run_id LIMIT 1 \gset
SELECT run_id AS r2, token AS t2 FROM taskcenter.live_runs WHERE status = 'running' ORDER BY run_id DESC LIMIT 1 \gset

-- the token is no secret
SET ROLE regress_worker_other;
SELECT taskcenter.complete_run(:r1, :t1);
SELECT taskcenter.fail_run(:r1, :t1, 'x');
SELECT * FROM taskcenter.complete_runs(format('[{"run_id": %s, "token": %s}]', :r1, :t1)::jsonb);
RESET ROLE;
SET ROLE regress_worker;
SELECT taskcenter.complete_run(NULL, :t1);
SELECT taskcenter.complete_run(:r1, NULL);
SELECT taskcenter.complete_run(:r1, :t2);
SELECT taskcenter.log_run(:r1, :t1, 'loud', 'text');
SELECT taskcenter.log_run(:r1, :t1, 'debug', 'text') AS debug, taskcenter.log_run(:r1, :t1, 'notice', 'token=abc', '{"a": 1}') AS notice;
-- as much as is kept: lines, and bytes; one more says that there were more
BEGIN;
SELECT count(*) AS said, count(*) FILTER (WHERE kept) AS kept
FROM (SELECT taskcenter.log_run(:r1, :t1, 'info', 'line ' || i) AS kept FROM generate_series(1, 1010) AS i) AS s;
SELECT taskcenter.log_run(:r1, :t1, 'error', 'not either') AS kept;
RESET ROLE;
SELECT count(*), min(message) FILTER (WHERE level = 'warning') AS mark, count(*) FILTER (WHERE level = 'warning') AS marks,
    max(substr(message, 6)::int) FILTER (WHERE level = 'info') AS newest
FROM taskcenter.task_run_logs WHERE run_id = :r1;
ROLLBACK;
SET ROLE regress_worker;
BEGIN;
SELECT count(*) AS said, count(*) FILTER (WHERE kept) AS kept
FROM (SELECT taskcenter.log_run(:r1, :t1, 'info', repeat('x', 8000), '{"a": 1}') AS kept
    FROM generate_series(1, 140) AS i) AS s;
RESET ROLE;
SELECT sum(octet_length(message)) BETWEEN 500000 AND 1048576 AS most, count(*) FILTER (WHERE message = 'more messages were not kept') AS marks
FROM taskcenter.task_run_logs WHERE run_id = :r1;
SET ROLE regress_worker;
SELECT taskcenter.log_run(:r1, :t1, 'info', 'short, but too late') AS kept;
ROLLBACK;
SET ROLE regress_worker;
SELECT taskcenter.report_run_progress(:r1, :t1, -1);
SELECT taskcenter.report_run_progress(:r1, :t1, 3, 10, 'sending') AS to_end;
SELECT done, total, phase FROM taskcenter.worker_runs WHERE run_id = :r1;
SELECT taskcenter.complete_run(:r1, :t1, '{"sent": true}');
SELECT taskcenter.complete_run(:r1, :t1, '{"sent": true}') AS again;
SELECT taskcenter.fail_run(:r1, :t1, 'x');
SELECT taskcenter.log_run(:r1, :t1, 'notice', 'late');
SELECT taskcenter.report_run_progress(:r1, :t1, 1);

-- failing
SELECT taskcenter.fail_run(:r2, :t2, NULL);
SELECT taskcenter.fail_run(:r2, :t2, 'x', detail => '1');
SELECT taskcenter.fail_run(:r2, :t2, 'secret=abc failed', 'UPSTREAM', retry_after => '-1 second');
SELECT taskcenter.fail_run(:r2, :t2, 'secret=abc failed', 'UPSTREAM', retry_after => '1 hour', detail => '{"status": 503}');
SELECT taskcenter.fail_run(:r2, :t2, 'secret=abc failed', 'UPSTREAM', retry_after => '1 hour') AS again;
SELECT taskcenter.complete_run(:r2, :t2);
RESET ROLE;
SELECT status, attempt, run_at > now() + '50 minutes' AS later, error, worker_id IS NOT NULL AS by_worker
FROM taskcenter.live_runs WHERE run_id = :r2;
SELECT run_id = :r1 AS first, level, message, metadata FROM taskcenter.task_run_logs ORDER BY logged_at;
SELECT status, output, worker_id = :theirs AS theirs, attempt FROM taskcenter.finished_runs;
SELECT old_status, new_status, reason, actor FROM taskcenter.task_run_history
WHERE run_id IN (:r1, :r2) ORDER BY run_id, changed_at;

-- putting off, and many at once
SET ROLE regress_worker;
CREATE TEMP TABLE claimed AS SELECT * FROM taskcenter.claim_runs(:theirs, 10);
SELECT run_id AS r3, token AS t3 FROM claimed ORDER BY run_id LIMIT 1 \gset
SELECT run_id AS r4, token AS t4 FROM claimed ORDER BY run_id DESC LIMIT 1 \gset
SELECT taskcenter.snooze_run(:r3, :t3, NULL);
SELECT taskcenter.snooze_run(:r3, :t3, '1 day');
SELECT taskcenter.snooze_run(:r3, :t3, '1 day') AS again;
SELECT taskcenter.complete_runs(NULL);
SELECT taskcenter.complete_runs('{}');
SELECT taskcenter.complete_runs('[1]');
SELECT taskcenter.complete_runs('[{"run_id": 1}]');
SELECT taskcenter.complete_runs('[{"run_id": "1", "token": 1}]');
SELECT taskcenter.complete_runs('[{"run_id": 1, "token": 1, "status": "failed"}]');
SELECT taskcenter.complete_runs('[{"run_id": 1, "token": 1e30}]');
SELECT taskcenter.complete_runs('[{"run_id": 1, "token": 320.4}]');
SELECT taskcenter.complete_runs('[{"run_id": -1, "token": 1}]');
SELECT problem FROM taskcenter.complete_runs('[{"run_id": 1.0, "token": 1.0}]');
SELECT count(*) FROM taskcenter.complete_runs('[]');
SELECT format('[{"run_id": %s, "token": %s, "output": 1}, {"run_id": %s, "token": %s}, {"run_id": %s, "token": %s}]',
    :r3, :t3, :r4, :t4, :r1, :t1) AS results \gset
SELECT * FROM taskcenter.complete_runs(:'results', '{"strict": true}');
SELECT run_id = :r4 AS fourth, run_id = :r1 AS first, status, problem FROM taskcenter.complete_runs(:'results');
SELECT run_id = :r4 AS fourth, run_id = :r1 AS first, status, problem FROM taskcenter.complete_runs(:'results');
RESET ROLE;
SELECT status, attempt, run_at > now() + '23 hours' AS later FROM taskcenter.live_runs WHERE run_id = :r3;

-- cancelling, and leaving
SET ROLE regress_worker_owner;
SELECT taskcenter.enqueue_task('mail') AS r5 \gset
SELECT taskcenter.enqueue_task('mail') AS r6 \gset
RESET ROLE;
SET ROLE regress_worker;
SELECT count(*) FROM taskcenter.claim_runs(:theirs, 10);
RESET ROLE;
SET ROLE regress_worker_owner;
SELECT taskcenter.cancel_run(:r5, 'not any more');
RESET ROLE;
SET ROLE regress_worker;
SELECT run_id = :r5 AS fifth, cancel_requested FROM taskcenter.heartbeat(:theirs) ORDER BY run_id;
SELECT taskcenter.unregister_worker(:theirs);
SELECT taskcenter.unregister_worker(:theirs) AS again;
SELECT taskcenter.claim_runs(:theirs);
SELECT taskcenter.heartbeat(:theirs);
RESET ROLE;
SELECT run_id = :r5 AS fifth, status, reason, attempt FROM taskcenter.finished_runs WHERE run_id IN (:r5, :r6);
SELECT run_id = :r6 AS sixth, status, attempt, lease_until, token FROM taskcenter.live_runs WHERE run_id IN (:r5, :r6);

-- the audit: who came and went, not that they beat; it asks for no actor
SELECT taskcenter.set_context('me'), taskcenter.set_setting('require_actor', 'true');
SET ROLE regress_worker;
SELECT taskcenter.unregister_worker(taskcenter.register_worker('brief', '{default}', metadata => '{"token": "x"}'));
RESET ROLE;
SELECT taskcenter.set_context('me'), taskcenter.set_setting('require_actor', 'false');
SELECT action, object_name, actor, channel, old_values, new_values - ARRAY['role_id', 'worker_id', 'ended_at'] AS new_values,
    new_values ? 'ended_at' AS ended, object_id = (SELECT max(worker_id) FROM taskcenter.workers) AS id
FROM taskcenter.task_audit_logs WHERE object_type = 'worker' AND object_name = 'brief' ORDER BY audit_id;
SELECT object_name, array_agg(action ORDER BY audit_id) FROM taskcenter.task_audit_logs WHERE object_type = 'worker' GROUP BY object_name ORDER BY 1;
SELECT event_type, payload ->> 'name' AS name FROM taskcenter.events WHERE event_type ~ '^worker' AND payload ->> 'name' = 'brief' ORDER BY event_id;
SELECT count(*) AS problems FROM taskcenter.guard_problems();

-- waiting
CALL taskcenter.await_runs(NULL);
CALL taskcenter.await_runs(:theirs);
BEGIN;
CALL taskcenter.await_runs(:w, '0');
ROLLBACK;
CALL taskcenter.await_runs(:w, '0');
CALL taskcenter.await_runs(:old, '10 milliseconds');

-- limits
SELECT taskcenter.limit_queue('default', 0) IS NOT NULL AS limited;
SELECT count(*) AS none FROM taskcenter.claim_runs(:w, 10);
SELECT taskcenter.limit_queue('default', NULL) IS NOT NULL AS free;
SELECT taskcenter.pause_queue('default');
SELECT count(*) AS none FROM taskcenter.claim_runs(:w, 10);
SELECT taskcenter.resume_queue('default');
SELECT taskcenter.pause_scheduler();
SELECT count(*) AS none FROM taskcenter.claim_runs(:w, 10);
SELECT taskcenter.resume_scheduler();
SELECT taskcenter.disable_task('mail');
SELECT count(*) AS none FROM taskcenter.claim_runs(:w, 10);
SELECT taskcenter.enable_task('mail');
SELECT count(*) AS the_rest FROM taskcenter.claim_runs(:w, 10);

-- whom a task's runs wait for, and how fast they may go
SELECT taskcenter.create_task('paced', kind => 'external', options => '{"rate_limit": "2 per minute"}') > 0 AS made;
SELECT taskcenter.enqueue_task('paced') > 0 AS run;
SELECT reason, detail FROM taskcenter.explain_task('paced') WHERE reason = 'runs due';

-- settings
SELECT taskcenter.set_setting('priority_aging', '0 seconds');
SELECT taskcenter.set_setting('priority_aging', 'never');
SELECT taskcenter.set_setting('secret_function', '"; drop');
SELECT taskcenter.set_setting('secret_function', 'upper');
SELECT taskcenter.set_setting('secret_function', 'public.none');
SELECT taskcenter.set_setting('secret_function', 'pg_catalog.length');
SELECT taskcenter.set_setting('secret_function', 'pg_catalog.upper');

\connect contrib_regression :super
DROP DATABASE regress_workers;
DROP ROLE regress_worker_owner, regress_worker, regress_worker_other;
