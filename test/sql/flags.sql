-- Feature flags: for whom they are on, who may set them, and the tasks that require one.
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
SET client_min_messages = warning;
SELECT current_user AS me \gset
CREATE ROLE regress_flags_owner LOGIN;
CREATE ROLE regress_flags_other LOGIN;
GRANT regress_flags_owner TO CURRENT_USER;

-- An unknown flag is off, and says so: once in a transaction.
SELECT count(*) FILTER (WHERE taskcenter.flag_enabled('none', n::text)) AS on FROM generate_series(1, 2000) AS n;
BEGIN;
SELECT taskcenter.flag_enabled('none'), taskcenter.flag_enabled('another');
SELECT taskcenter.flag_enabled('another'), taskcenter.flag_enabled('none');
COMMIT;
SELECT count(*) FILTER (WHERE taskcenter.flag_enabled('none ' || n)) AS on FROM generate_series(1, 200) AS n \g /dev/null
SELECT taskcenter.flag_enabled('none');
SELECT taskcenter.flag_enabled('none', 'anybody', '{all}');

-- ---- the order of the rules ----

-- A new flag is off unless something says for whom it is on.
SELECT taskcenter.set_flag('plain'), taskcenter.flag_enabled('plain', 'a');
SELECT taskcenter.set_flag('plain', true), taskcenter.flag_enabled('plain', 'a'), taskcenter.flag_enabled('plain');
SELECT taskcenter.set_flag('part', percent => 50), taskcenter.flag_enabled('part');
SELECT taskcenter.set_flag('group', cohorts => '{pilot,internal,pilot}');
SELECT flag, enabled, percent, cohorts, requires FROM taskcenter.feature_flags ORDER BY flag;
SELECT taskcenter.flag_enabled('group', 'a'), taskcenter.flag_enabled('group', 'a', '{pilot}') AS pilot,
    taskcenter.flag_enabled('group', NULL, '{other,internal}') AS internal, taskcenter.flag_enabled('group', 'a', '{other}') AS other;
SELECT taskcenter.set_flag('group', cohorts => '{all}'), taskcenter.flag_enabled('group');
SELECT taskcenter.set_flag('group', cohorts => '{}'), taskcenter.flag_enabled('group', 'a', '{pilot}');

-- The override of a subject goes before cohort and percent, the kill switch before all.
SELECT taskcenter.set_flag('whole', true), taskcenter.override_flag('whole', 'out', false),
    taskcenter.set_flag('nobody', percent => 0, cohorts => '{pilot}'), taskcenter.override_flag('nobody', 'in', true),
    taskcenter.override_flag('nobody', 'out', false);
SELECT taskcenter.flag_enabled('whole', 'out') AS out, taskcenter.flag_enabled('whole', 'other') AS other,
    taskcenter.flag_enabled('nobody', 'in') AS "in", taskcenter.flag_enabled('nobody', 'out', '{pilot}') AS out_pilot;
SELECT taskcenter.set_flag('nobody', false, reason => 'stop'), taskcenter.flag_enabled('nobody', 'in', '{pilot,all}');
-- what was said before is kept
SELECT taskcenter.set_flag('nobody', true), taskcenter.flag_enabled('nobody', 'in') AS "in", taskcenter.flag_enabled('nobody', 'x', '{pilot}') AS pilot;
SELECT taskcenter.override_flag('nobody', 'in', NULL), taskcenter.flag_enabled('nobody', 'in'), taskcenter.override_flag('nobody', 'in', NULL);

-- ---- percent ----

CREATE TABLE subjects AS SELECT 'subject-' || n AS subject FROM generate_series(1, 100000) AS n;
CREATE TABLE answers (percent int, subject text);
DO $$
DECLARE
    p int;
BEGIN
    FOREACH p IN ARRAY '{0,30,100}'::int[] LOOP
        PERFORM taskcenter.set_flag('rollout', true, p);
        INSERT INTO answers SELECT p, s.subject FROM subjects AS s WHERE taskcenter.flag_enabled('rollout', s.subject);
    END LOOP;
END $$;
-- within half a point; nobody at 0, everybody at 100
SELECT p.percent, abs(count(a.subject) / 1000.0 - p.percent) <= 0.5 AS near, count(a.subject) IN (0, 100000) AS extreme
FROM unnest('{0,30,100}'::int[]) AS p (percent) LEFT JOIN answers AS a ON a.percent = p.percent
GROUP BY p.percent ORDER BY p.percent;
-- who has it keeps it
SELECT count(*) AS dropped FROM answers AS a JOIN unnest('{30,100}'::int[]) AS wider (percent) ON wider.percent > a.percent
WHERE NOT EXISTS (SELECT FROM answers AS b WHERE b.percent = wider.percent AND b.subject = a.subject);
-- another flag chooses others
SELECT taskcenter.set_flag('rollout', percent => 50), taskcenter.set_flag('second', percent => 50);
SELECT abs(count(*) FILTER (WHERE taskcenter.flag_enabled('rollout', subject) = taskcenter.flag_enabled('second', subject)) / 200.0 - 50) <= 1.5 AS independent
FROM (TABLE subjects LIMIT 20000) AS s;
-- the places of subjects are the same on every server, for ever
SELECT string_agg(taskcenter.flag_enabled('rollout', s)::int::text, '' ORDER BY n) AS places
FROM unnest('{a,b,c,acme,Straße,"",0,1,2,3}'::text[]) WITH ORDINALITY AS t (s, n);

-- ---- flags that require others ----

SELECT taskcenter.set_flag('dead_letters', true), taskcenter.set_flag('heartbeat', true, requires => '{dead_letters}'),
    taskcenter.set_flag('watchdog', true, requires => '{heartbeat}');
SELECT taskcenter.flag_enabled('watchdog');
SELECT taskcenter.set_flag('dead_letters', false), taskcenter.override_flag('watchdog', 'x', true);
SELECT taskcenter.flag_enabled('watchdog') AS watchdog, taskcenter.flag_enabled('heartbeat', 'x') AS heartbeat, taskcenter.flag_enabled('watchdog', 'x') AS overridden;
SELECT taskcenter.set_flag('dead_letters', true, 50), taskcenter.override_flag('dead_letters', 'x', true);
SELECT taskcenter.flag_enabled('watchdog', 'x') AS x, taskcenter.flag_enabled('watchdog') AS nobody;
SELECT taskcenter.set_flag('dead_letters', requires => '{watchdog}');
SELECT taskcenter.set_flag('dead_letters', requires => '{plain,heartbeat}');
SELECT taskcenter.set_flag('itself', true, requires => '{itself}');
SELECT taskcenter.set_flag('heartbeat', requires => '{no_such}');
SELECT taskcenter.set_flag('heartbeat', requires => '{}');
SELECT taskcenter.set_flag('dead_letters', requires => '{watchdog}');

-- ---- refusals ----

\set VERBOSITY sqlstate
SELECT taskcenter.set_flag(NULL);
SELECT taskcenter.set_flag('');
SELECT taskcenter.set_flag('x', percent => 101);
SELECT taskcenter.set_flag('x', percent => -1);
SELECT taskcenter.set_flag('x', cohorts => '{a,NULL}');
SELECT taskcenter.set_flag('x', cohorts => '{{a},{b}}');
SELECT taskcenter.set_flag('x', requires => (SELECT array_agg('f' || n) FROM generate_series(1, 21) AS n));
SELECT taskcenter.override_flag('none', 'x', true);
SELECT taskcenter.override_flag('plain', NULL, true);
SELECT taskcenter.flag_enabled(NULL);
SELECT taskcenter.flag_enabled('plain', 'x', '{NULL}');
SET ROLE regress_flags_other;
SELECT taskcenter.set_flag('plain', false);
SELECT taskcenter.override_flag('plain', 'x', false);
INSERT INTO taskcenter.feature_flags (flag, enabled, percent, updated_by) VALUES ('mine', true, 100, 'me');
SELECT taskcenter.flag_enabled('plain', 'x'), (SELECT count(*) > 5 FROM taskcenter.feature_flags) AS flags, (SELECT count(*) FROM taskcenter.flag_overrides) AS overrides;
RESET ROLE;
DELETE FROM taskcenter.feature_flags;
TRUNCATE taskcenter.flag_overrides;
\set VERBOSITY default

-- Each change is audited; the same again is none.
SELECT count(*) AS audited FROM taskcenter.task_audit_logs WHERE object_type = 'flag' AND object_name = 'nobody' \gset
SELECT taskcenter.set_flag('nobody', true);
SELECT count(*) - :audited AS more FROM taskcenter.task_audit_logs WHERE object_type = 'flag' AND object_name = 'nobody';
SELECT action, old_values ->> 'enabled' AS before, new_values ->> 'enabled' AS after, reason FROM taskcenter.task_audit_logs
WHERE object_type = 'flag' AND object_name = 'nobody' ORDER BY audit_id;
SELECT action, object_name, coalesce(new_values, old_values) ->> 'subject' AS subject FROM taskcenter.task_audit_logs
WHERE object_type = 'flag override' AND object_name = 'nobody' ORDER BY audit_id;

-- ---- tasks that require a flag ----

\c - regress_flags_owner
SET client_min_messages = warning;
SELECT taskcenter.create_task('guarded', 'SELECT 1', options => '{"requires_flag": "no_such"}');
SELECT taskcenter.create_task('guarded', 'SELECT 1', max_attempts => 2, options => '{"requires_flag": "plain"}') > 0 AS made;
SELECT taskcenter.enqueue_task('guarded') AS first \gset
SELECT status FROM taskcenter.perform_run(:first);
SELECT old_status, new_status, reason FROM taskcenter.task_run_history WHERE run_id = :first ORDER BY event_id NULLS FIRST;
SELECT taskcenter.enqueue_task('guarded') AS second, taskcenter.enqueue_task('guarded') AS third \gset
\c - :me
SET client_min_messages = warning;
SELECT taskcenter.override_flag('plain', 'regress_flags_owner', false, 'not for them');
\c - regress_flags_owner
SET client_min_messages = warning;
SELECT status, error FROM taskcenter.perform_run(:second);
SELECT old_status, new_status, reason FROM taskcenter.task_run_history WHERE run_id = :second ORDER BY event_id NULLS FIRST;
SELECT reason, detail FROM taskcenter.explain_run(:second);
\c - :me
SET client_min_messages = warning;
SELECT taskcenter.set_flag('plain', false);
\c - regress_flags_owner
SET client_min_messages = warning;
SELECT count(*) FROM taskcenter.perform_due_runs('guarded');
SELECT status, reason FROM taskcenter.task_runs WHERE run_id = :third;
SELECT reason, detail FROM taskcenter.explain_task('guarded') WHERE reason LIKE '%flag%';
-- what waited for another attempt is cancelled: it was begun
SELECT taskcenter.alter_task('guarded', command => 'SELECT 1 / 0', backoff => 'none', reset => '{requires_flag}') > 0 AS altered;
SELECT taskcenter.enqueue_task('guarded') AS fourth \gset
SELECT status FROM taskcenter.perform_run(:fourth);
SELECT taskcenter.alter_task('guarded', options => '{"requires_flag": "plain"}') > 0 AS altered;
SELECT status FROM taskcenter.perform_run(:fourth);
SELECT gate = task_id AS own_lane FROM taskcenter.tasks JOIN (SELECT 1) AS o ON true, LATERAL (SELECT CASE WHEN gated THEN task_id END AS gate) AS g WHERE name = 'guarded';
\c - :me
SET client_min_messages = warning;
SELECT * FROM taskcenter.check_integrity();

DROP EXTENSION taskcenter;
DROP TABLE subjects, answers;
DROP OWNED BY regress_flags_owner;
DROP ROLE regress_flags_owner, regress_flags_other;
