-- Retention: what a purge takes, what stays, and who may ask for it.

SET client_min_messages = warning;
CREATE EXTENSION taskcenter;
CREATE ROLE regress_tc_keeper LOGIN;
CREATE ROLE regress_tc_stranger LOGIN;

-- Nothing to do, in a fresh database and in one that was just activated.
SELECT * FROM taskcenter.preview_purge();
CALL taskcenter.purge();
SET ROLE regress_tc_keeper;
SELECT count(*) FROM (VALUES ('plain'), ('short'), ('long'), ('kept'), ('held'), ('changed')) AS t (name),
    LATERAL taskcenter.create_task(t.name, 'SELECT 1') AS c;
RESET ROLE;
SELECT * FROM taskcenter.preview_purge();
CALL taskcenter.purge();

-- A past: of each task a run that passed and one that failed, of ten ages; with history and a line.
CREATE TABLE ages (days int PRIMARY KEY);
INSERT INTO ages VALUES (1), (8), (20), (29), (33), (60), (88), (100), (200), (400);
CREATE SEQUENCE past_ids;
CREATE FUNCTION past(tasks text) RETURNS bigint LANGUAGE sql AS $$
WITH made AS (
    SELECT nextval('past_ids') AS run_id, t.task_id, t.owner_id, t.run_as_id,
        now() - a.days * interval '1 day' AS at, f.failed,
        CASE WHEN t.retention_class = 3 THEN 3 WHEN f.failed THEN 2 ELSE 1 END AS class
    FROM taskcenter.tasks AS t, ages AS a, (VALUES (false), (true)) AS f (failed)
    WHERE t.name ~ $1 ORDER BY a.days DESC, t.task_id),
finished AS (
    INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id, queue_id, run_at,
        created_at, started_at, finished_at, retention_class, priority, attempt, max_attempts,
        lost, is_catchup, status, params, created_by)
    SELECT run_id, task_id, run_as_id, owner_id, 1, at, at, at, at, class, 0, 1, 1, 0, false,
        CASE WHEN failed THEN 'failed' ELSE 'succeeded' END, '{}', 'test' FROM made),
noted AS (
    INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id, task_id,
        retention_class, attempt, old_status, new_status, actor)
    SELECT run_id, at, owner_id, task_id, CASE WHEN class = 3 THEN 3 ELSE 1 END, 1, 'running',
        CASE WHEN failed THEN 'failed' ELSE 'succeeded' END, 'test' FROM made),
said AS (
    INSERT INTO taskcenter.task_run_logs (run_id, logged_at, owner_id, task_id, retention_class,
        attempt, level, message)
    SELECT run_id, at, owner_id, task_id, CASE WHEN class = 3 THEN 3 ELSE 1 END, 1, 'notice',
        'line' FROM made)
SELECT count(*) FROM made
$$;
SELECT past('.');
SELECT taskcenter.repair_partitions() > 0 AS repaired;
-- policies that came after the rows
SELECT taskcenter.alter_task('short', options => '{"retention": "7 days", "failed_retention": "30 days"}') > 0,
    taskcenter.alter_task('long', options => '{"retention": "90 days", "failed_retention": "365 days"}') > 0,
    taskcenter.alter_task('kept', options => '{"retention": "keep", "failed_retention": "keep"}') > 0;
SELECT taskcenter.hold_history('held', 'case 17');
SELECT name, hold_reason, retention_class FROM taskcenter.tasks WHERE retention_class = 3 ORDER BY name;
-- and rows that came after the policy
SELECT past('^(short|long|kept|held)$');

CREATE VIEW ages_left AS
SELECT t.name, string_agg(DISTINCT CASE WHEN r.status = 'succeeded' THEN lpad(a.days::text, 4) END, '') AS passed,
    string_agg(DISTINCT CASE WHEN r.status = 'failed' THEN lpad(a.days::text, 4) END, '') AS failed,
    (SELECT string_agg(DISTINCT lpad(b.days::text, 4), '') FROM taskcenter.task_run_history AS h
        JOIN ages AS b ON b.days = round(extract(epoch FROM now() - h.changed_at) / 86400)
        WHERE h.task_id = t.task_id) AS history,
    (SELECT string_agg(DISTINCT lpad(b.days::text, 4), '') FROM taskcenter.task_run_logs AS l
        JOIN ages AS b ON b.days = round(extract(epoch FROM now() - l.logged_at) / 86400)
        WHERE l.task_id = t.task_id) AS logs
FROM taskcenter.tasks AS t
LEFT JOIN taskcenter.finished_runs AS r USING (task_id)
LEFT JOIN ages AS a ON a.days = round(extract(epoch FROM now() - r.finished_at) / 86400)
GROUP BY t.task_id, t.name ORDER BY t.name;
CREATE TABLE before AS
SELECT 'finished_runs' AS relation, count(*) FROM taskcenter.finished_runs
UNION ALL SELECT 'task_run_history', count(*) FROM taskcenter.task_run_history
UNION ALL SELECT 'task_run_logs', count(*) FROM taskcenter.task_run_logs;
CREATE TABLE preview AS SELECT * FROM taskcenter.preview_purge();
SELECT relation, policy, rows, partitions > 0 AS partitions,
    now() - cutoff < interval '91 days' AS cutoff FROM preview ORDER BY 1, 2;

CALL taskcenter.purge('the first') \gset
\echo :rows
-- what it took is what was shown, in each relation and for each reason
SELECT relation, policy, p.rows = sum(t.rows) AS rows, p.bytes = sum(t.bytes) AS bytes,
    p.partitions = sum(t.partitions) AS partitions, bool_and(t.newest <= t.cutoff) AS in_policy_stays
FROM preview AS p FULL JOIN taskcenter.purges AS t USING (relation, policy)
GROUP BY relation, policy, p.rows, p.bytes, p.partitions ORDER BY 1, 2;
-- and what is gone is what it took
SELECT b.relation, b.count - (SELECT sum(t.rows) FROM taskcenter.purges AS t WHERE t.relation = b.relation)
    - CASE b.relation WHEN 'finished_runs' THEN (SELECT count(*) FROM taskcenter.finished_runs)
        WHEN 'task_run_history' THEN (SELECT count(*) FROM taskcenter.task_run_history)
        ELSE (SELECT count(*) FROM taskcenter.task_run_logs) END AS unaccounted
FROM before AS b ORDER BY 1;
SELECT * FROM ages_left;
SELECT relation, policy, rows FROM taskcenter.preview_purge();
CALL taskcenter.purge() \gset
\echo :rows
SELECT count(DISTINCT reason), bool_and(actor = current_user) FROM taskcenter.purges;

-- A policy that ends, and a hold that ends: the rows are default again.
SELECT taskcenter.alter_task('kept', reset => ARRAY['retention', 'failed_retention']) > 0,
    taskcenter.release_history('held', 'closed');
CALL taskcenter.purge() \gset
\echo :rows
SELECT * FROM ages_left WHERE name = ANY (ARRAY['kept', 'held']);
SELECT action, object_name, old_values, new_values, reason FROM taskcenter.task_audit_logs
WHERE action = ANY (ARRAY['hold', 'release']) ORDER BY audit_id;

-- Keeping everything, and settings of the database.
SELECT taskcenter.set_setting('failed_runs_retention', 'keep'), taskcenter.set_setting('runs_retention', '6 days'),
    taskcenter.set_setting('run_history_retention', 'keep'), taskcenter.set_setting('run_logs_retention', 'keep');
CALL taskcenter.purge() \gset
\echo :rows
SELECT * FROM ages_left WHERE name = ANY (ARRAY['plain', 'short', 'long']);

-- Unfinished runs keep their history and log, however old it is.
SELECT taskcenter.set_setting('failed_runs_retention', NULL), taskcenter.set_setting('runs_retention', NULL),
    taskcenter.set_setting('run_history_retention', NULL), taskcenter.set_setting('run_logs_retention', NULL);
SELECT past('^plain$');
SELECT taskcenter.repair_partitions() > 0 AS repaired;
SELECT taskcenter.retry_run(max(run_id)) FROM taskcenter.finished_runs AS r
JOIN taskcenter.tasks USING (task_id) WHERE name = 'plain' AND r.status = 'failed'
    AND finished_at < now() - interval '300 days';
CALL taskcenter.purge() \gset
\echo :rows
SELECT * FROM ages_left WHERE name = 'plain';
SELECT count(*) FROM taskcenter.live_runs;

-- The net: rows for which there are no partitions.
SELECT past('^(plain|kept)$');
SELECT relation, policy, rows, partitions FROM taskcenter.preview_purge() ORDER BY 1, 2;
CALL taskcenter.purge() \gset
\echo :rows
SELECT * FROM ages_left WHERE name = ANY (ARRAY['plain', 'kept']);

-- Relations that are not partitioned.
ALTER TABLE taskcenter.task_audit_logs DISABLE TRIGGER guard_record;
INSERT INTO taskcenter.task_audit_logs (recorded_at, action, object_type, object_id, object_name, channel, actor,
    session_role, effective_role, old_values)
SELECT now() - i * interval '100 days', a.action, a.object_type, a.object_id, a.name, 'session', 'test', 'test', 'test', a.old
FROM generate_series(1, 5) AS i, (
    SELECT 'alter' AS action, 'task' AS object_type, task_id AS object_id, name, NULL::jsonb AS old
    FROM taskcenter.tasks WHERE name = ANY (ARRAY['plain', 'held'])
    UNION ALL SELECT 'alter', 'setting', NULL, 'max_wait', NULL
    UNION ALL SELECT 'purge', 'purge', NULL, 'finished_runs', NULL
    UNION ALL SELECT 'alter', 'schedule', 4711, 'held/gone', NULL
    UNION ALL SELECT 'drop', 'schedule', 4711, 'held/gone', jsonb_build_object('task_id', task_id)
    FROM taskcenter.tasks WHERE name = 'held') AS a;
ALTER TABLE taskcenter.task_audit_logs ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.task_status_history DISABLE TRIGGER guard_record;
INSERT INTO taskcenter.task_status_history (task_id, new_status, actor, owner_id, timestamp)
SELECT task_id, 'pending', 'test', owner_id, now() - i * interval '100 days'
FROM taskcenter.tasks, generate_series(1, 5) AS i WHERE name = ANY (ARRAY['plain', 'held']);
ALTER TABLE taskcenter.task_status_history ENABLE ALWAYS TRIGGER guard_record;
INSERT INTO taskcenter.skipped_fires (schedule_id, task_id, owner_id, skipped_from, skipped_to, instants, reason)
SELECT 1, task_id, owner_id, now() - interval '500 days', now() - i * interval '40 days', 1, 'test'
FROM taskcenter.tasks, generate_series(0, 4) AS i WHERE name = ANY (ARRAY['plain', 'held']);
INSERT INTO taskcenter.kept_keys (task_id, unique_key, run_id, params, expires_at)
SELECT task_id, name || i, 1, '{}', now() + i * interval '1 hour'
FROM taskcenter.tasks, generate_series(-2, 2) AS i WHERE name = ANY (ARRAY['plain', 'held']);
SELECT taskcenter.hold_history('held', 'case 18');
SELECT relation, policy, rows FROM taskcenter.preview_purge() ORDER BY 1, 2;
CALL taskcenter.purge() \gset
\echo :rows
SELECT object_type, object_name, action, count(*) FROM taskcenter.task_audit_logs WHERE actor = 'test'
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT t.name, (SELECT count(*) FROM taskcenter.task_status_history AS h WHERE h.task_id = t.task_id) AS statuses,
    (SELECT count(*) FROM taskcenter.skipped_fires AS h WHERE h.task_id = t.task_id) AS skips,
    (SELECT count(*) FROM taskcenter.kept_keys AS h WHERE h.task_id = t.task_id) AS keys
FROM taskcenter.tasks AS t WHERE t.name = ANY (ARRAY['plain', 'held']) ORDER BY 1;
SELECT relation, policy, rows FROM taskcenter.preview_purge() ORDER BY 1, 2;

-- What belongs to a run goes with it, in the same purge; signals that no step took, after the retention of runs.
SELECT past('^(plain|held)$');
ALTER TABLE taskcenter.decisions DISABLE TRIGGER guard_graph_run;
ALTER TABLE taskcenter.signals DISABLE TRIGGER guard_graph_run;
INSERT INTO taskcenter.decisions (run_id, role_id, role, owner_id, decision, decided_at)
SELECT r.run_id, i, 'role ' || i, r.owner_id, 'approve', r.finished_at
FROM taskcenter.finished_runs AS r JOIN taskcenter.tasks AS t USING (task_id), generate_series(1, 2) AS i
WHERE t.name = ANY (ARRAY['plain', 'held']) AND r.finished_at BETWEEN now() - interval '450 days' AND now() - interval '7 days';
INSERT INTO taskcenter.signals (signal, sent_at, sent_by, sender_id, consumed_at, consumed_by_run_id)
SELECT 'taken', d.decided_at - interval '1 day', 'test', 1, d.decided_at, d.run_id FROM taskcenter.decisions AS d WHERE d.role_id = 1;
-- a run that goes on keeps what is its, however old that is
INSERT INTO taskcenter.decisions (run_id, role_id, role, owner_id, decision, decided_at)
SELECT min(run_id), 1, 'live', 1, 'approve', now() - interval '900 days' FROM taskcenter.live_runs;
INSERT INTO taskcenter.signals (signal, sent_at, sent_by, sender_id, consumed_at, consumed_by_run_id)
SELECT 'live', now() - interval '900 days', 'test', 1, now() - interval '900 days', min(run_id) FROM taskcenter.live_runs;
INSERT INTO taskcenter.signals (signal, sent_at, sent_by, sender_id)
SELECT 'untaken', now() - i * interval '1 day', 'test', 1 FROM unnest(ARRAY[1, 29, 31, 400]) AS i;
ALTER TABLE taskcenter.decisions ENABLE ALWAYS TRIGGER guard_graph_run;
ALTER TABLE taskcenter.signals ENABLE ALWAYS TRIGGER guard_graph_run;
CREATE VIEW orphans AS
SELECT count(*) FILTER (WHERE gone) AS orphans, count(*) FILTER (WHERE NOT gone) > 0 AS others FROM (
    SELECT NOT EXISTS (SELECT FROM taskcenter.finished_runs AS r WHERE r.run_id = x.run_id)
        AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS r WHERE r.run_id = x.run_id) AS gone
    FROM (SELECT run_id FROM taskcenter.decisions UNION ALL
        SELECT consumed_by_run_id FROM taskcenter.signals WHERE consumed_at IS NOT NULL) AS x (run_id)) AS x;
SELECT * FROM orphans;
CALL taskcenter.purge() \gset
SELECT * FROM orphans;
SELECT t.name, count(DISTINCT d.run_id) AS decided, count(DISTINCT s.consumed_by_run_id) AS taken
FROM taskcenter.finished_runs AS r JOIN taskcenter.tasks AS t USING (task_id)
LEFT JOIN taskcenter.decisions AS d USING (run_id) LEFT JOIN taskcenter.signals AS s ON s.consumed_by_run_id = r.run_id
WHERE t.name = ANY (ARRAY['plain', 'held']) GROUP BY 1 ORDER BY 1;
SELECT signal, round(extract(epoch FROM now() - sent_at) / 86400) AS days FROM taskcenter.signals
WHERE signal <> 'taken' ORDER BY 1, 2;
SELECT count(*) AS live FROM taskcenter.decisions WHERE role = 'live';
SELECT p.relation, p.policy, p.rows FROM taskcenter.purges AS p
WHERE p.relation = ANY (ARRAY['decisions', 'signals']) ORDER BY 1;
-- what is left is shown before it goes, too
ALTER TABLE taskcenter.signals DISABLE TRIGGER guard_graph_run;
INSERT INTO taskcenter.signals (signal, sent_at, sent_by, sender_id, consumed_at, consumed_by_run_id)
SELECT 'more', now() - interval '100 days', 'test', 1, now(), CASE WHEN i > 100 THEN -i END FROM generate_series(1, 12000) AS i;
ALTER TABLE taskcenter.signals ENABLE ALWAYS TRIGGER guard_graph_run;
SELECT relation, policy, rows FROM taskcenter.preview_purge() WHERE relation = ANY (ARRAY['decisions', 'signals']);
CALL taskcenter.purge() \gset
\echo :rows
SELECT relation, policy, rows FROM taskcenter.preview_purge() WHERE relation = ANY (ARRAY['decisions', 'signals']);
-- and runs that are kept for ever keep what is theirs
SELECT taskcenter.set_setting('runs_retention', 'keep'), taskcenter.set_setting('failed_runs_retention', 'keep');
ALTER TABLE taskcenter.signals DISABLE TRIGGER guard_graph_run;
INSERT INTO taskcenter.signals (signal, sent_at, sent_by, sender_id) VALUES ('kept', now() - interval '1000 days', 'test', 1);
ALTER TABLE taskcenter.signals ENABLE ALWAYS TRIGGER guard_graph_run;
CALL taskcenter.purge() \gset
SELECT count(*) FROM taskcenter.signals WHERE signal = 'kept';
SELECT taskcenter.set_setting('runs_retention', NULL), taskcenter.set_setting('failed_runs_retention', NULL);
CALL taskcenter.purge() \gset
SELECT count(*) FROM taskcenter.signals WHERE signal = 'kept';

-- Who may.
SET ROLE regress_tc_stranger;
SELECT * FROM taskcenter.preview_purge();
CALL taskcenter.purge();
SELECT taskcenter.hold_history('plain', 'mine');
SELECT taskcenter.release_history('held');
SELECT count(*) FROM taskcenter.purges;
DELETE FROM taskcenter.finished_runs;
TRUNCATE taskcenter.task_run_logs;
SET ROLE regress_tc_keeper;
SELECT taskcenter.hold_history('plain', 'for the auditors');
SELECT taskcenter.release_history('plain', 'I changed my mind');
SELECT taskcenter.archive_task('plain');
SELECT taskcenter.create_task('plain', 'SELECT 2') > 0;
UPDATE taskcenter.tasks SET hold_reason = NULL;
RESET ROLE;
SELECT name, state, hold_reason FROM taskcenter.tasks WHERE name = 'plain' ORDER BY task_id;
-- by name: the archived task too, which goes on being held
SELECT taskcenter.hold_history('plain', 'all of it');
SELECT name, state, hold_reason FROM taskcenter.tasks WHERE name = 'plain' ORDER BY task_id;
GRANT pg_monitor TO regress_tc_stranger;
SET ROLE regress_tc_stranger;
SELECT count(*) > 0 FROM taskcenter.purges;
RESET ROLE;

-- Refused: nothing is changed.
SELECT taskcenter.hold_history('nobody', 'x');
SELECT taskcenter.hold_history(NULL, 'x');
SELECT taskcenter.hold_history('plain', NULL);
SELECT taskcenter.hold_history('plain', '');
SELECT taskcenter.release_history('nobody');
SELECT taskcenter.release_history(NULL);
BEGIN;
CALL taskcenter.purge();
ROLLBACK;
BEGIN TRANSACTION READ ONLY;
SELECT count(*) FROM taskcenter.preview_purge();
ROLLBACK;
-- superusers and replica mode too
\set VERBOSITY sqlstate
DELETE FROM taskcenter.task_run_history;
TRUNCATE taskcenter.finished_runs;
SET session_replication_role = replica;
DELETE FROM taskcenter.finished_runs;
TRUNCATE taskcenter.task_run_logs CASCADE;
CALL taskcenter.purge();
RESET session_replication_role;
\set VERBOSITY default
-- an actor is asked for, and purge() cannot be given one: it is the caller
SELECT taskcenter.set_context('me'), taskcenter.set_setting('require_actor', 'true');
INSERT INTO taskcenter.kept_keys (task_id, unique_key, run_id, params, expires_at)
VALUES (1, 'old', 1, '{}', now() - interval '1 hour');
CALL taskcenter.purge('tidy up') \gset
SELECT relation, rows, actor = current_user AS actor, reason FROM taskcenter.purges ORDER BY purge_id DESC LIMIT 1;
-- whatever the session's defaults are
SET default_transaction_isolation = 'serializable';
SET default_transaction_read_only = on;
CALL taskcenter.purge();
SET default_transaction_read_only = off;
CALL taskcenter.purge();
RESET default_transaction_isolation;

DROP VIEW ages_left, orphans;
DROP EXTENSION taskcenter;
DROP ROLE regress_tc_keeper, regress_tc_stranger;
