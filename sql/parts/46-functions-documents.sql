/*
 * The tasks of an application as one document: for migrations, and for a
 * repository that reviews them.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.applied_change AS (
    action          text,
    object_type     text,
    name            text,
    changes         jsonb
);
COMMENT ON TYPE taskcenter.applied_change IS
'What apply_tasks() changed: action is create, alter, archive (of a task) or drop (of a schedule); object_type is task, schedule or graph (of the task of that name); the name of a schedule is task/schedule; changes is the definition of what was created, and for each key that was altered {"old": ..., "new": ...}, where a side that is missing is the default';

RESET ROLE;

CREATE FUNCTION taskcenter.export_tasks(application text = NULL) RETURNS jsonb
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_export_tasks';
COMMENT ON FUNCTION taskcenter.export_tasks(text) IS
'The tasks of an application (NULL: of all) that are not archived and whose contents the caller may read, with their schedules, as one document for apply_tasks(): {"format": 1, "application": "shop", "tasks": [{"name": "load", "command": "...", "schedules": {"default": {"schedule": "0 3 * * *", "timezone": "UTC"}}}]}. The keys of a task are the arguments and options of create_task() with owner, state (active, paused, disabled) and graph, those of a schedule the ones of schedule_task() with state; only what is not default is there, in a stable order; a command of several lines is an array of them. Params are shown as they are';

CREATE FUNCTION taskcenter.apply_tasks(document jsonb, application text,
    dry_run boolean = false, prune boolean = false) RETURNS SETOF taskcenter.applied_change
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'taskcenter_apply_tasks';
COMMENT ON FUNCTION taskcenter.apply_tasks(jsonb, text, boolean, boolean) IS
'Let the tasks of an application be as a document of export_tasks() says, all of it or nothing; returns a row for each task, schedule and graph that changes. dry_run: only look. The same again changes nothing, writes nothing and keeps the cursors. A task is defined as a whole: what the document does not give is default, but a state that it does not give stays, and so do the schedules of a task without the key "schedules", and the graph of one without "graph"; with "schedules" the task has exactly these. Without owner a new task belongs to the current role. prune archives the tasks of the application that the document does not name and that the caller may manage. Two calls wait for each other. The context of an error names its place, as in tasks[3].schedules.nightly.timezone. Raises what create_task() and alter_task() raise, 22004 and 22023 for the document, 0A000 for another format, 55000 for a task of that name that belongs to another application or owner or is of another kind';

GRANT EXECUTE ON FUNCTION
    taskcenter.export_tasks(text),
    taskcenter.apply_tasks(jsonb, text, boolean, boolean)
TO PUBLIC;
