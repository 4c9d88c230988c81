/* Events are written by what they tell of, and removed by retention. */
CREATE TRIGGER guard_record BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.noted_events
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_record();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.noted_events
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
ALTER TABLE taskcenter.noted_events ENABLE ALWAYS TRIGGER guard_record;
ALTER TABLE taskcenter.noted_events ENABLE ALWAYS TRIGGER guard_truncate;

/* ---- what is told besides ---- */

CREATE FUNCTION taskcenter.tell_dead_letter() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_tell_dead_letter';
COMMENT ON FUNCTION taskcenter.tell_dead_letter() IS
'Trigger: a dead letter that is opened, redriven, resolved or discarded is an event';
REVOKE ALL ON FUNCTION taskcenter.tell_dead_letter() FROM PUBLIC;
/* repair_guards() acts as the owner of the tables */
GRANT EXECUTE ON FUNCTION taskcenter.tell_dead_letter() TO taskcenter_owner;

CREATE TRIGGER tell_new AFTER INSERT ON taskcenter.dead_letters
    FOR EACH ROW EXECUTE FUNCTION taskcenter.tell_dead_letter();
CREATE TRIGGER tell_change AFTER UPDATE ON taskcenter.dead_letters
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.failed_at <> NEW.failed_at)
    EXECUTE FUNCTION taskcenter.tell_dead_letter();
ALTER TABLE taskcenter.dead_letters ENABLE ALWAYS TRIGGER tell_new;
ALTER TABLE taskcenter.dead_letters ENABLE ALWAYS TRIGGER tell_change;
