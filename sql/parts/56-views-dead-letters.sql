/*
 * Who reads dead letters: who reads the runs of their task.
 */
SET LOCAL ROLE taskcenter_owner;

ALTER TABLE taskcenter.dead_letters ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_dead_letters ON taskcenter.dead_letters FOR SELECT
    USING ((SELECT taskcenter.sees_contents_of_all())
        OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
        OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('read'))));
GRANT SELECT ON taskcenter.dead_letters, taskcenter.failure_codes TO PUBLIC;

/* for people: few columns, times to the second, the beginning of errors */
CREATE VIEW taskcenter.open_dead_letters WITH (security_invoker) AS
SELECT d.dead_letter_id,
    d.run_id,
    t.name AS task,
    d.code,
    d.attempts,
    d.redrives,
    date_trunc('second', d.failed_at) AS failed_at,
    left(split_part(d.error, E'\n', 1), 40) AS error
FROM taskcenter.dead_letters AS d
LEFT JOIN taskcenter.tasks AS t ON t.task_id = d.task_id
WHERE d.state = 'open'
ORDER BY d.failed_at DESC;

GRANT SELECT ON taskcenter.open_dead_letters TO PUBLIC;

RESET ROLE;
