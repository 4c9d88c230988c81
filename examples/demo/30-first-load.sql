\echo
\echo '=== 3. The first load: yesterday, without the ten newest packages'
\echo

CREATE TABLE inventory.newest AS
    SELECT * FROM inventory.staging ORDER BY changed_epoch DESC, package LIMIT 10;
DELETE FROM inventory.staging AS s USING inventory.newest AS n
WHERE s.package = n.package AND s.architecture = n.architecture;

SELECT taskcenter.enqueue_task('load') AS run \gset
SELECT run_id, task, status, output, error FROM taskcenter.wait_for_run(:run);
SELECT taskcenter.enqueue_task('clean') AS run \gset
SELECT run_id, task, status, error FROM taskcenter.wait_for_run(:run);
SELECT taskcenter.enqueue_task('measure') AS run \gset
SELECT run_id, task, status, error FROM taskcenter.wait_for_run(:run);
