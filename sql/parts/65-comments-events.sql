COMMENT ON VIEW taskcenter.events IS
'What happened, in one stream: task_run_started, task_run_finished (status says how), task_run_retrying, task_run_queued (given back, or retried by somebody), task_run_noted; scheduler_tick when it made runs; status_changed, status_refused of tasks that people move; dead_letter_opened, _redriven, _resolved, _discarded; worker_registered, worker_ended; alert_breached, alert_recovered of alert rules (for members of pg_monitor), alert_notified of a task that keeps failing, alert_released of alerts that were held back, alert_escalated of one that nobody acknowledged (attention rules decide which are told); task_history_purged, one for each piece; flag_changed, task_changed, schedule_changed, queue_changed, setting_changed, scheduler_changed, grant_changed and the like, with old and new values; task_run_steered for a call that cancelled or retried; guards_repaired. Making a run is no event. Follow it with read_events(); for a look at the newest: read_events(events_end() - 100)';
COMMENT ON COLUMN taskcenter.events.event_id IS
'Its place in the stream; grows, with gaps. Later events can be seen before earlier ones have committed: read_events() waits for these';
COMMENT ON COLUMN taskcenter.events.recorded_at IS 'When it was written';
COMMENT ON COLUMN taskcenter.events.event_type IS 'What happened';
COMMENT ON COLUMN taskcenter.events.task_id IS 'Task that it is about; null for none';
COMMENT ON COLUMN taskcenter.events.task IS 'The task''s name now';
COMMENT ON COLUMN taskcenter.events.run_id IS 'Run that it is about; null for none';
COMMENT ON COLUMN taskcenter.events.attempt IS 'Attempt of the run';
COMMENT ON COLUMN taskcenter.events.status IS
'Status that the run or task moved to, or the new state of what was changed; null for none';
COMMENT ON COLUMN taskcenter.events.actor IS 'Who did it; null for the scheduler''s ticks';
COMMENT ON COLUMN taskcenter.events.payload IS
'What else is known: an object, without nulls, secrets hidden. Of runs: old_status, reason, max_attempts, origin (call, schedule, step), schedule_id, scheduled_for, parent_run_id, step, trace_id; of ends also started_at, finished_at, duration_ms, error, sqlstate, while the run is kept and has not been retried';
COMMENT ON SEQUENCE taskcenter.event_ids IS
'Numbers of events; to be given one by one, without a cache';
COMMENT ON TABLE taskcenter.noted_events IS
'Events that leave no other record; read them through events';
COMMENT ON COLUMN taskcenter.noted_events.event_id IS 'As events.event_id';
COMMENT ON COLUMN taskcenter.noted_events.recorded_at IS 'When it was written';
COMMENT ON COLUMN taskcenter.noted_events.event_type IS 'What happened';
COMMENT ON COLUMN taskcenter.noted_events.owner_id IS
'OID of the role whose it is; null for nobody''s, seen by members of pg_monitor';
COMMENT ON COLUMN taskcenter.noted_events.task_id IS 'Task that it is about; null for none';
COMMENT ON COLUMN taskcenter.noted_events.run_id IS 'Run that it is about; null for none';
COMMENT ON COLUMN taskcenter.noted_events.payload IS 'What else is known: an object';
COMMENT ON COLUMN taskcenter.task_run_history.event_id IS
'Its place among the events; null for none, as when a run is made';
COMMENT ON COLUMN taskcenter.task_audit_logs.event_id IS 'Its place among the events';
COMMENT ON COLUMN taskcenter.task_status_history.event_id IS
'Its place among the events; null for none, as for rows of users'' tables';
