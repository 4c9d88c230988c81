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

GRANT EXECUTE ON FUNCTION
    taskcenter.create_workflow(text, text, jsonb, text, jsonb),
    taskcenter.alter_workflow(text, text, jsonb, text, text[], text, jsonb),
    taskcenter.drop_workflow(text, text, boolean)
TO PUBLIC;

/* ---- moving tasks ---- */

SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.status_change AS (
    success         boolean,
    old_status      text,
    status          text,
    requested_status text,
    allowed         text[],
    problems        jsonb
);
COMMENT ON TYPE taskcenter.status_change IS
'What became of a move: success; the status before, the present one, and the one asked for; what may follow the present one; and, of a refused move, all problems, as objects with code (unknown_status, forbidden_move, missing_context, conflict), key and message';

CREATE TYPE taskcenter.task_status_change AS (
    ordinal         int,
    task            text,
    success         boolean,
    old_status      text,
    status          text,
    requested_status text,
    allowed         text[],
    problems        jsonb
);
COMMENT ON TYPE taskcenter.task_status_change IS
'What became of one element of set_task_statuses(): its place in the call, its task, and the fields of status_change. More codes of problems: no_such_task, permission_denied, not_manual';

CREATE TYPE taskcenter.allowed_transition AS (
    status          text,
    since           timestamptz,
    minutes_in_status bigint,
    is_terminal     boolean,
    to_status       text,
    requires        jsonb
);
COMMENT ON TYPE taskcenter.allowed_transition IS
'The present status of a task, since when, for how many whole minutes, and whether work ends there; and one status that may follow (null: none may), with the keys that must be given for it (of an array inside, one of them)';

RESET ROLE;

CREATE FUNCTION taskcenter.set_task_status(task text, to_status text, reason text = NULL,
    metadata jsonb = '{}', expected text = NULL) RETURNS taskcenter.status_change
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_set_task_status';
COMMENT ON FUNCTION taskcenter.set_task_status(text, text, text, jsonb, text) IS
'Move a task of kind manual to another status. A move that its workflow does not allow, that lacks what the workflow requires, or that finds another status than expected, is refused: success is false, nothing changes, problems says all that is wrong, and the attempt is kept in task_status_history. The status that the task has already is no move, and succeeds. reason and metadata (an object of up to 64 kB) are kept with the move, without secrets. Raises 42704 for an unknown task, 42501 unless the caller has the owner''s privileges or was granted the level operator, 55000 for a task without a workflow, 22004 and 22023 for arguments';

CREATE FUNCTION taskcenter.set_task_statuses(changes jsonb)
RETURNS SETOF taskcenter.task_status_change
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'taskcenter_set_task_statuses';
COMMENT ON FUNCTION taskcenter.set_task_statuses(jsonb) IS
'Move many tasks: an array of up to 10000 objects with the keys task, to_status, reason, metadata and expected, as the arguments of set_task_status(). A row for each, in their order; one that is refused, that names no task, or a task that the caller may not move, keeps no other from moving. Raises 22004 and 22023 for what is no such array';

CREATE FUNCTION taskcenter.allowed_transitions(task text)
RETURNS SETOF taskcenter.allowed_transition
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'taskcenter_allowed_transitions';
COMMENT ON FUNCTION taskcenter.allowed_transitions(text) IS
'Where a task of kind manual stands and where it may go: a row for each status that may follow, one row if none may. Raises 42704 for an unknown task, 55000 for one without a workflow';

CREATE FUNCTION taskcenter.status_history(task text, max_rows int = 50)
RETURNS SETOF taskcenter.task_status_history
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 50
AS 'MODULE_PATHNAME', 'taskcenter_status_history';
COMMENT ON FUNCTION taskcenter.status_history(text, int) IS
'The moves of a task and the attempts that were refused, newest first, up to 10000; of the archived task that had the name last, if none has it now. Who sees a task but not its contents, as members of pg_monitor, sees it without reason and metadata. Raises 42704 for an unknown task';

CREATE FUNCTION taskcenter.transition_failures(task text = NULL, max_rows int = 50)
RETURNS SETOF taskcenter.task_status_history
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 50
AS 'MODULE_PATHNAME', 'taskcenter_transition_failures';
COMMENT ON FUNCTION taskcenter.transition_failures(text, int) IS
'Refused moves, newest first, up to 10000: of a task, or of all tasks and guarded tables that the caller may read. Raises 42704 for an unknown task';

GRANT EXECUTE ON FUNCTION
    taskcenter.set_task_status(text, text, text, jsonb, text),
    taskcenter.set_task_statuses(jsonb),
    taskcenter.allowed_transitions(text),
    taskcenter.status_history(text, int),
    taskcenter.transition_failures(text, int)
TO PUBLIC;
