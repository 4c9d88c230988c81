-- Events: what is one, in which order they are read, and who sees which.
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
SET client_min_messages = warning;
SELECT current_user AS me \gset
CREATE ROLE regress_events_owner LOGIN;
CREATE ROLE regress_events_viewer LOGIN;
CREATE ROLE regress_events_other LOGIN;
CREATE ROLE regress_events_monitor LOGIN IN ROLE pg_monitor;

-- Nothing has happened.
SELECT * FROM taskcenter.read_events();
SELECT taskcenter.events_end();

-- ---- runs ----

\c - regress_events_owner
SET client_min_messages = warning;
SELECT taskcenter.create_task('passes', 'SELECT 1', params => '{"day": 1}') AS passes,
    taskcenter.create_task('fails', 'SELECT 1 / (SELECT 0)', max_attempts => 2, backoff => 'none') AS fails,
    taskcenter.create_task('quiet', 'SELECT 1', options => '{"events": "none"}') AS quiet,
    taskcenter.create_task('grave', 'SELECT 1 / (SELECT 0)', options => '{"events": "failures"}') AS grave \gset
SELECT taskcenter.events_end() AS start \gset
SELECT taskcenter.enqueue_task('passes', trace_id => 'trace') AS run \gset
-- to make a run is no event
SELECT count(*) FROM taskcenter.read_events(:start);
SELECT status FROM taskcenter.perform_run(:run);
SELECT event_type, task, run_id = :run AS of_run, attempt, status, actor, payload - '{started_at,finished_at,duration_ms}'::text[] AS payload
FROM taskcenter.read_events(:start);
SELECT e.payload ?& '{started_at,finished_at,duration_ms}' AS times, (e.payload ->> 'duration_ms')::numeric >= 0 AS took,
    e.recorded_at = r.finished_at AS at_the_end
FROM taskcenter.read_events(:start, types => '{task_run_finished}') AS e JOIN taskcenter.task_runs AS r ON r.run_id = e.run_id;
SELECT taskcenter.events_end() AS start \gset

-- Two attempts; levels: all, none, failures.
SELECT taskcenter.enqueue_task(name) AS run_id, name FROM unnest('{fails,quiet,grave}'::text[]) AS name ORDER BY name;
SELECT status FROM taskcenter.perform_due_runs();
SELECT status FROM taskcenter.perform_due_runs();
SELECT event_type, task, attempt, status, payload ->> 'old_status' AS old_status, payload ->> 'error' AS error, payload ->> 'sqlstate' AS sqlstate
FROM taskcenter.read_events(:start);
-- the level is asked when events are read
SELECT taskcenter.alter_task('quiet', options => '{"events": "all"}') > 0 AS altered;
SELECT event_type, task FROM taskcenter.read_events(:start, types => '{task_run_started,task_run_finished}') WHERE task = 'quiet';

-- What somebody asked for, and what came of it.
SELECT taskcenter.events_end() AS start \gset
SELECT taskcenter.cancel_run(taskcenter.enqueue_task('passes'), 'why');
SELECT taskcenter.retry_run(run_id) FROM taskcenter.task_runs WHERE task = 'fails';
SELECT event_type, status, payload ->> 'action' AS action, payload ->> 'reason' AS reason FROM taskcenter.read_events(:start);

-- ---- what else happens ----

SELECT taskcenter.events_end() AS start \gset
SELECT taskcenter.pause_task('passes', 'a while'), taskcenter.schedule_task('passes', '@daily') > 0 AS scheduled;
SELECT taskcenter.create_task('moved', kind => 'manual') > 0 AS made;
SELECT success FROM taskcenter.set_task_status('moved', 'in_progress');
SELECT success FROM taskcenter.set_task_status('moved', 'archived');
\c - :me
SET client_min_messages = warning;
SELECT taskcenter.set_flag('new', true), taskcenter.create_queue('slow') > 0 AS made, taskcenter.set_setting('max_wait', '2 hours');
SELECT event_type, task, status, payload ->> 'action' AS action, payload ->> 'name' AS name, payload ->> 'reason' AS reason
FROM taskcenter.read_events(:start);
SELECT payload -> 'old_values' AS old, payload -> 'new_values' AS new FROM taskcenter.read_events(:start, 1, '{task_changed}');
INSERT INTO taskcenter.kept_keys (task_id, unique_key, run_id, params, expires_at) SELECT :passes, 'old', 1, '{}', now() - interval '1 hour';
CALL taskcenter.purge() \g /dev/null
SELECT event_type, payload ->> 'name' AS relation, payload -> 'new_values' ->> 'rows' AS rows FROM taskcenter.read_events(:start, types => '{task_history_purged}');
-- Rows of users' own tables are not in the stream: their transactions are the users'.
CREATE TABLE public.work (id int PRIMARY KEY, status text);
SELECT taskcenter.create_workflow('rows', 'open', '{"open": ["done"], "done": []}') > 0 AS made, taskcenter.guard_table('public.work', 'status', 'rows') > 0 AS guarded;
SELECT taskcenter.events_end() AS start \gset
INSERT INTO public.work VALUES (1, 'open');
UPDATE public.work SET status = 'done';
SELECT count(*) FROM taskcenter.read_events(:start);

-- ---- pages ----

SELECT count(*) AS all_events, count(*) = count(DISTINCT event_id) AS once FROM taskcenter.read_events(0, 10000) \gset
SELECT :'once' AS once;
WITH RECURSIVE page AS (
    SELECT 0 AS number, 0::bigint AS last, 0::bigint AS read
    UNION ALL
    SELECT p.number + 1, e.last, p.read + e.read FROM page AS p,
        LATERAL (SELECT max(r.event_id) AS last, count(*) AS read FROM taskcenter.read_events(p.last, 3) AS r) AS e
    WHERE e.read > 0)
SELECT max(read) = :all_events AS nothing_missed, max(number) = ceil(:all_events / 3.0) AS full_pages FROM page;
SELECT array_agg(event_id) = array_agg(event_id ORDER BY event_id) AS in_order FROM taskcenter.read_events(0, 10000);
SELECT count(*) FROM taskcenter.read_events(taskcenter.events_end());
SELECT count(*) FROM taskcenter.read_events(9007199254740990);
-- the view shows the same
SELECT count(*) = :all_events AS same FROM taskcenter.events WHERE event_id <= (SELECT max(event_id) FROM taskcenter.read_events(0, 10000));
-- of the open transaction nothing is told, and nothing that comes after
BEGIN;
SELECT taskcenter.events_end() AS start \gset
SELECT taskcenter.pause_queue('slow');
SELECT taskcenter.events_end() = :start AS held, count(*) FROM taskcenter.read_events(:start);
COMMIT;
SELECT taskcenter.events_end() > :start AS told, count(*) FROM taskcenter.read_events(:start);

-- ---- who sees what ----

SELECT taskcenter.events_end() AS finish \gset
SET ROLE regress_events_owner;
SELECT taskcenter.grant_access('regress_events_viewer', 'viewer', task => 'fails') > 0 AS granted;
RESET ROLE;
CREATE FUNCTION seen() RETURNS TABLE (events bigint, in_view bigint, tasks text, types text) LANGUAGE sql AS $$
    SELECT count(*), (SELECT count(*) FROM taskcenter.events), string_agg(DISTINCT coalesce(task, '-'), ' '),
        string_agg(DISTINCT event_type, ' ') FROM taskcenter.read_events(0, 10000) $$;
SET ROLE regress_events_viewer;
SELECT * FROM seen();
SET ROLE regress_events_other;
SELECT * FROM seen();
SELECT count(*) FROM taskcenter.noted_events;
SET ROLE regress_events_monitor;
SELECT in_view = events AS same, tasks, types FROM seen();
SET ROLE regress_events_owner;
SELECT in_view = events AS same, tasks FROM seen();
RESET ROLE;

-- ---- refusals ----

\set VERBOSITY sqlstate
SELECT taskcenter.read_events(-1);
SELECT taskcenter.read_events(0, 0);
SELECT taskcenter.read_events(0, 10001);
SELECT taskcenter.read_events(0, 10, '{}');
SELECT taskcenter.read_events(0, 10, '{a,NULL}');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT taskcenter.read_events();
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT taskcenter.events_end();
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) > 0 FROM taskcenter.read_events();
ROLLBACK;
INSERT INTO taskcenter.noted_events (recorded_at, event_type) VALUES (now(), 'mine');
TRUNCATE taskcenter.noted_events;
SET ROLE regress_events_other;
SELECT taskcenter.next_event_id();
INSERT INTO taskcenter.noted_events (recorded_at, event_type) VALUES (now(), 'mine');
RESET ROLE;
\set VERBOSITY default

DROP TABLE public.work;
DROP EXTENSION taskcenter;
DROP FUNCTION seen();
DROP ROLE regress_events_owner, regress_events_viewer, regress_events_other, regress_events_monitor;
