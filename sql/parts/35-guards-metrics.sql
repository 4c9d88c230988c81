/* Runs are counted as they finish. */
CREATE FUNCTION taskcenter.count_run() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_count_run';
COMMENT ON FUNCTION taskcenter.count_run() IS
'Trigger: counts a run that finishes, for metrics(), when its transaction commits';
REVOKE ALL ON FUNCTION taskcenter.count_run() FROM PUBLIC;
/* the owner makes partitions, each with this trigger */
GRANT EXECUTE ON FUNCTION taskcenter.count_run() TO taskcenter_owner;

CREATE TRIGGER count_run BEFORE INSERT ON taskcenter.finished_runs
    FOR EACH ROW EXECUTE FUNCTION taskcenter.count_run();
ALTER TABLE taskcenter.finished_runs ENABLE ALWAYS TRIGGER count_run;

CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.saved_metrics
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.saved_metrics ENABLE ALWAYS TRIGGER guard_truncate;
