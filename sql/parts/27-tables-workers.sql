/*
 * External workers, and the tokens of rate limits.  What a worker holds stands
 * in live_runs: worker_id, token and lease_until.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.worker_ids MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.workers (
    worker_id       bigint NOT NULL DEFAULT nextval('taskcenter.worker_ids'),
    name            text NOT NULL,
    role            text NOT NULL,
    role_id         bigint NOT NULL,
    queues          text[] NOT NULL,
    tasks           text[],
    metadata        jsonb NOT NULL DEFAULT '{}',
    registered_at   timestamptz NOT NULL,
    last_heartbeat_at timestamptz NOT NULL,
    ended_at        timestamptz,
    CONSTRAINT workers_pkey PRIMARY KEY (worker_id)
);
CREATE INDEX workers_role_idx ON taskcenter.workers (role_id, last_heartbeat_at);

/* one row for each queue and key that has a rate limit and was claimed from */
CREATE TABLE taskcenter.rate_buckets (
    queue_id        bigint NOT NULL,
    rate_key        text NOT NULL,
    full_at         timestamptz NOT NULL,
    day_ends_at     timestamptz,
    day_begun       bigint,
    month_ends_at   timestamptz,
    month_begun     bigint,
    CONSTRAINT rate_buckets_pkey PRIMARY KEY (queue_id, rate_key)
);
CREATE INDEX rate_buckets_told_idx ON taskcenter.rate_buckets
    (greatest(full_at, day_ends_at, month_ends_at));

RESET ROLE;
