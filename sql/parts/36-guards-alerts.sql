/* Rules are changed by functions only, alerts are a record of what was told, and when. */
CREATE FUNCTION taskcenter.guard_alert() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_alert';
COMMENT ON FUNCTION taskcenter.guard_alert() IS
'Trigger: alerts are written by taskcenter only, and removed by retention; raises 55000';
REVOKE ALL ON FUNCTION taskcenter.guard_alert() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION taskcenter.guard_alert() TO taskcenter_owner;

CREATE TRIGGER guard_control BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.alert_rules
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_control();
CREATE TRIGGER guard_record BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.alerts
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_alert();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.alert_rules
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.alerts
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.alert_rules ENABLE ALWAYS TRIGGER guard_control;
ALTER TABLE taskcenter.alerts ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.alert_rules ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.alerts ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER guard_control BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.attention_rules
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_control();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.attention_rules
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.attention_rules ENABLE ALWAYS TRIGGER guard_control;
ALTER TABLE taskcenter.attention_rules ENABLE ALWAYS TRIGGER guard_truncate;
