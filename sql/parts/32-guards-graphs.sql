/* Graphs are added by our own statements, and never change. */
CREATE TRIGGER guard_record BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.graphs
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_record();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.graphs
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.graphs ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.graphs ENABLE ALWAYS TRIGGER guard_truncate;
