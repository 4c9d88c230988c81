/*
 * Usage: owners, roles that have their privileges, and monitors see it; the
 * tables behind the view are nobody's to read.  What counts is said once more
 * in src/usage_store.c.
 */
SET LOCAL ROLE taskcenter_owner;

ALTER TABLE taskcenter.counted_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.usage_horizon ENABLE ROW LEVEL SECURITY;

CREATE VIEW taskcenter.usage WITH (security_barrier) AS
SELECT CASE GROUPING(u.day) WHEN 0 THEN 'day' ELSE 'month' END AS period,
    coalesce(u.day, u.month || '-01') AS starts_on,
    max(u.owner) AS owner,
    u.group_key,
    sum(u.runs)::bigint AS runs,
    sum(u.failed)::bigint AS failed,
    (1000000 * sum(u.failed) / nullif(sum(u.runs), 0))::bigint AS failed_per_million,
    sum(u.duration) AS duration
FROM (
    SELECT left(c.day, 7) AS month, c.day, c.owner_id, c.group_key,
        c.owner, c.runs, c.failed, c.duration
    FROM taskcenter.counted_usage AS c
    WHERE (SELECT taskcenter.sees_states_of_all())
        OR c.owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
    UNION ALL
    SELECT to_char(n.day, 'YYYY-MM'), to_char(n.day, 'YYYY-MM-DD'), n.owner_id, n.group_key,
        max(n.owner),
        count(*) FILTER (WHERE n.parent_run_id IS NULL),
        count(*) FILTER (WHERE n.parent_run_id IS NULL
            AND n.status = ANY (ARRAY['failed', 'timed_out'])),
        coalesce(sum(n.finished_at - n.started_at)
            FILTER (WHERE n.graph_version IS NULL), interval '0')
    FROM (
        SELECT date_trunc('day', r.finished_at AT TIME ZONE coalesce((SELECT v.value
                FROM taskcenter.setting_values AS v WHERE v.key = 'default_timezone'), 'UTC'))
                AS day,
            r.owner_id, coalesce(r.group_key, t.group_key, o.owner) AS group_key, o.owner,
            r.parent_run_id, r.status, r.started_at, r.finished_at, r.graph_version
        FROM taskcenter.finished_runs AS r
        JOIN taskcenter.tasks AS t ON t.task_id = r.task_id
        CROSS JOIN LATERAL (SELECT CASE r.owner_id WHEN t.owner_id THEN t.owner
            ELSE pg_get_userbyid(r.owner_id::oid)::text END AS owner) AS o
        WHERE r.finished_at >= (SELECT h.counted_until FROM taskcenter.usage_horizon AS h)
          AND (r.started_at IS NOT NULL OR r.status = ANY (ARRAY['failed', 'timed_out']))
          AND ((SELECT taskcenter.sees_states_of_all())
            OR r.owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[]))) AS n
    GROUP BY n.day, n.owner_id, n.group_key) AS u
GROUP BY GROUPING SETS ((u.month, u.day, u.owner_id, u.group_key), (u.month, u.owner_id, u.group_key));

GRANT SELECT ON taskcenter.usage TO PUBLIC;

COMMENT ON VIEW taskcenter.usage IS
'Runs that ended, for each owner and group key, by day and by month, as far as they are the reader''s; pg_monitor sees all. Purges take nothing from it. A run that is retried after it was counted counts again when it ends again';
COMMENT ON COLUMN taskcenter.usage.period IS 'day or month: what the row adds up';
COMMENT ON COLUMN taskcenter.usage.starts_on IS
'The day, or the first day of the month, as 2026-12-31, in the zone of the setting default_timezone when it was counted';
COMMENT ON COLUMN taskcenter.usage.owner IS 'Owner of the runs';
COMMENT ON COLUMN taskcenter.usage.group_key IS
'Whose they are: the group key of the run, else of its task, else the owner';
COMMENT ON COLUMN taskcenter.usage.runs IS
'Runs that ended, without steps of composite tasks and without what never began';
COMMENT ON COLUMN taskcenter.usage.failed IS 'Of these, how many failed or timed out';
COMMENT ON COLUMN taskcenter.usage.failed_per_million IS
'The rate of errors: how many of a million runs; null: only steps ended';
COMMENT ON COLUMN taskcenter.usage.duration IS
'How long their last attempts took, and those of steps; composite tasks themselves take no time';

RESET ROLE;
