-- Every refusal of the functions for runs: its code, with a detail and a hint, and nothing stored.
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_errors_runs;
\connect regress_errors_runs
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
CREATE FUNCTION pg_temp.refused(command text) RETURNS TABLE (code text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN QUERY SELECT 'none', 'was not refused: ' || left(command, 60), NULL, NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    message := regexp_replace(message, 'run \d+', 'run N');
    IF detail = '' OR hint = '' THEN
        hint := 'MISSING';
    ELSE
        detail := 'given';
        hint := 'given';
    END IF;
    RETURN NEXT;
END $$;

SELECT taskcenter.create_task('t', 'SELECT 1') > 0 AS made;
SELECT taskcenter.create_task('off', 'SELECT 1') > 0 AS made;
SELECT taskcenter.disable_task('off');
SELECT taskcenter.create_task('gone', 'SELECT 1') > 0 AS made;
SELECT taskcenter.archive_task('gone') IS NOT NULL AS archived;
SELECT taskcenter.enqueue_task('t') AS queued, taskcenter.enqueue_task('t') AS done \gset
SELECT status FROM taskcenter.perform_run(:done);
SELECT max(run_id) AS newest, count(*) AS runs FROM taskcenter.task_runs \gset

---- enqueue_task ----
SELECT r.* FROM (VALUES
    (1, $$SELECT taskcenter.enqueue_task(NULL)$$),
    (2, $$SELECT taskcenter.enqueue_task('')$$),
    (3, $$SELECT taskcenter.enqueue_task('nobody')$$),
    (4, $$SELECT taskcenter.enqueue_task(E'two\nlines "quoted"')$$),
    (5, $$SELECT taskcenter.enqueue_task(repeat('x', 1000000))$$),
    (6, $$SELECT taskcenter.enqueue_task('off')$$),
    (7, $$SELECT taskcenter.enqueue_task('gone')$$),
    (8, $$SELECT taskcenter.enqueue_task('t', '[1]')$$),
    (9, $$SELECT taskcenter.enqueue_task('t', '"text"')$$),
    (10, $$SELECT taskcenter.enqueue_task('t', jsonb_build_object('x', repeat('x', 2000000)))$$),
    (11, $$SELECT taskcenter.enqueue_task('t', run_at => 'infinity')$$),
    (12, $$SELECT taskcenter.enqueue_task('t', run_at => '-infinity')$$),
    (13, $$SELECT taskcenter.enqueue_task('t', unique_key => '')$$),
    (14, $$SELECT taskcenter.enqueue_task('t', unique_key => repeat('k', 1001))$$),
    (15, $$SELECT taskcenter.enqueue_task('t', unique_until => 'sometime')$$),
    (16, $$SELECT taskcenter.enqueue_task('t', unique_key => 'k', on_conflict => 'ignore')$$),
    (17, $$SELECT taskcenter.enqueue_task('t', trace_id => repeat('t', 201))$$),
    (18, $$SELECT taskcenter.enqueue_task('t', options => '[]')$$),
    (19, $$SELECT taskcenter.enqueue_task('t', options => '{"colour": "red"}')$$),
    (20, $$SELECT taskcenter.enqueue_task('t', options => '{"queue": "nowhere"}')$$),
    (21, $$SELECT taskcenter.enqueue_task('t', options => '{"queue": 5}')$$),
    (22, $$SELECT taskcenter.enqueue_task('t', options => '{"max_attempts": 0}')$$),
    (23, $$SELECT taskcenter.enqueue_task('t', options => '{"max_attempts": 1.5}')$$),
    (24, $$SELECT taskcenter.enqueue_task('t', options => '{"max_attempts": 99999999999}')$$),
    (25, $$SELECT taskcenter.enqueue_task('t', options => '{"unique_for": "1 day"}')$$),
    (26, $$SELECT taskcenter.enqueue_task('t', unique_key => 'k', options => '{"unique_for": "-1 day"}')$$),
    (27, $$SELECT taskcenter.enqueue_task('t', unique_key => 'k', options => '{"unique_for": "1000 years"}')$$),
    (28, $$SELECT taskcenter.enqueue_task('t', unique_key => 'k', options => '{"unique_for": "soon"}')$$)
) AS v (place, command), LATERAL pg_temp.refused(v.command) AS r ORDER BY v.place;

---- enqueue_tasks ----
SELECT r.* FROM (VALUES
    (1, NULL),
    (2, '{}'), (3, '5'), (4, 'null'),
    (5, '[5]'), (6, '[[]]'), (7, '[null]'),
    (8, '[{}]'), (9, '[{"task": null}]'), (10, '[{"task": 5}]'), (11, '[{"task": "nobody"}]'),
    (12, '[{"task": "t"}, {"task": "off"}]'), (13, '[{"task": "gone"}]'),
    (14, '[{"task": "t", "param": {}}]'), (15, '[{"task": "t", "params": []}]'),
    (16, '[{"task": "t", "run_at": "infinity"}]'), (17, '[{"task": "t", "run_at": 5}]'),
    (18, '[{"task": "t", "priority": "high"}]'), (19, '[{"task": "t", "priority": 3000000000}]'),
    (20, '[{"task": "t", "unique_key": 5}]'), (21, '[{"task": "t", "unique_key": ""}]'),
    (22, '[{"task": "t", "unique_until": "x"}]'), (23, '[{"task": "t", "on_conflict": "x"}]'),
    (24, '[{"task": "t", "options": {"x": 1}}]'), (25, '[{"task": "t", "options": {"queue": "nowhere"}}]'),
    (26, '[{"task": "t", "unique_key": "a", "params": {"n": 1}}, {"task": "t", "unique_key": "a", "params": {"n": 2}}]'),
    (27, '[{"task": "t", "unique_key": "a"}, {"task": "t", "unique_key": "a", "on_conflict": "error"}]'),
    (28, '[{"task": "t", "run_at": "soon"}]')
) AS v (place, runs),
LATERAL pg_temp.refused(format('SELECT * FROM taskcenter.enqueue_tasks(%L)', v.runs)) AS r ORDER BY v.place;
-- the place of the culprit is said
\set VERBOSITY terse
SELECT * FROM taskcenter.enqueue_tasks('[{"task": "t"}, {"task": "t", "run_at": "yesteryear"}]');
\set VERBOSITY default
SELECT * FROM taskcenter.enqueue_tasks('[{"task": "t"}, {"task": "t", "run_at": "infinity"}]');
SELECT * FROM taskcenter.enqueue_tasks('[{"task": "t"}, {"task": "t", "options": {"queue": "nowhere"}}]');

---- ids ----
SELECT r.* FROM unnest(ARRAY['cancel_run', 'retry_run', 'wait_for_run', 'perform_run', 'explain_run'])
    WITH ORDINALITY AS f (name, n),
    unnest(ARRAY['NULL', '0', '-1', '9007199254740992', '9223372036854775807', '9007199254740991'])
    WITH ORDINALITY AS i (id, m),
    LATERAL pg_temp.refused(format('SELECT taskcenter.%s(%s)', f.name, i.id)) AS r ORDER BY n, m;

---- the rest ----
SELECT r.* FROM (VALUES
    (1, $$SELECT taskcenter.cancel_run($$ || :queued || $$, repeat('r', 3000))$$),
    (2, $$SELECT taskcenter.retry_run($$ || :queued || $$)$$),
    (3, $$SELECT taskcenter.retry_run($$ || :done || $$)$$),
    (4, $$SELECT taskcenter.cancel_runs('nobody')$$),
    (5, $$SELECT taskcenter.cancel_runs('t', '{succeeded}')$$),
    (6, $$SELECT taskcenter.cancel_runs('t', '{queued,NULL}')$$),
    (7, $$SELECT taskcenter.cancel_runs('t', '{{queued},{running}}')$$),
    (8, $$SELECT taskcenter.retry_runs('nobody')$$),
    (9, $$SELECT taskcenter.retry_runs('t', '{skipped}')$$),
    (10, $$SELECT taskcenter.retry_runs('t', '{queued}')$$),
    (11, $$SELECT taskcenter.wait_for_run($$ || :queued || $$)$$),
    (12, $$SELECT taskcenter.wait_for_run($$ || :done || $$, '-1 second')$$),
    (13, $$SELECT taskcenter.wait_for_run($$ || :done || $$, '1000 years')$$),
    (14, $$CALL taskcenter.await_run($$ || :done || $$)$$),
    (15, $$SELECT taskcenter.perform_run($$ || :done || $$)$$),
    (16, $$SELECT taskcenter.perform_due_runs('nobody')$$),
    (17, $$SELECT taskcenter.write_log('notice', 'x')$$),
    (18, $$SELECT taskcenter.write_log(NULL, 'x')$$),
    (19, $$SELECT taskcenter.write_log('notice', NULL)$$),
    (20, $$SELECT taskcenter.write_log('notice', 'x', '[]')$$),
    (21, $$SELECT taskcenter.report_progress(1)$$),
    (22, $$SELECT taskcenter.report_progress(NULL)$$),
    (23, $$SELECT taskcenter.report_progress(-1)$$),
    (24, $$SELECT taskcenter.report_progress(1, -1)$$),
    (25, $$SELECT taskcenter.set_output('1')$$),
    (26, $$SELECT taskcenter.step_output('s')$$),
    (27, $$SELECT taskcenter.step_output(NULL)$$),
    (28, $$SELECT taskcenter.param(NULL)$$),
    (29, $$SELECT taskcenter.list_runs('nobody')$$),
    (30, $$SELECT taskcenter.list_runs(statuses => '{lost}')$$),
    (31, $$SELECT taskcenter.list_runs(since => 'infinity')$$),
    (32, $$SELECT taskcenter.list_runs(max_rows => 0)$$),
    (33, $$SELECT taskcenter.list_runs(max_rows => 1001)$$)
) AS v (place, command), LATERAL pg_temp.refused(v.command) AS r ORDER BY v.place;

-- nothing was stored
SELECT count(*) = :runs AS as_before, max(run_id) = :newest AS none_newer FROM taskcenter.task_runs;
SELECT count(*) AS kept FROM taskcenter.kept_keys;

---- inside a run ----
SELECT taskcenter.create_task('inside', $$
    SELECT r.code, r.message, r.hint FROM unnest(ARRAY[
        'SELECT taskcenter.write_log(''loud'', ''x'')',
        'SELECT taskcenter.write_log(''notice'', ''x'', jsonb_build_object(''x'', repeat(''x'', 10000)))',
        'SELECT taskcenter.step_output(''s'')',
        'SELECT taskcenter.set_output(to_jsonb(repeat(''x'', 2000000)))',
        'SELECT taskcenter.wait_for_run(1)',
        'SELECT taskcenter.perform_run((taskcenter.current_run()).run_id)']) WITH ORDINALITY AS c (command, n),
    LATERAL pg_temp.refused(c.command) AS r ORDER BY c.n
$$, options => '{"capture_output": true}') > 0 AS made;
SELECT taskcenter.enqueue_task('inside') AS run \gset
SELECT e ->> 'code' AS code, e ->> 'message' AS message, e ->> 'hint' AS hint
FROM taskcenter.perform_run(:run), jsonb_array_elements(output) AS e;
-- a run that ends itself is not finished by its performer
SELECT taskcenter.create_task('ends_itself',
    'SELECT taskcenter.cancel_run((taskcenter.current_run()).run_id)') > 0 AS made;
SELECT taskcenter.enqueue_task('ends_itself') AS run \gset
SELECT status, sqlstate FROM taskcenter.perform_run(:run);

\connect contrib_regression :super
DROP DATABASE regress_errors_runs;
