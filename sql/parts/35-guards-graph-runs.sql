/*
 * Guards of graphs that run, and what the end of a step leaves behind.
 */
CREATE FUNCTION taskcenter.note_arrival() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_note_arrival';
CREATE FUNCTION taskcenter.guard_graph_run() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_graph_run';
COMMENT ON FUNCTION taskcenter.note_arrival() IS
'Trigger: the end of a step is noted for the run that it belongs to, in the same transaction';
COMMENT ON FUNCTION taskcenter.guard_graph_run() IS
'Trigger: progress, arrivals, decisions and signals are written by taskcenter''s own functions; raises 55000';
REVOKE ALL ON FUNCTION taskcenter.note_arrival(), taskcenter.guard_graph_run() FROM PUBLIC;

/* no condition: the server would parse it anew for each run that ends */
CREATE TRIGGER note_arrival BEFORE INSERT ON taskcenter.finished_runs
    FOR EACH ROW EXECUTE FUNCTION taskcenter.note_arrival();
CREATE TRIGGER guard_graph_run BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.graph_progress
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_graph_run();
CREATE TRIGGER guard_graph_run BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.graph_exemptions
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_graph_run();
CREATE TRIGGER guard_graph_run BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.arrivals
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_graph_run();
CREATE TRIGGER guard_graph_run BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.decisions
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_graph_run();
CREATE TRIGGER guard_graph_run BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.signals
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_graph_run();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.graph_progress
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.graph_exemptions
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.arrivals
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.decisions
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.signals
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();

ALTER TABLE taskcenter.finished_runs ENABLE ALWAYS TRIGGER note_arrival;
ALTER TABLE taskcenter.graph_progress ENABLE ALWAYS TRIGGER guard_graph_run;
ALTER TABLE taskcenter.graph_exemptions ENABLE ALWAYS TRIGGER guard_graph_run;
ALTER TABLE taskcenter.graph_exemptions ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.arrivals ENABLE ALWAYS TRIGGER guard_graph_run;
ALTER TABLE taskcenter.decisions ENABLE ALWAYS TRIGGER guard_graph_run;
ALTER TABLE taskcenter.signals ENABLE ALWAYS TRIGGER guard_graph_run;
ALTER TABLE taskcenter.graph_progress ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.arrivals ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.decisions ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.signals ENABLE ALWAYS TRIGGER guard_truncate;

/* partitions are made as the owner, with the triggers of their root */
GRANT EXECUTE ON FUNCTION taskcenter.note_arrival(), taskcenter.guard_graph_run()
    TO taskcenter_owner;
