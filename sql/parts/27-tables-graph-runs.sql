/*
 * Runs of graphs: how far each has come, which steps have ended since somebody
 * looked, what people decided, and signals.  One row of graph_progress is all
 * that changes when a step ends, and only under its lock.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.arrival_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.signal_ids MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.graph_progress (
    run_id          bigint NOT NULL,
    parent_run_id   bigint,
    task_id         bigint NOT NULL,
    version         int NOT NULL,
    owner_id        bigint NOT NULL,
    state           text NOT NULL,
    phase           text NOT NULL DEFAULT 'running',
    paused          boolean NOT NULL DEFAULT false,
    items           int,
    items_succeeded int NOT NULL DEFAULT 0,
    items_failed    int NOT NULL DEFAULT 0,
    end_status      text,
    reason          text,
    deadline        timestamptz,
    gives_up_to     bigint,
    CONSTRAINT graph_progress_pkey PRIMARY KEY (run_id)
);
CREATE INDEX graph_progress_parent_idx ON taskcenter.graph_progress (parent_run_id)
    WHERE parent_run_id IS NOT NULL;
CREATE INDEX graph_progress_deadline_idx ON taskcenter.graph_progress (deadline)
    WHERE deadline IS NOT NULL;

/* roots that go on while all else is paused: one of their steps has paused it */
CREATE TABLE taskcenter.graph_exemptions (
    run_id          bigint NOT NULL,
    CONSTRAINT graph_exemptions_pkey PRIMARY KEY (run_id)
);

/* a queue: who ends a step adds a row, who advances its root takes it */
CREATE TABLE taskcenter.arrivals (
    arrival_id      bigint NOT NULL DEFAULT nextval('taskcenter.arrival_ids'),
    root_run_id     bigint NOT NULL,
    run_id          bigint NOT NULL,
    step            text NOT NULL,
    item            int,
    outcome         text NOT NULL,
    arrived_at      timestamptz NOT NULL,
    CONSTRAINT arrivals_pkey PRIMARY KEY (root_run_id, arrival_id)
)
WITH (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 5000,
      autovacuum_vacuum_cost_delay = 1);

CREATE TABLE taskcenter.decisions (
    run_id          bigint NOT NULL,
    role_id         bigint NOT NULL,
    role            text NOT NULL,
    owner_id        bigint NOT NULL,
    decision        text NOT NULL,
    note            text,
    evidence        jsonb,
    decided_at      timestamptz NOT NULL,
    CONSTRAINT decisions_pkey PRIMARY KEY (run_id, role_id),
    CONSTRAINT decision_known CHECK (decision = ANY (ARRAY['approve', 'reject']))
);

CREATE TABLE taskcenter.signals (
    signal_id       bigint NOT NULL DEFAULT nextval('taskcenter.signal_ids'),
    signal          text NOT NULL,
    signal_key      text,
    payload         jsonb,
    sent_at         timestamptz NOT NULL,
    sent_by         text NOT NULL,
    sender_id       bigint NOT NULL,
    consumed_at     timestamptz,
    consumed_by_run_id bigint,
    CONSTRAINT signals_pkey PRIMARY KEY (signal_id)
);
CREATE INDEX signals_waiting_idx ON taskcenter.signals (signal, signal_key, signal_id)
    WHERE consumed_at IS NULL;

ALTER TABLE taskcenter.graph_progress ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.graph_exemptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.arrivals ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.decisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.signals ENABLE ROW LEVEL SECURITY;

RESET ROLE;
