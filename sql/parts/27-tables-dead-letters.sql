/*
 * What failed for good: one dead letter for each run that ended failed or
 * timed out.  It holds what is needed to understand and to repeat the run when
 * the run itself is purged.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.dead_letter_ids MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.failure_codes (
    code            text NOT NULL,
    retryable       boolean NOT NULL,
    description     text NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      text NOT NULL,
    CONSTRAINT failure_codes_pkey PRIMARY KEY (code)
);

CREATE TABLE taskcenter.dead_letters (
    dead_letter_id  bigint NOT NULL DEFAULT nextval('taskcenter.dead_letter_ids'),
    run_id          bigint NOT NULL,
    task_id         bigint NOT NULL,
    owner_id        bigint NOT NULL,
    first_run_id    bigint NOT NULL,
    queue_id        bigint NOT NULL,
    failed_at       timestamptz NOT NULL,
    first_failed_at timestamptz NOT NULL,
    attempts        int NOT NULL,
    max_attempts    int NOT NULL,
    lost            int NOT NULL,
    redrives        int NOT NULL DEFAULT 0,
    priority        int NOT NULL,
    params_redacted boolean NOT NULL,
    state           text NOT NULL DEFAULT 'open',
    run_status      text NOT NULL,
    code            text NOT NULL,
    sqlstate        text,
    error           text NOT NULL,
    errors          jsonb NOT NULL,
    params          jsonb NOT NULL,
    created_by      text NOT NULL,
    parent_run_id   bigint,
    root_run_id     bigint,
    step            text,
    item            int,
    trace_id        text,
    due_at          timestamptz,
    redriven_at     timestamptz,
    redriven_by     text,
    closed_at       timestamptz,
    closed_by       text,
    note            text,
    retryable       boolean NOT NULL DEFAULT true,
    passed_over_at  timestamptz,
    looked_at       timestamptz,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (dead_letter_id),
    CONSTRAINT dead_letter_state_known
        CHECK (state = ANY (ARRAY['open', 'redriven', 'resolved', 'discarded'])),
    CONSTRAINT dead_letter_closed_has_end
        CHECK ((state = ANY (ARRAY['resolved', 'discarded'])) = (closed_at IS NOT NULL)),
    CONSTRAINT dead_letter_redriven_has_start
        CHECK (state <> 'redriven' OR redriven_at IS NOT NULL)
);
/* one for each run: what fails again opens it again */
CREATE UNIQUE INDEX dead_letters_run_key ON taskcenter.dead_letters (run_id);
/* few: what status, people and redrives ask for */
CREATE INDEX dead_letters_open_idx ON taskcenter.dead_letters (failed_at)
    WHERE state = 'open';
/* those that may go by themselves: where each number of redrives begins */
CREATE INDEX dead_letters_ripe_idx ON taskcenter.dead_letters
    (redrives, greatest(failed_at, redriven_at, looked_at))
    WHERE state = 'open' AND retryable AND passed_over_at IS NULL;
CREATE INDEX dead_letters_redriven_idx ON taskcenter.dead_letters (due_at)
    WHERE state = 'redriven';
CREATE INDEX dead_letters_task_idx ON taskcenter.dead_letters (task_id, dead_letter_id);
CREATE INDEX dead_letters_parent_idx ON taskcenter.dead_letters (parent_run_id)
    WHERE parent_run_id IS NOT NULL;
CREATE INDEX dead_letters_root_idx ON taskcenter.dead_letters (root_run_id)
    WHERE root_run_id IS NOT NULL;
CREATE INDEX dead_letters_owner_idx ON taskcenter.dead_letters (owner_id);

RESET ROLE;
