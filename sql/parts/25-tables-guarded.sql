/*
 * Tables of users whose status is guarded.  The guard itself is the triggers
 * on the table, which a dump carries with it; a row here says which history is
 * the table's, and survives unguard_table().  The history knows the table by
 * relation: its name when it was first guarded, made unique.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.guarded_table_ids MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.guarded_tables (
    guarded_table_id bigint NOT NULL DEFAULT nextval('taskcenter.guarded_table_ids'),
    relation        text COLLATE "C" NOT NULL,
    relation_id     bigint NOT NULL,
    owner           text NOT NULL,
    owner_id        bigint NOT NULL,
    status_column   text NOT NULL,
    key_columns     text[] NOT NULL,
    workflow        text NOT NULL,
    state           text NOT NULL DEFAULT 'guarded',
    guarded_at      timestamptz NOT NULL DEFAULT now(),
    guarded_by      text NOT NULL,
    CONSTRAINT guarded_tables_pkey PRIMARY KEY (guarded_table_id),
    CONSTRAINT guarded_table_state_known CHECK (state = ANY (ARRAY['guarded', 'unguarded']))
);
CREATE UNIQUE INDEX guarded_tables_relation_key ON taskcenter.guarded_tables (relation);
CREATE INDEX guarded_tables_relation_id_idx ON taskcenter.guarded_tables (relation_id);

RESET ROLE;
