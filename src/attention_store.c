/*-------------------------------------------------------------------------
 *
 * attention_store.c
 *		Attention rules, and what they have done about alerts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "attention_store.h"
#include "bindings.h"
#include "statement.h"

static Statement rules_for = {
	.label = "read attention rules",
	.text =
	"SELECT r.attention_rule_id, r.name, r.place, r.action, r.pattern, r.hold, r.quiet_from,"
	"   r.quiet_to, r.timezone, r.max_notices, r.rate_window, r.escalate_after"
	" FROM taskcenter.attention_rules AS r"
	" WHERE (r.severities IS NULL OR $1 = ANY (r.severities))"
	"   AND (r.kind IS NULL OR r.kind = $2)"
	" ORDER BY r.place, r.name",
	.nargs = 2,
	.types = {TEXTOID, TEXTOID}
};

static Statement store_rule = {
	.label = "store an attention rule",
	.text =
	"INSERT INTO taskcenter.attention_rules AS r (name, place, action, severities, kind,"
	"   pattern, hold, quiet_from, quiet_to, timezone, max_notices, rate_window,"
	"   escalate_after, created_at, updated_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)"
	" ON CONFLICT (name) DO UPDATE SET place = excluded.place, action = excluded.action,"
	"   severities = excluded.severities, kind = excluded.kind, pattern = excluded.pattern,"
	"   hold = excluded.hold, quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to,"
	"   timezone = excluded.timezone, max_notices = excluded.max_notices,"
	"   rate_window = excluded.rate_window, escalate_after = excluded.escalate_after,"
	"   updated_at = excluded.updated_at"
	" RETURNING attention_rule_id",
	.nargs = 14,
	.types = {TEXTOID, INT4OID, TEXTOID, TEXTARRAYOID, TEXTOID, TEXTOID, INTERVALOID, TEXTOID,
	TEXTOID, TEXTOID, INT4OID, INTERVALOID, INTERVALOID, TIMESTAMPTZOID}
};

static Statement count_rules = {
	.label = "count attention rules",
	.text = "SELECT count(*) FROM taskcenter.attention_rules",
	.any_plan = true
};

static Statement drop_rule = {
	.label = "remove an attention rule",
	.text =
	"DELETE FROM taskcenter.attention_rules WHERE name = $1 RETURNING attention_rule_id",
	.nargs = 1,
	.types = {TEXTOID}
};

/* one row of each event counts: the first that it told of */
static Statement room_at = {
	.label = "look for room for a notice",
	.text =
	"SELECT a.told_at + $3 FROM taskcenter.alerts AS a"
	" WHERE a.attention_rule_id = $1 AND a.told_with = a.alert_id AND a.told_at > $2 - $3"
	" ORDER BY a.told_at DESC OFFSET $4 - 1 LIMIT 1",
	.nargs = 4,
	.types = {INT8OID, TIMESTAMPTZOID, INTERVALOID, INT4OID}
};

static Statement batch_at = {
	.label = "look for an open batch",
	.text =
	"SELECT min(a.due_at) FROM taskcenter.alerts AS a"
	" WHERE a.attention_rule_id = $1 AND a.attention = 'batch' AND a.told_at IS NULL"
	"   AND a.due_at > $2",
	.nargs = 2,
	.types = {INT8OID, TIMESTAMPTZOID}
};

static Statement next_due = {
	.label = "look which alert is to be told next",
	.text = "SELECT min(a.due_at) FROM taskcenter.alerts AS a"
};

/*
 * One event for each rule and each owner: rules are for monitors, an owner
 * sees that his tasks fail.  It lists a hundred, and says how many there are.
 * Who acknowledges an alert is not waited for.
 */
static Statement release = {
	.label = "tell alerts that were held back",
	.text =
	"WITH due AS ("
	"   SELECT a.alert_id FROM taskcenter.alerts AS a"
	"   WHERE a.due_at <= $1 AND a.told_at IS NULL"
	"   ORDER BY a.due_at, a.alert_id LIMIT 10000 FOR UPDATE SKIP LOCKED),"
	" held AS ("
	"   SELECT a.*, r.name AS rule, k.owner_id, k.task_id AS failing_task_id,"
	"     row_number() OVER w AS place, first_value(a.alert_id) OVER w AS first_id,"
	"     CASE WHEN a.state <> 'recovered' THEN $1 + r.escalate_after END AS again_at"
	"   FROM due AS d"
	"   JOIN taskcenter.alerts AS a ON a.alert_id = d.alert_id"
	"   LEFT JOIN taskcenter.attention_rules AS r ON r.attention_rule_id = a.attention_rule_id"
	"   LEFT JOIN taskcenter.tasks AS k ON k.task_id = a.task_id AND a.kind = 'failures'"
	"   WINDOW w AS (PARTITION BY a.attention_rule_id, k.owner_id ORDER BY a.alert_id)),"
	" told AS ("
	"   UPDATE taskcenter.alerts AS a"
	"   SET told_at = $1, told_with = h.first_id, due_at = h.again_at"
	"   FROM held AS h WHERE a.alert_id = h.alert_id)"
	" INSERT INTO taskcenter.noted_events (recorded_at, event_type, owner_id, task_id, payload)"
	" SELECT $1, 'alert_released', h.owner_id,"
	"   CASE WHEN min(h.failing_task_id) = max(h.failing_task_id)"
	"     THEN min(h.failing_task_id) END,"
	"   jsonb_strip_nulls(jsonb_build_object('attention_rule', min(h.rule), 'count', count(*),"
	"     'alerts', jsonb_agg(jsonb_build_object('alert_id', h.alert_id, 'kind', h.kind,"
	"       'name', h.name, 'state', h.state, 'severity', h.severity, 'raised_at', h.raised_at,"
	"       'metric', h.metric, 'value', h.value, 'threshold', h.threshold,"
	"       'detail', h.detail, 'attention', h.attention, 'explanation', h.explanation)"
	"       ORDER BY h.alert_id) FILTER (WHERE h.place <= 100)))"
	" FROM held AS h GROUP BY h.attention_rule_id, h.owner_id",
	.nargs = 1,
	.types = {TIMESTAMPTZOID}
};

static Statement escalate = {
	.label = "tell alerts again that nobody acknowledged",
	.text =
	"WITH due AS ("
	"   SELECT a.alert_id FROM taskcenter.alerts AS a"
	"   WHERE a.due_at <= $1 AND a.told_at IS NOT NULL"
	"   ORDER BY a.due_at, a.alert_id LIMIT 1000 FOR UPDATE SKIP LOCKED),"
	" judged AS ("
	"   SELECT a.alert_id, r.escalate_after, a.escalations + 1 AS escalations, s.labels,"
	"     least(array_position(s.labels, a.severity) + a.escalations + 1,"
	"       cardinality(s.labels)) AS level,"

	/*
	 * of a task that still fails, a rule that is as it was and said nothing
	 * since
	 */
	"     r.escalate_after IS NOT NULL AND (a.kind = 'failures' AND a.task_id <> ALL ($2)"
	"       OR EXISTS (SELECT FROM taskcenter.alert_rules AS b"
	"         WHERE b.alert_rule_id = a.alert_rule_id AND b.updated_at <= a.raised_at)"
	"       AND NOT EXISTS (SELECT FROM taskcenter.alerts AS l"
	"         WHERE l.alert_rule_id = a.alert_rule_id AND l.alert_id > a.alert_id)) AS goes_on"
	"   FROM due AS d"
	"   JOIN taskcenter.alerts AS a ON a.alert_id = d.alert_id"
	"   LEFT JOIN taskcenter.attention_rules AS r ON r.attention_rule_id = a.attention_rule_id"
	"   CROSS JOIN (SELECT ARRAY['info', 'warning', 'critical']) AS s (labels)),"
	" told AS ("
	"   UPDATE taskcenter.alerts AS a"
	"   SET escalations = a.escalations + j.goes_on::int,"
	"     due_at = CASE WHEN j.goes_on AND j.level < cardinality(j.labels)"
	"       THEN $1 + j.escalate_after END"
	"   FROM judged AS j WHERE a.alert_id = j.alert_id)"
	" INSERT INTO taskcenter.noted_events (recorded_at, event_type, owner_id, task_id, payload)"
	" SELECT $1, 'alert_escalated', k.owner_id, k.task_id, jsonb_strip_nulls("
	"   jsonb_build_object('alert_id', a.alert_id, 'kind', a.kind, 'name', a.name,"
	"     'state', a.state, 'severity', j.labels[j.level], 'escalations', j.escalations,"
	"     'raised_at', a.raised_at, 'metric', a.metric, 'value', a.value,"
	"     'threshold', a.threshold, 'detail', a.detail,"
	"     'explanation', 'Nobody has acknowledged it.'))"
	" FROM judged AS j"
	" JOIN taskcenter.alerts AS a ON a.alert_id = j.alert_id"
	" LEFT JOIN taskcenter.tasks AS k ON k.task_id = a.task_id AND a.kind = 'failures'"
	" WHERE j.goes_on",
	.nargs = 2,
	.types = {TIMESTAMPTZOID, INT8ARRAYOID}
};

/* with it, what was told, or not yet told, of the same task before */
static Statement acknowledge = {
	.label = "acknowledge an alert",
	.text =
	"UPDATE taskcenter.alerts AS a"
	" SET due_at = NULL, acknowledged_at = coalesce(a.acknowledged_at, $3)"
	" WHERE a.alert_id = $1 OR a.task_id = $2 AND a.kind = 'failures'"
	"   AND a.alert_id < $1 AND a.due_at IS NOT NULL",
	.nargs = 3,
	.types = {INT8OID, INT8OID, TIMESTAMPTZOID}
};

static Statement find_alert = {
	.label = "find an alert",
	.text =
	"SELECT a.kind, a.name, a.task_id FROM taskcenter.alerts AS a WHERE a.alert_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

/* ---- rules ---- */

int
tc_attention_rules_for(const char *severity, const char *kind, AttentionRuleRow **rows)
{
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_text(&bindings, severity);
	tc_bind_text(&bindings, kind);
	count = (int) tc_run_bound(&rules_for, &bindings);
	*rows = palloc0(sizeof(AttentionRuleRow) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		AttentionRuleRow *row = &(*rows)[i];

		row->attention_rule_id = tc_get_int64(i, 1);
		row->name = tc_get_text(i, 2);
		row->place = tc_get_int32(i, 3);
		row->action = tc_get_text(i, 4);
		row->pattern = tc_get_text(i, 5);
		row->hold = tc_get_interval(i, 6);
		row->quiet_from = tc_get_text(i, 7);
		row->quiet_to = tc_get_text(i, 8);
		row->timezone = tc_get_text(i, 9);
		row->max_notices = tc_get_int32(i, 10);
		row->rate_window = tc_get_interval(i, 11);
		row->escalate_after = tc_get_interval(i, 12);
	}
	return count;
}

int64
tc_attention_rule_store(const AttentionRuleRow *row, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, row->name);
	tc_bind_int32(&bindings, row->place);
	tc_bind_text(&bindings, row->action);
	tc_bind_texts(&bindings, row->severities, row->severity_count);
	tc_bind_text(&bindings, row->kind);
	tc_bind_text(&bindings, row->pattern);
	tc_bind_interval(&bindings, row->hold);
	tc_bind_text(&bindings, row->quiet_from);
	tc_bind_text(&bindings, row->quiet_to);
	tc_bind_text(&bindings, row->timezone);
	tc_bind_datum(&bindings, Int32GetDatum(row->max_notices), row->max_notices == 0);
	tc_bind_interval(&bindings, row->rate_window);
	tc_bind_interval(&bindings, row->escalate_after);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&store_rule, &bindings);
	return tc_get_int64(0, 1);
}

int64
tc_attention_rules_count(void)
{
	tc_run(&count_rules, NULL, NULL);
	return tc_get_int64(0, 1);
}

int64
tc_attention_rule_drop(const char *name)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, name);
	return tc_run_bound(&drop_rule, &bindings) == 0 ? 0 : tc_get_int64(0, 1);
}

/* ---- what was told, and is to be told ---- */

TimestampTz
tc_attention_room_at(const AttentionRuleRow *row, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, row->attention_rule_id);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_interval(&bindings, row->rate_window);
	tc_bind_int32(&bindings, row->max_notices);
	return tc_run_bound(&room_at, &bindings) == 0 ? DT_NOBEGIN : tc_get_timestamptz(0, 1);
}

TimestampTz
tc_attention_batch_at(int64 rule_id, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, rule_id);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&batch_at, &bindings);
	return tc_get_timestamptz(0, 1);
}

TimestampTz
tc_alerts_next_due(void)
{
	tc_run(&next_due, NULL, NULL);
	return tc_is_null(0, 1) ? DT_NOEND : tc_get_timestamptz(0, 1);
}

bool
tc_alerts_release(TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_timestamptz(&bindings, now);
	return tc_run_bound(&release, &bindings) > 0;
}

bool
tc_alerts_escalate(TimestampTz now, const int64 *healed_tasks, int count)
{
	Bindings	bindings = {0};

	tc_bind_timestamptz(&bindings, now);
	tc_bind_ids(&bindings, healed_tasks, count);
	return tc_run_bound(&escalate, &bindings) > 0;
}

void
tc_alert_acknowledge(int64 alert_id, const AlertFacts *alert, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, alert_id);
	tc_bind_id(&bindings, alert->task_id);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&acknowledge, &bindings);
}

bool
tc_alert_find(int64 alert_id, AlertFacts *alert)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, alert_id);
	if (tc_run_bound(&find_alert, &bindings) == 0)
		return false;
	alert->kind = tc_get_text(0, 1);
	alert->name = tc_get_text(0, 2);
	alert->task_id = tc_get_int64(0, 3);
	return true;
}
