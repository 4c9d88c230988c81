\echo
\echo '=== 6. The second load: the ten packages are there, and one composite task does it all'
\echo

INSERT INTO inventory.staging SELECT * FROM inventory.newest;

SELECT taskcenter.enqueue_task('refresh', trace_id => 'demo-refresh') AS run \gset
SELECT run_id, task, status, error FROM taskcenter.wait_for_run(:run);

\echo 'Its steps'
\echo
SELECT run_id, step, task, status, started_at::time(3) AS started,
       finished_at - started_at AS took, output
FROM taskcenter.task_runs WHERE parent_run_id = :run ORDER BY run_id;

\echo 'And a command that refuses transactions  (VACUUM)'
\echo
SELECT taskcenter.enqueue_task('vacuum') AS run \gset
SELECT run_id, task, status, error FROM taskcenter.wait_for_run(:run);
