/* Functions that make workflows: see src/workflow_rules.h for what a map is. */
CREATE FUNCTION taskcenter.create_workflow(name text, initial text, transitions jsonb,
    description text = NULL, options jsonb = '{}') RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_create_workflow';
COMMENT ON FUNCTION taskcenter.create_workflow(text, text, jsonb, text, jsonb) IS
'Make a workflow, a status machine for tasks of kind manual and for guarded tables; returns its id. transitions is an object with a key for each status; its value is the array of the statuses that may follow, each a name or {"to": name, "requires": [...]}. A requirement is a key of the metadata that must be given, or "reason", or an array of keys of which one must be: {"open": ["done", {"to": "rejected", "requires": ["reason"]}], "done": [], "rejected": []}. initial is where tasks start. Option: terminal, the statuses where work ends (default: those that nothing may follow). Raises 22004 and 22023 with the place of what is wrong, 42710 if the name is taken';

CREATE FUNCTION taskcenter.alter_workflow(workflow text, initial text = NULL,
    transitions jsonb = NULL, description text = NULL, reset text[] = '{}',
    reason text = NULL, options jsonb = '{}') RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_alter_workflow';
COMMENT ON FUNCTION taskcenter.alter_workflow(text, text, jsonb, text, text[], text, jsonb) IS
'Change what is given of a workflow and leave the rest; returns its id. reset puts description or terminal back to their defaults first. Options as for create_workflow(). It waits for transactions that move something by the workflow. Raises 42704 for an unknown workflow, 42501 unless the caller has its owner''s privileges or owns the database, 22023 for what is no workflow, 55000 if something stands in a status that the new map does not have';

CREATE FUNCTION taskcenter.drop_workflow(workflow text, reason text = NULL,
    if_exists boolean = false) RETURNS boolean
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_drop_workflow';
COMMENT ON FUNCTION taskcenter.drop_workflow(text, text, boolean) IS
'Remove a workflow; returns whether there was one. Raises 55000 if a task that is not archived, or a guarded table, uses it, 42501 unless the caller has its owner''s privileges or owns the database';

REVOKE ALL ON FUNCTION
    taskcenter.create_workflow(text, text, jsonb, text, jsonb),
    taskcenter.alter_workflow(text, text, jsonb, text, text[], text, jsonb),
    taskcenter.drop_workflow(text, text, boolean)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    taskcenter.create_workflow(text, text, jsonb, text, jsonb),
    taskcenter.alter_workflow(text, text, jsonb, text, text[], text, jsonb),
    taskcenter.drop_workflow(text, text, boolean)
TO PUBLIC;
