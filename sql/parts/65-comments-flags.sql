COMMENT ON TABLE taskcenter.feature_flags IS
'Feature flags, and for whom each is on: see set_flag(). flag_enabled() asks; tasks may require one (option requires_flag)';
COMMENT ON COLUMN taskcenter.feature_flags.flag IS 'Name';
COMMENT ON COLUMN taskcenter.feature_flags.enabled IS
'false: off for everybody, whatever else is said here';
COMMENT ON COLUMN taskcenter.feature_flags.percent IS 'For so many of 100 subjects it is on';
COMMENT ON COLUMN taskcenter.feature_flags.cohorts IS
'Groups for whom it is on whatever the percent; all is everybody';
COMMENT ON COLUMN taskcenter.feature_flags.requires IS
'Flags that must be on as well for the same subject';
COMMENT ON COLUMN taskcenter.feature_flags.created_at IS 'When it was made';
COMMENT ON COLUMN taskcenter.feature_flags.updated_at IS 'When it was changed last';
COMMENT ON COLUMN taskcenter.feature_flags.updated_by IS 'Who changed it last';

COMMENT ON TABLE taskcenter.flag_overrides IS
'Flags decided for single subjects, by override_flag(). Seen by members of pg_monitor';
COMMENT ON COLUMN taskcenter.flag_overrides.flag IS 'The flag';
COMMENT ON COLUMN taskcenter.flag_overrides.subject IS 'For whom it is decided';
COMMENT ON COLUMN taskcenter.flag_overrides.enabled IS 'On or off for the subject';
COMMENT ON COLUMN taskcenter.flag_overrides.updated_at IS 'When it was decided';
COMMENT ON COLUMN taskcenter.flag_overrides.updated_by IS 'Who decided it';
