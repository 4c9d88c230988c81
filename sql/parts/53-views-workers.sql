/* Workers are shown to their role, to its members and to monitors; runs as task_runs shows them. */
SET LOCAL ROLE taskcenter_owner;

ALTER TABLE taskcenter.workers ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.rate_buckets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workers ON taskcenter.workers FOR SELECT
    USING ((SELECT taskcenter.sees_states_of_all())
        OR role_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[]));
GRANT SELECT ON taskcenter.workers TO PUBLIC;

CREATE VIEW taskcenter.worker_runs WITH (security_barrier) AS
SELECT r.worker_id,
    w.name AS worker,
    r.run_id,
    t.name AS task,
    r.attempt,
    r.started_at,
    r.last_heartbeat_at,
    r.lease_until,
    r.cancel_requested_at,
    (r.progress ->> 'done')::bigint AS done,
    (r.progress ->> 'total')::bigint AS total,
    r.progress ->> 'phase' AS phase
FROM taskcenter.live_runs AS r
JOIN (
    SELECT task_id, name,
        owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
            OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('view'))) AS known
    FROM taskcenter.tasks) AS t ON t.task_id = r.task_id
LEFT JOIN taskcenter.workers AS w ON w.worker_id = r.worker_id
WHERE r.worker_id IS NOT NULL AND r.status = 'running'
  AND (t.known OR (SELECT taskcenter.sees_states_of_all()))
ORDER BY r.worker_id, r.run_id;
GRANT SELECT ON taskcenter.worker_runs TO PUBLIC;

RESET ROLE;
