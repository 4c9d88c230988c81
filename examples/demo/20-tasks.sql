\echo
\echo '=== 2. The tasks: any SQL is a command'
\echo

SELECT taskcenter.create_task('load', $$
    INSERT INTO inventory.snapshots DEFAULT VALUES;
    INSERT INTO inventory.packages
    SELECT (SELECT max(snapshot_id) FROM inventory.snapshots),
           package, version, architecture, section, installed_kib, depends
    FROM inventory.staging;
    SELECT taskcenter.set_output(jsonb_build_object('rows', count(*))) FROM inventory.staging$$,
    schedule => '30 2 * * *', timezone => 'Europe/Berlin',
    description => 'takes the staged packages in as a new snapshot') AS load,
  taskcenter.create_task('clean', $$
    UPDATE inventory.packages
    SET section = coalesce(nullif(regexp_replace(section, '^.*/', ''), ''), 'unknown'),
        installed_kib = coalesce(installed_kib, 0)
    WHERE snapshot_id = (SELECT max(snapshot_id) FROM inventory.snapshots)$$,
    description => 'one name per section, no missing sizes') AS clean,
  taskcenter.create_task('measure', $$
    INSERT INTO inventory.section_sizes
    SELECT snapshot_id, section, count(*), round(sum(installed_kib) / 1024.0, 1)
    FROM inventory.packages
    WHERE snapshot_id = (SELECT max(snapshot_id) FROM inventory.snapshots)
    GROUP BY 1, 2$$,
    description => 'sizes per section') AS measure,
  taskcenter.create_task('compare', $$
    WITH latest AS (SELECT max(snapshot_id) AS id FROM inventory.snapshots),
         new AS (SELECT p.* FROM inventory.packages p, latest WHERE snapshot_id = latest.id),
         old AS (SELECT p.* FROM inventory.packages p, latest WHERE snapshot_id = latest.id - 1)
    INSERT INTO inventory.changes
    SELECT latest.id, package,
           CASE WHEN old.version IS NULL THEN 'added' WHEN new.version IS NULL THEN 'removed'
                ELSE 'changed' END,
           old.version, new.version
    FROM latest, old FULL JOIN new USING (package, architecture)
    WHERE old.version IS DISTINCT FROM new.version
      AND EXISTS (SELECT FROM inventory.packages p, latest WHERE snapshot_id = latest.id - 1)$$,
    description => 'what changed since the snapshot before') AS compare \gset

SELECT taskcenter.create_task('sync', 'SELECT inventory.ask_mirror()',
    max_attempts => 3, backoff => 'fixed', backoff_base => '200 milliseconds',
    description => 'fails at the first attempt') AS sync,
  taskcenter.create_task('checksums', 'SELECT inventory.compute_checksums()',
    timeout => '10 minutes', description => 'takes minutes') AS checksums,
  taskcenter.create_task('vacuum', 'VACUUM (ANALYZE) inventory.packages',
    description => 'cannot run in a transaction, and need not say so') AS vacuum,
  taskcenter.create_task('tick', 'INSERT INTO inventory.ticks DEFAULT VALUES',
    schedule => '* * * * * *', description => 'every second') AS tick \gset

SELECT name, kind, state, description FROM taskcenter.tasks ORDER BY task_id;

\echo 'Is everything well?  (view status)'
\echo
SELECT check_name, state, detail FROM taskcenter.status;

\echo 'When does what fire next?  (view next_fires, and preview_fires() for the next 3 seconds)'
\echo
SELECT task, schedule, fires_at FROM taskcenter.next_fires ORDER BY fires_at;
SELECT task, schedule, fires_at
FROM taskcenter.preview_fires(now(), now() + interval '3 seconds');

\echo 'The clock changes in Berlin: preview_schedule() around the night of 29 March 2026'
\echo
SELECT fires_at AS utc, fires_at AT TIME ZONE 'Europe/Berlin' AS berlin
FROM taskcenter.preview_schedule('30 2 * * *', 'Europe/Berlin', 3, '2026-03-27 12:00+00') AS fires_at;
