/*
 * A run that ends failed or timed out leaves its dead letter in the same
 * transaction; one that ends otherwise after it had one closes it.  The
 * condition keeps the trigger away from the runs that have nothing to do with
 * dead letters: those that succeed with their first attempt.
 */
CREATE FUNCTION taskcenter.note_dead_letter() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_note_dead_letter';
COMMENT ON FUNCTION taskcenter.note_dead_letter() IS
'Trigger: opens the dead letter of a run that ended failed or timed out, and closes that of one that succeeded';
CREATE FUNCTION taskcenter.guard_dead_letter() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'taskcenter_guard_dead_letter';
COMMENT ON FUNCTION taskcenter.guard_dead_letter() IS
'Trigger: dead letters and failure codes are changed by functions only; raises 55000';
REVOKE ALL ON FUNCTION taskcenter.note_dead_letter(), taskcenter.guard_dead_letter() FROM PUBLIC;
/* it makes partitions and, by repair_guards(), what is missing */
GRANT EXECUTE ON FUNCTION taskcenter.note_dead_letter(), taskcenter.guard_dead_letter()
TO taskcenter_owner;

CREATE TRIGGER note_dead_letter AFTER INSERT ON taskcenter.finished_runs
    FOR EACH ROW WHEN (new.status = 'failed' OR new.status = 'timed_out'
        OR new.attempt > 1 OR (new.attempt > 0 AND new.status <> 'succeeded'))
    EXECUTE FUNCTION taskcenter.note_dead_letter();
CREATE TRIGGER guard_dead_letter BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.dead_letters
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_dead_letter();
CREATE TRIGGER guard_dead_letter BEFORE INSERT OR UPDATE OR DELETE ON taskcenter.failure_codes
    FOR EACH ROW EXECUTE FUNCTION taskcenter.guard_dead_letter();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.dead_letters
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON taskcenter.failure_codes
    FOR EACH STATEMENT EXECUTE FUNCTION taskcenter.guard_truncate();

ALTER TABLE taskcenter.finished_runs ENABLE ALWAYS TRIGGER note_dead_letter;
ALTER TABLE taskcenter.dead_letters ENABLE ALWAYS TRIGGER guard_dead_letter;
ALTER TABLE taskcenter.failure_codes ENABLE ALWAYS TRIGGER guard_dead_letter;
ALTER TABLE taskcenter.dead_letters ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE taskcenter.failure_codes ENABLE ALWAYS TRIGGER guard_truncate;
