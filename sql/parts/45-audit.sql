/*
 * The audit of definitions and control: who changed what, and why, in the
 * same transaction.  The triggers fire for every role, and in replica mode
 * too.
 */
CREATE FUNCTION taskcenter.audit_change() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_audit_change';
COMMENT ON FUNCTION taskcenter.audit_change() IS
'Trigger: writes a row of task_audit_logs with the fields that changed, and lets the schedules follow when a plain UPDATE resumes a task';
REVOKE ALL ON FUNCTION taskcenter.audit_change() FROM PUBLIC;

CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.tasks
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.schedules
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.guarded_tables
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.queues
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.workflows
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.setting_values
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.scheduler_state
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
/* not their beats, nor that old ones are removed */
CREATE TRIGGER audit_new AFTER INSERT ON taskcenter.workers
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
CREATE TRIGGER audit_end AFTER UPDATE ON taskcenter.workers
    FOR EACH ROW WHEN ((OLD.ended_at IS NULL) <> (NEW.ended_at IS NULL))
    EXECUTE FUNCTION taskcenter.audit_change();

ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE taskcenter.schedules ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE taskcenter.guarded_tables ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE taskcenter.queues ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE taskcenter.workflows ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE taskcenter.setting_values ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE taskcenter.scheduler_state ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE taskcenter.workers ENABLE ALWAYS TRIGGER audit_new;
ALTER TABLE taskcenter.workers ENABLE ALWAYS TRIGGER audit_end;

COMMENT ON TABLE taskcenter.task_audit_logs IS
'Every change of a task, its graph, schedule, queue, workflow, guarded table, setting, grant, failure code, flag or of the scheduler''s state, and every call that cancels or retries runs, that redrives, resolves or discards dead letters, each worker that registers or ends, each piece of a purge, each repair of guards: append-only. What happens to runs is in task_run_history';
COMMENT ON COLUMN taskcenter.task_audit_logs.action IS
'create, alter, rename, change owner, pause, resume, disable, enable, quarantine, archive, unarchive, complete, drain, move (to another status), save (a graph), guard, unguard, adopt or drop; of runs cancel or retry; of dead letters redrive, resolve or discard; of workers create (registered) or end; purge; of guards repair';
COMMENT ON COLUMN taskcenter.task_audit_logs.object_type IS
'task, schedule, queue, workflow, graph (object_id is the task''s), guarded table, setting, grant, failure code, flag, flag override, scheduler, worker, run, dead letter, purge or guards';
COMMENT ON COLUMN taskcenter.task_audit_logs.object_name IS
'Its name; of a schedule: task/schedule; of a grant: the role, behind task/ if it is about a task; of runs: their task, null for any';
COMMENT ON COLUMN taskcenter.task_audit_logs.old_values IS
'The fields that changed, before; null when it was made';
COMMENT ON COLUMN taskcenter.task_audit_logs.new_values IS
'The fields that changed, after; null when it was dropped';
COMMENT ON COLUMN taskcenter.task_audit_logs.channel IS
'By which way: session, run, scheduled_run (a run that a schedule made), or scheduler, executor, which act by themselves';
COMMENT ON COLUMN taskcenter.task_audit_logs.run_id IS
'The run whose command did it; null for none';
COMMENT ON COLUMN taskcenter.task_audit_logs.actor IS
'What set_context() named, else the effective role; of a process that acts by itself: what it is';
COMMENT ON COLUMN taskcenter.task_audit_logs.session_role IS 'Who logged in';
COMMENT ON COLUMN taskcenter.task_audit_logs.effective_role IS
'The current role of the change, as after SET ROLE';
COMMENT ON COLUMN taskcenter.task_audit_logs.client_addr IS
'The client''s address; null for a local socket and for a background process';
COMMENT ON COLUMN taskcenter.task_audit_logs.reason IS
'The reason given to the call, else that of set_context()';

/* repair_guards() acts as the owner of the tables */
GRANT EXECUTE ON FUNCTION taskcenter.audit_change() TO taskcenter_owner;
