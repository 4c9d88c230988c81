/* Which alerts are told, when and how often. */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.attention_rule_ids MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.attention_rules (
    attention_rule_id bigint NOT NULL DEFAULT nextval('taskcenter.attention_rule_ids'),
    name            text NOT NULL,
    place           int NOT NULL,
    action          text NOT NULL,
    severities      text[],
    kind            text,
    pattern         text,
    hold            interval,
    quiet_from      text,
    quiet_to        text,
    timezone        text,
    max_notices     int,
    rate_window     interval,
    escalate_after  interval,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT attention_rules_pkey PRIMARY KEY (attention_rule_id),
    CONSTRAINT attention_rule_action_known
        CHECK (action = ANY (ARRAY['drop', 'log', 'defer', 'batch', 'notify', 'escalate'])),
    CONSTRAINT attention_rule_kind_known CHECK (kind = ANY (ARRAY['rule', 'failures'])),
    CONSTRAINT attention_rule_severities_known
        CHECK (severities <@ ARRAY['info', 'warning', 'critical']),
    CONSTRAINT attention_rule_holds
        CHECK ((action = ANY (ARRAY['defer', 'batch'])) = (hold IS NOT NULL)),
    CONSTRAINT attention_rule_escalates
        CHECK ((action = 'escalate') = (escalate_after IS NOT NULL)),
    CONSTRAINT attention_rule_quiet_is_whole
        CHECK (num_nulls(quiet_from, quiet_to, timezone) = ANY (ARRAY[0, 3])),
    CONSTRAINT attention_rule_rate_is_whole
        CHECK ((max_notices IS NULL) = (rate_window IS NULL))
);
CREATE UNIQUE INDEX attention_rules_name_key ON taskcenter.attention_rules (name);

ALTER TABLE taskcenter.attention_rules ENABLE ROW LEVEL SECURITY;

COMMENT ON SEQUENCE taskcenter.attention_rule_ids IS 'Ids of attention rules';
COMMENT ON TABLE taskcenter.attention_rules IS
'What set_attention_rule() defined: the first rule that matches an alert, by place and then by name, decides what becomes of it when it is written';
COMMENT ON COLUMN taskcenter.attention_rules.attention_rule_id IS 'Identifies the rule';
COMMENT ON COLUMN taskcenter.attention_rules.name IS 'Its name, unique';
COMMENT ON COLUMN taskcenter.attention_rules.place IS 'Rules of a lower place are asked first';
COMMENT ON COLUMN taskcenter.attention_rules.action IS 'drop, log, defer, batch, notify or escalate: see alerts.attention';
COMMENT ON COLUMN taskcenter.attention_rules.severities IS 'It matches alerts of these severities; null: of any';
COMMENT ON COLUMN taskcenter.attention_rules.kind IS 'It matches alerts of this kind, rule or failures; null: of any';
COMMENT ON COLUMN taskcenter.attention_rules.pattern IS
'It matches alerts whose name, that of the alert rule or of the task, reads so; * stands for any characters; null: all';
COMMENT ON COLUMN taskcenter.attention_rules.hold IS
'How long each is held back (defer), or how long they are collected from the first one on (batch); else null';
COMMENT ON COLUMN taskcenter.attention_rules.quiet_from IS
'Local time, as 22:00, from which on nothing is told at once; null: there are no quiet hours';
COMMENT ON COLUMN taskcenter.attention_rules.quiet_to IS 'Local time at which what was held back is told';
COMMENT ON COLUMN taskcenter.attention_rules.timezone IS 'Whose local time';
COMMENT ON COLUMN taskcenter.attention_rules.max_notices IS
'So many events are written within rate_window; what comes beyond that is batched; null: there is no limit';
COMMENT ON COLUMN taskcenter.attention_rules.rate_window IS 'The time that max_notices is for';
COMMENT ON COLUMN taskcenter.attention_rules.escalate_after IS
'How long an alert that was told may stay unacknowledged until it is told again, with the next higher severity';
COMMENT ON COLUMN taskcenter.attention_rules.created_at IS 'When it was made';
COMMENT ON COLUMN taskcenter.attention_rules.updated_at IS 'When it was changed last';

RESET ROLE;
