/* Comments of guarded tables. */
COMMENT ON TABLE taskcenter.guarded_tables IS
'Tables of users whose status is guarded, or was, by guard_table(). The guard itself is the triggers on the table';
COMMENT ON COLUMN taskcenter.guarded_tables.relation IS
'What task_status_history knows the table by: its name, with its schema and quoted where needed, when it was first guarded; with the id behind it if another table was guarded under that name before';
COMMENT ON COLUMN taskcenter.guarded_tables.relation_id IS
'OID of the table: relation_id::oid::regclass is its present name';
COMMENT ON COLUMN taskcenter.guarded_tables.owner IS 'Owner of the table';
COMMENT ON COLUMN taskcenter.guarded_tables.owner_id IS 'OID of the owner';
COMMENT ON COLUMN taskcenter.guarded_tables.status_column IS
'Name of the column that holds the status, when the table was guarded';
COMMENT ON COLUMN taskcenter.guarded_tables.key_columns IS
'Names of the columns that identify a row, when the table was guarded: the keys of row_key, though the columns be renamed later';
COMMENT ON COLUMN taskcenter.guarded_tables.workflow IS 'Name of the workflow';
COMMENT ON COLUMN taskcenter.guarded_tables.state IS
'guarded, or unguarded by unguard_table(); a table that was dropped stays guarded here';
COMMENT ON COLUMN taskcenter.guarded_tables.guarded_at IS 'When it was guarded';
COMMENT ON COLUMN taskcenter.guarded_tables.guarded_by IS
'Who guarded it: the name given with set_context(), else the role';
COMMENT ON COLUMN taskcenter.guarded_tables.guarded_table_id IS
'Id; the second argument of the triggers on the table';
COMMENT ON SEQUENCE taskcenter.guarded_table_ids IS 'Ids of guarded tables';
