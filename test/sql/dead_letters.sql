-- Dead letters: when one opens, what it holds, who may do what with it, and how it closes.
SET client_min_messages = error;
CREATE DATABASE regress_dead_letters;
CREATE ROLE regress_dl_owner LOGIN;
CREATE ROLE regress_dl_operator LOGIN;
CREATE ROLE regress_dl_stranger LOGIN;
\set super :USER
\connect regress_dead_letters
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
\set VERBOSITY terse

-- Failure codes: none before the database is activated, then nine; more can be added.
SELECT count(*) FROM taskcenter.failure_codes;
SELECT count(*) FROM taskcenter.dead_letters;
SELECT taskcenter.set_failure_code('QUOTA_EXCEEDED', false, 'The customer has used up his quota', 'contract 7');
SELECT taskcenter.set_failure_code('QUOTA_EXCEEDED', false);
SELECT taskcenter.set_failure_code('QUOTA_EXCEEDED', true);
SELECT code, retryable, description <> '' AS described, updated_by = current_user OR updated_by = 'taskcenter' AS signed
FROM taskcenter.failure_codes ORDER BY code;
SELECT action, object_name, old_values, new_values, reason FROM taskcenter.task_audit_logs
WHERE object_type = 'failure code' ORDER BY audit_id;
SELECT taskcenter.set_failure_code('', true);
SELECT taskcenter.set_failure_code('small', true);
SELECT taskcenter.set_failure_code('1ST', true);
SELECT taskcenter.set_failure_code(repeat('X', 51), true);
SELECT taskcenter.set_failure_code(NULL, true);
SELECT taskcenter.set_failure_code('X', NULL);
SET ROLE regress_dl_stranger;
SELECT taskcenter.set_failure_code('X', true);
SELECT count(*) FROM taskcenter.failure_codes;
RESET ROLE;
SELECT state, taskcenter.failure_code_of(state) AS code
FROM unnest(ARRAY['42501', '28P01', '57014', '55P03', '42601', '22P02', '22032', '22012', '23505', '44000', '53200',
    '54001', '08006', 'HV000', 'P0001', '40001', 'XX000', NULL]) AS state;
SELECT taskcenter.failure_code_of('57014', 'timed_out'), taskcenter.failure_code_of(NULL, 'timed_out'),
    taskcenter.failure_code_of(NULL);
SELECT count(*) FROM unnest(ARRAY['42501', '57014', '22012', NULL]) AS state
WHERE taskcenter.failure_code_of(state) NOT IN (SELECT code FROM taskcenter.failure_codes);

-- A task that fails until its command is mended.
GRANT CREATE ON SCHEMA public TO regress_dl_owner;
\connect - regress_dl_owner
\set VERBOSITY terse
SELECT taskcenter.create_task('flaps', 'SELECT 1 / 0', max_attempts => 3, backoff => 'none',
    params => '{"day": 1, "password": "hush"}', application => 'books') > 0 AS made;
SELECT taskcenter.grant_access('regress_dl_operator', 'operator', task => 'flaps') > 0 AS granted;
SELECT taskcenter.enqueue_task('flaps', trace_id => 'trace-1') AS run \gset
SELECT status FROM taskcenter.perform_run(:run);
SELECT status FROM taskcenter.perform_run(:run);
SELECT count(*) AS none_while_attempts_are_left FROM taskcenter.dead_letters;
SELECT status FROM taskcenter.perform_run(:run);
SELECT dead_letter_id, run_id = :run AS of_run, first_run_id = :run AS first, state, run_status, code, sqlstate,
    error, attempts, max_attempts, lost, redrives, params, params_redacted, created_by, trace_id,
    failed_at = first_failed_at AS first_time, closed_at
FROM taskcenter.dead_letters;
SELECT e ->> 'attempt' AS attempt, e ->> 'status' AS status, e ->> 'error' AS error, e ->> 'code' AS code, e ->> 'sqlstate' AS sqlstate,
    (e ->> 'at')::timestamptz <= now() + interval '1 minute' AS dated
FROM taskcenter.dead_letters, jsonb_array_elements(errors) AS e;
SELECT code, sqlstate, last_heartbeat_at FROM taskcenter.task_runs WHERE run_id = :run;
SELECT dead_letter_id, run_id = :run AS of_run, task, code, attempts, redrives, error FROM taskcenter.open_dead_letters;
SELECT dead_letter_id AS letter FROM taskcenter.dead_letters \gset

-- It goes again, and fails again: the same letter, opened again, with one more error.
SELECT taskcenter.redrive_dead_letter(:letter, 'once more, token=abc') = :run AS same_run;
SELECT state, redrives, redriven_by, note, due_at <= now() AS due FROM taskcenter.dead_letters;
SELECT status, attempt, max_attempts FROM taskcenter.task_runs WHERE run_id = :run;
SELECT taskcenter.redrive_dead_letter(:letter);
SELECT taskcenter.resolve_dead_letter(:letter);
SELECT taskcenter.discard_dead_letter(:letter);
SELECT status FROM taskcenter.perform_run(:run);
SELECT dead_letter_id, state, attempts, redrives, jsonb_array_length(errors) AS errors, failed_at > first_failed_at AS later, closed_at
FROM taskcenter.dead_letters;

-- Cancelled on its way: open again.  retry_run() marks it as well.
SELECT taskcenter.retry_run(:run, 'by retry_run');
SELECT state, redrives, note FROM taskcenter.dead_letters;
SELECT taskcenter.cancel_run(:run);
SELECT state, redrives, closed_at FROM taskcenter.dead_letters;

-- Mended: its success closes it.
SELECT taskcenter.alter_task('flaps', command => 'SELECT 1') > 0 AS mended;
SELECT taskcenter.redrive_dead_letter(:letter, 'mended') = :run AS same_run;
SELECT status FROM taskcenter.perform_run(:run);
SELECT state, closed_by, note, closed_at >= redriven_at AS after, attempts FROM taskcenter.dead_letters;
SELECT taskcenter.redrive_dead_letter(:letter);
SELECT taskcenter.resolve_dead_letter(:letter);
SELECT string_agg(old_status || '>' || new_status, ' ' ORDER BY changed_at, ctid) AS moves
FROM taskcenter.task_run_history WHERE run_id = :run AND old_status IS NOT NULL;
SELECT action, object_name, old_values, new_values, reason FROM taskcenter.task_audit_logs
WHERE object_type = 'dead letter' ORDER BY audit_id;

-- A run that succeeds with a later attempt has nothing to do with dead letters.
SELECT taskcenter.create_task('second', $c$DO $d$ BEGIN IF (taskcenter.current_run()).attempt < 2 THEN RAISE 'not yet'; END IF; END $d$$c$,
    max_attempts => 2, backoff => 'none') > 0 AS made;
SELECT taskcenter.enqueue_task('second') AS run \gset
SELECT status FROM taskcenter.perform_run(:run);
SELECT status FROM taskcenter.perform_run(:run);
SELECT count(*) FROM taskcenter.dead_letters WHERE run_id = :run;
-- neither has one that is cancelled, also after a failed attempt
SELECT taskcenter.create_task('never', 'SELECT 1 / 0', max_attempts => 2) > 0 AS made;
SELECT taskcenter.enqueue_task('never') AS run \gset
SELECT status FROM taskcenter.perform_run(:run);
SELECT taskcenter.cancel_run(:run);
SELECT count(*) FROM taskcenter.dead_letters WHERE run_id = :run;
-- what a transaction rolls back leaves none
BEGIN;
SELECT taskcenter.enqueue_task('never', options => '{"max_attempts": 1}') AS run \gset
SELECT status FROM taskcenter.perform_run(:run);
SELECT count(*) FROM taskcenter.dead_letters WHERE run_id = :run;
ROLLBACK;
SELECT count(*) FROM taskcenter.dead_letters WHERE run_id = :run;

-- Resolved, discarded: once, with who and why.
SELECT taskcenter.create_task('broken', 'SELECT 1 / 0', params => '{"n": 0}', application => 'books') > 0 AS made;
SELECT count(*) AS failed FROM taskcenter.enqueue_tasks((SELECT jsonb_agg(jsonb_build_object('task', 'broken', 'params',
    jsonb_build_object('n', n))) FROM generate_series(1, 6) AS n));
SELECT count(*) AS performed FROM taskcenter.perform_due_runs('broken');
SELECT min(dead_letter_id) AS one, min(dead_letter_id) + 1 AS two, min(dead_letter_id) + 2 AS three FROM taskcenter.open_dead_letters \gset
SELECT taskcenter.resolve_dead_letter(:one, 'done by hand');
SELECT taskcenter.discard_dead_letter(:two, 'was a test');
SELECT state, closed_by, note FROM taskcenter.dead_letters WHERE dead_letter_id IN (:one, :two) ORDER BY dead_letter_id;
-- each of what happened is one event
SELECT e.event_type, count(*), count(e.payload -> 'redriven_by') AS redriven_by, count(e.payload -> 'closed_by') AS closed_by
FROM taskcenter.events AS e WHERE e.event_type ~ 'dead_letter' GROUP BY 1 ORDER BY 1;
SELECT action, count(*) FROM taskcenter.task_audit_logs WHERE object_type = 'dead letter' GROUP BY 1 ORDER BY 1;
\set VERBOSITY default
SELECT taskcenter.resolve_dead_letter(987654321);
\set VERBOSITY terse
SELECT taskcenter.resolve_dead_letter(NULL);
SELECT taskcenter.resolve_dead_letter(-1);

-- Whose they are: operators of the task; readers see them; strangers know nothing of them.
\connect - regress_dl_operator
\set VERBOSITY terse
SELECT count(*) FROM taskcenter.dead_letters;
SELECT taskcenter.redrive_dead_letter(:three);
SELECT taskcenter.redrive_dead_letter(:letter);
\connect - regress_dl_stranger
\set VERBOSITY terse
SELECT (SELECT count(*) FROM taskcenter.dead_letters) + (SELECT count(*) FROM taskcenter.open_dead_letters) AS seen;
SELECT taskcenter.redrive_dead_letter(:three);
SELECT taskcenter.resolve_dead_letter(:three);
SELECT taskcenter.discard_dead_letter(:three);
SELECT * FROM taskcenter.redrive_dead_letters();
SELECT * FROM taskcenter.redrive_dead_letters('{"task": "broken"}');
SELECT taskcenter.export_dead_letters();
SELECT taskcenter.dlq_stats() - 'oldest_open_at';

-- Many: first look, then some, then the rest, spread over time.
\connect - regress_dl_owner
\set VERBOSITY terse
SELECT task, code, problem FROM taskcenter.redrive_dead_letters('{"task": "broken"}', dry_run => true);
SELECT count(*) FROM taskcenter.dead_letters WHERE state = 'redriven';
SELECT task, run_id IS NOT NULL AS goes, problem FROM taskcenter.redrive_dead_letters(
    '{"application": "books", "code": "VALIDATION_ERROR", "sqlstate": "22012", "status": "failed", "retryable": false,
      "queue": "default", "since": "2000-01-01", "before": "2999-01-01"}', max_runs => 1);
SELECT round(extract(epoch FROM run_at - min(run_at) OVER ()))::int AS due_in, problem
FROM taskcenter.redrive_dead_letters(max_runs => 2, per_hour => 6, reason => 'the cause is repaired') ORDER BY 1;
SELECT state, count(*), min(redriven_by) AS by, min(note) AS note FROM taskcenter.dead_letters GROUP BY state ORDER BY state;
-- what comes later is due later
SELECT round(extract(epoch FROM (SELECT r.run_at FROM taskcenter.redrive_dead_letters(per_hour => 6) AS r) -
    (SELECT max(due_at) FROM taskcenter.dead_letters WHERE note = 'the cause is repaired')))::int AS behind;
SELECT count(*) AS nothing_left FROM taskcenter.redrive_dead_letters();
SELECT object_id, old_values, new_values, reason FROM taskcenter.task_audit_logs
WHERE object_type = 'dead letter' AND object_id IS NULL ORDER BY audit_id;
SELECT count(*) AS performed FROM taskcenter.perform_due_runs('broken');
SELECT count(*) FROM taskcenter.redrive_dead_letters('{"since": "2999-01-01"}');
SELECT count(*) FROM taskcenter.redrive_dead_letters('{"dead_letter_ids": []}');
SELECT count(*) FROM taskcenter.redrive_dead_letters('{"retryable": true}');
\set VERBOSITY default
SELECT * FROM taskcenter.redrive_dead_letters('{"unknown": 1}');
SELECT * FROM taskcenter.redrive_dead_letters('{"state": "open"}');
SELECT * FROM taskcenter.redrive_dead_letters('{"status": "cancelled"}');
SELECT * FROM taskcenter.redrive_dead_letters('{"since": "infinity"}');
SELECT * FROM taskcenter.redrive_dead_letters('{"since": "soon"}');
\set VERBOSITY terse
SELECT * FROM taskcenter.redrive_dead_letters('{"dead_letter_ids": ["1"]}');
SELECT * FROM taskcenter.redrive_dead_letters('{"dead_letter_ids": [1.5]}');
SELECT * FROM taskcenter.redrive_dead_letters('{"dead_letter_ids": [-1]}');
SELECT * FROM taskcenter.redrive_dead_letters('{"task": "no such"}');
SELECT * FROM taskcenter.redrive_dead_letters('[]');
SELECT * FROM taskcenter.redrive_dead_letters(max_runs => 0);
SELECT * FROM taskcenter.redrive_dead_letters(per_hour => 0);

-- A problem of one does not keep the others; a problem says what to do.
SELECT taskcenter.create_task('keyed', 'SELECT 1 / 0') > 0 AS made;
SELECT taskcenter.enqueue_task('keyed', unique_key => 'k') AS keyed \gset
SELECT status FROM taskcenter.perform_run(:keyed);
SELECT taskcenter.enqueue_task('keyed', unique_key => 'k') > 0 AS taken;
SELECT task, problem FROM taskcenter.redrive_dead_letters('{"task": "keyed"}');
\set VERBOSITY default
SELECT taskcenter.redrive_dead_letter(dead_letter_id) FROM taskcenter.dead_letters WHERE run_id = :keyed;
\set VERBOSITY terse
SELECT taskcenter.disable_task('keyed');
SELECT task, problem FROM taskcenter.redrive_dead_letters('{"task": "keyed"}', dry_run => true);

-- Purged runs: a new run with what the letter kept, unless that held secrets.
SELECT taskcenter.create_task('gone', 'SELECT 1 / 0', params => '{"a": 1}') > 0 AS made,
    taskcenter.create_task('secret', 'SELECT 1 / 0', params => '{"api_key": "x"}') > 0 AS made;
SELECT taskcenter.enqueue_task('gone', '{"b": 2}', priority => 7, trace_id => 'trace-2') AS gone,
    taskcenter.enqueue_task('secret') AS secret \gset
SELECT status FROM taskcenter.perform_run(:gone);
SELECT status FROM taskcenter.perform_run(:secret);
\connect - :super
\set VERBOSITY terse
ALTER TABLE taskcenter.finished_runs DISABLE TRIGGER guard_status;
DELETE FROM taskcenter.finished_runs WHERE run_id IN (:gone, :secret);
ALTER TABLE taskcenter.finished_runs ENABLE ALWAYS TRIGGER guard_status;
\connect - regress_dl_owner
\set VERBOSITY terse
SELECT dead_letter_id AS letter FROM taskcenter.dead_letters WHERE run_id = :gone \gset
SELECT task, problem FROM taskcenter.redrive_dead_letters(jsonb_build_object('task', 'secret'));
SELECT taskcenter.alter_task('gone', params => '{"c": 3}') > 0 AS altered;
SELECT taskcenter.redrive_dead_letter(:letter, 'purged') AS again \gset
SELECT :again <> :gone AS another_run;
SELECT state, run_id = :again AS new_run, first_run_id = :gone AS lineage FROM taskcenter.dead_letters WHERE dead_letter_id = :letter;
SELECT params, priority, trace_id, status FROM taskcenter.task_runs WHERE run_id = :again;
SELECT reason = format('redriven from dead letter %s of run %s', :letter, :gone) AS told FROM taskcenter.task_run_history WHERE run_id = :again;
SELECT status FROM taskcenter.perform_run(:again);
SELECT count(*) AS letters, min(state) AS state, min(redrives) AS redrives, min(jsonb_array_length(errors)) AS errors
FROM taskcenter.dead_letters WHERE task_id = (SELECT task_id FROM taskcenter.tasks WHERE name = 'gone');
SELECT taskcenter.alter_task('gone', command => 'SELECT 1') > 0 AS mended;
SELECT taskcenter.redrive_dead_letter(:letter) = :again AS same_run;
SELECT status FROM taskcenter.perform_run(:again);
SELECT state, closed_by FROM taskcenter.dead_letters WHERE dead_letter_id = :letter;

-- A run that is cancelled again and again is said to be once.
SELECT taskcenter.create_task('spare', 'SELECT 1 / 0') > 0 AS made;
SELECT taskcenter.enqueue_task('spare') AS spare \gset
SELECT status FROM taskcenter.perform_run(:spare);
SELECT dead_letter_id AS letter FROM taskcenter.dead_letters WHERE run_id = :spare \gset
SELECT taskcenter.redrive_dead_letter(:letter, 'again') = :spare AS goes;
SELECT taskcenter.cancel_run(:spare);
SELECT taskcenter.redrive_dead_letter(:letter) = :spare AS goes;
SELECT taskcenter.cancel_run(:spare);
SELECT state, redrives, note FROM taskcenter.dead_letters WHERE dead_letter_id = :letter;
SELECT taskcenter.discard_dead_letter(:letter);

-- Numbers and export.
SELECT taskcenter.dlq_stats() - 'oldest_open_at' AS stats;
SELECT (taskcenter.dlq_stats() ->> 'oldest_open_at')::timestamptz = min(failed_at) AS oldest FROM taskcenter.dead_letters WHERE state = 'open';
SELECT jsonb_array_length(taskcenter.export_dead_letters()) = count(*) AS all_of_them FROM taskcenter.dead_letters;
SELECT d ->> 'task' AS task, d ->> 'state' AS state, d ->> 'queue' AS queue, d -> 'params' AS params, jsonb_array_length(d -> 'errors') AS errors
FROM jsonb_array_elements(taskcenter.export_dead_letters('{"task": "gone", "state": "resolved"}', 5)) AS d;
SELECT taskcenter.export_dead_letters('{"state": "lost"}');
SELECT taskcenter.export_dead_letters(max_rows => 0);
SELECT taskcenter.export_dead_letters('{"task": "gone", "state": "open"}');
SELECT checked, stuck, moved_to_dead_letters, false_positives, running, stuck_now
FROM taskcenter.watchdog_metrics();

-- Nobody writes to them by plain SQL.
\connect - :super
\set VERBOSITY terse
INSERT INTO taskcenter.dead_letters SELECT * FROM taskcenter.dead_letters LIMIT 1;
UPDATE taskcenter.dead_letters SET state = 'open';
DELETE FROM taskcenter.dead_letters;
TRUNCATE taskcenter.dead_letters;
UPDATE taskcenter.failure_codes SET retryable = true;
DELETE FROM taskcenter.failure_codes;
-- rows that somebody else brings make none
INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at, finished_at,
    retention_class, priority, attempt, max_attempts, lost, is_catchup, status, params, created_by)
SELECT 1000000, task_id, run_as_id, owner_id, 1, now(), now(), now(), 2, 0, 1, 1, 0, false, 'failed', '{}', 'test'
FROM taskcenter.tasks WHERE name = 'gone';
SELECT count(*) FROM taskcenter.dead_letters WHERE run_id = 1000000;
SELECT check_name, object_type, object_id FROM taskcenter.check_integrity() WHERE check_name ~ 'letter';

-- status warns of many; retention takes closed ones only, and nothing of what is held.
SELECT state, detail ~ 'the oldest for' AS detailed FROM taskcenter.status_checks() WHERE check_name = 'dead_letters';
SELECT taskcenter.set_setting('dead_letters_retention', '30 days') IS NOT NULL AS set;
SELECT taskcenter.hold_history('broken', 'case 17');
ALTER TABLE taskcenter.dead_letters DISABLE TRIGGER guard_dead_letter;
UPDATE taskcenter.dead_letters SET closed_at = closed_at - interval '40 days', failed_at = failed_at - interval '40 days';
ALTER TABLE taskcenter.dead_letters ENABLE ALWAYS TRIGGER guard_dead_letter;
SELECT t.name, d.state, count(*) FROM taskcenter.dead_letters AS d JOIN taskcenter.tasks AS t USING (task_id) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT relation, rows, policy FROM taskcenter.preview_purge() WHERE relation = 'dead_letters';
SET client_min_messages = error;
CALL taskcenter.purge() \g /dev/null
SELECT relation, rows FROM taskcenter.purges WHERE relation = 'dead_letters';
SELECT t.name, d.state, count(*) FROM taskcenter.dead_letters AS d JOIN taskcenter.tasks AS t USING (task_id) GROUP BY 1, 2 ORDER BY 1, 2;

-- They follow their task to another owner.
SELECT taskcenter.alter_task_owner('broken', 'regress_dl_stranger') > 0 AS given;
SET ROLE regress_dl_stranger;
SELECT count(*) > 0 AS sees_them FROM taskcenter.dead_letters;
RESET ROLE;

\connect postgres
SET client_min_messages = error;
DROP DATABASE regress_dead_letters;
DROP ROLE regress_dl_owner, regress_dl_operator, regress_dl_stranger;
