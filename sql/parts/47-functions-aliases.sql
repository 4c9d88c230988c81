/* Names that other task systems use, for whoever follows their checklists. */
CREATE FUNCTION taskcenter.create_alias_views(schema_name name) RETURNS text[]
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_create_alias_views';
COMMENT ON FUNCTION taskcenter.create_alias_views(name) IS
'Make views with foreign names and columns in a schema of the caller''s, for checklists that were written for other task systems: execution_audit_logs, executions, job_dlq, qc_jobs, schedules, task_manager_settings. They belong to the caller and show each reader what is his; they are dumped as views of the caller''s. Returns their names; the same again makes them anew. Raises 3F000 for an unknown schema, 42501 without USAGE and CREATE on it, 42P07 if something else has one of the names';

CREATE FUNCTION taskcenter.drop_alias_views(schema_name name) RETURNS text[]
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_drop_alias_views';
COMMENT ON FUNCTION taskcenter.drop_alias_views(name) IS
'Remove the views that create_alias_views() made in a schema, and nothing else; returns their names. Raises 42501 unless the caller owns them, 2BP01 if something depends on one';

GRANT EXECUTE ON FUNCTION taskcenter.create_alias_views(name), taskcenter.drop_alias_views(name)
TO PUBLIC;
