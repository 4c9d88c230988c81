-- Usage: what counts, for whom, who sees it, and that a purge takes nothing from it.
SET client_min_messages = error;
CREATE DATABASE regress_usage;
CREATE ROLE regress_usage_acme LOGIN;
CREATE ROLE regress_usage_other LOGIN;
\set super :USER
\connect regress_usage
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SELECT count(*) FROM taskcenter.usage;

-- runs of today
\connect - regress_usage_acme
SET client_min_messages = error;
SELECT taskcenter.create_task('plain', 'SELECT 1') > 0, taskcenter.create_task('fails', 'SELECT 1 / 0') > 0,
    taskcenter.create_task('calls', kind => 'external', options => '{"group_key": "small"}') > 0;
SELECT taskcenter.enqueue_task(t) > 0 FROM unnest(ARRAY['plain', 'plain', 'fails']) AS t;
SELECT status, count(*) FROM taskcenter.perform_due_runs() GROUP BY 1 ORDER BY 1;
SELECT taskcenter.cancel_run(taskcenter.enqueue_task('plain'), 'never began');
SELECT period, starts_on = to_char(date_trunc(period, now() AT TIME ZONE 'UTC'), 'YYYY-MM-DD'), owner, group_key, runs, failed, failed_per_million,
    duration >= '0' FROM taskcenter.usage ORDER BY 1, 4;
SELECT count(*) FROM taskcenter.counted_usage;

-- A past: in January a run, one that failed, a step and a composite; in February one of another tenant, and what never began.
\connect - :super
SET client_min_messages = error;
CREATE FUNCTION past() RETURNS bigint LANGUAGE sql AS $$
WITH made AS (
    INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at,
        created_at, started_at, finished_at, retention_class, priority, attempt, max_attempts,
        lost, is_catchup, status, params, created_by, parent_run_id, step, graph_version, group_key)
    SELECT p.run_id, t.task_id, t.run_as_id, t.owner_id, 1, p.at - interval '1 hour',
        p.at - interval '1 hour', p.at - p.took, p.at,
        CASE p.status WHEN 'failed' THEN 2 ELSE 1 END, 0, 1, 1, 0, false, p.status, '{}', 'test',
        p.parent_run_id, p.step, p.graph_version, p.group_key
    FROM (VALUES
        (9000001, 'plain', timestamptz '2020-01-30 10:00+00', interval '1 minute', 'succeeded', NULL::bigint, NULL, NULL::int, NULL),
        (9000002, 'plain', '2020-01-31 23:30+00', '2 minutes', 'failed', NULL, NULL, NULL, NULL),
        (9000003, 'plain', '2020-01-31 10:00+00', '3 minutes', 'succeeded', 9000004, 'step', NULL, NULL),
        (9000004, 'plain', '2020-01-31 10:01+00', '5 minutes', 'succeeded', NULL, NULL, 1, NULL),
        (9000005, 'calls', '2020-02-01 10:00+00', '10 seconds', 'succeeded', NULL, NULL, NULL, 'big'),
        (9000006, 'calls', '2020-02-02 10:00+00', NULL, 'cancelled', NULL, NULL, NULL, 'big'))
        AS p (run_id, task, at, took, status, parent_run_id, step, graph_version, group_key)
    JOIN taskcenter.tasks AS t ON t.name = p.task
    RETURNING run_id)
SELECT count(*) FROM made
$$;
CREATE VIEW used AS
SELECT period, starts_on, owner, group_key, runs, failed, failed_per_million,
    extract(epoch FROM duration)::int AS seconds
FROM taskcenter.usage WHERE starts_on < '2021-01-01';
SELECT past();
SELECT count(*) FROM used;
-- what ended before the database was activated is not counted, so it begins earlier here
UPDATE taskcenter.usage_horizon SET counted_until = '2000-01-01';
SELECT * FROM used ORDER BY 1, 2, 4;

-- whole partitions are counted as they go,
SELECT taskcenter.repair_partitions() > 0;
-- (nobody knows how long whoever is not tracked has been at it, so nothing is counted ahead)
SET track_activities = off;
CALL taskcenter.purge() \gset
SELECT :rows, :partitions > 0, count(*) FROM taskcenter.finished_runs WHERE finished_at < '2021-01-01';
SELECT * FROM used ORDER BY 1, 2, 4;
-- so are single rows,
SELECT past();
CALL taskcenter.purge() \gset
SELECT :rows, count(*) FROM taskcenter.finished_runs WHERE finished_at < '2021-01-01';
SELECT counted_until < now() - interval '1 day' FROM taskcenter.usage_horizon;
SELECT * FROM used ORDER BY 1, 2, 4;
-- and otherwise all is counted before.
SELECT past();
RESET track_activities;
CALL taskcenter.purge() \gset
SELECT :rows, count(*) FROM taskcenter.finished_runs WHERE finished_at < '2021-01-01';
SELECT counted_until BETWEEN now() - interval '25 hours' AND now() - interval '10 minutes' FROM taskcenter.usage_horizon;
SELECT * FROM used ORDER BY 1, 2, 4;
-- what ended since is counted where it lies
SELECT runs, failed FROM taskcenter.usage WHERE starts_on > '2021-01-01' AND period = 'day';
CALL taskcenter.purge() \gset
SELECT count(*) FROM used;

-- The days of another zone.
SELECT taskcenter.set_setting('default_timezone', 'Asia/Tokyo');
UPDATE taskcenter.usage_horizon SET counted_until = '2000-01-01';
SELECT past();
SELECT starts_on, runs, failed FROM used WHERE period = 'day' AND owner = group_key ORDER BY 1;

-- What an owner's runs used stays his when the task goes to another.
SELECT taskcenter.alter_task_owner('plain', 'regress_usage_other') > 0;
SELECT owner, group_key, runs, failed FROM taskcenter.usage WHERE starts_on > '2021-01-01' AND period = 'day';

-- Days go when the setting says so.
UPDATE taskcenter.counted_usage SET counted_at = '2020-03-01' WHERE day < '2020-02-01';
SELECT taskcenter.set_setting('usage_retention', '1000 days');
SELECT relation, rows FROM taskcenter.preview_purge() WHERE relation = 'counted_usage';
UPDATE taskcenter.usage_horizon SET counted_until = now();
CALL taskcenter.purge() \gset
SELECT day, runs FROM taskcenter.counted_usage WHERE day < '2021-01-01' ORDER BY 1, 2;

TRUNCATE taskcenter.counted_usage;
TRUNCATE taskcenter.usage_horizon;
\connect - regress_usage_other
SELECT count(*) FROM taskcenter.usage;
SELECT count(*) FROM taskcenter.usage_horizon;

\connect contrib_regression :super
DROP DATABASE regress_usage;
DROP ROLE regress_usage_acme, regress_usage_other;
