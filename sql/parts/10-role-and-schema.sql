/*
 * The role that owns our relations: no login, no superuser, no members.
 * The function makes it, or refuses one of that name that is not so.
 */
CREATE FUNCTION pg_catalog.taskcenter_make_owner_role() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_make_owner_role';
SELECT pg_catalog.taskcenter_make_owner_role();
DROP FUNCTION pg_catalog.taskcenter_make_owner_role();

CREATE SCHEMA taskcenter AUTHORIZATION taskcenter_owner;
COMMENT ON SCHEMA taskcenter IS
'Task center: scheduler, dispatcher, status machines, history and retention inside the database';
