/* Usage is written by purges only, and never truncated. */
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.counted_usage
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.usage_horizon
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.counted_usage ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.usage_horizon ENABLE ALWAYS TRIGGER guard_truncate;
