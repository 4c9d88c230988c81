-- Tables shaped like ours: the same columns, constraints, indexes and partitions,
-- and nothing else: no triggers, no row security. The partitions are copies of
-- FINISHED_LEAF and HISTORY_LEAF, which the measure replaces by names of ours.
CREATE SCHEMA plain;
CREATE TABLE plain.live_runs (LIKE taskcenter.live_runs INCLUDING ALL);

CREATE TABLE plain.finished_runs (LIKE taskcenter.finished_runs INCLUDING ALL)
    PARTITION BY LIST (retention_class);
CREATE TABLE plain.finished_runs_1 PARTITION OF plain.finished_runs
    FOR VALUES IN (1) PARTITION BY RANGE (finished_at);
CREATE TABLE plain.finished_runs_1_now (LIKE FINISHED_LEAF INCLUDING ALL);
ALTER TABLE plain.finished_runs_1 ATTACH PARTITION plain.finished_runs_1_now
    FOR VALUES FROM (MINVALUE) TO (MAXVALUE);

CREATE TABLE plain.task_run_history (LIKE taskcenter.task_run_history INCLUDING ALL)
    PARTITION BY LIST (retention_class);
CREATE TABLE plain.task_run_history_1 PARTITION OF plain.task_run_history
    FOR VALUES IN (1) PARTITION BY RANGE (changed_at);
CREATE TABLE plain.task_run_history_1_now (LIKE HISTORY_LEAF INCLUDING ALL);
ALTER TABLE plain.task_run_history_1 ATTACH PARTITION plain.task_run_history_1_now
    FOR VALUES FROM (MINVALUE) TO (MAXVALUE);

-- Beginnings and ends get a number there, too.
CREATE SEQUENCE plain.event_ids;
ALTER TABLE plain.task_run_history ALTER COLUMN event_id DROP DEFAULT;

CREATE FUNCTION plain.fill(runs bigint) RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO plain.live_runs
        (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at,
         priority, max_attempts, status, created_by)
    SELECT n, 1, 16384, 16384, 1, now(), now(), 0, 1, 'queued', 'bench'
    FROM generate_series(0, runs - 1) AS n
$$;

GRANT USAGE ON SCHEMA plain TO bench;
GRANT ALL ON ALL TABLES IN SCHEMA plain TO bench;
GRANT USAGE ON SEQUENCE plain.event_ids TO bench;
