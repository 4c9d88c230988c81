-- An upgrade and rollback checklist as a graph that runs: it pauses the schedules,
-- takes a snapshot to compare with, waits for the backup, drains, upgrades what
-- must be upgraded together, validates, asks, and goes on, or rolls everything
-- back in reverse order.  Run as a superuser:
--
--     psql -X -v ON_ERROR_STOP=1 -d DATABASE -f examples/upgrade-checklist.sql
--
--     -v release=NAME     what is rolled out ("release 2")
--     -v answer=reject    to see the rollback; -v answer=approve to see it go (default)
--     -v backup=FILE      where pg_dump writes to; -v pg_dump=PROGRAM
--
-- The graph stays as the task "example upgrade"; its steps are to be replaced by
-- your own.  The components of this example are rows of a table, which stays too.

\set QUIET on
\pset pager off
SET client_min_messages = warning;
SET search_path = taskcenter;
\if :{?release}
\else
\set release 'release 2'
\endif
\if :{?answer}
\else
\set answer approve
\endif
\if :{?backup}
\else
\set backup /tmp/before-upgrade.dump
\endif
\if :{?pg_dump}
\else
\set pg_dump pg_dump
\endif

\echo '1. What is to be upgraded, and who decides'
CREATE SCHEMA IF NOT EXISTS example_upgrade;
CREATE TABLE IF NOT EXISTS example_upgrade.components (name text PRIMARY KEY, release text NOT NULL, before text);
INSERT INTO example_upgrade.components VALUES ('beat', 'release 1'), ('worker', 'release 1'), ('agent', 'release 1')
ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS example_upgrade.paused (schedule_id bigint PRIMARY KEY);
CREATE TABLE IF NOT EXISTS example_upgrade.change_log (at timestamptz NOT NULL DEFAULT now(), entry text NOT NULL);
SELECT 'CREATE ROLE example_operators' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'example_operators') \gexec
SELECT declare_task('example probe', 'SELECT 1', application => 'examples',
    description => 'does nothing: that it is done shows that work is done') AS probe \g /dev/null

\echo '2. The checklist  (a string in JSON is one line: white space is folded)'
SELECT declare_task('example upgrade', kind => 'composite', application => 'examples', queue => 'control',
    description => 'upgrade and rollback checklist', options => jsonb_build_object('graph', regexp_replace($graph$
{"steps": {
    "notify": {
        "command": "SELECT taskcenter.write_log('notice', 'upgrade to ' || (taskcenter.param('release') #>> '{}') || ' begins')"
    },
    "pause schedules": {
        "after": ["notify"],
        "command": "WITH active AS (UPDATE taskcenter.schedules SET state = 'paused' WHERE state = 'active' RETURNING schedule_id)
                    INSERT INTO example_upgrade.paused SELECT schedule_id FROM active",
        "compensate": "WITH mine AS (DELETE FROM example_upgrade.paused RETURNING schedule_id)
                       UPDATE taskcenter.schedules SET state = 'active' WHERE schedule_id IN (SELECT schedule_id FROM mine)"
    },
    "snapshot": {
        "after": ["pause schedules"],
        "command": "SELECT taskcenter.set_output(jsonb_build_object(
                        'schedules', (SELECT count(*) FROM taskcenter.schedules WHERE state IN ('active', 'paused')),
                        'tasks', (SELECT count(*) FROM taskcenter.tasks WHERE state <> 'archived')))"
    },
    "backup": {
        "after": ["snapshot"],
        "signal": {"name": "backup taken", "key": {"$param": "release"}, "deadline": "2 hours"}
    },
    "drain": {
        "after": ["backup"],
        "command": "SELECT taskcenter.drain_scheduler('upgrade')",
        "compensate": "SELECT taskcenter.resume_scheduler('rolled back')"
    },
    "idle": {
        "after": ["drain"],
        "check": {"sql": "SELECT count(*) FROM taskcenter.executor_activity() AS e JOIN taskcenter.task_runs AS r USING (run_id)
                          WHERE r.queue <> 'control'",
                  "op": "=", "value": 0, "every": "1 second", "deadline": "5 minutes"}
    },
    "migrate": {
        "after": ["idle"],
        "command": "ALTER TABLE example_upgrade.components ADD COLUMN IF NOT EXISTS upgraded_at timestamptz",
        "compensate": "ALTER TABLE example_upgrade.components DROP COLUMN IF EXISTS upgraded_at"
    },
    "components": {
        "after": ["migrate"],
        "for_each": "SELECT name FROM example_upgrade.components",
        "command": "UPDATE example_upgrade.components
                    SET before = release, release = taskcenter.param('release') #>> '{}', upgraded_at = now()
                    WHERE name = taskcenter.param('item') ->> 'name'",
        "params": {"release": {"$param": "release"}},
        "compensate": "UPDATE example_upgrade.components SET release = before WHERE before IS NOT NULL"
    },
    "same release": {
        "after": ["components"],
        "check": {"sql": "SELECT count(DISTINCT release) FROM example_upgrade.components",
                  "op": "=", "value": 1, "deadline": "10 seconds", "every": "1 second"}
    },
    "nothing lost": {
        "after": ["components"],
        "params": {"before": {"$output": "snapshot"}},
        "command": "SELECT 1 / (
                        (SELECT count(*) FROM taskcenter.schedules WHERE state IN ('active', 'paused'))
                            >= (taskcenter.param('before') ->> 'schedules')::int
                        AND (SELECT count(*) FROM taskcenter.tasks WHERE state <> 'archived')
                            >= (taskcenter.param('before') ->> 'tasks')::int
                        AND NOT EXISTS (SELECT FROM taskcenter.schedules WHERE state = 'active' AND next_run_at IS NULL))::int"
    },
    "forced run": {
        "after": ["components"],
        "task": "example probe"
    },
    "audit": {
        "after": ["components"],
        "check": {"sql": "SELECT count(*) FROM (SELECT FROM taskcenter.task_audit_logs
                          WHERE object_type = 'schedule' OR action = 'drain' LIMIT 1) AS a",
                  "op": ">=", "value": 0, "deadline": "10 seconds", "every": "1 second"}
    },
    "go": {
        "after": ["same release", "nothing lost", "forced run", "audit"],
        "approval": {"roles": ["example_operators"], "quorum": 1, "expires": "1 hour", "on_expiry": "reject"}
    },
    "resume": {
        "after": ["go"],
        "command": "SELECT taskcenter.resume_scheduler('upgraded')"
    },
    "resume schedules": {
        "after": ["resume"],
        "command": "WITH mine AS (DELETE FROM example_upgrade.paused RETURNING schedule_id)
                    UPDATE taskcenter.schedules SET state = 'active' WHERE schedule_id IN (SELECT schedule_id FROM mine)"
    },
    "record": {
        "after": ["resume schedules"],
        "params": {"release": {"$param": "release"}, "backup": {"$output": "backup"}},
        "command": "INSERT INTO example_upgrade.change_log (entry)
                    SELECT format('%s, backup %s, sha256 %s', r.params ->> 'release', r.params -> 'backup' ->> 'file',
                        r.params -> 'backup' ->> 'sha256') FROM taskcenter.current_run() AS r"
    }
}}$graph$, '\s+', ' ', 'g')::jsonb)) AS checklist;
SELECT task_tree('example upgrade');

\echo '3. It begins, and waits for the backup'
SELECT enqueue_task('example upgrade', params => jsonb_build_object('release', :'release')) AS run \gset
CREATE OR REPLACE PROCEDURE example_upgrade.await_step(run bigint, name text) LANGUAGE plpgsql AS $$
BEGIN
    FOR look IN 1 .. 600 LOOP
        EXIT WHEN EXISTS (SELECT FROM taskcenter.task_runs AS r
            WHERE (r.parent_run_id = run AND r.step = name) OR (r.run_id = run AND r.finished_at IS NOT NULL));
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;
CALL example_upgrade.await_step(:run, 'backup');

\echo '4. The backup, with its checksum: told by a signal'
\setenv TASKCENTER_BACKUP :backup
\set sha256 `:pg_dump -Fc -h :'HOST' -p :'PORT' -U :'USER' -f "$TASKCENTER_BACKUP" :'DBNAME' && sha256sum < "$TASKCENTER_BACKUP" | cut -c1-64`
SELECT send_signal('backup taken', :'release', jsonb_build_object('file', :'backup', 'sha256', :'sha256')) AS signal \g /dev/null
SELECT length(:'sha256') AS digits_of_the_checksum;

\echo '5. Drained, upgraded, validated: the question'
CALL example_upgrade.await_step(:run, 'go');
SELECT run_tree(:run);
SELECT step, roles FROM open_decisions WHERE run_id = :run;
SELECT decide_step(:run, 'go', :'answer', note => 'by the checklist') AS answer;
SELECT status FROM wait_for_run(:run);

\echo '6. How it went'
SELECT run_timeline(:run);
SELECT name, release FROM example_upgrade.components ORDER BY name;
SELECT state AS scheduler FROM scheduler_state;
SELECT count(*) AS still_paused FROM example_upgrade.paused;
SELECT entry FROM example_upgrade.change_log ORDER BY at DESC LIMIT 1;
