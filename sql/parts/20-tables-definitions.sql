/*
 * Definitions: what is to be done, when, and through which queue.
 *
 * No foreign keys between our relations: a parallel restore loads them in any
 * order.  Roles are kept as OID and name.  No rows are inserted here: a
 * restore would collide with them; activation makes what must exist.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.task_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.schedule_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.queue_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.run_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.token_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.executor_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.audit_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.skip_ids MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.tasks (
    task_id         bigint NOT NULL DEFAULT nextval('taskcenter.task_ids'),
    name            text NOT NULL,
    kind            text NOT NULL,
    state           text NOT NULL DEFAULT 'active',
    status          text,
    status_changed_at timestamptz,
    state_reason    text,
    command         text,
    params          jsonb NOT NULL DEFAULT '{}',
    queue           text NOT NULL DEFAULT 'default',
    priority        int NOT NULL DEFAULT 0,
    max_attempts    int NOT NULL DEFAULT 1,
    backoff         text NOT NULL DEFAULT 'exponential',
    backoff_base    interval NOT NULL DEFAULT '1 second',
    backoff_cap     interval NOT NULL DEFAULT '1 hour',
    timeout         interval,
    overlap         text NOT NULL DEFAULT 'skip',
    misfire         text NOT NULL DEFAULT 'run_once',
    transaction_mode text NOT NULL DEFAULT 'auto',
    learned_mode    text,
    on_crash        text NOT NULL DEFAULT 'retry',
    owner           text NOT NULL,
    owner_id        bigint NOT NULL,
    run_as          text NOT NULL,
    run_as_id       bigint NOT NULL,
    description     text,
    tags            text[] NOT NULL DEFAULT '{}',
    application     text,
    batch           int NOT NULL DEFAULT 60,
    isolation       text NOT NULL DEFAULT 'pooled',
    synchronous_commit text,
    settings        jsonb NOT NULL DEFAULT '{}',
    capture_output  boolean NOT NULL DEFAULT false,
    log_level       text NOT NULL DEFAULT 'notice',
    max_running     int,
    max_lost        int NOT NULL DEFAULT 3,
    stuck_after     interval,
    misfire_grace   interval NOT NULL DEFAULT '1 minute',
    max_catchup     int NOT NULL DEFAULT 100,
    dst_gap         text,
    dst_repeat      text,
    retention       text,
    failed_retention text,
    events          text NOT NULL DEFAULT 'all',
    requires_flag   text,
    group_key       text,
    rate_limit      text,
    workflow        text,
    retry_rules     jsonb NOT NULL DEFAULT '[]',
    definition_version bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    archived_at     timestamptz,
    hold_reason     text,
    /* of its new runs: 1 default, 3 own policy or held */
    retention_class int NOT NULL GENERATED ALWAYS AS (
        CASE WHEN retention IS NULL AND failed_retention IS NULL AND hold_reason IS NULL
        THEN 1 ELSE 3 END) STORED,
    /* its runs have a lane of their own: claimed one by one, limited, paced, batched, flagged or held */
    gated           boolean NOT NULL GENERATED ALWAYS AS (
        max_running IS NOT NULL OR (rate_limit IS NOT NULL AND kind = 'sql')
        OR transaction_mode = 'autonomous'
        OR transaction_mode = 'batched' OR learned_mode IS NOT NULL
        OR isolation = 'process' OR on_crash = 'fail' OR requires_flag IS NOT NULL
        OR state = 'disabled' OR state = 'quarantined' OR state = 'archived') STORED,
    CONSTRAINT tasks_pkey PRIMARY KEY (task_id),
    CONSTRAINT task_kind_known CHECK (kind = ANY (ARRAY['sql', 'composite', 'external', 'manual'])),
    CONSTRAINT task_state_known
        CHECK (state = ANY (ARRAY['active', 'paused', 'disabled', 'quarantined', 'archived'])),
    CONSTRAINT task_backoff_known
        CHECK (backoff = ANY (ARRAY['none', 'fixed', 'linear', 'exponential'])),
    CONSTRAINT task_overlap_known
        CHECK (overlap = ANY (ARRAY['skip', 'queue', 'allow', 'cancel_running'])),
    CONSTRAINT task_misfire_known CHECK (misfire = ANY (ARRAY['run_once', 'skip', 'run_all'])),
    CONSTRAINT task_mode_known
        CHECK (transaction_mode = ANY (ARRAY['auto', 'atomic', 'batched', 'autonomous'])),
    CONSTRAINT task_on_crash_known CHECK (on_crash = ANY (ARRAY['retry', 'fail'])),
    CONSTRAINT task_isolation_known CHECK (isolation = ANY (ARRAY['pooled', 'process'])),
    CONSTRAINT task_archived_has_end CHECK ((state = 'archived') = (archived_at IS NOT NULL)),
    CONSTRAINT task_params_is_object CHECK (jsonb_typeof(params) = 'object'),
    CONSTRAINT task_manual_has_status CHECK (CASE WHEN kind = 'manual'
        THEN workflow IS NOT NULL AND status IS NOT NULL AND status_changed_at IS NOT NULL
        ELSE workflow IS NULL AND status IS NULL AND status_changed_at IS NULL END)
);
CREATE UNIQUE INDEX tasks_name_key ON taskcenter.tasks (name) WHERE state <> 'archived';
/* those that a purge must know of */
CREATE INDEX tasks_own_retention_idx ON taskcenter.tasks (task_id) WHERE retention_class = 3;
CREATE INDEX tasks_run_as_idx ON taskcenter.tasks (run_as_id);
/* what row security and grants ask for */
CREATE INDEX tasks_owner_idx ON taskcenter.tasks (owner_id);
CREATE INDEX tasks_application_idx ON taskcenter.tasks (application)
    WHERE application IS NOT NULL;
CREATE INDEX tasks_workflow_idx ON taskcenter.tasks (workflow, status)
    WHERE workflow IS NOT NULL;

/* few: what status and people ask for */
CREATE INDEX tasks_held_idx ON taskcenter.tasks (state, name)
    WHERE state = ANY (ARRAY['paused', 'disabled', 'quarantined']);

CREATE TABLE taskcenter.schedules (
    schedule_id     bigint NOT NULL DEFAULT nextval('taskcenter.schedule_ids'),
    task_id         bigint NOT NULL,
    owner_id        bigint NOT NULL,
    name            text NOT NULL,
    schedule        text NOT NULL,
    timezone        text NOT NULL,
    state           text NOT NULL DEFAULT 'active',
    state_reason    text,
    next_run_at     timestamptz,
    last_run_at     timestamptz,
    starts_at       timestamptz,
    ends_at         timestamptz,
    anchor_at       timestamptz NOT NULL,
    jitter          interval,
    misfire         text,
    misfire_grace   interval,
    max_catchup     int,
    dst_gap         text,
    dst_repeat      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schedules_pkey PRIMARY KEY (schedule_id),
    CONSTRAINT schedule_state_known
        CHECK (state = ANY (ARRAY['active', 'paused', 'completed', 'quarantined'])),
    CONSTRAINT schedule_misfire_known CHECK (misfire = ANY (ARRAY['run_once', 'skip', 'run_all']))
);
CREATE UNIQUE INDEX schedules_task_name_key ON taskcenter.schedules (task_id, name);
CREATE INDEX schedules_due_idx ON taskcenter.schedules (next_run_at)
    WHERE state = 'active' AND next_run_at IS NOT NULL;

CREATE INDEX schedules_held_idx ON taskcenter.schedules (state, task_id)
    WHERE state = ANY (ARRAY['paused', 'quarantined']);
CREATE INDEX schedules_idle_idx ON taskcenter.schedules (schedule_id)
    WHERE state = 'active' AND next_run_at IS NULL;

CREATE TABLE taskcenter.skipped_fires (
    skip_id         bigint NOT NULL DEFAULT nextval('taskcenter.skip_ids'),
    schedule_id     bigint NOT NULL,
    task_id         bigint NOT NULL,
    owner_id        bigint NOT NULL,
    skipped_from    timestamptz NOT NULL,
    skipped_to      timestamptz NOT NULL,
    instants        bigint NOT NULL,
    reason          text NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT skipped_fires_pkey PRIMARY KEY (skip_id),
    CONSTRAINT skipped_fire_is_range CHECK (skipped_from <= skipped_to AND instants > 0)
);
CREATE INDEX skipped_fires_schedule_idx ON taskcenter.skipped_fires (schedule_id, skip_id);

CREATE TABLE taskcenter.queues (
    queue_id        bigint NOT NULL DEFAULT nextval('taskcenter.queue_ids'),
    queue           text NOT NULL,
    state           text NOT NULL DEFAULT 'active',
    state_reason    text,
    max_running     int,
    description     text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT queues_pkey PRIMARY KEY (queue_id),
    CONSTRAINT queue_state_known CHECK (state = ANY (ARRAY['active', 'paused'])),
    CONSTRAINT queue_limit_not_negative CHECK (max_running >= 0)
);
CREATE UNIQUE INDEX queues_queue_key ON taskcenter.queues (queue);

CREATE TABLE taskcenter.setting_values (
    key             text NOT NULL,
    value           text NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      text NOT NULL,
    CONSTRAINT setting_values_pkey PRIMARY KEY (key)
);

/* One row, made by activation: what the scheduler may do, and where it was adopted. */
CREATE TABLE taskcenter.scheduler_state (
    only_row        boolean NOT NULL DEFAULT true,
    state           text NOT NULL DEFAULT 'running',
    state_reason    text,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      text NOT NULL,
    system_identifier text NOT NULL,
    database_id     bigint NOT NULL,
    database_name   text NOT NULL,
    adopted_at      timestamptz NOT NULL DEFAULT now(),
    rebooted_at     timestamptz,
    CONSTRAINT scheduler_state_pkey PRIMARY KEY (only_row),
    CONSTRAINT scheduler_state_only_row CHECK (only_row),
    CONSTRAINT scheduler_state_known
        CHECK (state = ANY (ARRAY['running', 'paused', 'draining', 'disabled']))
);

RESET ROLE;
