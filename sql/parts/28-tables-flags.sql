/*
 * Feature flags: for whom something is switched on.  Tasks, and steps of
 * graphs, may require one; so may whatever else asks flag_enabled().
 */
SET LOCAL ROLE taskcenter_owner;

CREATE TABLE taskcenter.feature_flags (
    flag            text NOT NULL,
    enabled         boolean NOT NULL,
    percent         int NOT NULL,
    cohorts         text[] NOT NULL DEFAULT '{}',
    requires        text[] NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      text NOT NULL,
    CONSTRAINT feature_flags_pkey PRIMARY KEY (flag),
    CONSTRAINT feature_flag_percent_in_range CHECK (percent >= 0 AND percent <= 100)
);

CREATE TABLE taskcenter.flag_overrides (
    flag            text NOT NULL,
    subject         text NOT NULL,
    enabled         boolean NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      text NOT NULL,
    CONSTRAINT flag_overrides_pkey PRIMARY KEY (flag, subject)
);

/* flags are everybody's to read; whom they are decided for by name is not */
ALTER TABLE taskcenter.feature_flags ENABLE ROW LEVEL SECURITY;
ALTER TABLE taskcenter.flag_overrides ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_flags ON taskcenter.feature_flags FOR SELECT USING (true);

GRANT SELECT ON taskcenter.feature_flags, taskcenter.flag_overrides TO PUBLIC;

RESET ROLE;
