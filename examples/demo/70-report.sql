\echo
\echo '=== 7. The report'
\echo

\echo 'The ten largest sections'
\echo
SELECT section, packages, mib
FROM inventory.section_sizes
WHERE snapshot_id = (SELECT max(snapshot_id) FROM inventory.snapshots)
ORDER BY mib DESC LIMIT 10;

\echo 'What changed between the loads'
\echo
SELECT change, package, old_version, new_version FROM inventory.changes ORDER BY package;

\echo 'What ran  (view recent_runs, without the ticks)'
\echo
SELECT run_id, task, status, attempt, duration, error
FROM taskcenter.recent_runs WHERE task <> 'tick' ORDER BY run_id;

SELECT taskcenter.pause_task('tick', reason => 'the demo ends') \gset
SELECT taskcenter.wait_until_idle('10 seconds') AS left_over \gset

\echo 'The ticks: every second has its run'
\echo
SELECT count(*) AS ticks, min(r.scheduled_for)::time(0) AS first, max(r.scheduled_for)::time(0) AS last,
       extract(epoch FROM max(r.scheduled_for) - min(r.scheduled_for))::int + 1 AS seconds,
       round(extract(epoch FROM avg(r.started_at - r.scheduled_for)) * 1000, 1) AS late_ms
FROM taskcenter.task_runs AS r WHERE r.task = 'tick' AND r.status = 'succeeded';

\echo 'In one word  (view status)'
\echo
SELECT state, count(*) AS checks FROM taskcenter.status GROUP BY state ORDER BY state;
