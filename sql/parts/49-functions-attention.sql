/* Which alerts are told, when and how often. */
SET LOCAL ROLE taskcenter_owner;

CREATE TYPE taskcenter.attention_decision AS (
    attention       text,
    due_at          timestamptz,
    rule            text,
    explanation     text
);
COMMENT ON TYPE taskcenter.attention_decision IS
'What becomes of an alert, as alerts.attention says; when it is told (defer, batch) or told again (escalate), null: neither; the attention rule that decides, null: none; and why';

RESET ROLE;

CREATE FUNCTION taskcenter.set_attention_rule(name text, action text,
    severities text[] = NULL, kind text = NULL, pattern text = NULL, hold interval = NULL,
    quiet_from text = NULL, quiet_to text = NULL, timezone text = NULL,
    max_notices int = NULL, rate_window interval = NULL, escalate_after interval = NULL,
    place int = 100, reason text = NULL) RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_set_attention_rule';
COMMENT ON FUNCTION taskcenter.set_attention_rule(text, text, text[], text, text, interval, text, text, text, int, interval, interval, int, text) IS
'Say what becomes of alerts; the rule of that name, if there is one, is replaced. Returns its id. An alert is decided once, when it is written, by the first rule that matches it, by place (0 to 10000) and then by name; where none matches it is told at once. It matches alerts of these severities (info, warning, critical), of this kind (rule, failures), whose name reads as pattern (* stands for any characters); null matches all. action: drop (only the row in alerts), log (in open_alerts, too), defer (told after hold), batch (collected for hold, from the first one on, and told as one), notify (told at once), escalate (told at once, and again after each escalate_after with the next higher severity until that is critical, what is critical already once more; not when acknowledge_alert() was called, the alert rule recovered, was changed or dropped, or the failing task succeeded). hold and escalate_after: 1 second to 7 days, by default 30 minutes. quiet_from, quiet_to: local times as 22:00 and 07:00, between which nothing is told but escalations of what was told before; it is told at the end, as one; a time that the clock shows twice counts the first time, one that it skips when it goes on; timezone is by default the setting default_timezone. max_notices (1 to 1000) within rate_window (1 second to 7 days, by default 1 hour): what is beyond is told as one as soon as there is room. To be told is to be an event: alert_breached, alert_recovered, alert_notified at once, alert_released what was held back, alert_escalated. For superusers and the owner of the database: 42501 for others. Raises 22023 for what cannot be read or does not fit the action, 54000 beyond 100 rules';

CREATE FUNCTION taskcenter.remove_attention_rule(name text, if_exists boolean = false,
    reason text = NULL) RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_remove_attention_rule';
COMMENT ON FUNCTION taskcenter.remove_attention_rule(text, boolean, text) IS
'End an attention rule. What it held back is told at its time, what it escalated is not told again. Returns its id, or null if there is none and if_exists is true. For superusers and the owner of the database: 42501 for others. Raises 42704 for an unknown name';

CREATE FUNCTION taskcenter.acknowledge_alert(alert_id bigint, reason text = NULL) RETURNS bigint
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_acknowledge_alert';
COMMENT ON FUNCTION taskcenter.acknowledge_alert(bigint, text) IS
'Say that somebody looks after an alert, and after earlier ones of the same failing task: they are not escalated any more, and not told if they are still held back. The audit keeps who and why, an event alert_changed tells of it. Returns its id, also when that was said before. For superusers and the owner of the database, and of kind failures for who may operate the task: 42501 for others. Raises 42704 for an unknown id';

CREATE FUNCTION taskcenter.preview_attention(kind text, name text, severity text = 'warning',
    at timestamptz = NULL) RETURNS taskcenter.attention_decision
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskcenter_preview_attention';
COMMENT ON FUNCTION taskcenter.preview_attention(text, text, text, timestamptz) IS
'What would become of an alert of that kind (rule, failures), name and severity at that time, by default now, as the attention rules are and with what was told up to now. For members of pg_monitor, superusers and the owner of the database: 42501 for others';

GRANT EXECUTE ON FUNCTION
    taskcenter.set_attention_rule(text, text, text[], text, text, interval, text, text, text, int, interval, interval, int, text),
    taskcenter.remove_attention_rule(text, boolean, text),
    taskcenter.acknowledge_alert(bigint, text),
    taskcenter.preview_attention(text, text, text, timestamptz) TO PUBLIC;

CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON taskcenter.attention_rules
    FOR EACH ROW EXECUTE FUNCTION taskcenter.audit_change();
ALTER TABLE taskcenter.attention_rules ENABLE ALWAYS TRIGGER audit_change;
