/* Rules are changed by functions only, alerts are a record. */
CREATE TRIGGER guard_control BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.alert_rules
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_control();
CREATE TRIGGER guard_record BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.alerts
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_record();
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
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.alert_timers
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.attention_rules ENABLE ALWAYS TRIGGER guard_control;
ALTER TABLE taskcenter.attention_rules ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.alert_timers ENABLE ALWAYS TRIGGER guard_truncate;
