\echo
\echo '=== 5. A long run, watched and cancelled'
\echo

SELECT taskcenter.enqueue_task('checksums') AS run \gset
SELECT status AS after_two_seconds FROM taskcenter.wait_for_run(:run, '2 seconds');

\echo 'What runs now?  (view running_runs)'
\echo
SELECT * FROM taskcenter.running_runs WHERE task = 'checksums' \gx

SELECT taskcenter.cancel_run(:run, reason => 'the demo has no minutes') AS answer;
SELECT run_id, task, status, error FROM taskcenter.wait_for_run(:run);
