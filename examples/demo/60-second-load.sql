\echo
\echo '=== 6. The second load: the ten packages are there'
\echo

INSERT INTO inventory.staging SELECT * FROM inventory.newest;

SELECT taskcenter.enqueue_task('load', trace_id => 'demo-second') AS run \gset
SELECT run_id, task, status, output, error FROM taskcenter.wait_for_run(:run);
SELECT taskcenter.enqueue_task('clean', trace_id => 'demo-second') AS run \gset
SELECT run_id, task, status, error FROM taskcenter.wait_for_run(:run);

\echo 'Measure and compare side by side'
\echo
SELECT taskcenter.enqueue_task('measure', trace_id => 'demo-second') AS measure \gset
SELECT taskcenter.enqueue_task('compare', trace_id => 'demo-second') AS compare \gset
SELECT run_id, task, status, error FROM taskcenter.wait_for_run(:measure);
SELECT run_id, task, status, error FROM taskcenter.wait_for_run(:compare);

\echo 'What belongs together  (column trace_id)'
\echo
SELECT run_id, task, status, started_at::time(3) AS started,
       finished_at - started_at AS took, output
FROM taskcenter.task_runs WHERE trace_id = 'demo-second' ORDER BY run_id;

\echo 'And a command that refuses transactions  (VACUUM)'
\echo
SELECT taskcenter.enqueue_task('vacuum') AS run \gset
SELECT run_id, task, status, error FROM taskcenter.wait_for_run(:run);
