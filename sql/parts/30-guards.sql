/*
 * Guards: they fire for every role, and in replica mode too.  Every row of
 * runs, history and logs is checked here; so is every definition.
 */
CREATE FUNCTION taskcenter.guard_live_run() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_live_run';
CREATE FUNCTION taskcenter.guard_finished_run() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_finished_run';
CREATE FUNCTION taskcenter.guard_record() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_record';
CREATE FUNCTION taskcenter.guard_truncate() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_truncate';
CREATE FUNCTION taskcenter.guard_task() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_task';
CREATE FUNCTION taskcenter.regate_runs() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_regate_runs';
CREATE FUNCTION taskcenter.resume_by_update() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_resume_by_update';
CREATE FUNCTION taskcenter.guard_schedule() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_schedule';
CREATE FUNCTION taskcenter.guard_control() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_control';

COMMENT ON FUNCTION taskcenter.guard_live_run() IS
'Trigger: unfinished runs move only as run_transitions says; raises 23514 otherwise';
COMMENT ON FUNCTION taskcenter.guard_finished_run() IS
'Trigger: finished runs are final; raises 55000';
COMMENT ON FUNCTION taskcenter.guard_record() IS
'Trigger: history, logs and audit are append-only, and nobody else writes the audit; raises 55000';
COMMENT ON FUNCTION taskcenter.guard_truncate() IS
'Trigger: relations of taskcenter are never truncated; raises 55000';
COMMENT ON FUNCTION taskcenter.guard_task() IS
'Trigger: tasks are not deleted, and name only roles that the writer could become';
COMMENT ON FUNCTION taskcenter.regate_runs() IS
'Trigger: when a task becomes gated, or is no longer, its waiting runs change lanes';
COMMENT ON FUNCTION taskcenter.resume_by_update() IS
'Trigger: a schedule that a plain UPDATE makes active resumes as by resume_schedule()';
COMMENT ON FUNCTION taskcenter.guard_schedule() IS
'Trigger: schedules are dropped by drop_schedule() only; wakes the scheduler at commit';
COMMENT ON FUNCTION taskcenter.guard_control() IS
'Trigger: queues, settings and scheduler state are not deleted; tells all processes at commit';

REVOKE ALL ON FUNCTION taskcenter.guard_live_run(), taskcenter.guard_finished_run(),
    taskcenter.guard_record(), taskcenter.guard_truncate(), taskcenter.guard_task(), taskcenter.regate_runs(),
    taskcenter.resume_by_update(),
    taskcenter.guard_schedule(), taskcenter.guard_control() FROM PUBLIC;

CREATE TRIGGER guard_status BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.live_runs
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_live_run();
CREATE TRIGGER guard_status BEFORE UPDATE OR DELETE ON taskcenter.finished_runs
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_finished_run();
CREATE TRIGGER guard_record BEFORE UPDATE OR DELETE ON taskcenter.task_run_history
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_record();
CREATE TRIGGER guard_record BEFORE UPDATE OR DELETE ON taskcenter.task_run_logs
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_record();
CREATE TRIGGER guard_record BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.task_audit_logs
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_record();
CREATE TRIGGER guard_definition BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.tasks
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_task();
CREATE TRIGGER regate_runs AFTER UPDATE ON taskcenter.tasks
    FOR EACH ROW WHEN (OLD.gated IS DISTINCT FROM NEW.gated)
    EXECUTE FUNCTION taskcenter.regate_runs();
CREATE TRIGGER guard_definition BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.schedules
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_schedule();
CREATE TRIGGER resume_by_update AFTER UPDATE ON taskcenter.schedules
    FOR EACH ROW WHEN (OLD.state <> NEW.state AND NEW.state = 'active')
    EXECUTE FUNCTION taskcenter.resume_by_update();
CREATE TRIGGER guard_control BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.queues
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_control();
CREATE TRIGGER guard_control BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.setting_values
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_control();
CREATE TRIGGER guard_control BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.scheduler_state
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_control();

/* TRUNCATE passes row triggers by; partitions need a guard each */
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.live_runs
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.finished_runs
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_history
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_logs
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.tasks
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.schedules
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.skipped_fires
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.queues
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.setting_values
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.scheduler_state
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.finished_runs_1
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.finished_runs_2
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.finished_runs_3
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.finished_runs_1_rest
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.finished_runs_2_rest
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.finished_runs_3_rest
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_history_1
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_history_3
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_history_1_rest
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_history_3_rest
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_logs_1
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_logs_3
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_logs_1_rest
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.task_run_logs_3_rest
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();

ALTER TABLE taskcenter.live_runs ENABLE ALWAYS TRIGGER guard_status;
ALTER TABLE taskcenter.finished_runs ENABLE ALWAYS TRIGGER guard_status;
ALTER TABLE taskcenter.task_run_history ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.task_run_logs ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.task_audit_logs ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER guard_definition;
ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER regate_runs;
ALTER TABLE taskcenter.schedules ENABLE ALWAYS TRIGGER resume_by_update;
ALTER TABLE taskcenter.schedules ENABLE ALWAYS TRIGGER guard_definition;
ALTER TABLE taskcenter.queues ENABLE ALWAYS TRIGGER guard_control;
ALTER TABLE taskcenter.setting_values ENABLE ALWAYS TRIGGER guard_control;
ALTER TABLE taskcenter.scheduler_state ENABLE ALWAYS TRIGGER guard_control;
ALTER TABLE taskcenter.live_runs ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.finished_runs ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_history ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_logs ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_audit_logs ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.tasks ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.schedules ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.skipped_fires ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.queues ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.setting_values ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.scheduler_state ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.finished_runs_1 ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.finished_runs_2 ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.finished_runs_3 ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.finished_runs_1_rest ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.finished_runs_2_rest ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.finished_runs_3_rest ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_history_1 ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_history_3 ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_history_1_rest ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_history_3_rest ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_logs_1 ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_logs_3 ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_logs_1_rest ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.task_run_logs_3_rest ENABLE ALWAYS TRIGGER guard_truncate;

/* the owner makes partitions, each with guards of its own */
GRANT EXECUTE ON FUNCTION taskcenter.guard_finished_run(), taskcenter.guard_record(),
    taskcenter.guard_truncate() TO taskcenter_owner;
