-- After an upgrade, or after its rollback: is everything there that was there
-- before, and does it go on?  See upgrade-before.sql.
--
--     psql -X -v ON_ERROR_STOP=1 -d DATABASE -f examples/upgrade-after.sql
--
-- Ends in an error, and leaves the scheduler draining, if something is missing.

\set QUIET on
\pset pager off

\echo '1. Libraries and processes; no rows is good'
SELECT check_name, state, detail, hint FROM taskcenter.status_checks() WHERE state = 'fail';

\echo '2. Still standing still'
SELECT check_name, state, detail FROM taskcenter.status_checks() WHERE check_name = 'scheduler_state';

\echo '3. What is missing; no rows is good'
CREATE TEMP TABLE missing AS
SELECT b.what, b.name, b.amount::text AS before, a.amount::text AS now
FROM upgrade_snapshot AS b
JOIN (SELECT 'schedules active or paused' AS what, count(*) AS amount FROM taskcenter.schedules WHERE state IN ('active', 'paused')
    UNION ALL SELECT 'tasks', count(*) FROM taskcenter.tasks WHERE state <> 'archived'
    UNION ALL SELECT 'unfinished runs', count(*) FROM taskcenter.task_runs WHERE finished_at IS NULL
    UNION ALL SELECT 'last run', max(run_id) FROM taskcenter.task_runs
    UNION ALL SELECT 'last audit entry', max(audit_id) FROM taskcenter.task_audit_logs) AS a USING (what)
WHERE a.amount < b.amount OR (a.amount IS NULL AND b.amount IS NOT NULL)
UNION ALL
SELECT b.what, b.name, b.moment::text, s.next_run_at::text
FROM upgrade_snapshot AS b
LEFT JOIN (taskcenter.schedules AS s JOIN taskcenter.tasks AS t ON t.task_id = s.task_id AND t.state <> 'archived')
    ON t.name || '/' || s.name = b.name
WHERE b.what = 'next_run_at' AND (s.next_run_at IS NULL OR s.next_run_at < b.moment)
UNION ALL
SELECT check_name, object_type || ' ' || coalesce(object_id::text, ''), NULL, detail FROM taskcenter.check_integrity();
TABLE missing;
SELECT count(*) > 0 AS broken FROM missing \gset
\if :broken
\echo 'Something is missing: the scheduler stays as it is.  Roll back, restore the dump, repeat this.'
SELECT 1 / 0 AS "something is missing";
\quit
\endif

\echo '   What differs at all; after a restart: scheduler_state'
SELECT * FROM taskcenter.compare_integrity((SELECT content FROM upgrade_snapshot WHERE what = 'digests'));

\echo '4. Go on'
SELECT taskcenter.resume_scheduler('checked after the upgrade') AS scheduler;

\echo '5. Force a run: queued, then succeeded'
SELECT taskcenter.declare_task('upgrade_check', 'SELECT 1') \g /dev/null
BEGIN;
SELECT taskcenter.enqueue_task('upgrade_check') AS run \gset
SELECT status FROM taskcenter.task_runs WHERE run_id = :run;
COMMIT;
SELECT status, error FROM taskcenter.wait_for_run(:run, '1 minute');
SELECT status = 'succeeded' AS runs FROM taskcenter.task_runs WHERE run_id = :run \gset
SELECT taskcenter.archive_task('upgrade_check', 'done') \g /dev/null
\if :runs
\else
\echo 'Nothing is executed: see the rows above, and SELECT * FROM taskcenter.status.'
SELECT 1 / 0 AS "nothing is executed";
\quit
\endif

\echo '6. Schedules go on from where they were'
SELECT t.name AS task, s.name AS schedule, b.moment AS was_due, s.next_run_at
FROM upgrade_snapshot AS b
JOIN (taskcenter.schedules AS s JOIN taskcenter.tasks AS t USING (task_id)) ON t.name || '/' || s.name = b.name
WHERE b.what = 'next_run_at' AND t.state <> 'archived' ORDER BY s.next_run_at LIMIT 10;

\echo '7. For the change log: what this upgrade did'
SELECT recorded_at, action, object_type, object_name, actor, reason
FROM taskcenter.task_audit_logs
WHERE audit_id > (SELECT amount FROM upgrade_snapshot WHERE what = 'last audit entry')
ORDER BY audit_id LIMIT 20;
