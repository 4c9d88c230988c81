--
-- Documents of tasks: what export_tasks() shows and apply_tasks() makes of it.
--
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET datestyle = 'ISO, MDY';
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
RESET client_min_messages;
CREATE ROLE regress_tc_team NOLOGIN;
CREATE ROLE regress_tc_bot LOGIN;
CREATE ROLE regress_tc_stranger LOGIN;
CREATE FUNCTION sqlstate_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE where_it_is text;
BEGIN
    EXECUTE command;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS where_it_is = PG_EXCEPTION_CONTEXT;
    RETURN sqlstate || ' ' || coalesce(substring(where_it_is FROM '(?n)^.* of the document.*$'), '-');
END $$;

-- A database that nobody used yet: looking leaves it so.
SELECT action, object_type, name, changes - 'owner' AS changes FROM taskcenter.apply_tasks('{"tasks": [{"name": "first", "command": "SELECT 1"}]}', 'shop', dry_run => true);
SELECT pg_current_xact_id_if_assigned() IS NULL AS nothing_written, count(*) AS activated
FROM taskcenter.scheduler_state;
SELECT sqlstate_of($$SELECT taskcenter.apply_tasks('{"tasks": [{"name": "first", "command": "SELECT 1", "queue": "none"}]}', 'shop', dry_run => true)$$);
SELECT jsonb_pretty(taskcenter.export_tasks());

SELECT changes - 'owner' AS changes FROM taskcenter.apply_tasks('{"tasks": [{"name": "first", "kind": "manual"}]}', 'shop', dry_run => true);

-- One task with every property.
SELECT taskcenter.create_queue('heavy') > 0 AS made;
SELECT taskcenter.create_task('all', E'SELECT taskcenter.param(''a'');\nSELECT 2;\n', 'every 15 minutes',
    'Europe/Berlin', 'sql', '{"a": null, "b": [1, {"c": "d"}]}', 'heavy', -5, 7, 'linear', '2 seconds',
    '1 month 3 hours', '10 minutes', 'queue', 'run_all', 'atomic', 'fail', 'regress_tc_bot',
    'Does it all', '{red,blue,red}', 'shop',
    '{"batch": 10, "isolation": "process", "synchronous_commit": "off",
      "settings": {"search_path": "public", "work_mem": "8MB", "my.flag": true},
      "capture_output": true, "log_level": "debug", "max_running": 2, "max_lost": 5,
      "stuck_after": "5 minutes", "misfire_grace": "30 seconds", "max_catchup": 9,
      "dst_gap": "skip", "dst_repeat": "both", "retention": "7 days",
      "failed_retention": "keep", "events": "failures", "paused": true,
      "retry_rules": [{"sqlstate": "40", "delay": "1 second"}]}') > 0 AS made;
-- Every kind of schedule, every option of one.
SELECT name, taskcenter.schedule_task('all', schedule, name, 'UTC') > 0 AS made
FROM (VALUES ('cron', '0 3 * * 1-5'), ('seconds', '*/10 0 3 * * *'), ('nickname', '@daily'), ('reboot', '@reboot'),
    ('delay', 'after 90 seconds'), ('once', 'at 2035-01-01 03:00'), ('rule', 'RRULE:FREQ=MONTHLY;BYDAY=-1FR')) AS s (name, schedule);
SELECT taskcenter.schedule_task('all', '30 2 * * *', 'options', 'America/New_York',
    '2030-01-01 05:00+01', '2040-01-01 00:00+00', '1 hour 30 seconds', 'skip',
    '{"misfire_grace": "3 days 00:00:05.25", "max_catchup": 3, "dst_gap": "gap_end", "dst_repeat": "second", "paused": true}') > 0 AS made;
SELECT taskcenter.create_task('plain', 'SELECT 1', application => 'shop') > 0 AS made;
SELECT taskcenter.create_task('tidy', 'VACUUM', application => 'shop') > 0 AS made;
SELECT taskcenter.create_task('again', 'VACUUM', application => 'shop') > 0 AS made;
SELECT taskcenter.alter_task('again', on_crash => 'retry') > 0 AS altered;
SELECT taskcenter.create_task('off', 'SELECT 1', application => 'shop') > 0 AS made;
SELECT taskcenter.disable_task('off');
SELECT taskcenter.declare_task('over', 'SELECT 1', 'at 2001-01-01 00:00', application => 'shop');
SELECT taskcenter.create_task('teams', 'SELECT 1', run_as => 'regress_tc_bot', application => 'shop') > 0 AS made;
SELECT taskcenter.alter_task_owner('teams', 'regress_tc_team') > 0 AS handed;
SELECT taskcenter.create_task('other', 'SELECT 1', application => 'crm') > 0 AS made;
SELECT taskcenter.create_task('free', 'SELECT 1') > 0 AS made;
SELECT taskcenter.create_task('gone', 'SELECT 1', application => 'shop') > 0 AS made;
SELECT taskcenter.archive_task('gone');
SELECT regexp_replace(jsonb_pretty(taskcenter.export_tasks('shop')), '"owner": "(?!regress)[^"]*"', '"owner": "me"', 'g') AS document;
SELECT string_agg(task ->> 'name' || coalesce(' of ' || (task ->> 'application'), ''), ', ') AS everything
FROM jsonb_array_elements(taskcenter.export_tasks() -> 'tasks') AS task;

-- The same whatever the session's settings are.
CREATE TABLE kept AS SELECT taskcenter.export_tasks('shop') AS document;
BEGIN;
SET LOCAL timezone = 'Asia/Tokyo';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL datestyle = 'German';
SELECT taskcenter.export_tasks('shop') = document AS same FROM kept;
SELECT count(a) AS changes FROM kept, taskcenter.apply_tasks(document, 'shop', prune => true) AS a;
COMMIT;

-- The same again writes nothing and keeps the cursors.
CREATE TABLE rows_before AS
SELECT 'task' AS what, xmin::text AS version, task_id AS id, NULL::timestamptz AS cursor FROM taskcenter.tasks
UNION ALL SELECT 'schedule', xmin::text, schedule_id, next_run_at FROM taskcenter.schedules
UNION ALL SELECT 'audit', NULL, audit_id, NULL FROM taskcenter.task_audit_logs;
SELECT count(a) AS changes FROM kept, taskcenter.apply_tasks(document, 'shop', prune => true) AS a;
SELECT count(a) AS changes FROM kept, taskcenter.apply_tasks(document, 'shop', dry_run => true, prune => true) AS a;
SELECT count(*) AS touched FROM (
    SELECT 'task', xmin::text, task_id, NULL::timestamptz FROM taskcenter.tasks
    UNION ALL SELECT 'schedule', xmin::text, schedule_id, next_run_at FROM taskcenter.schedules
    UNION ALL SELECT 'audit', NULL, audit_id, NULL FROM taskcenter.task_audit_logs
    EXCEPT TABLE rows_before) AS t;

-- Pruned away and made anew, the document is the same.
SELECT action, object_type, name FROM taskcenter.apply_tasks('{"tasks": []}', 'shop', dry_run => true, prune => true);
SELECT count(*) AS archived FROM taskcenter.apply_tasks('{"tasks": []}', 'shop', prune => true);
SELECT name, state, state_reason FROM taskcenter.tasks WHERE state <> 'archived' OR name = 'plain' ORDER BY name;
SELECT jsonb_array_length(taskcenter.export_tasks('shop') -> 'tasks') AS tasks;
SELECT a.action, a.object_type, a.name FROM kept, taskcenter.apply_tasks(document, 'shop') AS a;
SELECT taskcenter.export_tasks('shop') = document AS same FROM kept;
SELECT name, state, next_run_at IS NULL AS never FROM taskcenter.schedules
WHERE task_id = (SELECT task_id FROM taskcenter.tasks WHERE name = 'over' AND state <> 'archived');

-- Each property makes a difference, and looking sees the same one as doing.
CREATE FUNCTION try_change(path text[], value jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    document jsonb := (SELECT CASE WHEN value IS NULL THEN k.document #- path
        ELSE jsonb_set(k.document, path, value) END FROM kept AS k);
    looked text;
    done text;
BEGIN
    SELECT string_agg(a::text, ' ') INTO looked FROM taskcenter.apply_tasks(document, 'shop', dry_run => true) AS a;
    BEGIN
        SELECT string_agg(a::text, ' ') INTO done FROM taskcenter.apply_tasks(document, 'shop') AS a;
        IF done IS DISTINCT FROM looked THEN
            RAISE EXCEPTION 'done: %, looked: %', done, looked;
        END IF;
        IF EXISTS (SELECT FROM taskcenter.apply_tasks(document, 'shop')) THEN
            RAISE EXCEPTION 'not done: %', done;
        END IF;
        RAISE EXCEPTION USING errcode = 'P0999';
    EXCEPTION WHEN SQLSTATE 'P0999' THEN
        NULL;
    END;
    RETURN coalesce(done, 'nothing');
END $$;
SELECT key, try_change(ARRAY['tasks', '1', key], NULL) AS reset
FROM jsonb_object_keys((SELECT document #> '{tasks,1}' FROM kept)) AS key
WHERE key <> ALL ('{name,command}') ORDER BY key;
SELECT key, try_change(ARRAY['tasks', '1', 'schedules', 'options', key], NULL) AS reset
FROM jsonb_object_keys((SELECT document #> '{tasks,1,schedules,options}' FROM kept)) AS key
WHERE key <> 'schedule' ORDER BY key;
SELECT (document #>> '{tasks,1,name}') AS that_was FROM kept;
SELECT try_change('{tasks,1,command}', '"SELECT 3"');
SELECT try_change('{tasks,1,state}', '"active"');
SELECT try_change('{tasks,1,state}', '"disabled"');
SELECT try_change('{tasks,1,schedules,options,state}', '"active"');
SELECT try_change('{tasks,1,schedules,cron,state}', '"paused"');
SELECT try_change('{tasks,1,schedules,cron,schedule}', '"0 4 * * *"');
SELECT try_change('{tasks,1,schedules}', '{"cron": {"schedule": "0 3 * * 1-5"}, "new": {"schedule": "@hourly"}}');
SELECT try_change('{tasks,1,schedules}', '{}');
-- on_crash of what cannot run in a transaction is fail unless somebody says so
SELECT try_change('{tasks,0,on_crash}', NULL);
SELECT try_change('{tasks,0,on_crash}', '"fail"');

-- A state that is not given stays; so do schedules.
SELECT taskcenter.pause_task('plain', 'incident');
SELECT taskcenter.schedule_task('plain', '@hourly') > 0 AS made;
SELECT * FROM taskcenter.apply_tasks('{"tasks": [{"name": "plain", "command": "SELECT 1"}]}', 'shop');
SELECT * FROM taskcenter.apply_tasks('{"tasks": [{"name": "plain", "command": "SELECT 1", "state": "active", "schedules": {}}]}', 'shop');
SELECT state, state_reason FROM taskcenter.tasks WHERE name = 'plain' AND state <> 'archived';
-- resuming records what was missed
SELECT taskcenter.schedule_task('plain', 'every 1 second') > 0 AS made;
SELECT taskcenter.pause_task('plain');
UPDATE taskcenter.schedules SET next_run_at = now() - interval '1 hour'
WHERE task_id = (SELECT task_id FROM taskcenter.tasks WHERE name = 'plain' AND state <> 'archived');
SELECT action, name, changes FROM taskcenter.apply_tasks('{"tasks": [{"name": "plain", "command": "SELECT 1", "state": "active"}]}', 'shop');
SELECT reason, instants > 0 AS some FROM taskcenter.skipped_fires;

-- A task without an application is adopted, one of another is not, and prune leaves both alone.
SELECT * FROM taskcenter.apply_tasks('{"application": "shop", "tasks": [{"name": "free", "command": "SELECT 1", "application": "shop"}]}', 'shop');
SELECT sqlstate_of($$SELECT taskcenter.apply_tasks('{"tasks": [{"name": "other", "command": "SELECT 1"}]}', 'shop')$$);
SELECT application, state FROM taskcenter.tasks WHERE name = 'other';

-- Tasks that people move: a workflow, and nothing of what executes.
SELECT taskcenter.create_workflow('steps', 'open', '{"open": ["closed"], "closed": []}') > 0 AS made;
SELECT a.action, a.name, a.changes - 'owner' AS changes FROM taskcenter.apply_tasks('{"tasks": [
    {"name": "post", "kind": "manual", "description": "A text"}, {"name": "form", "kind": "manual", "workflow": "steps"}]}', 'desk') AS a;
SELECT task - 'owner' AS task FROM jsonb_array_elements(taskcenter.export_tasks('desk') -> 'tasks') AS task;
SELECT success, status FROM taskcenter.set_task_status('form', 'closed');
SELECT count(*) AS changes FROM taskcenter.apply_tasks(taskcenter.export_tasks('desk'), 'desk', prune => true);
SELECT name, status, workflow FROM taskcenter.tasks WHERE application = 'desk' ORDER BY name;
SELECT looks, refused FROM unnest('{true,false}'::boolean[]) AS looks, LATERAL (
    SELECT string_agg(sqlstate_of(format('SELECT taskcenter.apply_tasks(%L, ''desk'', %L)', document, looks)), E'\n') AS refused
    FROM (VALUES
        ('{"tasks": [{"name": "post", "command": "SELECT 1"}]}'),
        ('{"tasks": [{"name": "form", "kind": "manual"}]}'),
        ('{"tasks": [{"name": "x", "kind": "manual", "workflow": "none"}]}'),
        ('{"tasks": [{"name": "x", "kind": "manual", "command": "SELECT 1"}]}'),
        ('{"tasks": [{"name": "x", "kind": "manual", "run_as": "regress_tc_bot"}]}'),
        ('{"tasks": [{"name": "x", "kind": "manual", "schedules": {"s": {"schedule": "@daily"}}}]}'),
        ('{"tasks": [{"name": "x", "command": "SELECT 1", "workflow": "steps"}]}')) AS d (document)) AS r;

-- All or nothing.
SELECT sqlstate_of($$SELECT taskcenter.apply_tasks('{"tasks": [{"name": "good", "command": "SELECT 1"}, {"name": "bad", "command": "SELEC"}]}', 'shop')$$);
SELECT count(*) FROM taskcenter.tasks WHERE name = 'good';

-- What changes is audited, with the reason that the transaction gives.
BEGIN;
SELECT taskcenter.set_context('deployer', 'release 7') IS NOT NULL AS set;
SELECT count(*) FROM taskcenter.apply_tasks('{"tasks": [{"name": "plain", "command": "SELECT 1", "priority": 1, "schedules": {"n": {"schedule": "@daily"}}}]}', 'shop');
SELECT action, object_type, actor, reason, old_values ->> 'priority' AS old, new_values ->> 'priority' AS new
FROM taskcenter.task_audit_logs WHERE reason = 'release 7' ORDER BY audit_id;
COMMIT;

-- Refused, each with the place.
SELECT document, sqlstate_of(format('SELECT taskcenter.apply_tasks(%L, ''shop'')', document)) AS refused
FROM (VALUES
    ('null'), ('[]'), ('7'), ('{}'), ('{"tasks": null}'), ('{"tasks": {}}'), ('{"tasks": [], "queues": []}'),
    ('{"format": 2, "tasks": []}'), ('{"format": "1", "tasks": []}'), ('{"application": "crm", "tasks": []}'),
    ('{"tasks": [7]}'), ('{"tasks": [[]]}'), ('{"tasks": [{}]}'), ('{"tasks": [{"name": 7}]}'), ('{"tasks": [{"name": ""}]}'),
    ('{"tasks": [{"name": "x"}]}'), ('{"tasks": [{"name": "x", "command": 7}]}'), ('{"tasks": [{"name": "x", "command": [7]}]}'),
    ('{"tasks": [{"name": "x", "command": []}]}'), ('{"tasks": [{"name": "x", "command": {}}]}'),
    ('{"tasks": [{"name": "x", "command": "BEGIN"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "paused": true}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "kind": "odd"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "state": "archived"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "application": "crm"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "params": []}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "priority": "high"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "priority": 1.5}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "priority": 1e99}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "timeout": 7}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "timeout": "soon"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "backoff_base": "2 hours"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "tags": "a"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "tags": ["a", null]}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "overlap": "maybe"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "capture_output": 1}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "settings": {"role": "postgres"}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "retry_rules": [{"odd": 1}]}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "requires_flag": "f"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "queue": "none"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "owner": "regress_tc_nobody"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "owner": "regress_tc_team"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "owner": 7}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "run_as": "regress_tc_nobody"}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": []}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": "@daily"}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"": {"schedule": "@daily"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "odd": 1}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@never"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "0 0 30 2 *"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "timezone": "Mars"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "state": "completed"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "starts_at": "2030-01-01 00:00"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "starts_at": "infinity"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "starts_at": "2030-13-01T00:00Z"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "starts_at": "2030-01-02T00:00Z", "ends_at": "2030-01-01T00:00Z"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "jitter": "2 days"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "max_catchup": -1}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {"schedule": "@daily", "dst_gap": "odd"}}}]}'),
    ('{"tasks": [{"name": "x", "command": "SELECT 1"}, {"name": "y", "command": "SELECT 1"}, {"name": "x", "command": "SELECT 1"}]}'),
    ('{"tasks": [{"name": "teams", "command": "SELECT 1", "owner": "regress_tc_bot"}]}')
) AS d (document);
SELECT sqlstate_of($$SELECT taskcenter.apply_tasks(NULL, 'shop')$$),
    sqlstate_of($$SELECT taskcenter.apply_tasks('{"tasks": []}', NULL)$$),
    sqlstate_of($$SELECT taskcenter.apply_tasks('{"tasks": []}', '')$$),
    sqlstate_of($$SELECT taskcenter.export_tasks(' shop')$$);
\set VERBOSITY default
SELECT taskcenter.apply_tasks('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"nightly": {"schedule": "@daily", "timezone": "Mars"}}}]}', 'shop');
SELECT taskcenter.apply_tasks('{"tasks": [{"name": "other", "command": "SELECT 1"}]}', 'shop');
SELECT taskcenter.apply_tasks('{"tasks": [{"name": "x", "command": "SELECT 1", "colour": "red"}]}', 'shop');
SELECT taskcenter.apply_tasks('{"tasks": [{"name": "x", "command": "SELECT 1", "schedules": {"s": {}}}]}', 'shop');

-- Nobody gains anything by a document.
GRANT regress_tc_team TO regress_tc_bot;
SET ROLE regress_tc_stranger;
SELECT jsonb_array_length(taskcenter.export_tasks('shop') -> 'tasks') AS seen;
SELECT sqlstate_of(format('SELECT taskcenter.apply_tasks(%L, ''shop'')', document))
FROM (VALUES
    ('{"tasks": [{"name": "plain", "command": "SELECT 1"}]}'),
    ('{"tasks": [{"name": "mine", "command": "SELECT 1", "owner": "regress_tc_team"}]}'),
    ('{"tasks": [{"name": "mine", "command": "SELECT 1", "run_as": "regress_tc_bot"}]}')) AS d (document);
SELECT * FROM taskcenter.apply_tasks('{"tasks": [{"name": "mine", "command": "SELECT 1"}]}', 'shop', prune => true);
SELECT * FROM taskcenter.apply_tasks('{"tasks": []}', 'shop', dry_run => true, prune => true);
RESET ROLE;
SELECT name, owner FROM taskcenter.tasks WHERE application = 'shop' AND state <> 'archived' AND owner LIKE 'regress%';
-- a member of the owner may, and may not decide what the run_as that he cannot become executes
SET ROLE regress_tc_bot;
SELECT task ->> 'name' AS seen FROM jsonb_array_elements(taskcenter.export_tasks('shop') -> 'tasks') AS task;
SELECT action, changes FROM taskcenter.apply_tasks('{"tasks": [{"name": "teams", "command": "SELECT 2", "run_as": "regress_tc_bot"}]}', 'shop');
RESET ROLE;
REVOKE regress_tc_team FROM regress_tc_bot;
GRANT regress_tc_team TO regress_tc_stranger;
SET ROLE regress_tc_stranger;
SELECT sqlstate_of($$SELECT taskcenter.apply_tasks('{"tasks": [{"name": "teams", "command": "SELECT 3", "run_as": "regress_tc_bot"}]}', 'shop')$$);
RESET ROLE;

-- Looking works where nothing may be written.
BEGIN READ ONLY;
SELECT count(*) FROM kept, taskcenter.apply_tasks(document, 'shop', dry_run => true, prune => true);
SELECT sqlstate_of($$SELECT taskcenter.apply_tasks('{"tasks": []}', 'shop')$$);
ROLLBACK;

-- Pruning cancels what waits, and leaves the name free.
SELECT taskcenter.enqueue_task('plain') > 0 AS queued;
SELECT count(*) > 0 AS archived FROM taskcenter.apply_tasks('{"tasks": []}', 'shop', prune => true);
SELECT r.status, r.reason FROM taskcenter.task_runs AS r WHERE task = 'plain';
SELECT action, object_type, name, changes - 'owner' AS changes FROM taskcenter.apply_tasks('{"tasks": [{"name": "plain", "command": "SELECT 1"}]}', 'shop');

DROP EXTENSION taskcenter;
DROP TABLE kept, rows_before;
DROP FUNCTION sqlstate_of(text), try_change(text[], jsonb);
DROP ROLE regress_tc_team, regress_tc_bot, regress_tc_stranger;
