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
CREATE TRIGGER guard_record BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.task_status_history
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_record();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_status_history
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();

ALTER TABLE taskcenter.workflows ENABLE ALWAYS TRIGGER guard_definition;
ALTER TABLE taskcenter.workflows ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_status_history ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.task_status_history ENABLE ALWAYS TRIGGER guard_truncate;

/* ---- the status of tasks ---- */

CREATE FUNCTION taskcenter.guard_status_time() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_status_time';
COMMENT ON FUNCTION taskcenter.guard_status_time() IS
'Trigger: notes when a plain UPDATE changes the status of a task';
CREATE FUNCTION taskcenter.guard_status() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_status';
COMMENT ON FUNCTION taskcenter.guard_status() IS
'Trigger: the status of a task moves only as its workflow says, and each move by a plain UPDATE is written to task_status_history; raises 23514 with what is allowed in DETAIL';
REVOKE ALL ON FUNCTION taskcenter.guard_status_time(), taskcenter.guard_status() FROM PUBLIC;

CREATE TRIGGER guard_status_time BEFORE UPDATE ON taskcenter.tasks
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION taskcenter.guard_status_time();
CREATE TRIGGER guard_status AFTER UPDATE ON taskcenter.tasks
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status
        OR OLD.workflow IS DISTINCT FROM NEW.workflow
        OR (OLD.state = 'archived' AND NEW.state <> 'archived'))
    EXECUTE FUNCTION taskcenter.guard_status();
CREATE TRIGGER guard_new_status AFTER INSERT ON taskcenter.tasks
    FOR EACH ROW WHEN (NEW.workflow IS NOT NULL)
    EXECUTE FUNCTION taskcenter.guard_status();

ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER guard_status_time;
ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER guard_status;
ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER guard_new_status;
