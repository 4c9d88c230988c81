\echo
\echo '=== 5. A long run, watched and cancelled'
\echo

SELECT taskcenter.enqueue_task('checksums') AS run \gset
SELECT status AS after_two_seconds FROM taskcenter.wait_for_run(:run, '2 seconds');

\echo 'What runs now?  (view running_runs)'
\echo
SELECT run_id, task, attempt, running_for, done, total, phase
FROM taskcenter.running_runs WHERE task = 'checksums';

SELECT taskcenter.cancel_run(:run, reason => 'the demo has no minutes') AS answer;
SELECT status FROM taskcenter.wait_for_run(:run) \gset
SELECT run_id, task, status, reason FROM taskcenter.task_runs WHERE run_id = :run;
