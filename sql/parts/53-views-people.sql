/*
 * What a person, or a user interface, begins with: one view for each panel.
 * They answer at once however many runs there are, and fit 100 columns.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE VIEW taskcenter.task_overview WITH (security_barrier) AS
SELECT t.name AS task,
    t.state,
    s.next_run_at,
    coalesce(u.unfinished, 0) AS unfinished,
    r.status AS last_status,
    date_trunc('second', r.finished_at) AS last_finished_at,
    date_trunc('milliseconds', r.finished_at - r.started_at) AS last_duration
FROM (SELECT task_id, name, state,
        owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
            OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('view'))) AS known
    FROM taskcenter.tasks) AS t
LEFT JOIN (
    SELECT task_id, min(next_run_at) AS next_run_at
    FROM taskcenter.schedules WHERE state = 'active'
    GROUP BY task_id) AS s ON s.task_id = t.task_id
LEFT JOIN taskcenter.last_runs() AS r ON r.task_id = t.task_id
LEFT JOIN (
    SELECT l.task_id, count(*) AS unfinished
    FROM (SELECT task_id FROM taskcenter.live_runs LIMIT 10000) AS l
    GROUP BY l.task_id) AS u ON u.task_id = t.task_id
WHERE t.state <> 'archived'
  AND (t.known OR (SELECT taskcenter.sees_states_of_all()))
ORDER BY t.name;
COMMENT ON VIEW taskcenter.task_overview IS
'Each task that is not archived: its state, what comes next, and how its last run of the last 24 hours ended';
COMMENT ON COLUMN taskcenter.task_overview.task IS 'Name of the task';
COMMENT ON COLUMN taskcenter.task_overview.state IS 'As tasks.state';
COMMENT ON COLUMN taskcenter.task_overview.next_run_at IS
'The earliest instant of its active schedules; null if there is none';
COMMENT ON COLUMN taskcenter.task_overview.unfinished IS
'Its runs that are not finished; counted among 10,000 unfinished ones at most';
COMMENT ON COLUMN taskcenter.task_overview.last_status IS
'How its last run ended; null if that was more than 24 hours ago';
COMMENT ON COLUMN taskcenter.task_overview.last_finished_at IS 'When that was';
COMMENT ON COLUMN taskcenter.task_overview.last_duration IS 'How long its last attempt took';

CREATE VIEW taskcenter.overview AS
WITH unfinished AS (
    SELECT r.status, count(*) AS number, sum(count(*)) OVER () AS total
    FROM (SELECT status FROM taskcenter.task_runs WHERE finished_at IS NULL LIMIT 1000) AS r
    GROUP BY r.status),
checks AS (SELECT check_name, state, detail FROM taskcenter.status_checks())
SELECT item, value
FROM (
    SELECT 1 AS place, 'verdict' AS item,
        CASE WHEN bool_or(state = 'fail') THEN 'fail' WHEN bool_or(state = 'warn') THEN 'degraded'
            ELSE 'healthy' END || coalesce(': '
            || string_agg(check_name, ', ') FILTER (WHERE state <> 'ok'), '') AS value
    FROM checks
    UNION ALL
    SELECT 1 + array_position(ARRAY['scheduler', 'scheduler_state', 'executors'], check_name),
        replace(check_name, '_', ' '), detail
    FROM checks WHERE check_name = ANY (ARRAY['scheduler', 'scheduler_state', 'executors'])
    UNION ALL
    SELECT 5, 'tasks', coalesce(string_agg(format('%s %s', t.number, t.state), ', ' ORDER BY t.state), 'none')
    FROM (SELECT state, count(*) AS number FROM taskcenter.tasks
        WHERE state <> 'archived' AND ((SELECT taskcenter.sees_states_of_all())
            OR owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
            OR taskcenter.is_among(task_id, (SELECT taskcenter.granted_task_ids('view'))))
        GROUP BY state) AS t
    UNION ALL
    SELECT 6, 'unfinished runs', coalesce(CASE WHEN max(total) >= 1000 THEN 'at least ' ELSE '' END
        || string_agg(format('%s %s', number, status), ', ' ORDER BY status), 'none')
    FROM unfinished
    UNION ALL
    SELECT 7, 'failed in the last hour', CASE WHEN count(*) >= 1000 THEN 'at least ' ELSE '' END || count(*)
    FROM (SELECT FROM taskcenter.finished_runs AS r
        JOIN taskcenter.tasks AS t ON t.task_id = r.task_id
        WHERE r.retention_class = ANY (ARRAY[2, 3])
          AND r.status = ANY (ARRAY['failed', 'timed_out'])
          AND r.finished_at > now() - interval '1 hour'
          AND ((SELECT taskcenter.sees_states_of_all())
            OR t.owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
            OR taskcenter.is_among(t.task_id, (SELECT taskcenter.granted_task_ids('view'))))
        LIMIT 1000) AS f
    UNION ALL
    SELECT 8, 'next', coalesce((SELECT format('%s at %s', task, fires_at)
        FROM taskcenter.next_fires LIMIT 1), 'nothing is scheduled')) AS o
ORDER BY place;
COMMENT ON VIEW taskcenter.overview IS
'How things stand, in ten lines: the first panel of a user interface';
COMMENT ON COLUMN taskcenter.overview.item IS 'What it is about';
COMMENT ON COLUMN taskcenter.overview.value IS 'A text for people; health() and the other views are for programs';

/* sizes are those that the last vacuum counted: asking the file system takes long */
CREATE VIEW taskcenter.storage AS
WITH ours AS (
    SELECT c.oid, c.relname, c.reltuples, c.reltoastrelid, c.relpages,
        CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END AS root
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'taskcenter'::regnamespace AND c.relkind = 'r'),
indexes AS (
    SELECT o.root, sum(c.relpages)::bigint AS pages,
        count(*) FILTER (WHERE pg_stat_get_numscans(c.oid) = 0 AND c.relpages > 1
            AND NOT i.indisunique) AS unused
    FROM ours AS o
    JOIN pg_catalog.pg_index AS i ON i.indrelid = o.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    GROUP BY o.root),
tables AS (
    SELECT o.root, sum(greatest(o.reltuples, 0))::bigint AS row_estimate,
        sum(CASE WHEN o.relpages > 0 THEN o.relpages
            ELSE pg_relation_size(o.oid) / current_setting('block_size')::bigint END
            + coalesce(t.relpages, 0))::bigint AS pages,
        /* of yesterday's partition, where partitions are days */
        sum(o.reltuples) FILTER (WHERE o.reltuples >= 0 AND o.relname
            ~ ('_p' || to_char((now() - interval '1 day') AT TIME ZONE 'UTC', 'YYYYMMDD') || '$'))::bigint
            AS rows_per_day
    FROM ours AS o
    LEFT JOIN pg_catalog.pg_class AS t ON t.oid = o.reltoastrelid
    GROUP BY o.root)
SELECT c.relname::text AS relation,
    t.row_estimate,
    t.rows_per_day,
    pg_size_pretty(t.pages * current_setting('block_size')::bigint) AS table_size,
    pg_size_pretty(coalesce(i.pages, 0) * current_setting('block_size')::bigint) AS index_size,
    coalesce(i.unused, 0) AS unused_indexes
FROM tables AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.root
LEFT JOIN indexes AS i ON i.root = t.root
ORDER BY t.pages + coalesce(i.pages, 0) DESC, relation;
COMMENT ON VIEW taskcenter.storage IS
'How much room each table takes with its partitions and indexes, and how it grows: as the last vacuum or analyze counted';
COMMENT ON COLUMN taskcenter.storage.relation IS 'Name of the table';
COMMENT ON COLUMN taskcenter.storage.row_estimate IS 'Rows, about';
COMMENT ON COLUMN taskcenter.storage.rows_per_day IS
'Rows of yesterday, about; null where partitions are no days, or nothing was counted yet';
COMMENT ON COLUMN taskcenter.storage.table_size IS 'Size without indexes, for people';
COMMENT ON COLUMN taskcenter.storage.index_size IS 'Size of all indexes, for people';
COMMENT ON COLUMN taskcenter.storage.unused_indexes IS
'Indexes that were never scanned since statistics began; those that enforce a rule do not count';

GRANT SELECT ON taskcenter.task_overview, taskcenter.overview, taskcenter.storage TO PUBLIC;

RESET ROLE;
