/*
 * Usage: how many runs ended, for whom, on which day.  What ended before
 * counted_until is counted in rows of days, and may be purged; what ended since
 * is counted where it lies, in finished_runs.  So no run writes here.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TABLE taskcenter.counted_usage (
    day             text NOT NULL,
    owner_id        bigint NOT NULL,
    group_key       text NOT NULL,
    owner           text NOT NULL,
    runs            bigint NOT NULL,
    failed          bigint NOT NULL,
    duration        interval NOT NULL,
    counted_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT counted_usage_pkey PRIMARY KEY (day, owner_id, group_key)
);
CREATE INDEX counted_usage_counted_idx ON taskcenter.counted_usage (counted_at);

/* one row, from the activation on */
CREATE TABLE taskcenter.usage_horizon (
    only_row        boolean NOT NULL DEFAULT true,
    counted_until   timestamptz NOT NULL,
    CONSTRAINT usage_horizon_pkey PRIMARY KEY (only_row),
    CONSTRAINT usage_horizon_is_one CHECK (only_row)
);

COMMENT ON TABLE taskcenter.counted_usage IS
'What the view usage shows of runs that ended before usage_horizon.counted_until, whether or not they are purged; written by purges, and removed by them when the setting usage_retention says so';
COMMENT ON COLUMN taskcenter.counted_usage.day IS
'Day of the end, as 2026-12-31, in the zone that the setting default_timezone had when it was counted';
COMMENT ON COLUMN taskcenter.counted_usage.owner_id IS
'OID of the owner of the runs; below 0: there is no such role in this copy';
COMMENT ON COLUMN taskcenter.counted_usage.group_key IS
'Group key of the run, else of its task, else the owner';
COMMENT ON COLUMN taskcenter.counted_usage.owner IS 'Name of the owner, then';
COMMENT ON COLUMN taskcenter.counted_usage.runs IS
'Runs that ended, without steps of composite tasks and without what never began';
COMMENT ON COLUMN taskcenter.counted_usage.failed IS 'Of these, how many failed or timed out';
COMMENT ON COLUMN taskcenter.counted_usage.duration IS
'How long their last attempts took, and those of steps; composite tasks themselves take no time';
COMMENT ON COLUMN taskcenter.counted_usage.counted_at IS 'When runs were added last';
COMMENT ON TABLE taskcenter.usage_horizon IS 'How far usage is counted: one row';
COMMENT ON COLUMN taskcenter.usage_horizon.only_row IS 'Always true';
COMMENT ON COLUMN taskcenter.usage_horizon.counted_until IS
'Runs that ended before are counted in counted_usage, once; later ones when they are purged, or when it moves on';

RESET ROLE;
