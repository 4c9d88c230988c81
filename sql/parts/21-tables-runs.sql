/*
 * Runs.  Unfinished ones live in live_runs, which stays small; the finish
 * moves them to finished_runs in one statement.  finished_runs, history and
 * logs are partitioned by retention class, then by time.
 */
SET LOCAL ROLE taskcenter_owner;

/* what is never null, and of fixed width, comes first: it is found without reading the rest */
CREATE TABLE taskcenter.live_runs (
    run_id          bigint NOT NULL,
    task_id         bigint NOT NULL,
    run_as_id       bigint NOT NULL,
    owner_id        bigint NOT NULL,
    queue_id        bigint NOT NULL,
    gate            bigint NOT NULL DEFAULT 0,
    run_at          timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    priority        int NOT NULL,
    attempt         int NOT NULL DEFAULT 0,
    max_attempts    int NOT NULL,
    lost            int NOT NULL DEFAULT 0,
    retention_class int NOT NULL DEFAULT 1,
    is_catchup      boolean NOT NULL DEFAULT false,
    status          text NOT NULL,
    created_by      text NOT NULL,
    params          jsonb NOT NULL DEFAULT '{}',
    schedule_id     bigint,
    parent_run_id   bigint,
    executor_id     bigint,
    token           bigint,
    scheduled_for   timestamptz,
    catchup_from    timestamptz,
    catchup_count   bigint,
    claimed_at      timestamptz,
    started_at      timestamptz,
    last_heartbeat_at timestamptz,
    cancel_requested_at timestamptz,
    step            text,
    unique_key      text,
    unique_guard    text,
    unique_until    text,
    reason          text,
    error           text,
    sqlstate        text,
    trace_id        text,
    worker_id       bigint,
    last_token      bigint,
    lease_until     timestamptz,
    group_key       text,
    progress        jsonb,
    definition_id   bigint,
    graph_version   int,
    item            int,
    step_state      jsonb,
    CONSTRAINT live_runs_pkey PRIMARY KEY (run_id),
    /* the planner leaves this table out of queries for finished runs */
    CONSTRAINT live_run_status_known
        CHECK (status = ANY (ARRAY['waiting', 'queued', 'running', 'retrying']))
)
/* every run passes through here: keep it small whatever the server's defaults are */
WITH (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 5000,
      autovacuum_analyze_scale_factor = 0.2, autovacuum_analyze_threshold = 5000,
      autovacuum_vacuum_cost_delay = 1);
/* the claim's way: one lane is (run_as_id, queue_id, priority, gate) */
CREATE INDEX live_runs_ready_idx ON taskcenter.live_runs
    (run_as_id, queue_id, priority, gate, run_at, run_id)
    WHERE status = ANY (ARRAY['queued', 'retrying']);
CREATE INDEX live_runs_running_idx ON taskcenter.live_runs (task_id, executor_id)
    WHERE status = 'running';
CREATE INDEX live_runs_schedule_idx ON taskcenter.live_runs (task_id)
    WHERE schedule_id IS NOT NULL;
/* of workers: which lease ends first, and what a worker holds */
CREATE INDEX live_runs_lease_idx ON taskcenter.live_runs (lease_until)
    WHERE lease_until IS NOT NULL;
CREATE INDEX live_runs_worker_idx ON taskcenter.live_runs (worker_id)
    WHERE worker_id IS NOT NULL;
CREATE INDEX live_runs_parent_idx ON taskcenter.live_runs (parent_run_id)
    WHERE parent_run_id IS NOT NULL;
CREATE INDEX live_runs_signal_idx ON taskcenter.live_runs ((step_state ->> 'signal'))
    WHERE step_state ->> 'signal' IS NOT NULL;
CREATE INDEX live_runs_lost_idx ON taskcenter.live_runs (run_id) WHERE lost > 0;
CREATE UNIQUE INDEX live_runs_unique_key ON taskcenter.live_runs (task_id, unique_guard)
    WHERE unique_guard IS NOT NULL;

CREATE TABLE taskcenter.finished_runs (
    run_id          bigint NOT NULL,
    task_id         bigint NOT NULL,
    run_as_id       bigint NOT NULL,
    owner_id        bigint NOT NULL,
    queue_id        bigint NOT NULL,
    run_at          timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz NOT NULL,
    retention_class int NOT NULL,
    priority        int NOT NULL,
    attempt         int NOT NULL,
    max_attempts    int NOT NULL,
    lost            int NOT NULL,
    is_catchup      boolean NOT NULL,
    status          text NOT NULL,
    created_by      text NOT NULL,
    params          jsonb NOT NULL,
    output          jsonb,
    schedule_id     bigint,
    parent_run_id   bigint,
    scheduled_for   timestamptz,
    catchup_from    timestamptz,
    catchup_count   bigint,
    started_at      timestamptz,
    step            text,
    unique_key      text,
    unique_until    text,
    reason          text,
    error           text,
    sqlstate        text,
    trace_id        text,
    code            text,
    worker_id       bigint,
    token           bigint,
    group_key       text,
    definition_id   bigint,
    graph_version   int,
    item            int,
    CONSTRAINT finished_run_status_known
        CHECK (status = ANY (ARRAY['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped']))
) PARTITION BY LIST (retention_class);

CREATE TABLE taskcenter.task_run_history (
    run_id          bigint NOT NULL,
    changed_at      timestamptz NOT NULL,
    owner_id        bigint NOT NULL,
    task_id         bigint NOT NULL,
    retention_class int NOT NULL DEFAULT 1,
    attempt         int NOT NULL,
    old_status      text,
    new_status      text NOT NULL,
    reason          text,
    actor           text NOT NULL,
    /* null: no event, as when a run is made, which others do in long transactions */
    event_id        bigint DEFAULT taskcenter.next_event_id()
) PARTITION BY LIST (retention_class);

CREATE TABLE taskcenter.task_run_logs (
    run_id          bigint NOT NULL,
    logged_at       timestamptz NOT NULL,
    owner_id        bigint NOT NULL,
    task_id         bigint NOT NULL,
    retention_class int NOT NULL DEFAULT 1,
    attempt         int NOT NULL,
    level           text NOT NULL,
    message         text NOT NULL,
    metadata        jsonb
) PARTITION BY LIST (retention_class);

/*
 * Classes: 1 default, 2 default of failed runs, 3 own policy or held.  The
 * class tables take time partitions once the database is activated; until
 * then, and as a net afterwards, each has a default partition.
 */
CREATE TABLE taskcenter.finished_runs_1 PARTITION OF taskcenter.finished_runs
    FOR VALUES IN (1) PARTITION BY RANGE (finished_at);
CREATE TABLE taskcenter.finished_runs_2 PARTITION OF taskcenter.finished_runs
    FOR VALUES IN (2) PARTITION BY RANGE (finished_at);
CREATE TABLE taskcenter.finished_runs_3 PARTITION OF taskcenter.finished_runs
    FOR VALUES IN (3) PARTITION BY RANGE (finished_at);
CREATE TABLE taskcenter.finished_runs_1_rest PARTITION OF taskcenter.finished_runs_1 DEFAULT;
CREATE TABLE taskcenter.finished_runs_2_rest PARTITION OF taskcenter.finished_runs_2 DEFAULT;
CREATE TABLE taskcenter.finished_runs_3_rest PARTITION OF taskcenter.finished_runs_3 DEFAULT;

CREATE TABLE taskcenter.task_run_history_1 PARTITION OF taskcenter.task_run_history
    FOR VALUES IN (1) PARTITION BY RANGE (changed_at);
CREATE TABLE taskcenter.task_run_history_3 PARTITION OF taskcenter.task_run_history
    FOR VALUES IN (3) PARTITION BY RANGE (changed_at);
CREATE TABLE taskcenter.task_run_history_1_rest
    PARTITION OF taskcenter.task_run_history_1 DEFAULT;
CREATE TABLE taskcenter.task_run_history_3_rest
    PARTITION OF taskcenter.task_run_history_3 DEFAULT;

CREATE TABLE taskcenter.task_run_logs_1 PARTITION OF taskcenter.task_run_logs
    FOR VALUES IN (1) PARTITION BY RANGE (logged_at);
CREATE TABLE taskcenter.task_run_logs_3 PARTITION OF taskcenter.task_run_logs
    FOR VALUES IN (3) PARTITION BY RANGE (logged_at);
CREATE TABLE taskcenter.task_run_logs_1_rest PARTITION OF taskcenter.task_run_logs_1 DEFAULT;
CREATE TABLE taskcenter.task_run_logs_3_rest PARTITION OF taskcenter.task_run_logs_3 DEFAULT;

/* partitions carry the indexes, never the parents: a dump could not attach them again */
CREATE INDEX finished_runs_1_rest_run_idx ON taskcenter.finished_runs_1_rest (run_id);
CREATE INDEX finished_runs_2_rest_run_idx ON taskcenter.finished_runs_2_rest (run_id);
CREATE INDEX finished_runs_3_rest_run_idx ON taskcenter.finished_runs_3_rest (run_id);
CREATE INDEX task_run_history_1_rest_run_idx ON taskcenter.task_run_history_1_rest (run_id);
CREATE INDEX task_run_history_3_rest_run_idx ON taskcenter.task_run_history_3_rest (run_id);
CREATE INDEX task_run_logs_1_rest_run_idx ON taskcenter.task_run_logs_1_rest (run_id);
CREATE INDEX task_run_logs_3_rest_run_idx ON taskcenter.task_run_logs_3_rest (run_id);
CREATE INDEX finished_runs_1_rest_parent_idx ON taskcenter.finished_runs_1_rest
    (parent_run_id, step) WHERE parent_run_id IS NOT NULL;
CREATE INDEX finished_runs_2_rest_parent_idx ON taskcenter.finished_runs_2_rest
    (parent_run_id, step) WHERE parent_run_id IS NOT NULL;
CREATE INDEX finished_runs_3_rest_parent_idx ON taskcenter.finished_runs_3_rest
    (parent_run_id, step) WHERE parent_run_id IS NOT NULL;
CREATE INDEX finished_runs_1_rest_policy_idx ON taskcenter.finished_runs_1_rest
    (task_id, finished_at);
CREATE INDEX finished_runs_2_rest_policy_idx ON taskcenter.finished_runs_2_rest
    (task_id, finished_at);
CREATE INDEX finished_runs_3_rest_policy_idx ON taskcenter.finished_runs_3_rest
    (task_id, finished_at);
CREATE INDEX task_run_history_1_rest_policy_idx ON taskcenter.task_run_history_1_rest
    (task_id, changed_at);
CREATE INDEX task_run_history_3_rest_policy_idx ON taskcenter.task_run_history_3_rest
    (task_id, changed_at);
CREATE INDEX task_run_logs_1_rest_policy_idx ON taskcenter.task_run_logs_1_rest
    (task_id, logged_at);
CREATE INDEX task_run_logs_3_rest_policy_idx ON taskcenter.task_run_logs_3_rest
    (task_id, logged_at);

/* of the roots too: a publication can be by way of them */
ALTER TABLE taskcenter.finished_runs REPLICA IDENTITY FULL;
ALTER TABLE taskcenter.task_run_history REPLICA IDENTITY FULL;
ALTER TABLE taskcenter.task_run_logs REPLICA IDENTITY FULL;
ALTER TABLE taskcenter.finished_runs_1_rest REPLICA IDENTITY FULL;
ALTER TABLE taskcenter.finished_runs_2_rest REPLICA IDENTITY FULL;
ALTER TABLE taskcenter.finished_runs_3_rest REPLICA IDENTITY FULL;
ALTER TABLE taskcenter.task_run_history_1_rest REPLICA IDENTITY FULL;
ALTER TABLE taskcenter.task_run_history_3_rest REPLICA IDENTITY FULL;
ALTER TABLE taskcenter.task_run_logs_1_rest REPLICA IDENTITY FULL;
ALTER TABLE taskcenter.task_run_logs_3_rest REPLICA IDENTITY FULL;

/* keys that outlive their run: enqueue_task(..., options => '{"unique_for": ...}') */
CREATE TABLE taskcenter.kept_keys (
    task_id         bigint NOT NULL,
    unique_key      text NOT NULL,
    run_id          bigint NOT NULL,
    params          jsonb NOT NULL,
    expires_at      timestamptz NOT NULL,
    CONSTRAINT kept_keys_pkey PRIMARY KEY (task_id, unique_key)
);
CREATE INDEX kept_keys_expires_idx ON taskcenter.kept_keys (expires_at);

CREATE TABLE taskcenter.task_audit_logs (
    audit_id        bigint NOT NULL DEFAULT nextval('taskcenter.audit_ids'),
    recorded_at     timestamptz NOT NULL,
    action          text NOT NULL,
    object_type     text NOT NULL,
    object_id       bigint,
    object_name     text,
    owner_id        bigint,
    old_values      jsonb,
    new_values      jsonb,
    channel         text NOT NULL,
    run_id          bigint,
    actor           text NOT NULL,
    session_role    text NOT NULL,
    effective_role  text NOT NULL,
    application_name text,
    client_addr     text,
    reason          text,
    trace_id        text,
    event_id        bigint DEFAULT taskcenter.next_event_id(),
    CONSTRAINT task_audit_logs_pkey PRIMARY KEY (audit_id)
);
CREATE INDEX task_audit_logs_object_idx ON taskcenter.task_audit_logs
    (object_type, object_id, audit_id);

RESET ROLE;
