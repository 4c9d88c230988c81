/*
 * Workflows, status machines as data, and the history of everything that
 * people move by them: tasks of kind manual, and rows of users' own tables.
 *
 * The history's foreign key to tasks is added at activation: in this script
 * it would break a parallel restore.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.workflow_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.status_history_ids MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.workflows (
    workflow_id     bigint NOT NULL DEFAULT nextval('taskcenter.workflow_ids'),
    name            text NOT NULL,
    initial         text NOT NULL,
    transitions     jsonb NOT NULL,
    terminal        text[],
    description     text,
    owner           text NOT NULL,
    owner_id        bigint NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT workflows_pkey PRIMARY KEY (workflow_id)
);
CREATE UNIQUE INDEX workflows_name_key ON taskcenter.workflows (name);

CREATE TABLE taskcenter.task_status_history (
    id              bigint NOT NULL DEFAULT nextval('taskcenter.status_history_ids'),
    task_id         bigint,
    old_status      text,
    new_status      text NOT NULL,
    reason          text,
    metadata        jsonb NOT NULL DEFAULT '{}',
    timestamp       timestamptz NOT NULL DEFAULT clock_timestamp(),
    accepted        boolean NOT NULL DEFAULT true,
    requested_status text,
    problems        jsonb,
    actor           text NOT NULL,
    relation        text COLLATE "C",
    row_key         text COLLATE "C",
    owner_id        bigint NOT NULL,
    /* null: no event, as for rows of users' tables */
    event_id        bigint DEFAULT taskcenter.next_event_id(),
    CONSTRAINT task_status_history_pkey PRIMARY KEY (id),
    /* read at each statement that writes a row: short ones */
    CONSTRAINT status_history_is_of_one CHECK ((task_id IS NULL) <> (row_key IS NULL)),
    CONSTRAINT status_history_refused_says_why CHECK (accepted = (problems IS NULL))
);
/* the newest of a task, as deep as they are asked for */
CREATE INDEX task_status_history_task_idx ON taskcenter.task_status_history
    (task_id, timestamp DESC, id DESC) WHERE task_id IS NOT NULL;
CREATE INDEX task_status_history_row_idx ON taskcenter.task_status_history
    (row_key, relation, id DESC) WHERE relation IS NOT NULL;
/* few rows: what was refused, and what failed */
CREATE INDEX task_status_history_refused_idx ON taskcenter.task_status_history
    (task_id, id DESC) WHERE NOT accepted;
CREATE INDEX task_status_history_failures_idx ON taskcenter.task_status_history
    (new_status, owner_id, id DESC)
    WHERE new_status = ANY (ARRAY['validation_failed', 'failed']);

RESET ROLE;
