/*
 * Events.  The rows of task_run_history, task_status_history and
 * task_audit_logs that have an event_id are events; here is what leaves no
 * other record.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TABLE taskcenter.noted_events (
    event_id        bigint NOT NULL DEFAULT taskcenter.next_event_id(),
    recorded_at     timestamptz NOT NULL,
    event_type      text NOT NULL,
    owner_id        bigint,
    task_id         bigint,
    run_id          bigint,
    payload         jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT noted_events_pkey PRIMARY KEY (event_id)
);

/* what has no number is no event */
CREATE INDEX task_run_history_1_rest_event_idx ON taskcenter.task_run_history_1_rest (event_id)
    WHERE event_id IS NOT NULL;
CREATE INDEX task_run_history_3_rest_event_idx ON taskcenter.task_run_history_3_rest (event_id)
    WHERE event_id IS NOT NULL;
CREATE INDEX task_status_history_event_idx ON taskcenter.task_status_history (event_id)
    WHERE event_id IS NOT NULL;
CREATE INDEX task_audit_logs_event_idx ON taskcenter.task_audit_logs (event_id)
    WHERE event_id IS NOT NULL;

ALTER TABLE taskcenter.noted_events ENABLE ROW LEVEL SECURITY;

RESET ROLE;
