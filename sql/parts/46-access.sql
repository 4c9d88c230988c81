/*
 * Access: functions that grant and revoke, and what the rules of row security
 * ask.  All of them are SECURITY INVOKER.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.access_level AS (
    level           text,
    sees_states     boolean,
    sees_contents   boolean,
    enqueues        boolean,
    works           boolean,
    operates        boolean,
    manages         boolean
);
COMMENT ON TYPE taskcenter.access_level IS
'A level of grant_access(), and which rights it carries';

RESET ROLE;

CREATE FUNCTION taskcenter.grant_access(role text, level text, task text = NULL,
    application text = NULL, queue text = NULL, owner text = NULL, reason text = NULL)
RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_grant_access';
COMMENT ON FUNCTION taskcenter.grant_access(text, text, text, text, text, text, text) IS
'Let a role, and who has its privileges, do something with one task, or with all tasks of an application or a queue, now and later; returns the grant''s id, the same one for the same again. Levels: viewer (sees the tasks, their runs with params, outputs and errors, logs, history), enqueuer (makes runs; sees states and timings, and all of the runs it made, which it may cancel), worker (claims and finishes runs from outside; sees states and timings), operator (sees as viewer; enqueues, pauses, resumes, disables, enables, cancels, retries, moves the status, by functions or plain UPDATE), admin (all of that; alters, renames, schedules and archives, without deciding what another role executes; grants the lower levels). A grant passes on what its owner has, as long as he has it: it holds for tasks whose owner''s privileges he has. owner: the current role unless given; of a task it is the task''s. A queue granted on behalf of the owner of the database lets operators pause and resume it, admins limit it too. role may be public, for viewer and enqueuer, if a superuser or the owner of the database grants it. Raises 22023 unless one of task, application and queue is given, 42704 for an unknown role, task or queue, 42501 for what is not the caller''s to give, 54000 beyond 1000 grants of an owner';

CREATE FUNCTION taskcenter.revoke_access(role text, level text = NULL, task text = NULL,
    application text = NULL, queue text = NULL, owner text = NULL, reason text = NULL)
RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_revoke_access';
COMMENT ON FUNCTION taskcenter.revoke_access(text, text, text, text, text, text, text) IS
'Take back what grant_access() gave a role: the grants that fit all that is given (NULL: any) and are the caller''s to revoke, with those that an admin made under them. These are grants of roles whose privileges he has, and of lower levels where he is admin; the owner of the database may revoke any, and everybody what was granted to himself. The role may be gone. Returns how many grants ended. Raises 42704 for an unknown task';

CREATE FUNCTION taskcenter.list_access_levels() RETURNS SETOF taskcenter.access_level
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 5
AS 'MODULE_PATHNAME', 'taskcenter_list_access_levels';
COMMENT ON FUNCTION taskcenter.list_access_levels() IS
'The rows of the view access_levels';

/* what the rules of row security ask, once for each query */
CREATE FUNCTION taskcenter.granted_task_ids(access_right text) RETURNS bigint[]
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'taskcenter_granted_task_ids';
COMMENT ON FUNCTION taskcenter.granted_task_ids(text) IS
'Ids, in ascending order, of the tasks to which grants give the current user a right: view, read, enqueue, work, operate or manage';
CREATE FUNCTION taskcenter.enqueuing_since() RETURNS timestamptz
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'taskcenter_enqueuing_since';
COMMENT ON FUNCTION taskcenter.enqueuing_since() IS
'When the current user was first granted to enqueue tasks of others, of the grants that hold now; infinity: never';

/* leakproof: an array of ids and an id, no error */
CREATE FUNCTION taskcenter.is_among(id bigint, ids bigint[]) RETURNS boolean
LANGUAGE C IMMUTABLE LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'taskcenter_is_among';
COMMENT ON FUNCTION taskcenter.is_among(bigint, bigint[]) IS
'Is the id in an array of ids in ascending order? Null ids are in none';

CREATE FUNCTION taskcenter.made_run(run_id bigint) RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'taskcenter_made_run';
COMMENT ON FUNCTION taskcenter.made_run(bigint) IS
'Did the current user make the run, since it was granted to enqueue its task?';

GRANT EXECUTE ON FUNCTION
    taskcenter.grant_access(text, text, text, text, text, text, text),
    taskcenter.revoke_access(text, text, text, text, text, text, text),
    taskcenter.list_access_levels(),
    taskcenter.granted_task_ids(text),
    taskcenter.enqueuing_since(),
    taskcenter.is_among(bigint, bigint[]),
    taskcenter.made_run(bigint) TO PUBLIC;

/* ---- audit ---- */

CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.access_grants
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
ALTER TABLE taskcenter.access_grants ENABLE ALWAYS TRIGGER audit_change;
