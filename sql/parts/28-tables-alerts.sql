/* Threshold rules, and what they, and runs that keep failing, gave rise to. */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.alert_rule_ids MAXVALUE 9007199254740991;
CREATE SEQUENCE taskcenter.alert_ids MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.alert_rules (
    alert_rule_id   bigint NOT NULL DEFAULT nextval('taskcenter.alert_rule_ids'),
    name            text NOT NULL,
    metric          text NOT NULL,
    comparison      text NOT NULL,
    threshold       text NOT NULL,
    time_window     interval NOT NULL,
    severity        text NOT NULL,
    task_id         bigint,
    queue_id        bigint,
    description     text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT alert_rules_pkey PRIMARY KEY (alert_rule_id),
    CONSTRAINT alert_rule_comparison_known CHECK (comparison = ANY (ARRAY['>', '>=', '<', '<='])),
    CONSTRAINT alert_rule_severity_known
        CHECK (severity = ANY (ARRAY['info', 'warning', 'critical']))
);
CREATE UNIQUE INDEX alert_rules_name_key ON taskcenter.alert_rules (name);

CREATE TABLE taskcenter.alerts (
    alert_id        bigint NOT NULL DEFAULT nextval('taskcenter.alert_ids'),
    raised_at       timestamptz NOT NULL,
    kind            text NOT NULL,
    name            text NOT NULL,
    state           text NOT NULL,
    severity        text NOT NULL,
    alert_rule_id   bigint,
    task_id         bigint,
    metric          text NOT NULL,
    value           text,
    threshold       text NOT NULL,
    detail          text NOT NULL,
    attention       text NOT NULL DEFAULT 'notify',
    explanation     text NOT NULL DEFAULT 'No attention rule matches it.',
    attention_rule_id bigint,
    due_at          timestamptz,
    told_at         timestamptz,
    told_with       bigint,
    escalations     int NOT NULL DEFAULT 0,
    acknowledged_at timestamptz,
    CONSTRAINT alerts_pkey PRIMARY KEY (alert_id),
    CONSTRAINT alert_kind_known CHECK (kind = ANY (ARRAY['rule', 'failures'])),
    CONSTRAINT alert_state_known CHECK (state = ANY (ARRAY['breached', 'recovered', 'notified'])),
    CONSTRAINT alert_attention_known
        CHECK (attention = ANY (ARRAY['drop', 'log', 'defer', 'batch', 'notify', 'escalate'])),
    CONSTRAINT alert_held_back_is_due CHECK (NOT attention = ANY (ARRAY['defer', 'batch'])
        OR num_nonnulls(due_at, told_at, acknowledged_at) > 0),
    CONSTRAINT alert_told_has_time CHECK ((told_at IS NULL) = (told_with IS NULL)),
    CONSTRAINT alert_rule_has_id CHECK ((kind = 'rule') = (alert_rule_id IS NOT NULL))
);
CREATE INDEX alerts_rule_idx ON taskcenter.alerts (alert_rule_id, alert_id DESC)
    WHERE alert_rule_id IS NOT NULL;
CREATE INDEX alerts_task_idx ON taskcenter.alerts (task_id, alert_id DESC)
    WHERE task_id IS NOT NULL;
CREATE INDEX alerts_due_idx ON taskcenter.alerts (due_at, alert_id) WHERE due_at IS NOT NULL;
CREATE INDEX alerts_batch_idx ON taskcenter.alerts (attention_rule_id, due_at)
    WHERE attention = 'batch' AND told_at IS NULL;
CREATE INDEX alerts_told_idx ON taskcenter.alerts (attention_rule_id, told_at DESC)
    WHERE told_with = alert_id;

COMMENT ON SEQUENCE taskcenter.alert_rule_ids IS 'Ids of alert rules';
COMMENT ON SEQUENCE taskcenter.alert_ids IS 'Ids of alerts';
COMMENT ON TABLE taskcenter.alert_rules IS
'What set_alert_rule() defined: the scheduler compares each metric with its threshold, and writes into alerts when it is breached, and when it recovers';
COMMENT ON COLUMN taskcenter.alert_rules.alert_rule_id IS 'Identifies the rule';
COMMENT ON COLUMN taskcenter.alert_rules.name IS 'Its name, unique';
COMMENT ON COLUMN taskcenter.alert_rules.metric IS 'What it looks at: see set_alert_rule()';
COMMENT ON COLUMN taskcenter.alert_rules.comparison IS
'It is breached while the metric is in this relation to the threshold: > >= < <=';
COMMENT ON COLUMN taskcenter.alert_rules.threshold IS 'A number, in the unit of the metric';
COMMENT ON COLUMN taskcenter.alert_rules.time_window IS
'Of metrics of the past: the time that is looked back on. Of metrics of the present: how long they must be beyond the threshold';
COMMENT ON COLUMN taskcenter.alert_rules.severity IS 'info, warning or critical';
COMMENT ON COLUMN taskcenter.alert_rules.task_id IS 'The only task that counts; null: all';
COMMENT ON COLUMN taskcenter.alert_rules.queue_id IS 'The only queue that counts; null: all';
COMMENT ON COLUMN taskcenter.alert_rules.description IS 'What to do, for who reads the alert';
COMMENT ON COLUMN taskcenter.alert_rules.created_at IS 'When it was made';
COMMENT ON COLUMN taskcenter.alert_rules.updated_at IS 'When it was changed last';

COMMENT ON TABLE taskcenter.alerts IS
'Each breach and each recovery of an alert rule, and each notice that a task keeps failing; kept for the setting alerts_retention';
COMMENT ON COLUMN taskcenter.alerts.alert_id IS 'Identifies the row; ascending';
COMMENT ON COLUMN taskcenter.alerts.raised_at IS 'When the scheduler found it';
COMMENT ON COLUMN taskcenter.alerts.kind IS
'rule: of an alert rule; failures: a task failed several times in a row';
COMMENT ON COLUMN taskcenter.alerts.name IS 'Name of the rule, or of the task, at that time';
COMMENT ON COLUMN taskcenter.alerts.state IS
'breached, recovered (it was breached before), or notified';
COMMENT ON COLUMN taskcenter.alerts.severity IS 'That of the rule; warning for failures';
COMMENT ON COLUMN taskcenter.alerts.alert_rule_id IS 'The rule; null for failures';
COMMENT ON COLUMN taskcenter.alerts.task_id IS
'The task that failed, or the only one that the rule counts; else null';
COMMENT ON COLUMN taskcenter.alerts.metric IS 'What was looked at';
COMMENT ON COLUMN taskcenter.alerts.value IS
'Its value; null where there was none, as the failure ratio when nothing finished';
COMMENT ON COLUMN taskcenter.alerts.threshold IS 'What it was compared with';
COMMENT ON COLUMN taskcenter.alerts.detail IS 'A sentence for people';
COMMENT ON COLUMN taskcenter.alerts.attention IS
'What was decided when it was written, by the rules of set_attention_rule(): drop (this row is all), log (in open_alerts, no event), defer or batch (an event alert_released later), notify (an event at once), escalate (the same, and alert_escalated until somebody acknowledges it)';
COMMENT ON COLUMN taskcenter.alerts.explanation IS 'Why, and when it is told: a sentence for people';
COMMENT ON COLUMN taskcenter.alerts.attention_rule_id IS
'The attention rule that decided; null where none matched';
COMMENT ON COLUMN taskcenter.alerts.due_at IS
'When it is to be told, or told again; null: nothing more is told of it';
COMMENT ON COLUMN taskcenter.alerts.told_at IS 'When an event told of it first; null: none did (yet)';
COMMENT ON COLUMN taskcenter.alerts.told_with IS
'The first alert that the same event told of: itself, unless it was held back';
COMMENT ON COLUMN taskcenter.alerts.escalations IS 'How often it was told again since';
COMMENT ON COLUMN taskcenter.alerts.acknowledged_at IS
'When acknowledge_alert() was called for it, or for a later one of the same task; the audit says who did';

RESET ROLE;
