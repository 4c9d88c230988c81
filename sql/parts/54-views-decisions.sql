/*
 * What waits for a decision of whoever reads.  An approval is a run that is due
 * when it expires; a decision that settles it makes it due at once.  So only
 * runs that are not due are looked at: the graph is read for few.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE VIEW taskcenter.open_decisions WITH (security_barrier) AS
WITH RECURSIVE asked AS (
    SELECT r.run_id, r.parent_run_id, r.step, r.created_at, r.run_at,
        g.graph->'steps'->r.step->'approval' AS approval
    FROM taskcenter.live_runs AS r
    JOIN taskcenter.live_runs AS p ON p.run_id = r.parent_run_id
    JOIN taskcenter.graphs AS g ON g.task_id = p.task_id AND g.version = p.graph_version
    WHERE r.parent_run_id IS NOT NULL AND r.definition_id IS NOT NULL
      AND r.status = 'queued' AND r.run_at > now()
      AND g.graph->'steps'->r.step ? 'approval'),
/* from the approval up to the run that is none of a graph's steps, or one of for_each's items */
climbed AS (
    SELECT a.run_id AS asked_run_id, a.parent_run_id AS run_id, a.step AS path
    FROM asked AS a
    UNION ALL
    SELECT c.asked_run_id, r.parent_run_id, r.step || '/' || c.path
    FROM climbed AS c JOIN taskcenter.live_runs AS r ON r.run_id = c.run_id
    WHERE r.parent_run_id IS NOT NULL AND r.item IS NULL)
SELECT p.run_id,
    t.name AS task,
    c.path AS step,
    w.roles,
    coalesce((a.approval->>'quorum')::int, 1) AS quorum,
    (SELECT count(*) FROM taskcenter.decisions AS d
        WHERE d.run_id = a.run_id AND d.decision = 'approve')::int AS approved,
    p.created_by AS requester,
    a.created_at AS asked_at,
    nullif(a.run_at, 'infinity') AS expires_at
FROM asked AS a
JOIN climbed AS c ON c.asked_run_id = a.run_id
JOIN taskcenter.live_runs AS p ON p.run_id = c.run_id
    AND (p.parent_run_id IS NULL OR p.item IS NOT NULL)
LEFT JOIN taskcenter.tasks AS t ON t.task_id = p.task_id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(e.role ORDER BY e.place), '{}') AS roles
    FROM jsonb_array_elements_text(a.approval->'roles') WITH ORDINALITY AS e (role, place)) AS w
WHERE EXISTS (SELECT FROM pg_roles AS o
        WHERE o.rolname = ANY (w.roles) AND pg_has_role(o.oid, 'USAGE'))
  AND NOT (coalesce((a.approval->>'exclude_requester')::boolean, false)
        AND (p.created_by = ANY (ARRAY[CURRENT_USER::text, SESSION_USER::text])
            OR EXISTS (SELECT FROM pg_roles AS o, pg_roles AS me
                WHERE o.rolname = p.created_by AND me.rolname = CURRENT_USER
                  AND NOT me.rolsuper AND pg_has_role(me.oid, o.oid, 'MEMBER'))))
  AND NOT EXISTS (SELECT FROM taskcenter.decisions AS d
        WHERE d.run_id = a.run_id AND d.role_id IN (
            SELECT o.oid::bigint FROM pg_roles AS o
            WHERE o.rolname IN (CURRENT_USER, SESSION_USER)))
ORDER BY a.created_at, a.run_id;

COMMENT ON VIEW taskcenter.open_decisions IS
'Approvals that wait for the current role: it may decide, and has not. decide_step(run_id, step, ...) settles one';
COMMENT ON COLUMN taskcenter.open_decisions.run_id IS
'The run to name to decide_step(): of the composite task, or of one item of for_each';
COMMENT ON COLUMN taskcenter.open_decisions.task IS 'Name of its task';
COMMENT ON COLUMN taskcenter.open_decisions.step IS
'The step to name to decide_step(); of nested composite tasks as outer/inner';
COMMENT ON COLUMN taskcenter.open_decisions.roles IS
'Who has the privileges of any of these may decide';
COMMENT ON COLUMN taskcenter.open_decisions.quorum IS
'How many have to approve; one who rejects suffices';
COMMENT ON COLUMN taskcenter.open_decisions.approved IS 'How many have';
COMMENT ON COLUMN taskcenter.open_decisions.requester IS
'Who made the run: a role, or the scheduler';
COMMENT ON COLUMN taskcenter.open_decisions.asked_at IS 'When the step began to wait';
COMMENT ON COLUMN taskcenter.open_decisions.expires_at IS
'When it is settled without a decision, as the step says; null: never';

GRANT SELECT ON taskcenter.open_decisions TO PUBLIC;

RESET ROLE;
