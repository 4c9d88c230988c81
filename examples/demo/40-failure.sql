\echo
\echo '=== 4. A run that fails, and is repeated by itself'
\echo

SELECT taskcenter.enqueue_task('sync') AS run \gset
SELECT run_id, task, status, output FROM taskcenter.wait_for_run(:run);

\echo 'Its history  (task_run_history)'
\echo
SELECT changed_at::time(3) AS at, attempt, old_status, new_status, reason, actor
FROM taskcenter.task_run_history WHERE run_id = :run ORDER BY changed_at;

\echo 'Its log  (task_run_logs)'
\echo
SELECT logged_at::time(3) AS at, attempt, level, message
FROM taskcenter.task_run_logs WHERE run_id = :run ORDER BY logged_at;
