/* Grants are made and taken back by functions only. */
CREATE FUNCTION taskcenter.guard_grant() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_grant';
COMMENT ON FUNCTION taskcenter.guard_grant() IS
'Trigger: grants pass on only what their writer has, and are changed by functions only; raises 42501 and 55000';
REVOKE ALL ON FUNCTION taskcenter.guard_grant() FROM PUBLIC;
/* repair_guards() acts as the owner of the tables */
GRANT EXECUTE ON FUNCTION taskcenter.guard_grant() TO taskcenter_owner;

CREATE TRIGGER guard_grant BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.access_grants
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_grant();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.access_grants
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.access_grants ENABLE ALWAYS TRIGGER guard_grant;
ALTER TABLE taskcenter.access_grants ENABLE ALWAYS TRIGGER guard_truncate;
