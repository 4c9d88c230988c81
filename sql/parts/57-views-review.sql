/*
 * What nobody looks after any more: tasks, schedules, runs and queues, each
 * with advice.  Nothing is repaired by itself.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE VIEW taskcenter.review_items WITH (security_barrier) AS
WITH seen AS (
    SELECT t.task_id, t.name, t.kind, t.state, t.state_reason, t.owner, t.owner_id, t.run_as,
        t.run_as_id, t.queue, t.created_at, t.updated_at
    FROM taskcenter.tasks AS t
    WHERE t.state <> 'archived'
      AND ((SELECT taskcenter.sees_states_of_all())
        OR t.owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
        OR taskcenter.is_among(t.task_id, (SELECT taskcenter.granted_task_ids('view'))))),
/* a range of one task, in the order of the index on task and run: see task_overview */
outcomes AS (
    SELECT s.task_id, s.name, count(f.run_id) AS runs,
        count(*) FILTER (WHERE f.status = ANY (ARRAY['failed', 'timed_out'])) AS failed,
        (array_agg(f.status ORDER BY f.run_id DESC))[1] AS last_status,
        max(f.finished_at) AS last_finished_at,
        min(f.finished_at) AS first_finished_at
    FROM seen AS s
    LEFT JOIN LATERAL (
        SELECT r.run_id, r.status, r.finished_at
        FROM taskcenter.finished_runs AS r
        WHERE r.task_id BETWEEN s.task_id AND s.task_id
          AND r.finished_at > now() - interval '30 days'
          AND r.finished_at < now() + interval '1 hour'
          AND r.status = ANY (ARRAY['succeeded', 'failed', 'timed_out'])
          /* no steps of graphs: these are no runs of the whole task */
          AND r.definition_id IS NULL
        ORDER BY r.task_id, r.run_id DESC LIMIT 3) AS f ON true
    WHERE s.kind <> 'manual'
    GROUP BY s.task_id, s.name),
plans AS (
    SELECT c.schedule_id, c.task_id, c.name, c.state, c.state_reason, c.schedule,
        c.next_run_at, c.last_run_at, c.updated_at, c.created_at, s.name AS task, s.state AS task_state
    FROM taskcenter.schedules AS c
    JOIN seen AS s ON s.task_id = c.task_id),
items (place, severity, issue, object_type, object_name, since, detail, advice) AS (
    SELECT 1, 'high', 'orphaned', 'task', s.name, s.updated_at,
        format('Role "%s", which %s it, does not exist any more.',
            CASE WHEN o.oid IS NULL THEN s.owner ELSE s.run_as END,
            CASE WHEN o.oid IS NULL THEN 'owned' ELSE 'executed' END),
        CASE WHEN o.oid IS NULL THEN format('alter_task_owner(%L, …) gives it to another role', s.name)
            ELSE format('alter_task(%L, run_as => …) names another role', s.name) END
    FROM seen AS s
    LEFT JOIN pg_catalog.pg_roles AS o ON o.oid::bigint = s.owner_id AND o.rolname = s.owner
    LEFT JOIN pg_catalog.pg_roles AS e ON e.oid::bigint = s.run_as_id AND e.rolname = s.run_as
    /* what workers execute is executed as nobody */
    WHERE o.oid IS NULL OR (e.oid IS NULL AND s.kind <> 'external')
    UNION ALL
    SELECT 2, 'high', 'quarantined', 'task', s.name, s.updated_at,
        coalesce(s.state_reason, 'It cannot be evaluated.'),
        format('mend it with alter_task(%L, …), then enable_task(%L)', s.name, s.name)
    FROM seen AS s WHERE s.state = 'quarantined'
    UNION ALL
    SELECT 2, 'high', 'quarantined', 'schedule', format('%s/%s', p.task, p.name), p.updated_at,
        coalesce(p.state_reason, 'It cannot be evaluated.'),
        format('schedule_task(%L, …, name => %L) sets it anew', p.task, p.name)
    FROM plans AS p WHERE p.state = 'quarantined'
    UNION ALL
    SELECT 3, 'high', 'orphaned', 'schedule', format('%s/%s', p.task, p.name), p.next_run_at,
        format('It was due at %s, more than 24 hours ago, and did not fire.', p.next_run_at),
        'the view status says whether the scheduler works'
    FROM plans AS p
    WHERE p.state = 'active' AND p.task_state = 'active'
      AND p.next_run_at < now() - interval '24 hours'
      AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS l
        WHERE l.task_id = p.task_id AND l.status = 'running')
    UNION ALL
    SELECT 4, 'high', 'orphaned', 'schedule', format('%s/%s', p.task, p.name), p.updated_at,
        'It is active and has no next time.',
        format('schedule_task(%L, …, name => %L) sets it anew', p.task, p.name)
    FROM plans AS p
    WHERE p.state = 'active' AND p.task_state = 'active' AND p.next_run_at IS NULL
      AND p.updated_at < now() - interval '1 minute'
      AND NOT lower(p.schedule) LIKE '%@reboot%'
      AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS l
        WHERE l.task_id = p.task_id AND l.schedule_id = p.schedule_id)
    UNION ALL
    SELECT 5, 'high', 'orphaned', 'run', r.run_id::text, r.run_at,
        format('Run of %s, due since %s, that nobody took.', s.name, r.run_at),
        format('explain_run(%s) says what it waits for', r.run_id)
    FROM (SELECT l.run_id, l.task_id, l.run_at, row_number() OVER (
            PARTITION BY l.task_id ORDER BY l.run_at, l.run_id) AS place
        FROM taskcenter.live_runs AS l
        WHERE l.status = ANY (ARRAY['queued', 'retrying'])
          AND l.run_at < now() - interval '24 hours') AS r
    JOIN seen AS s ON s.task_id = r.task_id
    WHERE r.place = 1 AND s.state = 'active'
    UNION ALL
    SELECT 6, 'medium', 'failing', 'task', o.name, o.first_finished_at,
        'Its last three runs failed.',
        'failed_runs has the errors; pause_task() keeps it from firing until it is mended'
    FROM outcomes AS o WHERE o.runs = 3 AND o.failed = 3
    UNION ALL
    SELECT 7, 'medium', 'failing', 'task', o.name, o.last_finished_at,
        'Its last run failed more than 7 days ago, and none was made since.',
        format('retry_run() repeats it; archive_task(%L) ends what is not needed', o.name)
    FROM outcomes AS o
    WHERE o.last_status = ANY (ARRAY['failed', 'timed_out']) AND NOT (o.runs = 3 AND o.failed = 3)
      AND o.last_finished_at < now() - interval '7 days'
    UNION ALL
    SELECT 8, 'low', 'ignored', 'task', s.name, s.updated_at,
        format('It is %s, and nobody touched it for 30 days.', s.state),
        format('resume_task(%L), enable_task(%L) or archive_task(%L)', s.name, s.name, s.name)
    FROM seen AS s
    WHERE s.state = ANY (ARRAY['paused', 'disabled']) AND s.updated_at < now() - interval '30 days'
    UNION ALL
    SELECT 9, 'low', 'ignored', 'schedule', format('%s/%s', p.task, p.name), p.updated_at,
        'It is paused, and nobody touched it for 30 days.',
        format('resume_schedule(%L, %L) or drop_schedule(%L, %L)', p.task, p.name, p.task, p.name)
    FROM plans AS p
    WHERE p.state = 'paused' AND p.updated_at < now() - interval '30 days'
    UNION ALL
    SELECT 10, 'low', 'ignored', 'schedule', format('%s/%s', p.task, p.name), p.created_at,
        'It has not fired for the 30 days since it was made.',
        format('preview_fires(task => %L) shows when it will', p.task)
    FROM plans AS p
    WHERE p.state = 'active' AND p.last_run_at IS NULL
      AND p.created_at < now() - interval '30 days'
    UNION ALL
    SELECT 11, 'low', 'ignored', 'task', s.name, s.created_at,
        'It has no schedule, and no run of it finished for 30 days.',
        format('archive_task(%L) ends what is not needed', s.name)
    FROM seen AS s
    JOIN outcomes AS o ON o.task_id = s.task_id
    WHERE s.state = 'active' AND o.runs = 0 AND s.created_at < now() - interval '30 days'
      AND NOT EXISTS (SELECT FROM plans AS p WHERE p.task_id = s.task_id)
      AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS l WHERE l.task_id = s.task_id)
    UNION ALL
    SELECT 12, 'low', 'ignored', 'queue', q.queue, q.updated_at,
        format('It is paused, for 30 days, with %s unfinished runs.',
            (SELECT count(*) FROM taskcenter.live_runs AS l WHERE l.queue_id = q.queue_id)),
        format('resume_queue(%L), or cancel_runs() of its tasks', q.queue)
    FROM taskcenter.queues AS q
    WHERE q.state = 'paused' AND q.updated_at < now() - interval '30 days'
    UNION ALL
    SELECT 13, 'low', 'unused', 'queue', q.queue, q.created_at,
        'No task that is not archived names it, and no run waits in it.',
        'nothing needs to be done; tasks choose it by their property queue'
    FROM taskcenter.queues AS q
    WHERE NOT q.queue = ANY (ARRAY['default', 'control'])
      AND q.created_at < now() - interval '30 days'
      AND NOT EXISTS (SELECT FROM taskcenter.tasks AS t
        WHERE t.queue = q.queue AND t.state <> 'archived')
      AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS l WHERE l.queue_id = q.queue_id))
SELECT i.severity, i.issue, i.object_type, i.object_name, i.since, i.detail, i.advice
FROM items AS i
ORDER BY i.place, i.object_name;

COMMENT ON VIEW taskcenter.review_items IS
'The rows of review()';
COMMENT ON COLUMN taskcenter.review_items.severity IS
'high (orphaned, quarantined), medium (failing) or low (ignored, unused)';
COMMENT ON COLUMN taskcenter.review_items.issue IS
'orphaned: it can do nothing any more; quarantined; failing: three times in a row, or last more than 7 days ago; ignored: for 30 days; unused';
COMMENT ON COLUMN taskcenter.review_items.object_type IS 'task, schedule, run or queue';
COMMENT ON COLUMN taskcenter.review_items.object_name IS
'Name of the task or queue; of a schedule task/schedule; of a run its id, for each task the one that is due for longest';
COMMENT ON COLUMN taskcenter.review_items.since IS 'Since when, as far as it is known';
COMMENT ON COLUMN taskcenter.review_items.detail IS 'What was found';
COMMENT ON COLUMN taskcenter.review_items.advice IS 'What can be done; nothing is repaired by itself';

GRANT SELECT ON taskcenter.review_items TO PUBLIC;

RESET ROLE;

CREATE FUNCTION taskcenter.review() RETURNS SETOF taskcenter.review_items
LANGUAGE SQL STABLE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 20
BEGIN ATOMIC
    SELECT i.* FROM taskcenter.review_items AS i;
END;
COMMENT ON FUNCTION taskcenter.review() IS
'What nobody looks after any more, as far as the caller may see it: tasks without role, quarantined, failing or ignored ones, schedules that do not fire, runs that nobody takes, queues that are unused; each with advice. It looks at the runs of 30 days';
GRANT EXECUTE ON FUNCTION taskcenter.review() TO PUBLIC;
