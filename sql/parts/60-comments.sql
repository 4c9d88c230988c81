/*
 * What every relation and every column means: the reference that help(),
 * \d+ and the documentation show.  Times are instants with time zone;
 * intervals are stated as such; sizes say their unit.
 */
COMMENT ON TABLE taskcenter.tasks IS
'What is to be done, how, and on whose behalf. One row per task; tasks are archived, never deleted';
COMMENT ON COLUMN taskcenter.tasks.task_id IS 'Identifies the task for ever';
COMMENT ON COLUMN taskcenter.tasks.name IS 'Name, unique among the tasks that are not archived';
COMMENT ON COLUMN taskcenter.tasks.kind IS
'sql (executed here), composite (a graph of steps), external (claimed by workers) or manual (moved by people)';
COMMENT ON COLUMN taskcenter.tasks.state IS
'active, paused (schedules do not fire), disabled (nothing starts), quarantined (cannot be evaluated or executed) or archived';
COMMENT ON COLUMN taskcenter.tasks.status IS 'Status in the task''s workflow; null without one';
COMMENT ON COLUMN taskcenter.tasks.state_reason IS
'Why the state is what it is; null if nobody said';
COMMENT ON COLUMN taskcenter.tasks.command IS
'SQL text that a run executes; null for kinds without one';
COMMENT ON COLUMN taskcenter.tasks.params IS 'Default params of its runs: an object';
COMMENT ON COLUMN taskcenter.tasks.queue IS 'Queue of its runs, unless they name another';
COMMENT ON COLUMN taskcenter.tasks.priority IS 'Default priority of its runs: lower runs first';
COMMENT ON COLUMN taskcenter.tasks.max_attempts IS
'Attempts that a run has, the first one included';
COMMENT ON COLUMN taskcenter.tasks.backoff IS
'How the delay between attempts grows: none, fixed, linear or exponential (with jitter)';
COMMENT ON COLUMN taskcenter.tasks.backoff_base IS 'Delay before the second attempt: an interval';
COMMENT ON COLUMN taskcenter.tasks.backoff_cap IS 'Longest delay between attempts: an interval';
COMMENT ON COLUMN taskcenter.tasks.timeout IS
'Time limit of an attempt: an interval; null for none';
COMMENT ON COLUMN taskcenter.tasks.overlap IS
'What a schedule does while a run of its is unfinished: skip, queue, allow or cancel_running';
COMMENT ON COLUMN taskcenter.tasks.misfire IS
'What becomes of instants that were missed: run_once, skip or run_all';
COMMENT ON COLUMN taskcenter.tasks.transaction_mode IS
'auto, atomic (command and bookkeeping in one transaction), batched or autonomous (each statement by itself)';
COMMENT ON COLUMN taskcenter.tasks.learned_mode IS
'autonomous, once mode auto found that the command needs it; else null';
COMMENT ON COLUMN taskcenter.tasks.on_crash IS
'What becomes of a started attempt whose executor was lost: retry or fail';
COMMENT ON COLUMN taskcenter.tasks.owner IS 'Name of the role that manages the task';
COMMENT ON COLUMN taskcenter.tasks.owner_id IS 'OID of the owner';
COMMENT ON COLUMN taskcenter.tasks.run_as IS 'Name of the role that executes it; empty: workers do';
COMMENT ON COLUMN taskcenter.tasks.run_as_id IS 'OID of the role that executes it; 0: workers do';
COMMENT ON COLUMN taskcenter.tasks.description IS 'For people';
COMMENT ON COLUMN taskcenter.tasks.tags IS 'For people and filters';
COMMENT ON COLUMN taskcenter.tasks.application IS
'Application that the task belongs to; null for none';
COMMENT ON COLUMN taskcenter.tasks.batch IS
'Runs that share a transaction in mode batched, at most';
COMMENT ON COLUMN taskcenter.tasks.isolation IS
'pooled (executors serve many runs) or process (a fresh process for each run)';
COMMENT ON COLUMN taskcenter.tasks.synchronous_commit IS
'How durable the commit of a run is; null for the server''s on';
COMMENT ON COLUMN taskcenter.tasks.settings IS
'Parameters set for each run, such as search_path or work_mem: an object';
COMMENT ON COLUMN taskcenter.tasks.capture_output IS
'Whether the rows of the last statement become the output';
COMMENT ON COLUMN taskcenter.tasks.log_level IS
'Lowest level of messages that are kept: debug, info, notice, warning or error';
COMMENT ON COLUMN taskcenter.tasks.max_running IS
'Runs of the task that may be running at once; null for no limit';
COMMENT ON COLUMN taskcenter.tasks.max_lost IS
'How often a run may lose its executor before it fails';
COMMENT ON COLUMN taskcenter.tasks.stuck_after IS
'Time without a sign of life after which a run counts as stuck: an interval; null for the default';
COMMENT ON COLUMN taskcenter.tasks.misfire_grace IS
'How late an instant may be found without being a misfire: an interval';
COMMENT ON COLUMN taskcenter.tasks.max_catchup IS
'Runs that misfire policy run_all makes at once, at most';
COMMENT ON COLUMN taskcenter.tasks.dst_gap IS
'What becomes of a local time that the clock skips: skip, shift_forward or gap_end; null for the schedule''s default';
COMMENT ON COLUMN taskcenter.tasks.dst_repeat IS
'Which pass counts for a local time that occurs twice: first, second or both; null for the schedule''s default';
COMMENT ON COLUMN taskcenter.tasks.retention IS
'How long succeeded, cancelled and skipped runs are kept: an interval or keep; null for the setting runs_retention';
COMMENT ON COLUMN taskcenter.tasks.failed_retention IS
'How long failed and timed-out runs are kept: an interval or keep; null for the setting failed_runs_retention';
COMMENT ON COLUMN taskcenter.tasks.events IS
'Which events of its runs are told: all, failures (attempts and runs that failed), or none. They are the rows of task_run_history: none is written twice';
COMMENT ON COLUMN taskcenter.tasks.requires_flag IS
'Feature flag that must be on for runs to start, for the subject group_key, else the owner''s name; runs that are due while it is off are skipped; null for none';
COMMENT ON COLUMN taskcenter.tasks.group_key IS
'Of kinds sql and external: the tenant of its runs, for whom rate_limit and the view usage count; null: the owner. External runs take turns by it, SQL runs by the role that executes them';
COMMENT ON COLUMN taskcenter.tasks.rate_limit IS
'Of kinds sql and external: how many runs may begin in how long, for each queue: of the task, or where there is a group key, of all such tasks of the owner with that key together; null: any number. A rate as "100 per minute" is a bucket of tokens; "1000 daily" and "150 monthly" are budgets of the calendar day and month in the zone of the setting default_timezone, counted from when they are set; one of each may stand with commas between them. Attempts after the first count, too';
COMMENT ON COLUMN taskcenter.tasks.workflow IS
'Status machine of a task that people move; null for none';
COMMENT ON COLUMN taskcenter.tasks.retry_rules IS
'Which errors are worth another attempt: an array of objects, the first that matches decides';
COMMENT ON COLUMN taskcenter.tasks.gated IS 'Whether its runs are claimed in a lane of their own';
COMMENT ON COLUMN taskcenter.tasks.definition_version IS 'Grows with each change of the definition';
COMMENT ON COLUMN taskcenter.tasks.created_at IS 'When the task was created';
COMMENT ON COLUMN taskcenter.tasks.updated_at IS 'When the definition was changed last';
COMMENT ON COLUMN taskcenter.tasks.archived_at IS 'When the task was archived; null if it is not';
COMMENT ON COLUMN taskcenter.tasks.hold_reason IS
'Why nothing of its history may be purged; null: it is not held. hold_history() sets it';
COMMENT ON COLUMN taskcenter.tasks.retention_class IS
'Of its new runs: 1 default, 3 own policy or held';

COMMENT ON TABLE taskcenter.schedules IS
'When tasks fire. A task has any number of schedules, each with a name';
COMMENT ON COLUMN taskcenter.schedules.schedule_id IS 'Identifies the schedule for ever';
COMMENT ON COLUMN taskcenter.schedules.task_id IS 'Task that it fires';
COMMENT ON COLUMN taskcenter.schedules.owner_id IS 'OID of the task''s owner';
COMMENT ON COLUMN taskcenter.schedules.name IS 'Name, unique within the task';
COMMENT ON COLUMN taskcenter.schedules.schedule IS
'Cron expression, interval, time, @reboot or recurrence rule';
COMMENT ON COLUMN taskcenter.schedules.timezone IS 'Time zone in which local times are meant';
COMMENT ON COLUMN taskcenter.schedules.state IS
'active, paused, completed (has no further instant) or quarantined (cannot be evaluated)';
COMMENT ON COLUMN taskcenter.schedules.state_reason IS
'Why the state is what it is; null if nobody said';
COMMENT ON COLUMN taskcenter.schedules.next_run_at IS 'Next instant; null if there is none';
COMMENT ON COLUMN taskcenter.schedules.last_run_at IS
'Instant that it fired for last; null if it never did';
COMMENT ON COLUMN taskcenter.schedules.starts_at IS 'No instant before this; null for no bound';
COMMENT ON COLUMN taskcenter.schedules.ends_at IS 'No instant after this; null for no bound';
COMMENT ON COLUMN taskcenter.schedules.anchor_at IS 'Origin of intervals and recurrence rules';
COMMENT ON COLUMN taskcenter.schedules.jitter IS
'Instants are delayed by a fixed random part of this interval; null for none';
COMMENT ON COLUMN taskcenter.schedules.misfire IS
'As tasks.misfire, for this schedule; null for the task''s';
COMMENT ON COLUMN taskcenter.schedules.misfire_grace IS
'As tasks.misfire_grace, for this schedule; null for the task''s';
COMMENT ON COLUMN taskcenter.schedules.max_catchup IS
'As tasks.max_catchup, for this schedule; null for the task''s';
COMMENT ON COLUMN taskcenter.schedules.dst_gap IS
'As tasks.dst_gap, for this schedule; null for the task''s';
COMMENT ON COLUMN taskcenter.schedules.dst_repeat IS
'As tasks.dst_repeat, for this schedule; null for the task''s';
COMMENT ON COLUMN taskcenter.schedules.created_at IS 'When the schedule was created';
COMMENT ON COLUMN taskcenter.schedules.updated_at IS 'When the schedule was changed last';

COMMENT ON TABLE taskcenter.skipped_fires IS
'Instants of schedules for which no run was made: one row for each range';
COMMENT ON COLUMN taskcenter.skipped_fires.skip_id IS 'Identifies the row';
COMMENT ON COLUMN taskcenter.skipped_fires.schedule_id IS 'Schedule whose instants were skipped';
COMMENT ON COLUMN taskcenter.skipped_fires.task_id IS 'Task of the schedule';
COMMENT ON COLUMN taskcenter.skipped_fires.owner_id IS 'OID of the task''s owner';
COMMENT ON COLUMN taskcenter.skipped_fires.skipped_from IS 'First instant of the range';
COMMENT ON COLUMN taskcenter.skipped_fires.skipped_to IS 'Last instant of the range';
COMMENT ON COLUMN taskcenter.skipped_fires.instants IS 'Number of instants in the range';
COMMENT ON COLUMN taskcenter.skipped_fires.reason IS 'Why no run was made';
COMMENT ON COLUMN taskcenter.skipped_fires.recorded_at IS 'When it was decided';

COMMENT ON TABLE taskcenter.queues IS
'Queues of runs, each with a limit and a switch of its own';
COMMENT ON COLUMN taskcenter.queues.queue_id IS 'Identifies the queue for ever';
COMMENT ON COLUMN taskcenter.queues.queue IS 'Name';
COMMENT ON COLUMN taskcenter.queues.state IS 'active or paused (nothing of it starts)';
COMMENT ON COLUMN taskcenter.queues.state_reason IS
'Why the state is what it is; null if nobody said';
COMMENT ON COLUMN taskcenter.queues.max_running IS
'Runs of the queue that may be running at once; null for no limit';
COMMENT ON COLUMN taskcenter.queues.description IS 'For people';
COMMENT ON COLUMN taskcenter.queues.created_at IS 'When the queue was created';
COMMENT ON COLUMN taskcenter.queues.updated_at IS 'When the queue was changed last';

COMMENT ON TABLE taskcenter.setting_values IS
'Settings that were changed from their defaults; the view settings shows all';
COMMENT ON COLUMN taskcenter.setting_values.key IS 'Name of the setting';
COMMENT ON COLUMN taskcenter.setting_values.value IS 'Its value as text';
COMMENT ON COLUMN taskcenter.setting_values.updated_at IS 'When it was set';
COMMENT ON COLUMN taskcenter.setting_values.updated_by IS 'Who set it';

COMMENT ON TABLE taskcenter.scheduler_state IS
'What the scheduler of this database may do, and where it was adopted: one row, made by activation';
COMMENT ON COLUMN taskcenter.scheduler_state.only_row IS 'Always true';
COMMENT ON COLUMN taskcenter.scheduler_state.state IS
'running, paused (nothing new starts), draining (as paused, until nothing is in flight) or disabled (no maintenance either)';
COMMENT ON COLUMN taskcenter.scheduler_state.state_reason IS
'Why the state is what it is; null if nobody said';
COMMENT ON COLUMN taskcenter.scheduler_state.changed_at IS 'When the state was changed';
COMMENT ON COLUMN taskcenter.scheduler_state.changed_by IS 'Who changed it';
COMMENT ON COLUMN taskcenter.scheduler_state.system_identifier IS
'Server on which the database was adopted';
COMMENT ON COLUMN taskcenter.scheduler_state.database_id IS
'OID of the database when it was adopted';
COMMENT ON COLUMN taskcenter.scheduler_state.database_name IS
'Name of the database when it was adopted';
COMMENT ON COLUMN taskcenter.scheduler_state.adopted_at IS 'When it was adopted';
COMMENT ON COLUMN taskcenter.scheduler_state.rebooted_at IS
'Start of the server for which @reboot schedules fired last; null for none yet';

COMMENT ON TABLE taskcenter.live_runs IS
'Runs that are not finished; read them through task_runs';
COMMENT ON COLUMN taskcenter.live_runs.run_id IS
'Identifies the run for ever; grows with the order of creation';
COMMENT ON COLUMN taskcenter.live_runs.task_id IS 'Task of which this is a run';
COMMENT ON COLUMN taskcenter.live_runs.run_as_id IS 'OID of the role that executes it; 0: workers do';
COMMENT ON COLUMN taskcenter.live_runs.owner_id IS 'OID of the task''s owner';
COMMENT ON COLUMN taskcenter.live_runs.queue_id IS 'Queue in which it waits';
COMMENT ON COLUMN taskcenter.live_runs.gate IS
'0, or the lane of its own that the task''s runs have; -1 after its executor was lost';
COMMENT ON COLUMN taskcenter.live_runs.schedule_id IS 'Schedule that made it; null if none did';
COMMENT ON COLUMN taskcenter.live_runs.parent_run_id IS
'Run of which this is a step; null if it is none';
COMMENT ON COLUMN taskcenter.live_runs.executor_id IS
'Executor that claimed it; null unless running';
COMMENT ON COLUMN taskcenter.live_runs.token IS 'Fencing token of the attempt; null unless running';
COMMENT ON COLUMN taskcenter.live_runs.run_at IS 'When it is due';
COMMENT ON COLUMN taskcenter.live_runs.created_at IS 'When it was made';
COMMENT ON COLUMN taskcenter.live_runs.scheduled_for IS
'Instant of the schedule that it stands for; null if none made it';
COMMENT ON COLUMN taskcenter.live_runs.catchup_from IS
'First instant of the range that a catch-up run stands for';
COMMENT ON COLUMN taskcenter.live_runs.catchup_count IS 'Number of instants in that range';
COMMENT ON COLUMN taskcenter.live_runs.claimed_at IS
'When the present attempt was claimed; null unless running';
COMMENT ON COLUMN taskcenter.live_runs.started_at IS
'When the last attempt that ended began; null before';
COMMENT ON COLUMN taskcenter.live_runs.last_heartbeat_at IS
'Last sign of life of an external worker; null without one';
COMMENT ON COLUMN taskcenter.live_runs.cancel_requested_at IS
'When an external worker was asked to stop; null if it was not';
COMMENT ON COLUMN taskcenter.live_runs.priority IS 'Lower runs first';
COMMENT ON COLUMN taskcenter.live_runs.attempt IS 'Attempts begun so far';
COMMENT ON COLUMN taskcenter.live_runs.max_attempts IS 'Attempts that it has';
COMMENT ON COLUMN taskcenter.live_runs.lost IS 'How often its executor was lost';
COMMENT ON COLUMN taskcenter.live_runs.is_catchup IS 'Whether it stands for missed instants';
COMMENT ON COLUMN taskcenter.live_runs.status IS 'waiting, queued, running or retrying';
COMMENT ON COLUMN taskcenter.live_runs.params IS 'What param() gives: an object';
COMMENT ON COLUMN taskcenter.live_runs.step IS 'Name of the step; null if it is none';
COMMENT ON COLUMN taskcenter.live_runs.unique_key IS 'Key that the caller gave; null for none';
COMMENT ON COLUMN taskcenter.live_runs.unique_guard IS
'The key while it admits no other run; null afterwards';
COMMENT ON COLUMN taskcenter.live_runs.unique_until IS
'Until when the key admits no other run: finished or started; null without a key';
COMMENT ON COLUMN taskcenter.live_runs.reason IS 'Why it was put back; null if it was not';
COMMENT ON COLUMN taskcenter.live_runs.error IS 'Message of the last failed attempt; null for none';
COMMENT ON COLUMN taskcenter.live_runs.sqlstate IS 'Its SQLSTATE';
COMMENT ON COLUMN taskcenter.live_runs.trace_id IS
'Correlation with the caller''s systems; null for none';
COMMENT ON COLUMN taskcenter.live_runs.created_by IS 'Role that enqueued it, or scheduler';
COMMENT ON COLUMN taskcenter.live_runs.retention_class IS
'1 default, 3 own policy: that of its history and log';

COMMENT ON TABLE taskcenter.finished_runs IS
'Runs that are finished; read them through task_runs. Partitioned by retention class, then by time';
COMMENT ON COLUMN taskcenter.finished_runs.run_id IS
'Identifies the run for ever; grows with the order of creation';
COMMENT ON COLUMN taskcenter.finished_runs.task_id IS 'Task of which this is a run';
COMMENT ON COLUMN taskcenter.finished_runs.run_as_id IS 'OID of the role that executes it; 0: workers did';
COMMENT ON COLUMN taskcenter.finished_runs.owner_id IS 'OID of the task''s owner';
COMMENT ON COLUMN taskcenter.finished_runs.queue_id IS 'Queue in which it waits';
COMMENT ON COLUMN taskcenter.finished_runs.schedule_id IS 'Schedule that made it; null if none did';
COMMENT ON COLUMN taskcenter.finished_runs.parent_run_id IS
'Run of which this is a step; null if it is none';
COMMENT ON COLUMN taskcenter.finished_runs.run_at IS 'When it was due';
COMMENT ON COLUMN taskcenter.finished_runs.created_at IS 'When it was made';
COMMENT ON COLUMN taskcenter.finished_runs.scheduled_for IS
'Instant of the schedule that it stands for; null if none made it';
COMMENT ON COLUMN taskcenter.finished_runs.catchup_from IS
'First instant of the range that a catch-up run stands for';
COMMENT ON COLUMN taskcenter.finished_runs.catchup_count IS 'Number of instants in that range';
COMMENT ON COLUMN taskcenter.finished_runs.started_at IS
'When the last attempt began; null if none did';
COMMENT ON COLUMN taskcenter.finished_runs.finished_at IS 'When it finished';
COMMENT ON COLUMN taskcenter.finished_runs.retention_class IS
'1 default, 2 default of failed runs, 3 own policy';
COMMENT ON COLUMN taskcenter.finished_runs.priority IS 'Priority that it had';
COMMENT ON COLUMN taskcenter.finished_runs.attempt IS 'Attempts begun';
COMMENT ON COLUMN taskcenter.finished_runs.max_attempts IS 'Attempts that it had';
COMMENT ON COLUMN taskcenter.finished_runs.lost IS 'How often its executor was lost';
COMMENT ON COLUMN taskcenter.finished_runs.is_catchup IS 'Whether it stood for missed instants';
COMMENT ON COLUMN taskcenter.finished_runs.status IS
'succeeded, failed, timed_out, cancelled or skipped';
COMMENT ON COLUMN taskcenter.finished_runs.params IS 'What param() gave: an object';
COMMENT ON COLUMN taskcenter.finished_runs.output IS
'What it left with set_output(), or its captured rows, as they are; null for none';
COMMENT ON COLUMN taskcenter.finished_runs.step IS 'Name of the step; null if it is none';
COMMENT ON COLUMN taskcenter.finished_runs.unique_key IS 'Key that the caller gave; null for none';
COMMENT ON COLUMN taskcenter.finished_runs.unique_until IS
'Until when the key admitted no other run';
COMMENT ON COLUMN taskcenter.finished_runs.reason IS 'Why it ended as it did; null if it succeeded';
COMMENT ON COLUMN taskcenter.finished_runs.error IS
'Message of the last failed attempt; null for none';
COMMENT ON COLUMN taskcenter.finished_runs.sqlstate IS 'Its SQLSTATE';
COMMENT ON COLUMN taskcenter.finished_runs.trace_id IS
'Correlation with the caller''s systems; null for none';
COMMENT ON COLUMN taskcenter.finished_runs.code IS
'Failure code that its worker named; null for SQL, where failure_code_of() tells it';
COMMENT ON COLUMN taskcenter.finished_runs.created_by IS 'Role that enqueued it, or scheduler';

COMMENT ON TABLE taskcenter.task_run_history IS
'Every change of status of every run, and every replacement of a queued one. Append-only; partitioned by retention class, then by time';
COMMENT ON COLUMN taskcenter.task_run_history.run_id IS 'Run that changed';
COMMENT ON COLUMN taskcenter.task_run_history.changed_at IS 'When';
COMMENT ON COLUMN taskcenter.task_run_history.owner_id IS 'OID of the task''s owner';
COMMENT ON COLUMN taskcenter.task_run_history.task_id IS 'Task of the run';
COMMENT ON COLUMN taskcenter.task_run_history.retention_class IS '1 default, 3 own policy or held';
COMMENT ON COLUMN taskcenter.task_run_history.attempt IS
'Attempt in which it changed; 0 before the first';
COMMENT ON COLUMN taskcenter.task_run_history.old_status IS 'Status before; null for a new run';
COMMENT ON COLUMN taskcenter.task_run_history.new_status IS
'Status after; the same where a queued run was replaced';
COMMENT ON COLUMN taskcenter.task_run_history.reason IS 'Why; null if nobody said';
COMMENT ON COLUMN taskcenter.task_run_history.actor IS
'Who: the name given with set_context(), else a role, executor or scheduler';

COMMENT ON TABLE taskcenter.task_run_logs IS
'What runs said: messages of their commands, lines of write_log(), errors. Append-only; partitioned by retention class, then by time';
COMMENT ON COLUMN taskcenter.task_run_logs.run_id IS 'Run that said it';
COMMENT ON COLUMN taskcenter.task_run_logs.logged_at IS 'When';
COMMENT ON COLUMN taskcenter.task_run_logs.owner_id IS 'OID of the task''s owner';
COMMENT ON COLUMN taskcenter.task_run_logs.task_id IS 'Task of the run';
COMMENT ON COLUMN taskcenter.task_run_logs.retention_class IS '1 default, 3 own policy or held';
COMMENT ON COLUMN taskcenter.task_run_logs.attempt IS 'Attempt that said it';
COMMENT ON COLUMN taskcenter.task_run_logs.level IS 'debug, log, info, notice, warning or error';
COMMENT ON COLUMN taskcenter.task_run_logs.message IS
'Text, with detail and hint on lines of their own; without secrets, as redact_text() shows';
COMMENT ON COLUMN taskcenter.task_run_logs.metadata IS
'Object given to write_log(), without secrets, as redact_json() shows; null for none';

COMMENT ON TABLE taskcenter.kept_keys IS
'Unique keys that outlive their run, by the option unique_for of enqueue_task()';
COMMENT ON COLUMN taskcenter.kept_keys.task_id IS 'Task within which the key is unique';
COMMENT ON COLUMN taskcenter.kept_keys.unique_key IS 'The key';
COMMENT ON COLUMN taskcenter.kept_keys.run_id IS 'Run that has it';
COMMENT ON COLUMN taskcenter.kept_keys.params IS 'Params of that run';
COMMENT ON COLUMN taskcenter.kept_keys.expires_at IS 'Until when it is kept';

COMMENT ON TABLE taskcenter.task_audit_logs IS
'Every change of a definition, a setting or the scheduler''s state, written in the same transaction. Append-only';
COMMENT ON COLUMN taskcenter.task_audit_logs.audit_id IS 'Identifies the row';
COMMENT ON COLUMN taskcenter.task_audit_logs.recorded_at IS 'When';
COMMENT ON COLUMN taskcenter.task_audit_logs.action IS 'What was done';
COMMENT ON COLUMN taskcenter.task_audit_logs.object_type IS
'Kind of the object: task, schedule, queue, setting, scheduler';
COMMENT ON COLUMN taskcenter.task_audit_logs.object_id IS 'Its id; null if it has none';
COMMENT ON COLUMN taskcenter.task_audit_logs.object_name IS 'Its name at that time';
COMMENT ON COLUMN taskcenter.task_audit_logs.owner_id IS
'OID of the owner of the task concerned; null if there is none';
COMMENT ON COLUMN taskcenter.task_audit_logs.old_values IS
'What was changed, before; null for a new object';
COMMENT ON COLUMN taskcenter.task_audit_logs.new_values IS
'What was changed, after; null for a dropped one';
COMMENT ON COLUMN taskcenter.task_audit_logs.actor IS
'Who: the name given with set_context(), else the role';
COMMENT ON COLUMN taskcenter.task_audit_logs.session_role IS 'Role that opened the session';
COMMENT ON COLUMN taskcenter.task_audit_logs.effective_role IS 'Role that acted';
COMMENT ON COLUMN taskcenter.task_audit_logs.application_name IS 'Application of the session';
COMMENT ON COLUMN taskcenter.task_audit_logs.client_addr IS
'Address of the client; null over a local socket';
COMMENT ON COLUMN taskcenter.task_audit_logs.reason IS 'Why; null if nobody said';
COMMENT ON COLUMN taskcenter.task_audit_logs.trace_id IS
'Correlation with the caller''s systems; null for none';

COMMENT ON TABLE taskcenter.finished_runs_1 IS
'Rows of finished_runs with default retention, partitioned by time';
COMMENT ON TABLE taskcenter.finished_runs_1_rest IS
'Rows of finished_runs_1 for whose time no partition was made';
COMMENT ON TABLE taskcenter.finished_runs_2 IS
'Rows of finished_runs with default retention of failed runs, partitioned by time';
COMMENT ON TABLE taskcenter.finished_runs_2_rest IS
'Rows of finished_runs_2 for whose time no partition was made';
COMMENT ON TABLE taskcenter.finished_runs_3 IS
'Rows of finished_runs with retention of their own, partitioned by time';
COMMENT ON TABLE taskcenter.finished_runs_3_rest IS
'Rows of finished_runs_3 for whose time no partition was made';
COMMENT ON TABLE taskcenter.task_run_history_1 IS
'Rows of task_run_history with default retention, partitioned by time';
COMMENT ON TABLE taskcenter.task_run_history_1_rest IS
'Rows of task_run_history_1 for whose time no partition was made';
COMMENT ON TABLE taskcenter.task_run_history_3 IS
'Rows of task_run_history with retention of their own, partitioned by time';
COMMENT ON TABLE taskcenter.task_run_history_3_rest IS
'Rows of task_run_history_3 for whose time no partition was made';
COMMENT ON TABLE taskcenter.task_run_logs_1 IS
'Rows of task_run_logs with default retention, partitioned by time';
COMMENT ON TABLE taskcenter.task_run_logs_1_rest IS
'Rows of task_run_logs_1 for whose time no partition was made';
COMMENT ON TABLE taskcenter.task_run_logs_3 IS
'Rows of task_run_logs with retention of their own, partitioned by time';
COMMENT ON TABLE taskcenter.task_run_logs_3_rest IS
'Rows of task_run_logs_3 for whose time no partition was made';
COMMENT ON SEQUENCE taskcenter.task_ids IS
'Values of task_id';
COMMENT ON SEQUENCE taskcenter.schedule_ids IS
'Values of schedule_id';
COMMENT ON SEQUENCE taskcenter.queue_ids IS
'Values of queue_id';
COMMENT ON SEQUENCE taskcenter.run_ids IS
'Values of run_id';
COMMENT ON SEQUENCE taskcenter.token_ids IS
'Values of token: one for each attempt';
COMMENT ON SEQUENCE taskcenter.executor_ids IS
'Values of executor_id: one for each executor process';
COMMENT ON SEQUENCE taskcenter.audit_ids IS
'Values of audit_id';
COMMENT ON SEQUENCE taskcenter.skip_ids IS
'Values of skip_id';
COMMENT ON VIEW taskcenter.task_runs IS
'All runs, finished or not, that the reader may see. Members of pg_monitor see all runs, without params, output, error, reason and unique_key';
COMMENT ON COLUMN taskcenter.task_runs.run_id IS
'Identifies the run for ever; grows with the order of creation';
COMMENT ON COLUMN taskcenter.task_runs.task_id IS 'Task of which this is a run';
COMMENT ON COLUMN taskcenter.task_runs.task IS 'Name of the task';
COMMENT ON COLUMN taskcenter.task_runs.parent_run_id IS
'Run of which this is a step; null if it is none';
COMMENT ON COLUMN taskcenter.task_runs.step IS 'Name of the step; null if it is none';
COMMENT ON COLUMN taskcenter.task_runs.status IS
'waiting, queued, running, retrying, succeeded, failed, timed_out, cancelled or skipped';
COMMENT ON COLUMN taskcenter.task_runs.attempt IS 'Attempts begun so far';
COMMENT ON COLUMN taskcenter.task_runs.max_attempts IS 'Attempts that it has';
COMMENT ON COLUMN taskcenter.task_runs.params IS 'What param() gives: an object';
COMMENT ON COLUMN taskcenter.task_runs.output IS
'What it left with set_output(), or its captured rows; null for none';
COMMENT ON COLUMN taskcenter.task_runs.error IS 'Message of the last failed attempt; null for none';
COMMENT ON COLUMN taskcenter.task_runs.sqlstate IS 'Its SQLSTATE';
COMMENT ON COLUMN taskcenter.task_runs.reason IS
'Why it ended or was put back as it was; null if nobody said';
COMMENT ON COLUMN taskcenter.task_runs.queue IS 'Name of its queue';
COMMENT ON COLUMN taskcenter.task_runs.priority IS 'Lower runs first';
COMMENT ON COLUMN taskcenter.task_runs.owner IS 'Role that manages the task';
COMMENT ON COLUMN taskcenter.task_runs.schedule_id IS 'Schedule that made it; null if none did';
COMMENT ON COLUMN taskcenter.task_runs.scheduled_for IS
'Instant of the schedule that it stands for; null if none made it';
COMMENT ON COLUMN taskcenter.task_runs.is_catchup IS 'Whether it stands for missed instants';
COMMENT ON COLUMN taskcenter.task_runs.catchup_from IS
'First instant of the range that a catch-up run stands for';
COMMENT ON COLUMN taskcenter.task_runs.catchup_count IS 'Number of instants in that range';
COMMENT ON COLUMN taskcenter.task_runs.run_at IS 'When it is, or was, due';
COMMENT ON COLUMN taskcenter.task_runs.created_at IS 'When it was made';
COMMENT ON COLUMN taskcenter.task_runs.created_by IS 'Role that enqueued it, or scheduler';
COMMENT ON COLUMN taskcenter.task_runs.started_at IS
'When the last attempt that ended began; running_runs shows the present one';
COMMENT ON COLUMN taskcenter.task_runs.finished_at IS 'When it finished; null while it has not';
COMMENT ON COLUMN taskcenter.task_runs.last_heartbeat_at IS
'Last sign of life of whoever executes it: of an executor now, while it is alive; of a worker its last beat; null without either';
COMMENT ON COLUMN taskcenter.task_runs.lost IS 'How often its executor was lost';
COMMENT ON COLUMN taskcenter.task_runs.unique_key IS 'Key that the caller gave; null for none';
COMMENT ON COLUMN taskcenter.task_runs.trace_id IS
'Correlation with the caller''s systems; null for none';
COMMENT ON COLUMN taskcenter.task_runs.code IS
'Failure code of the last error: what its worker named, else by its SQLSTATE; null without an error';

COMMENT ON VIEW taskcenter.running_runs IS
'Runs that are executing now, with their process and live progress; executor_activity() shows more';
COMMENT ON COLUMN taskcenter.running_runs.run_id IS 'The run';
COMMENT ON COLUMN taskcenter.running_runs.task IS 'Name of the task';
COMMENT ON COLUMN taskcenter.running_runs.attempt IS 'Present attempt';
COMMENT ON COLUMN taskcenter.running_runs.pid IS
'Process that executes it; null while it is claimed and has not begun';
COMMENT ON COLUMN taskcenter.running_runs.running_for IS
'How long ago the attempt began: an interval; null while it has not begun';
COMMENT ON COLUMN taskcenter.running_runs.done IS
'How far it says that it has come; null if it said nothing';
COMMENT ON COLUMN taskcenter.running_runs.total IS 'Of how much; null if it did not say';
COMMENT ON COLUMN taskcenter.running_runs.phase IS
'What it says that it does; null if it did not say';

COMMENT ON VIEW taskcenter.recent_runs IS
'Runs that are unfinished or finished in the last 24 hours, newest first, at most 1000; list_runs() pages through all, and task_runs has more columns';
COMMENT ON COLUMN taskcenter.recent_runs.run_id IS 'The run';
COMMENT ON COLUMN taskcenter.recent_runs.task IS 'Name of the task';
COMMENT ON COLUMN taskcenter.recent_runs.status IS 'As in task_runs';
COMMENT ON COLUMN taskcenter.recent_runs.attempt IS 'Attempts begun so far';
COMMENT ON COLUMN taskcenter.recent_runs.run_at IS 'When it is, or was, due';
COMMENT ON COLUMN taskcenter.recent_runs.duration IS
'How long the last attempt took: an interval; null before it ended';
COMMENT ON COLUMN taskcenter.recent_runs.error IS
'Beginning of the message of the last failed attempt; null for none';

COMMENT ON VIEW taskcenter.failed_runs IS
'Runs that failed or exceeded their time limit, the latest first, at most 1000; list_runs() pages through all, and explain_run() says more of one';
COMMENT ON COLUMN taskcenter.failed_runs.run_id IS 'The run';
COMMENT ON COLUMN taskcenter.failed_runs.task IS 'Name of the task';
COMMENT ON COLUMN taskcenter.failed_runs.status IS 'failed or timed_out';
COMMENT ON COLUMN taskcenter.failed_runs.finished_at IS 'When it failed';
COMMENT ON COLUMN taskcenter.failed_runs.sqlstate IS
'SQLSTATE of the last attempt; null if it was lost';
COMMENT ON COLUMN taskcenter.failed_runs.error IS
'Beginning of the message of the last attempt; task_runs has all of it';

COMMENT ON VIEW taskcenter.next_fires IS
'Active schedules of active tasks by their next instant';
COMMENT ON COLUMN taskcenter.next_fires.fires_at IS 'Next instant';
COMMENT ON COLUMN taskcenter.next_fires.task IS 'Name of the task';
COMMENT ON COLUMN taskcenter.next_fires.schedule_name IS 'Name of the schedule';
COMMENT ON COLUMN taskcenter.next_fires.schedule IS 'Its expression';
COMMENT ON COLUMN taskcenter.next_fires.timezone IS 'Time zone in which local times are meant';

COMMENT ON VIEW taskcenter.run_transitions IS
'Which status of a run may follow which: what the triggers allow';
COMMENT ON COLUMN taskcenter.run_transitions.old_status IS 'The status before';
COMMENT ON COLUMN taskcenter.run_transitions.new_status IS
'A status that may follow; from a finished one only by retry_run()';

COMMENT ON VIEW taskcenter.status IS
'Is everything as it should be? One row for each check, what needs somebody first, with advice, folded to 100 columns; health() and status_checks() are for programs';
COMMENT ON COLUMN taskcenter.status.check_name IS 'What was looked at';
COMMENT ON COLUMN taskcenter.status.state IS
'ok, warn (it works, look at it) or fail (something does not work)';
COMMENT ON COLUMN taskcenter.status.detail IS 'What was seen';
COMMENT ON COLUMN taskcenter.status.hint IS 'What to do; null if nothing is to be done';

COMMENT ON COLUMN taskcenter.settings.description IS 'What it is for';

COMMENT ON COLUMN taskcenter.databases.database IS 'Name of the database';
COMMENT ON COLUMN taskcenter.databases.scheduler_pid IS
'Process of its scheduler; null if none is running';

COMMENT ON TYPE taskcenter.executor_info IS
'An executor of this database and the run that it executes';
COMMENT ON TYPE taskcenter.newest_run IS
'A run as recent_runs and failed_runs show it';
COMMENT ON TYPE taskcenter.last_run IS
'The last run of a task, as task_overview shows it';
COMMENT ON TYPE taskcenter.run_transition IS
'A row of the view run_transitions';
COMMENT ON TYPE taskcenter.check_result IS
'A row of the view status';
COMMENT ON TYPE taskcenter.help_entry IS
'A line of help(): what it is about, its kind, its name and what it means';
