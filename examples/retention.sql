-- Retention, as a rollout checklist asks for it: change the policy, see beforehand
-- what a purge would take, hold what must stay, purge, and prove that nothing in
-- policy is missing.  As the owner of the database or a superuser:
--
--     psql -X -v ON_ERROR_STOP=1 -d DATABASE -f examples/retention.sql
--     psql … -v runs_retention='60 days' -v hold='close accounts' -f examples/retention.sql
--
-- Without variables the policy stays as it is.  The last step ends in an error if
-- something is missing.

\set QUIET on
\pset pager off
\if :{?runs_retention}
\else
SELECT taskcenter.get_setting('runs_retention') AS runs_retention \gset
\endif

\echo '1. The policy; "keep" is for ever'
SELECT key, value, default_value FROM taskcenter.settings WHERE key LIKE '%retention' ORDER BY key;

\echo '2. Change it; the audit says who did, when, and why'
SELECT taskcenter.set_setting('runs_retention', :'runs_retention', 'retention checklist') AS runs_retention;
SELECT recorded_at::timestamptz(0), actor, action, object_name, old_values ->> 'value' AS old, new_values ->> 'value' AS new, reason
FROM taskcenter.task_audit_logs WHERE object_type = 'setting' ORDER BY audit_id DESC LIMIT 3;

\echo '3. Hold the history of a task, whatever the policy says'
\if :{?hold}
SELECT taskcenter.hold_history(:'hold', 'retention checklist') AS history;
\else
\echo 'none: -v hold=TASK holds one'
\endif

\echo '4. What a purge would take now; no rows: nothing is out of policy'
SELECT relation, policy, cutoff, rows, partitions FROM taskcenter.preview_purge();

\echo '5. What must be there afterwards'
-- in policy for all tasks that have no retention of their own, with an hour to spare
SELECT now() - least(nullif(taskcenter.get_setting('runs_retention'), 'keep')::interval,
    nullif(taskcenter.get_setting('failed_runs_retention'), 'keep')::interval, interval '100 years')
    + interval '1 hour' AS since, now() AS until \gset
CREATE TEMP VIEW stays AS
SELECT 'runs in policy' AS what, count(*) AS amount FROM taskcenter.task_runs AS r JOIN taskcenter.tasks AS t USING (task_id)
WHERE r.finished_at BETWEEN :'since' AND :'until' AND t.retention IS NULL AND t.failed_retention IS NULL
UNION ALL
SELECT 'runs of held tasks', count(*) FROM taskcenter.task_runs AS r JOIN taskcenter.tasks AS t USING (task_id)
WHERE r.finished_at <= :'until' AND t.hold_reason IS NOT NULL
UNION ALL
SELECT 'records of purges', count(*) FROM taskcenter.purges;
CREATE TEMP TABLE must_stay AS TABLE stays;
CREATE TEMP TABLE unfinished AS SELECT run_id FROM taskcenter.task_runs WHERE finished_at IS NULL;
SELECT what, amount FROM must_stay UNION ALL SELECT 'unfinished runs', count(*) FROM unfinished;
SELECT coalesce(max(purge_id), 0) AS last_purge FROM taskcenter.purges \gset

\echo '6. Purge: rows, bytes, partitions'
CALL taskcenter.purge('retention checklist') \gset
SELECT :rows AS rows, pg_size_pretty(:bytes::bigint) AS size, :partitions AS partitions;

\echo '7. Its record: each piece with its cutoff; nothing younger went'
SELECT relation, policy, rows, partitions, cutoff, newest, newest <= cutoff AS in_order, reason
FROM taskcenter.purges WHERE purge_id > :last_purge ORDER BY purge_id;

\echo '8. Nothing more to take, and nothing missing; no rows twice is good'
SELECT relation, policy, cutoff, rows FROM taskcenter.preview_purge();
CREATE TEMP TABLE missing AS
SELECT b.what, b.amount AS before, a.amount AS now FROM must_stay AS b JOIN stays AS a USING (what) WHERE a.amount < b.amount
UNION ALL
SELECT 'unfinished run ' || run_id, 1, 0 FROM unfinished
WHERE run_id NOT IN (SELECT r.run_id FROM taskcenter.task_runs AS r WHERE r.run_id IN (TABLE unfinished))
UNION ALL
SELECT 'younger than its cutoff: ' || relation, NULL, rows FROM taskcenter.purges WHERE newest > cutoff;
TABLE missing;
SELECT count(*) > 0 AS broken FROM missing \gset
\if :broken
\echo 'Something in policy is missing: restore it, and report this.'
SELECT 1 / 0 AS "something in policy is missing";
\endif
