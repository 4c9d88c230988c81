/*
 * Usage: owners, roles that have their privileges, and monitors see it; the
 * tables behind the view are nobody's to read.  What counts is said once more
 * in src/usage_store.c.
 */
SET LOCAL ROLE taskcenter_owner;

ALTER TABLE taskcenter.counted_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.usage_horizon ENABLE ROW LEVEL SECURITY;

/*
 * What is not counted yet is added up by day and task first, between OFFSET 0:
 * from outside the planner takes the days for few, which they are, and leaves
 * conditions outside, after which it would expect few runs and sort them.
 */
CREATE VIEW taskcenter.usage_of_days WITH (security_barrier) AS
SELECT u.day,
    u.owner_id,
    max(u.owner) AS owner,
    u.group_key,
    sum(u.runs)::bigint AS runs,
    sum(u.failed)::bigint AS failed,
    sum(u.duration) AS duration
FROM (
    SELECT c.day, c.owner_id, c.owner, c.group_key, c.runs, c.failed, c.duration
    FROM taskcenter.counted_usage AS c
    WHERE (SELECT taskcenter.sees_states_of_all())
        OR c.owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[])
    UNION ALL
    SELECT to_char(n.day, 'YYYY-MM-DD'), n.owner_id, o.owner,
        coalesce(n.group_key, t.group_key, o.owner), n.runs, n.failed, n.duration
    FROM (
        SELECT d.day, d.owner_id, d.task_id, d.group_key,
            count(*) FILTER (WHERE d.parent_run_id IS NULL) AS runs,
            count(*) FILTER (WHERE d.parent_run_id IS NULL
                AND d.status = ANY (ARRAY['failed', 'timed_out'])) AS failed,
            coalesce(sum(d.finished_at - d.started_at)
                FILTER (WHERE d.graph_version IS NULL), interval '0') AS duration
        FROM (
            SELECT date_trunc('day', r.finished_at AT TIME ZONE coalesce((SELECT v.value
                    FROM taskcenter.setting_values AS v WHERE v.key = 'default_timezone'), 'UTC'))
                    AS day,
                r.owner_id, r.task_id, r.group_key, r.parent_run_id, r.status, r.started_at,
                r.finished_at, r.graph_version
            FROM taskcenter.finished_runs AS r
            WHERE r.finished_at >= (SELECT h.counted_until FROM taskcenter.usage_horizon AS h)
              AND (r.started_at IS NOT NULL OR r.status = ANY (ARRAY['failed', 'timed_out']))
              AND ((SELECT taskcenter.sees_states_of_all())
                OR r.owner_id = ANY ((SELECT taskcenter.visible_owner_ids())::bigint[]))
            OFFSET 0) AS d
        GROUP BY d.day, d.owner_id, d.task_id, d.group_key
        OFFSET 0) AS n
    JOIN taskcenter.tasks AS t ON t.task_id = n.task_id
    CROSS JOIN LATERAL (SELECT CASE n.owner_id WHEN t.owner_id THEN t.owner
        ELSE pg_get_userbyid(n.owner_id::oid)::text END AS owner) AS o) AS u
GROUP BY u.day, u.owner_id, u.group_key;

CREATE VIEW taskcenter.usage WITH (security_barrier) AS
SELECT s.period, s.starts_on, s.owner, s.group_key, s.runs, s.failed,
    s.failed * 1000000 / nullif(s.runs, 0) AS failed_per_million, s.duration
FROM (
    SELECT 'day' AS period, d.day AS starts_on, d.owner, d.group_key, d.runs, d.failed, d.duration
    FROM taskcenter.usage_of_days AS d
    UNION ALL
    SELECT 'month', left(m.day, 7) || '-01', max(m.owner), m.group_key, sum(m.runs)::bigint,
        sum(m.failed)::bigint, sum(m.duration)
    FROM taskcenter.usage_of_days AS m
    GROUP BY left(m.day, 7) || '-01', m.owner_id, m.group_key) AS s;

GRANT SELECT ON taskcenter.usage TO PUBLIC;

COMMENT ON VIEW taskcenter.usage_of_days IS
'What the view usage shows of days, as far as it is the reader''s; for that view';
COMMENT ON COLUMN taskcenter.usage_of_days.day IS
'The day, as 2026-12-31, in the zone of the setting default_timezone when it was counted';
COMMENT ON COLUMN taskcenter.usage_of_days.owner_id IS 'OID of the owner of the runs';
COMMENT ON COLUMN taskcenter.usage_of_days.owner IS 'Owner of the runs';
COMMENT ON COLUMN taskcenter.usage_of_days.group_key IS
'Group key of the run, else of its task, else the owner';
COMMENT ON COLUMN taskcenter.usage_of_days.runs IS 'Runs that ended';
COMMENT ON COLUMN taskcenter.usage_of_days.failed IS 'Of these, how many failed or timed out';
COMMENT ON COLUMN taskcenter.usage_of_days.duration IS 'How long attempts took';
COMMENT ON VIEW taskcenter.usage IS
'Runs that ended, for each owner and group key, by day and by month, as far as they are the reader''s; pg_monitor sees all. Purges take nothing from it but what usage_retention says. A run that is retried after it was counted counts again when it ends again';
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
