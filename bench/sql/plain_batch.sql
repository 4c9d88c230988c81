-- One batch of one session: what a drain must write at least.
\set round :round + 1
\set low :client_id * :share + :round * :batch
\set high :low + :batch
WITH gone AS (
    DELETE FROM plain.live_runs
    WHERE run_id >= :low AND run_id < :high
    RETURNING *
), finished AS (
    INSERT INTO plain.finished_runs
        (run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at,
         started_at, finished_at, retention_class, priority, attempt,
         max_attempts, lost, is_catchup, status, params, created_by)
    SELECT run_id, task_id, run_as_id, owner_id, queue_id, run_at, created_at,
        clock_timestamp(), clock_timestamp(), 1, priority, 1,
        max_attempts, lost, is_catchup, 'succeeded', params, created_by
    FROM gone
)
INSERT INTO plain.task_run_history
    (run_id, changed_at, owner_id, task_id, retention_class, attempt,
     old_status, new_status, actor, event_id)
SELECT gone.run_id, clock_timestamp(), gone.owner_id, gone.task_id, 1, step.attempt,
    step.old_status, step.new_status, gone.created_by,
    CASE WHEN step.attempt > 0 THEN nextval('plain.event_ids') END
FROM gone
CROSS JOIN (VALUES (0, NULL, 'queued'), (1, 'queued', 'running'),
                   (1, 'running', 'succeeded'))
    AS step (attempt, old_status, new_status);
