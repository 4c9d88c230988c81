-- The packages of a machine, taken in as a graph of steps: load and clean, a gate
-- that bad data does not pass, sizes per section side by side, what changed, an
-- approval by somebody else, the publication.  Whatever fails or is rejected is
-- undone.  Run as a superuser:
--
--     psql -X -v ON_ERROR_STOP=1 -d DATABASE -f examples/package-graph.sql
--
-- With -v packages=FILE it reads a machine's own packages, as "make demo" does:
--     dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\t${Section}\t${Installed-Size}\t${db-fsys:Last-Modified}\t${Depends}\n'
-- What this file makes is dropped or archived at its end.

\set QUIET on
\pset pager off
SET client_min_messages = warning;

CREATE SCHEMA example_packages;
SET search_path = example_packages, taskcenter;
CREATE TABLE staging (package text, version text, architecture text, section text,
    installed_kib bigint, changed_epoch bigint, depends text);
CREATE TABLE snapshots (snapshot_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    loaded_at timestamptz NOT NULL DEFAULT now(), published boolean NOT NULL DEFAULT false);
CREATE TABLE packages (snapshot_id int REFERENCES snapshots ON DELETE CASCADE,
    package text, version text, architecture text, section text, installed_kib bigint,
    PRIMARY KEY (snapshot_id, package, architecture));
CREATE TABLE section_sizes (snapshot_id int REFERENCES snapshots ON DELETE CASCADE,
    section text, packages int, mib numeric, PRIMARY KEY (snapshot_id, section));
CREATE TABLE changes (snapshot_id int REFERENCES snapshots ON DELETE CASCADE,
    package text, change text, old_version text, new_version text);
\if :{?packages}
\set copy '\\copy staging FROM ' :'packages' ' WITH (FORMAT csv, DELIMITER E''\\t'', QUOTE E''\\b'', NULL '''')'
:copy
\else
INSERT INTO staging
SELECT 'package-' || n, '1.' || n % 7, 'amd64', (ARRAY['admin', 'contrib/net', 'libs', 'utils', NULL])[1 + n % 5],
    n * 11 % 5000, 1700000000 + n, NULL
FROM generate_series(1, 300) AS n;
\endif

\echo '1. The graph'
CREATE ROLE example_releaser;
CREATE ROLE example_loader;
SELECT create_task('example packages', kind => 'composite', application => 'examples',
    description => 'takes the staged packages in as a new snapshot') AS task \g /dev/null
-- a string in JSON is one line: white space is folded
SELECT save_graph('example packages', regexp_replace($graph$
{"steps": {
    "load": {
        "command": "WITH made AS (INSERT INTO example_packages.snapshots DEFAULT VALUES RETURNING snapshot_id),
                         taken AS (INSERT INTO example_packages.packages
                             SELECT snapshot_id, package, version, architecture, section, installed_kib
                             FROM example_packages.staging, made RETURNING snapshot_id)
                    SELECT taskcenter.set_output(jsonb_build_object('snapshot', max(snapshot_id), 'rows', count(*)))
                    FROM taken",
        "compensate": "DELETE FROM example_packages.snapshots
                       WHERE snapshot_id = (taskcenter.step_output('load') ->> 'snapshot')::int"
    },
    "clean": {
        "after": ["load"],
        "params": {"snapshot": {"$output": "load.snapshot"}},
        "command": "UPDATE example_packages.packages
                    SET section = coalesce(nullif(regexp_replace(section, '^.*/', ''), ''), 'unknown')
                    WHERE snapshot_id = taskcenter.param('snapshot')::int"
    },
    "gate": {
        "after": ["clean"],
        "check": {"sql": "SELECT count(*) FROM example_packages.packages WHERE installed_kib IS NULL OR installed_kib < 0",
                  "op": "=", "value": 0, "every": "100 milliseconds", "deadline": "300 milliseconds"}
    },
    "measure": {
        "after": ["gate"],
        "params": {"snapshot": {"$output": "load.snapshot"}},
        "for_each": "SELECT DISTINCT section FROM example_packages.packages
                     WHERE snapshot_id = (taskcenter.step_output('load') ->> 'snapshot')::int",
        "command": "INSERT INTO example_packages.section_sizes
                    SELECT snapshot_id, section, count(*), round(sum(installed_kib) / 1024.0, 1)
                    FROM example_packages.packages
                    WHERE snapshot_id = taskcenter.param('snapshot')::int
                      AND section = taskcenter.param('item') ->> 'section'
                    GROUP BY 1, 2"
    },
    "compare": {
        "after": ["gate"],
        "params": {"snapshot": {"$output": "load.snapshot"}},
        "command": "WITH new AS (SELECT * FROM example_packages.packages WHERE snapshot_id = taskcenter.param('snapshot')::int),
                         old AS (SELECT * FROM example_packages.packages WHERE snapshot_id = (
                             SELECT max(snapshot_id) FROM example_packages.snapshots WHERE published)),
                         different AS (INSERT INTO example_packages.changes
                             SELECT taskcenter.param('snapshot')::int, package,
                                 CASE WHEN old.version IS NULL THEN 'added'
                                      WHEN new.version IS NULL THEN 'removed' ELSE 'changed' END,
                                 old.version, new.version
                             FROM old FULL JOIN new USING (package, architecture)
                             WHERE old.version IS DISTINCT FROM new.version RETURNING 1)
                    SELECT taskcenter.set_output(jsonb_build_object('changes', count(*))) FROM different"
    },
    "approve": {
        "after": ["measure", "compare"],
        "approval": {"roles": ["example_releaser"], "quorum": 1, "exclude_requester": true,
                     "expires": "1 hour", "on_expiry": "reject"}
    },
    "publish": {
        "after": ["approve"],
        "params": {"snapshot": {"$output": "load.snapshot"}},
        "command": "UPDATE example_packages.snapshots SET published = true
                    WHERE snapshot_id = taskcenter.param('snapshot')::int"
    },
    "report": {
        "after": ["publish"], "rule": "all_done",
        "command": "SELECT taskcenter.write_log('notice', format('%s snapshots are published', count(*)))
                    FROM example_packages.snapshots WHERE published"
    }
}}$graph$, '\s+', ' ', 'g')::jsonb) AS version;
SELECT task_tree('example packages');

SELECT grant_access('example_loader', 'enqueuer', task => 'example packages') AS granted \g /dev/null

\echo '2. What would be done  (nothing is)'
SELECT step, kind, after, outcome, reason FROM plan_task('example packages');

-- until the approval is asked for, or the run has ended
CREATE PROCEDURE await_question(run bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR look IN 1 .. 600 LOOP
        EXIT WHEN EXISTS (SELECT FROM taskcenter.task_runs AS r
            WHERE (r.parent_run_id = run AND r.step = 'approve' AND r.status = 'queued')
               OR (r.run_id = run AND r.finished_at IS NOT NULL));
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;

\echo '3. A run, up to the question'
SET ROLE example_loader;
SELECT enqueue_task('example packages') AS run \gset
RESET ROLE;
CALL await_question(:run);
SELECT run_tree(:run);

\echo '4. Who asked cannot answer; somebody of the role sees the question, and does'
SET ROLE example_loader;
SELECT count(*) AS questions_for_me FROM open_decisions;
SET ROLE example_releaser;
SELECT task, step, roles, quorum, approved, requester FROM open_decisions;
SELECT decide_step(:run, 'approve', 'approve', note => 'sizes look right') AS answer;
RESET ROLE;
SELECT status, error FROM wait_for_run(:run);
SELECT run_timeline(:run);
SELECT count(*) AS snapshots, count(*) FILTER (WHERE published) AS published FROM snapshots;
SELECT count(*) AS sections, sum(packages) AS packages FROM section_sizes;

\echo '5. Data that does not pass the gate: what was loaded is undone'
INSERT INTO staging VALUES ('broken', '1', 'amd64', 'libs', -1, 0, NULL);
SET ROLE example_loader;
SELECT enqueue_task('example packages') AS run \gset
RESET ROLE;
SELECT status FROM wait_for_run(:run);
SELECT run_tree(:run);
SELECT count(*) AS snapshots FROM snapshots;

\echo '6. Mended, and tried again; this time the answer is no'
DELETE FROM staging WHERE package = 'broken';
UPDATE staging SET version = version || '.1' WHERE package = (SELECT min(package) FROM staging);
SET ROLE example_loader;
SELECT enqueue_task('example packages') AS run \gset
RESET ROLE;
CALL await_question(:run);
SELECT package, change, old_version, new_version FROM changes ORDER BY snapshot_id DESC, package LIMIT 1;
SET ROLE example_releaser;
SELECT decide_step(:run, 'approve', 'reject', note => 'not on a Friday') AS answer;
RESET ROLE;
SELECT status FROM wait_for_run(:run);
SELECT step, status FROM task_runs WHERE parent_run_id = :run ORDER BY step;
SELECT count(*) AS snapshots, count(*) FILTER (WHERE published) AS published FROM snapshots;

\echo '7. Away with it'
SELECT revoke_access('example_loader') AS revoked \g /dev/null
SELECT archive_task('example packages') AS state;
DROP SCHEMA example_packages CASCADE;
DROP ROLE example_releaser, example_loader;
