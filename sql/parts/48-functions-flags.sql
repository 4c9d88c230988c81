/* Feature flags: to set them, and to ask. */
CREATE FUNCTION taskcenter.set_flag(flag text, enabled boolean = NULL, percent int = NULL,
    cohorts text[] = NULL, requires text[] = NULL, reason text = NULL)
RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_set_flag';
COMMENT ON FUNCTION taskcenter.set_flag(text, boolean, int, text[], text[], text) IS
'Make a feature flag, or change what is given of it (NULL leaves it). enabled: false switches it off for everybody, whatever else is said, and keeps the rest for the day that it is true again. percent: for so many of 100 subjects, chosen by a hash of flag and subject: 100 is everybody, 0 nobody, and who has it keeps it as the number grows. cohorts: groups for whom it is on whatever the percent; ''all'' is everybody. requires: flags that must be on as well for the same subject. A new flag is enabled if percent or cohorts are given; its percent is 100, or 0 if cohorts are given. Effective at the next claim of a run, and for flag_enabled() at once. Returns its state: off, on (for everybody), partial. Raises 42704 for a required flag that does not exist, 22023 if flags would require each other in a circle, 42501 for who is neither superuser nor owner of the database';

CREATE FUNCTION taskcenter.override_flag(flag text, subject text, enabled boolean, reason text = NULL)
RETURNS text
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_override_flag';
COMMENT ON FUNCTION taskcenter.override_flag(text, text, boolean, text) IS
'Decide a flag for one subject, before cohorts and percent; NULL takes the decision back. A flag that is not enabled, or requires one that is off, stays off. Returns on, off or none. Raises 42704 for an unknown flag, 42501 for who is neither superuser nor owner of the database';

CREATE FUNCTION taskcenter.flag_enabled(flag text, subject text = NULL, cohorts text[] = '{}')
RETURNS boolean
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME', 'taskcenter_flag_enabled';
COMMENT ON FUNCTION taskcenter.flag_enabled(text, text, text[]) IS
'Is the flag on for this subject, which belongs to these cohorts? In this order: not enabled is off; a required flag that is off is off; then what override_flag() said of the subject; then a common cohort is on; then the subject''s place below percent. Without a subject a percent between 0 and 100 is off. An unknown flag is off, with a warning (one of each in a transaction)';

GRANT EXECUTE ON FUNCTION
    taskcenter.set_flag(text, boolean, int, text[], text[], text),
    taskcenter.override_flag(text, text, boolean, text),
    taskcenter.flag_enabled(text, text, text[]) TO PUBLIC;

/* ---- audit ---- */

CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.feature_flags
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.flag_overrides
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
ALTER TABLE taskcenter.feature_flags ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE taskcenter.flag_overrides ENABLE ALWAYS TRIGGER audit_change;
