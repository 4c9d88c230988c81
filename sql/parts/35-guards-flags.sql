/* Flags are changed by functions, and each change is told to all processes and audited. */
CREATE TRIGGER guard_control BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.feature_flags
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_control();
CREATE TRIGGER guard_control BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.flag_overrides
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_control();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.feature_flags
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.flag_overrides
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.feature_flags ENABLE ALWAYS TRIGGER guard_control;
ALTER TABLE taskcenter.flag_overrides ENABLE ALWAYS TRIGGER guard_control;
ALTER TABLE taskcenter.feature_flags ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.flag_overrides ENABLE ALWAYS TRIGGER guard_truncate;
