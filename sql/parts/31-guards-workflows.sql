/*
 * Guards of workflows and of the history of statuses: they fire for every
 * role, and in replica mode too.
 */
CREATE FUNCTION taskcenter.guard_workflow() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_workflow';
COMMENT ON FUNCTION taskcenter.guard_workflow() IS
'Trigger: a workflow can be read, keeps its name, and has a place for all that uses it; raises 23514 and 55000';
REVOKE ALL ON FUNCTION taskcenter.guard_workflow() FROM PUBLIC;

CREATE TRIGGER guard_definition BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.workflows
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_workflow();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.workflows
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_record BEFORE UPDATE OR DELETE ON taskcenter.task_status_history
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_record();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_status_history
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();

ALTER TABLE taskcenter.workflows ENABLE ALWAYS TRIGGER guard_definition;
ALTER TABLE taskcenter.workflows ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_status_history ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.task_status_history ENABLE ALWAYS TRIGGER guard_truncate;
