-- Before an upgrade of taskcenter, of PostgreSQL or of the code that tasks call:
-- stand still, empty-handed, with a snapshot to compare with.  Run as the owner
-- of the database or a superuser; then upgrade; then run upgrade-after.sql.
--
--     psql -X -v ON_ERROR_STOP=1 -v reason='release 7' -d DATABASE -f examples/upgrade-before.sql

\set QUIET on
\pset pager off
\if :{?reason}
\else
\set reason upgrade
\endif

\echo '1. Fit for an upgrade? No rows is good.'
SELECT check_name, state, detail, hint FROM taskcenter.status_checks() WHERE state = 'fail';

\echo '2. What is installed'
SELECT extversion AS taskcenter, current_setting('server_version') AS server
FROM pg_extension WHERE extname = 'taskcenter';

\echo '3. Nothing starts any more; so many runs are in flight'
SELECT taskcenter.drain_scheduler(:'reason') AS in_flight;

\echo '4. Wait for them; 0 is good'
SELECT taskcenter.wait_until_idle('5 minutes') AS still_running \gset
\echo :still_running
SELECT CASE WHEN :still_running > 0 THEN 'not idle: cancel what hangs (running_runs, cancel_run), or resume_scheduler() and try later' ELSE 'idle' END AS verdict;

\echo '5. What waits, and goes on afterwards: retries, and the rest'
SELECT status, count(*), min(run_at) AS first, max(run_at) AS last
FROM taskcenter.task_runs WHERE finished_at IS NULL GROUP BY status ORDER BY status;

\echo '6. The snapshot, in the table upgrade_snapshot'
BEGIN ISOLATION LEVEL REPEATABLE READ;
CREATE TABLE IF NOT EXISTS upgrade_snapshot (
    taken_at timestamptz NOT NULL DEFAULT now(), what text NOT NULL, name text NOT NULL DEFAULT '',
    amount bigint, moment timestamptz, content jsonb, PRIMARY KEY (what, name));
TRUNCATE upgrade_snapshot;
INSERT INTO upgrade_snapshot (what, amount)
    SELECT 'schedules active or paused', count(*) FROM taskcenter.schedules WHERE state IN ('active', 'paused')
    UNION ALL SELECT 'tasks', count(*) FROM taskcenter.tasks WHERE state <> 'archived'
    UNION ALL SELECT 'unfinished runs', count(*) FROM taskcenter.task_runs WHERE finished_at IS NULL
    UNION ALL SELECT 'last run', max(run_id) FROM taskcenter.task_runs
    UNION ALL SELECT 'last audit entry', max(audit_id) FROM taskcenter.task_audit_logs;
INSERT INTO upgrade_snapshot (what, name, moment)
    SELECT 'next_run_at', t.name || '/' || s.name, s.next_run_at
    FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t USING (task_id)
    WHERE s.state = 'active' AND s.next_run_at IS NOT NULL AND t.state <> 'archived';
INSERT INTO upgrade_snapshot (what, content) SELECT 'digests', taskcenter.integrity_snapshot();
COMMIT;
SELECT what, amount FROM upgrade_snapshot WHERE amount IS NOT NULL ORDER BY what;

\echo '7. Now back up, and note where the file lies:'
\echo '     pg_dump -Fc -f before-upgrade.dump DATABASE && sha256sum before-upgrade.dump'
\echo '   then upgrade, restart, ALTER EXTENSION taskcenter UPDATE, and run upgrade-after.sql.'
