/* Workflows are everybody's to read; the history of statuses is row-secured. */
SET LOCAL ROLE taskcenter_owner;

ALTER TABLE taskcenter.task_status_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_status_history ON taskcenter.task_status_history FOR SELECT
    USING ((SELECT taskcenter.sees_contents_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
        OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('read'))));

CREATE VIEW taskcenter.workflow_transitions AS
SELECT w.name AS workflow,
    s.key AS old_status,
    CASE jsonb_typeof(m.move) WHEN 'object' THEN m.move ->> 'to'
        ELSE m.move #>> '{}' END AS new_status,
    CASE jsonb_typeof(m.move) WHEN 'object' THEN coalesce(m.move -> 'requires', '[]'::jsonb)
        WHEN 'string' THEN '[]'::jsonb END AS requires,
    s.key = w.initial AS is_initial,
    CASE WHEN w.terminal IS NULL THEN s.value = '[]'::jsonb
        ELSE s.key = ANY (w.terminal) END AS is_terminal
FROM taskcenter.workflows AS w
CROSS JOIN LATERAL jsonb_each(w.transitions) AS s
LEFT JOIN LATERAL jsonb_array_elements(s.value) WITH ORDINALITY AS m (move, place) ON true
ORDER BY w.name, s.key, m.place;

GRANT SELECT ON taskcenter.workflows, taskcenter.task_status_history,
    taskcenter.workflow_transitions TO PUBLIC;

RESET ROLE;
