-- recent_runs, failed_runs, task_overview: which runs, what of them to whom, and
-- how many rows are read for it.
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_newest_runs;
CREATE ROLE regress_newest_alice LOGIN;
CREATE ROLE regress_newest_bob LOGIN;
CREATE ROLE regress_newest_carol LOGIN;
CREATE ROLE regress_newest_monitor LOGIN IN ROLE pg_monitor;
\connect regress_newest_runs
SET client_min_messages = error;
CREATE EXTENSION taskcenter;

\connect - regress_newest_alice
SELECT taskcenter.create_task(name, 'SELECT 1') > 0 AS made
FROM unnest(ARRAY['busy', 'daily', 'kept', 'new', 'old', 'waits']) AS name;
SELECT taskcenter.create_task('paper', kind => 'manual') > 0 AS made;
SELECT taskcenter.create_task('gone', 'SELECT 1') > 0 AS made;
SELECT taskcenter.grant_access('regress_newest_carol', 'enqueuer', task => 'new') > 0 AS granted;

-- a past; that of "busy" fills the partitions that begin before the last 24 hours do
\connect - :super
CREATE FUNCTION public.add_runs(name text, amount int, at timestamptz, outcome text = 'succeeded', maker text = 'x')
RETURNS bigint LANGUAGE sql AS $$
    WITH made AS (INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id, queue_id,
        run_at, created_at, started_at, finished_at, retention_class, priority, attempt, max_attempts,
        lost, is_catchup, status, params, error, sqlstate, created_by)
    SELECT nextval('taskcenter.run_ids'), t.task_id, t.run_as_id, t.owner_id, 1,
        at, at, at - interval '1500 ms', at, CASE WHEN name = 'kept' THEN 3 WHEN outcome = 'failed' THEN 2 ELSE 1 END,
        0, 1, 1, 0, false, outcome, '{}', CASE WHEN outcome = 'failed' THEN E'no such thing\nwhere it was' END,
        CASE WHEN outcome = 'failed' THEN '42704' END, maker
    FROM taskcenter.tasks AS t CROSS JOIN generate_series(1, amount) WHERE t.name = add_runs.name
    RETURNING run_id)
    SELECT max(run_id) FROM made $$;
SELECT date_trunc('day', now() - interval '24 hours', 'UTC') AS day,
    date_trunc('week', now() - interval '24 hours', 'UTC') AS week,
    date_trunc('month', now() - interval '24 hours', 'UTC') AS month \gset
SELECT public.add_runs('old', 1, now() - interval '40 days') > 0 AS made;
SELECT public.add_runs('busy', 3000, :'day') > 0 AS made,
    public.add_runs('busy', 3000, :'week', 'failed') > 0 AS failed,
    public.add_runs('kept', 3000, :'month') > 0 AS kept;
SELECT public.add_runs('daily', 1, now() - interval '23 hours', 'failed') > 0 AS failed,
    public.add_runs('daily', 1, now() - interval '22 hours') > 0 AS made,
    public.add_runs('kept', 1, now() - interval '2 hours') > 0 AS kept,
    public.add_runs('gone', 1, now() - interval '1 hour') > 0 AS gone,
    public.add_runs('new', 1, now() - interval '1 minute', 'failed', 'regress_newest_carol') > 0 AS carols;
SELECT taskcenter.repair_partitions() >= 0 AS repaired;
SELECT taskcenter.repair_partitions() AS nothing_left;
VACUUM ANALYZE;

\connect - regress_newest_alice
SELECT taskcenter.archive_task('gone');
SELECT taskcenter.enqueue_task('waits') > 0 AS waits;
CREATE VIEW pg_temp.overview AS
SELECT task, state, unfinished, last_status, now() - last_finished_at < interval '24 hours' AS in_time, last_duration
FROM taskcenter.task_overview;
SELECT * FROM pg_temp.overview;
SELECT task, status, attempt, duration, error FROM taskcenter.recent_runs;
SELECT task, status, sqlstate, error, count(*) FROM taskcenter.failed_runs GROUP BY 1, 2, 3, 4 ORDER BY 1;
SELECT array_agg(run_id) = array_agg(run_id ORDER BY run_id DESC) AS newest_first FROM taskcenter.recent_runs;
SELECT array_agg(finished_at) = array_agg(finished_at ORDER BY finished_at DESC) AS latest_first FROM taskcenter.failed_runs;

-- who may know of nothing
\connect - regress_newest_bob
SELECT (SELECT count(*) FROM taskcenter.task_overview) AS tasks, (SELECT count(*) FROM taskcenter.recent_runs) AS recent,
    (SELECT count(*) FROM taskcenter.failed_runs) AS failed, (SELECT count(*) FROM taskcenter.last_runs()) AS last,
    (SELECT count(*) FROM taskcenter.newest_runs(true)) AS newest;

-- who may enqueue sees states, and what he made himself since he may
\connect - regress_newest_carol
SELECT task, last_status FROM taskcenter.task_overview;
SELECT task, status, error FROM taskcenter.recent_runs;
SELECT task, status, sqlstate, error FROM taskcenter.failed_runs;
\connect - :super
SELECT public.add_runs('new', 1, now(), 'failed', 'regress_newest_carol') > 0 AS carols;
\connect - regress_newest_carol
SELECT task, status, error FROM taskcenter.recent_runs;
SELECT task, status, sqlstate, error FROM taskcenter.failed_runs;

-- who sees states of all, no contents
\connect - regress_newest_monitor
SELECT task, last_status FROM taskcenter.task_overview;
SELECT task, status, error FROM taskcenter.recent_runs;
SELECT count(*) AS shown, count(error) AS with_error, count(sqlstate) AS with_sqlstate FROM taskcenter.failed_runs;

-- the 9,000 runs before the last 24 hours are not read one by one: pages, once plans are made
\connect - :super
CREATE FUNCTION public.pages_of(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE query;
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || query INTO plan;
    RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
END $$;
SELECT public.pages_of('SELECT * FROM taskcenter.task_overview') < 1000 AS overview,
    public.pages_of('SELECT * FROM taskcenter.recent_runs') < 5000 AS recent,
    public.pages_of('SELECT * FROM taskcenter.failed_runs') < 3000 AS failed;
\connect - regress_newest_alice
SELECT public.pages_of('SELECT * FROM taskcenter.task_overview') < 1000 AS overview;
\connect - regress_newest_bob
SELECT public.pages_of('SELECT * FROM taskcenter.task_overview') < 100 AS overview;

\connect contrib_regression :super
DROP DATABASE regress_newest_runs;
DROP ROLE regress_newest_alice, regress_newest_bob, regress_newest_carol, regress_newest_monitor;
