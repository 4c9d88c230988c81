/*
 * The graphs of composite tasks: every version that was ever saved, because a
 * run keeps the one with which it began.  Rows never change.
 *
 * A version owns a range of definition ids, one for each of its steps: that of
 * step i, in the order of jsonb, is first_definition_id + i.  Ids of tasks
 * never get there, so both share one space of names.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.step_definition_ids
    MINVALUE 1000000000000 INCREMENT 20000 MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.graphs (
    task_id         bigint NOT NULL,
    version         int NOT NULL,
    first_definition_id bigint NOT NULL DEFAULT nextval('taskcenter.step_definition_ids'),
    step_count      int NOT NULL,
    graph           jsonb NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL,
    autonomous      int[] NOT NULL DEFAULT '{}',
    CONSTRAINT graphs_pkey PRIMARY KEY (task_id, version),
    CONSTRAINT graph_version_positive CHECK (version > 0),
    CONSTRAINT graph_has_steps CHECK (step_count BETWEEN 1 AND 20000)
);
CREATE UNIQUE INDEX graphs_first_definition_key ON taskcenter.graphs (first_definition_id);

/* who sees a task sees its graphs */
ALTER TABLE taskcenter.graphs ENABLE ROW LEVEL SECURITY;
CREATE POLICY graphs_of_tasks ON taskcenter.graphs FOR SELECT
    USING (EXISTS (SELECT FROM taskcenter.tasks AS t WHERE t.task_id = graphs.task_id));
GRANT SELECT ON taskcenter.graphs TO PUBLIC;

COMMENT ON TABLE taskcenter.graphs IS
'The graphs of composite tasks, a row for each version that was saved: append-only. Written by save_graph() and the functions that define tasks';
COMMENT ON COLUMN taskcenter.graphs.task_id IS 'The composite task';
COMMENT ON COLUMN taskcenter.graphs.version IS
'Counts from 1 for each task; new runs take the highest, a run keeps the one with which it began';
COMMENT ON COLUMN taskcenter.graphs.first_definition_id IS
'Definition id of its first step, in the order of jsonb; the others follow';
COMMENT ON COLUMN taskcenter.graphs.step_count IS 'Number of its steps';
COMMENT ON COLUMN taskcenter.graphs.graph IS
'{"steps": {name: step, ...}} as it was given; see save_graph()';
COMMENT ON COLUMN taskcenter.graphs.created_at IS 'When it was saved';
COMMENT ON COLUMN taskcenter.graphs.created_by IS 'The role that saved it';
COMMENT ON COLUMN taskcenter.graphs.autonomous IS
'Steps, from 0 in the order of jsonb, whose command surely cannot run in a transaction';
COMMENT ON SEQUENCE taskcenter.step_definition_ids IS
'First definition ids of graphs; a graph owns 20000 of them';

RESET ROLE;
