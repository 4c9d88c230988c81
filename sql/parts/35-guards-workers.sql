/* Workers and tokens of rate limits are written by functions only, and never truncated. */
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.workers
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.rate_buckets
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.workers ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.rate_buckets ENABLE ALWAYS TRIGGER guard_truncate;
