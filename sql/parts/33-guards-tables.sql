/*
 * The guard of users' tables.  guard_table() makes it a trigger with the
 * rights of the table's owner, and so does a restore: both need to be allowed
 * to name it.  It does nothing but check and record the rows of its table.
 */
CREATE FUNCTION taskcenter.guard_row() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_row';
COMMENT ON FUNCTION taskcenter.guard_row() IS
'Trigger, made by guard_table(): a status is one of the workflow and changes only as the workflow allows, with a row in task_status_history; raises 23514';
GRANT EXECUTE ON FUNCTION taskcenter.guard_row() TO PUBLIC;

CREATE FUNCTION taskcenter.guard_registration() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_registration';
COMMENT ON FUNCTION taskcenter.guard_registration() IS
'Trigger: guarded_tables is written by guard_table() and unguard_table(); raises 55000';
REVOKE ALL ON FUNCTION taskcenter.guard_registration() FROM PUBLIC;

CREATE TRIGGER guard_registration BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.guarded_tables
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_registration();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.guarded_tables
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();

ALTER TABLE taskcenter.guarded_tables ENABLE ALWAYS TRIGGER guard_registration;
ALTER TABLE taskcenter.guarded_tables ENABLE ALWAYS TRIGGER guard_truncate;
