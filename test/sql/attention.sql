-- Attention rules: what becomes of alerts, by a table of cases, and who says so.
\set super :USER
SET client_min_messages = error;
CREATE DATABASE regress_attention;
CREATE ROLE regress_att_keeper LOGIN;
CREATE ROLE regress_att_monitor LOGIN;
GRANT pg_monitor TO regress_att_monitor;
CREATE ROLE regress_att_alice LOGIN;
CREATE ROLE regress_att_bob LOGIN;
ALTER DATABASE regress_attention OWNER TO regress_att_keeper;
\connect regress_attention
SET client_min_messages = error;
CREATE EXTENSION taskcenter;
SET timezone = 'UTC';
SET datestyle = 'ISO';
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
-- without a rule all is told
SELECT * FROM taskcenter.preview_attention('failures', 'any', 'critical', '2026-01-15 12:00+00');

-- made, replaced, removed, audited
SELECT taskcenter.set_attention_rule('a', 'drop') AS rule \gset
SELECT taskcenter.set_attention_rule('a', 'escalate', '{warning,critical}', 'rule', 'late*', quiet_from => '22:00',
    quiet_to => '07:00', max_notices => 3, place => 7, reason => 'more precise') = :rule;
SELECT name, place, action, severities, kind, pattern, hold, quiet_from, quiet_to, timezone, max_notices, rate_window, escalate_after
FROM taskcenter.attention_rules;
SELECT action, object_type, object_name, reason, new_values ->> 'action' FROM taskcenter.task_audit_logs
WHERE object_type = 'attention rule' ORDER BY audit_id;
SELECT event_type FROM taskcenter.events WHERE event_type ~ 'attention' ORDER BY event_id;
SELECT taskcenter.remove_attention_rule('a', reason => 'done') = :rule;
SELECT taskcenter.remove_attention_rule('a', if_exists => true) IS NULL;

-- what is decided, case by case
SELECT count(r) FROM (VALUES
    (taskcenter.set_attention_rule('always', 'notify', '{critical}', place => 10)),
    (taskcenter.set_attention_rule('noise', 'drop', pattern => 'noise*', place => 20)),
    (taskcenter.set_attention_rule('notes', 'log', '{info}', place => 30)),
    (taskcenter.set_attention_rule('nightly', 'defer', kind => 'failures', pattern => 'nightly *', hold => '2 hours', place => 40)),
    (taskcenter.set_attention_rule('hourly', 'batch', pattern => '*load*', hold => '1 hour', place => 50,
        quiet_from => '22:00', quiet_to => '07:00', timezone => 'Europe/Berlin')),
    (taskcenter.set_attention_rule('pages', 'escalate', pattern => 'page', escalate_after => '10 minutes', place => 60,
        quiet_from => '22:00', quiet_to => '07:00', timezone => 'Europe/Berlin')),
    (taskcenter.set_attention_rule('few', 'notify', pattern => 'few', max_notices => 2, place => 70)),
    (taskcenter.set_attention_rule('gap', 'notify', pattern => 'gap', place => 80,
        quiet_from => '01:00', quiet_to => '02:30', timezone => 'Europe/Berlin')),
    (taskcenter.set_attention_rule('noon', 'notify', pattern => 'noon', quiet_from => '12:00', quiet_to => '13:00'))) AS v (r);
SELECT c.kind, c.name, c.severity, c.at, d.attention, d.due_at, d.rule FROM (VALUES
    (1, 'rule', 'x', 'critical', timestamptz '2026-01-15 12:00+00'),
    (2, 'rule', 'noise 1', 'warning', timestamptz '2026-01-15 12:00+00'),
    (3, 'rule', 'noise', 'warning', timestamptz '2026-01-15 12:00+00'),
    (4, 'rule', 'a noise', 'warning', timestamptz '2026-01-15 12:00+00'),
    (5, 'rule', 'noise 1', 'critical', timestamptz '2026-01-15 12:00+00'),
    (6, 'rule', 'x', 'info', timestamptz '2026-01-15 12:00+00'),
    (7, 'failures', 'nightly load', 'warning', timestamptz '2026-01-15 12:00+00'),
    (8, 'rule', 'nightly load', 'warning', timestamptz '2026-01-15 12:00+00'),
    (9, 'rule', 'reload load 2', 'warning', timestamptz '2026-01-15 12:00+00'),
    (10, 'rule', 'loa', 'warning', timestamptz '2026-01-15 12:00+00'),
    (11, 'rule', 'load', 'warning', timestamptz '2026-01-15 20:30+00'),
    (12, 'rule', 'page', 'warning', timestamptz '2026-01-15 20:59:59+00'),
    (13, 'rule', 'page', 'warning', timestamptz '2026-01-15 21:00+00'),
    (14, 'rule', 'page', 'warning', timestamptz '2026-01-16 05:59:59+00'),
    (15, 'rule', 'page', 'warning', timestamptz '2026-01-16 06:00+00'),
    (16, 'rule', 'page', 'critical', timestamptz '2026-01-15 23:00+00'),
    (17, 'rule', 'few', 'warning', timestamptz '2026-01-15 12:00+00'),
    (18, 'rule', 'gap', 'warning', timestamptz '2026-03-29 00:30+00'),
    (19, 'rule', 'gap', 'warning', timestamptz '2026-03-29 01:00+00'),
    (20, 'rule', 'gap', 'warning', timestamptz '2026-10-25 00:00+00'),
    (21, 'rule', 'gap', 'warning', timestamptz '2026-10-25 01:15+00'),
    (22, 'rule', 'noon', 'warning', timestamptz '2026-01-15 11:59:59+00'),
    (23, 'rule', 'noon', 'warning', timestamptz '2026-01-15 12:00+00'),
    (24, 'rule', 'noon', 'warning', timestamptz '2026-01-15 13:00+00')) AS c (place, kind, name, severity, at),
    taskcenter.preview_attention(c.kind, c.name, c.severity, c.at) AS d ORDER BY c.place;

-- what was told, and what is held back, counts
ALTER TABLE taskcenter.alerts DISABLE TRIGGER guard_record;
INSERT INTO taskcenter.alerts (alert_id, raised_at, kind, name, state, severity, alert_rule_id, metric, threshold, detail, attention, attention_rule_id,
    due_at, told_at, told_with)
SELECT v.id, '2026-01-15 11:40+00', 'rule', v.name, 'breached', 'warning', 1, 'runs_due', '1', 'It is so.', r.action, r.attention_rule_id,
    v.due_at, v.told_at, v.told_with
FROM (VALUES
    (101, 'few', 'few', NULL, timestamptz '2026-01-15 11:40+00', 101),
    (102, 'few', 'few', NULL, '2026-01-15 11:50+00', 102),
    (103, 'few', 'few', NULL, '2026-01-15 11:50+00', 102),
    (104, 'load', 'hourly', timestamptz '2026-01-15 13:00+00', NULL, NULL)) AS v (id, name, rule, due_at, told_at, told_with)
JOIN taskcenter.attention_rules AS r ON r.name = v.rule;
ALTER TABLE taskcenter.alerts ENABLE ALWAYS TRIGGER guard_record;
SELECT c.name, d.attention, d.due_at, d.rule FROM (VALUES
    (1, 'few', timestamptz '2026-01-15 12:00+00'),
    (2, 'few', timestamptz '2026-01-15 12:40+00'),
    (3, 'load', timestamptz '2026-01-15 12:59+00'),
    (4, 'load', timestamptz '2026-01-15 13:00+00')) AS c (place, name, at),
    taskcenter.preview_attention('rule', c.name, at => c.at) AS d ORDER BY c.place;
-- and why
SELECT d.explanation FROM unnest('{noise,page,load,few,gap}'::text[]) WITH ORDINALITY AS c (name, place),
    taskcenter.preview_attention('rule', c.name, at => '2026-03-29 00:30+00') AS d ORDER BY c.place;
SELECT d.explanation FROM unnest('{note,nightly 1,load,few,page}'::text[]) WITH ORDINALITY AS c (name, place),
    taskcenter.preview_attention('failures', c.name, CASE c.name WHEN 'note' THEN 'info' ELSE 'warning' END, '2026-01-15 12:00+00') AS d
ORDER BY c.place;

-- acknowledged: nothing more is told of it, and who did it is kept
SELECT min(alert_id) AS alert, max(alert_id) AS held FROM taskcenter.alerts \gset
SELECT taskcenter.acknowledge_alert(:held, 'I look after it') = :held;
SELECT count(due_at), count(acknowledged_at) FROM taskcenter.alerts;
SELECT taskcenter.acknowledge_alert(:held) = :held, taskcenter.acknowledge_alert(:alert) = :alert;
SELECT action, object_name, reason FROM taskcenter.task_audit_logs WHERE object_type = 'alert' ORDER BY audit_id;
SELECT event_type, payload ->> 'action' FROM taskcenter.events WHERE event_type = 'alert_changed' LIMIT 1;

-- refused
SELECT taskcenter.set_attention_rule(NULL, 'notify');
SELECT taskcenter.set_attention_rule('', 'notify');
SELECT taskcenter.set_attention_rule('a', NULL);
SELECT taskcenter.set_attention_rule('a', 'tell');
SELECT taskcenter.set_attention_rule('a', 'notify', '{}');
SELECT taskcenter.set_attention_rule('a', 'notify', '{loud}');
SELECT taskcenter.set_attention_rule('a', 'notify', '{info,NULL}');
SELECT taskcenter.set_attention_rule('a', 'notify', kind => 'task');
SELECT taskcenter.set_attention_rule('a', 'notify', pattern => '');
SELECT taskcenter.set_attention_rule('a', 'notify', hold => '1 hour');
SELECT taskcenter.set_attention_rule('a', 'defer', hold => '0');
SELECT taskcenter.set_attention_rule('a', 'batch', hold => '8 days');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '22:00');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_to => '22:00');
SELECT taskcenter.set_attention_rule('a', 'notify', timezone => 'UTC');
SELECT taskcenter.set_attention_rule('a', 'drop', quiet_from => '22:00', quiet_to => '07:00');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '22:00', quiet_to => '22:00');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '24:00', quiet_to => '07:00');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '7:00', quiet_to => '07:00');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '22:60', quiet_to => '07:00');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '22.00', quiet_to => '07:00');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '-1:00', quiet_to => '07:00');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '22:00:00', quiet_to => '07:00');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '22:00', quiet_to => '07');
SELECT taskcenter.set_attention_rule('a', 'notify', quiet_from => '22:00', quiet_to => '07:00', timezone => 'Berlin');
SELECT taskcenter.set_attention_rule('a', 'notify', max_notices => 0);
SELECT taskcenter.set_attention_rule('a', 'notify', max_notices => 1001);
SELECT taskcenter.set_attention_rule('a', 'batch', max_notices => 5);
SELECT taskcenter.set_attention_rule('a', 'notify', rate_window => '1 hour');
SELECT taskcenter.set_attention_rule('a', 'notify', max_notices => 1, rate_window => '8 days');
SELECT taskcenter.set_attention_rule('a', 'notify', escalate_after => '1 hour');
SELECT taskcenter.set_attention_rule('a', 'escalate', escalate_after => '0');
SELECT taskcenter.set_attention_rule('a', 'notify', place => -1);
SELECT taskcenter.remove_attention_rule('a');
SELECT taskcenter.remove_attention_rule(NULL);
SELECT taskcenter.acknowledge_alert(NULL);
SELECT taskcenter.acknowledge_alert(1000000);
SELECT taskcenter.preview_attention('task', 'a');
SELECT taskcenter.preview_attention('rule', NULL);
SELECT taskcenter.preview_attention('rule', 'a', 'loud');
SELECT count(taskcenter.set_attention_rule('rule ' || i, 'notify')) FROM generate_series(1, 91) AS i;
SELECT taskcenter.set_attention_rule('one more', 'notify');
SELECT count(taskcenter.remove_attention_rule(name)) FROM taskcenter.attention_rules WHERE name ~ '^rule ';
DELETE FROM taskcenter.attention_rules;
TRUNCATE taskcenter.attention_rules;
UPDATE taskcenter.alerts SET due_at = NULL;

-- who
SET ROLE regress_att_alice;
SELECT taskcenter.create_task('hers', 'SELECT 1') > 0;
RESET ROLE;
ALTER TABLE taskcenter.alerts DISABLE TRIGGER guard_record;
INSERT INTO taskcenter.alerts (raised_at, kind, name, state, severity, task_id, metric, threshold, detail, due_at)
SELECT now(), 'failures', name, 'notified', 'warning', task_id, 'failures_in_a_row', '3', 'It fails.', now() + i * interval '1 hour'
FROM taskcenter.tasks, generate_series(1, 3) AS i;
SELECT min(alert_id) + 1 AS hers FROM taskcenter.alerts \gset
ALTER TABLE taskcenter.alerts ENABLE ALWAYS TRIGGER guard_record;
\set VERBOSITY sqlstate
SET ROLE regress_att_alice;
SELECT taskcenter.acknowledge_alert(:hers) = :hers;
-- with it those of the task before
SELECT alert_id - :hers, due_at IS NULL, acknowledged_at IS NOT NULL FROM taskcenter.alerts ORDER BY alert_id;
SELECT taskcenter.acknowledge_alert(:alert);
SELECT taskcenter.set_attention_rule('a', 'drop');
SELECT taskcenter.remove_attention_rule('noise');
SELECT taskcenter.preview_attention('rule', 'a');
SELECT count(*) FROM taskcenter.attention_rules;
UPDATE taskcenter.attention_rules SET action = 'drop';
SET ROLE regress_att_bob;
SELECT taskcenter.acknowledge_alert(:hers);
SET ROLE regress_att_monitor;
SELECT (SELECT count(*) FROM taskcenter.attention_rules), (taskcenter.preview_attention('rule', 'noise')).attention;
SELECT taskcenter.acknowledge_alert(:hers);
SET ROLE regress_att_keeper;
SELECT taskcenter.acknowledge_alert(:hers) = :hers, taskcenter.remove_attention_rule('noise') > 0,
    (SELECT count(*) FROM taskcenter.attention_rules);
RESET ROLE;

\connect contrib_regression :super
DROP DATABASE regress_attention;
DROP ROLE regress_att_keeper, regress_att_monitor, regress_att_alice, regress_att_bob;
