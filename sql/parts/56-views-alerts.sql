/* Who sees alerts, and the view of what is the matter now. */
SET LOCAL ROLE taskcenter_owner;

ALTER TABLE taskcenter.alert_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.alerts ENABLE ROW LEVEL SECURITY;
CREATE POLICY alert_rules_for_monitors ON taskcenter.alert_rules FOR SELECT
    USING ((SELECT taskcenter.sees_states_of_all())
        OR (SELECT pg_has_role('pg_database_owner', 'USAGE')));
CREATE POLICY alerts_for_monitors ON taskcenter.alerts FOR SELECT
    USING ((SELECT taskcenter.sees_states_of_all())
        OR (SELECT pg_has_role('pg_database_owner', 'USAGE')));
CREATE POLICY attention_rules_for_monitors ON taskcenter.attention_rules FOR SELECT
    USING ((SELECT taskcenter.sees_states_of_all())
        OR (SELECT pg_has_role('pg_database_owner', 'USAGE')));
/* who sees a task sees that it fails */
CREATE POLICY alerts_of_own_tasks ON taskcenter.alerts FOR SELECT
    USING (kind = 'failures' AND EXISTS (SELECT FROM taskcenter.tasks AS t
        WHERE t.task_id = alerts.task_id));

CREATE VIEW taskcenter.open_alerts WITH (security_barrier) AS
SELECT r.name,
    r.severity,
    a.raised_at AS breached_at,
    a.metric,
    a.value,
    r.comparison,
    r.threshold,
    r.description,
    a.alert_id,
    a.attention,
    a.acknowledged_at
FROM taskcenter.alert_rules AS r
JOIN LATERAL (
    SELECT l.state, l.raised_at, l.metric, l.value, l.alert_id, l.attention, l.acknowledged_at
    FROM taskcenter.alerts AS l
    WHERE l.alert_rule_id = r.alert_rule_id AND l.raised_at >= r.updated_at
    ORDER BY l.alert_id DESC LIMIT 1) AS a ON a.state = 'breached' AND a.attention <> 'drop'
WHERE (SELECT taskcenter.sees_states_of_all())
   OR (SELECT pg_has_role('pg_database_owner', 'USAGE'))
ORDER BY array_position(ARRAY['critical', 'warning', 'info'], r.severity), a.raised_at;

COMMENT ON VIEW taskcenter.open_alerts IS
'Alert rules that are breached now, but for what an attention rule drops: for members of pg_monitor and the owner of the database';
COMMENT ON COLUMN taskcenter.open_alerts.name IS 'The rule';
COMMENT ON COLUMN taskcenter.open_alerts.severity IS 'info, warning or critical';
COMMENT ON COLUMN taskcenter.open_alerts.breached_at IS 'Since when';
COMMENT ON COLUMN taskcenter.open_alerts.metric IS 'What it looks at';
COMMENT ON COLUMN taskcenter.open_alerts.value IS 'Its value when it was breached';
COMMENT ON COLUMN taskcenter.open_alerts.comparison IS 'As in alert_rules';
COMMENT ON COLUMN taskcenter.open_alerts.threshold IS 'As in alert_rules';
COMMENT ON COLUMN taskcenter.open_alerts.description IS 'As in alert_rules';
COMMENT ON COLUMN taskcenter.open_alerts.alert_id IS 'The alert that told of it: for acknowledge_alert()';
COMMENT ON COLUMN taskcenter.open_alerts.attention IS 'What was decided about it: as in alerts';
COMMENT ON COLUMN taskcenter.open_alerts.acknowledged_at IS
'Since when somebody looks after it: as in alerts';

GRANT SELECT ON taskcenter.attention_rules, taskcenter.alert_rules, taskcenter.alerts, taskcenter.open_alerts TO PUBLIC;

RESET ROLE;
