/*-------------------------------------------------------------------------
 *
 * attention_store.c
 *		Attention rules, and what is still to be done about alerts.
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

static Statement room_at = {
	.label = "look for room for a notice",
	.text =
	"SELECT t.due_at FROM taskcenter.alert_timers AS t"
	" WHERE t.attention_rule_id = $1 AND t.what = 'forget' AND t.due_at > $2"
	" ORDER BY t.due_at DESC OFFSET $3 - 1 LIMIT 1",
	.nargs = 3,
	.types = {INT8OID, TIMESTAMPTZOID, INT4OID}
};

static Statement batch_at = {
	.label = "look for an open batch",
	.text =
	"SELECT min(t.due_at) FROM taskcenter.alert_timers AS t"
	" JOIN taskcenter.alerts AS a ON a.alert_id = t.alert_id AND a.attention = 'batch'"
	" WHERE t.attention_rule_id = $1 AND t.what = 'release' AND t.due_at > $2",
	.nargs = 2,
	.types = {INT8OID, TIMESTAMPTZOID}
};

static Statement set_timers = {
	.label = "note what is to be done about an alert",
	.text =
	"INSERT INTO taskcenter.alert_timers (alert_id, what, due_at, attention_rule_id)"
	" SELECT $1, x.what, x.due_at, r.attention_rule_id"
	" FROM taskcenter.attention_rules AS r"
	" CROSS JOIN LATERAL (VALUES ('release', $3),"
	"   ('forget', CASE WHEN $3 IS NULL THEN $5 + r.rate_window END),"
	"   ('escalate', CASE WHEN $3 IS NULL AND $4 THEN $5 + r.escalate_after END))"
	"   AS x (what, due_at)"
	" WHERE r.attention_rule_id = $2 AND x.due_at IS NOT NULL",
	.nargs = 5,
	.types = {INT8OID, INT8OID, TIMESTAMPTZOID, BOOLOID, TIMESTAMPTZOID}
};

static Statement stop_timers = {
	.label = "tell no more of an alert",
	.text =
	"DELETE FROM taskcenter.alert_timers AS t"
	" WHERE t.alert_id = $1 AND t.what = ANY (ARRAY['release', 'escalate'])",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement next_timer = {
	.label = "look what is next to be done about alerts",
	.text = "SELECT min(t.due_at) FROM taskcenter.alert_timers AS t"
};

/*
 * One event for each rule and each owner: rules are for monitors, an owner
 * sees that his tasks fail.  It lists a hundred, and says how many there are.
 */
static Statement release = {
	.label = "tell alerts that were held back",
	.text =
	"WITH due AS ("
	"   SELECT t.alert_id, t.attention_rule_id FROM taskcenter.alert_timers AS t"
	"   WHERE t.what = 'release' AND t.due_at <= $1"
	"   ORDER BY t.due_at, t.alert_id LIMIT 10000 FOR UPDATE SKIP LOCKED),"
	" gone AS ("
	"   DELETE FROM taskcenter.alert_timers AS t USING due AS d"
	"   WHERE t.alert_id = d.alert_id AND t.what = 'release' RETURNING 1),"
	" held AS ("
	"   SELECT d.attention_rule_id, k.owner_id, k.task_id, a.alert_id, a.alert_rule_id, a.state,"
	"     row_number() OVER (PARTITION BY d.attention_rule_id, k.owner_id"
	"       ORDER BY a.alert_id) AS place,"
	"     jsonb_strip_nulls(jsonb_build_object('alert_id', a.alert_id, 'kind', a.kind,"
	"       'name', a.name, 'state', a.state, 'severity', a.severity, 'raised_at', a.raised_at,"
	"       'metric', a.metric, 'value', a.value, 'threshold', a.threshold,"
	"       'detail', a.detail, 'attention', a.attention,"
	"       'explanation', a.explanation)) AS alert"
	"   FROM due AS d"
	"   JOIN taskcenter.alerts AS a ON a.alert_id = d.alert_id"
	"   LEFT JOIN taskcenter.tasks AS k ON k.task_id = a.task_id AND a.kind = 'failures'),"
	" told AS ("
	"   INSERT INTO taskcenter.noted_events (recorded_at, event_type, owner_id, task_id, payload)"
	"   SELECT $1, 'alert_released', h.owner_id,"
	"     CASE WHEN min(h.task_id) = max(h.task_id) THEN min(h.task_id) END,"
	"     jsonb_strip_nulls(jsonb_build_object('attention_rule', min(r.name),"
	"       'count', count(*),"
	"       'alerts', jsonb_agg(h.alert ORDER BY h.alert_id) FILTER (WHERE h.place <= 100)))"
	"   FROM held AS h"
	"   LEFT JOIN taskcenter.attention_rules AS r"
	"     ON r.attention_rule_id = h.attention_rule_id"
	"   GROUP BY h.attention_rule_id, h.owner_id),"
	" counted AS ("
	"   INSERT INTO taskcenter.alert_timers (alert_id, what, due_at, attention_rule_id)"
	"   SELECT h.alert_id, 'forget', $1 + r.rate_window, r.attention_rule_id"
	"   FROM held AS h"
	"   JOIN taskcenter.attention_rules AS r ON r.attention_rule_id = h.attention_rule_id"
	"   WHERE h.place = 1 AND r.rate_window IS NOT NULL"
	"   UNION ALL"
	"   SELECT h.alert_id, 'escalate', $1 + r.escalate_after, r.attention_rule_id"
	"   FROM held AS h"
	"   JOIN taskcenter.attention_rules AS r ON r.attention_rule_id = h.attention_rule_id"
	"   WHERE h.state <> 'recovered' AND r.escalate_after IS NOT NULL"
	"     AND NOT EXISTS (SELECT FROM taskcenter.alerts AS l"
	"       WHERE l.alert_rule_id = h.alert_rule_id AND l.alert_id > h.alert_id))"
	" SELECT count(*) FROM gone",
	.nargs = 1,
	.types = {TIMESTAMPTZOID}
};

/* whatever came after it, its rule says itself */
static Statement to_escalate = {
	.label = "look which alerts nobody acknowledged",
	.text =
	"SELECT t.alert_id, t.escalations, CASE WHEN r.escalate_after IS NOT NULL"
	"   AND NOT EXISTS (SELECT FROM taskcenter.alerts AS l"
	"     WHERE l.alert_rule_id = a.alert_rule_id AND l.alert_id > a.alert_id)"
	"   THEN a.severity END"
	" FROM taskcenter.alert_timers AS t"
	" LEFT JOIN taskcenter.alerts AS a ON a.alert_id = t.alert_id"
	" LEFT JOIN taskcenter.attention_rules AS r ON r.attention_rule_id = t.attention_rule_id"
	" WHERE t.what = 'escalate' AND t.due_at <= $1"
	" ORDER BY t.due_at, t.alert_id LIMIT 1000 FOR UPDATE OF t SKIP LOCKED",
	.nargs = 1,
	.types = {TIMESTAMPTZOID}
};

static Statement note_escalation = {
	.label = "tell an alert again",
	.text =
	"INSERT INTO taskcenter.noted_events (recorded_at, event_type, owner_id, task_id, payload)"
	" SELECT $4, 'alert_escalated', k.owner_id, k.task_id, jsonb_strip_nulls("
	"   jsonb_build_object('alert_id', a.alert_id, 'kind', a.kind, 'name', a.name,"
	"     'state', a.state, 'severity', $2, 'escalations', $3, 'raised_at', a.raised_at,"
	"     'metric', a.metric, 'value', a.value, 'threshold', a.threshold,"
	"     'detail', a.detail, 'explanation', 'Nobody has acknowledged it.'))"
	" FROM taskcenter.alerts AS a"
	" LEFT JOIN taskcenter.tasks AS k ON k.task_id = a.task_id AND a.kind = 'failures'"
	" WHERE a.alert_id = $1",
	.nargs = 4,
	.types = {INT8OID, TEXTOID, INT4OID, TIMESTAMPTZOID}
};

static Statement go_on_escalating = {
	.label = "escalate an alert later again",
	.text =
	"UPDATE taskcenter.alert_timers AS t"
	" SET due_at = $3 + r.escalate_after, escalations = $2"
	" FROM taskcenter.attention_rules AS r"
	" WHERE r.attention_rule_id = t.attention_rule_id"
	"   AND t.alert_id = $1 AND t.what = 'escalate'",
	.nargs = 3,
	.types = {INT8OID, INT4OID, TIMESTAMPTZOID}
};

static Statement forget = {
	.label = "forget notices",
	.text =
	"DELETE FROM taskcenter.alert_timers AS t WHERE t.what = 'forget' AND t.due_at <= $1",
	.nargs = 1,
	.types = {TIMESTAMPTZOID}
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

static void
bind_texts(Bindings *bindings, char *const *texts, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	if (texts == NULL)
	{
		tc_bind_null(bindings);
		return;
	}
	for (i = 0; i < count; i++)
		values[i] = CStringGetTextDatum(texts[i]);
	tc_bind_datum(bindings, PointerGetDatum(construct_array(values, count, TEXTOID, -1, false,
															TYPALIGN_INT)), false);
}

int64
tc_attention_rule_store(const AttentionRuleRow *row, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, row->name);
	tc_bind_int32(&bindings, row->place);
	tc_bind_text(&bindings, row->action);
	bind_texts(&bindings, row->severities, row->severity_count);
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
tc_attention_room_at(int64 rule_id, int32 max_notices, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, rule_id);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_int32(&bindings, max_notices);
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

void
tc_alert_timers_set(int64 alert_id, int64 rule_id, TimestampTz until, bool escalates,
					TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, alert_id);
	tc_bind_int64(&bindings, rule_id);
	tc_bind_timestamptz(&bindings, until);
	tc_bind_bool(&bindings, escalates);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&set_timers, &bindings);
}

void
tc_alert_timers_stop(int64 alert_id)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, alert_id);
	tc_run_bound(&stop_timers, &bindings);
}

TimestampTz
tc_alert_timers_next(void)
{
	tc_run(&next_timer, NULL, NULL);
	return tc_is_null(0, 1) ? DT_NOEND : tc_get_timestamptz(0, 1);
}

static void
run_at(Statement *statement, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(statement, &bindings);
}

void
tc_alerts_release(TimestampTz now)
{
	run_at(&release, now);
}

void
tc_notices_forget(TimestampTz now)
{
	run_at(&forget, now);
}

int
tc_alerts_to_escalate(TimestampTz now, Escalation **rows)
{
	int			count;
	int			i;

	run_at(&to_escalate, now);
	count = (int) tc_rows();
	*rows = palloc(sizeof(Escalation) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*rows)[i].alert_id = tc_get_int64(i, 1);
		(*rows)[i].escalations = tc_get_int32(i, 2);
		(*rows)[i].severity = tc_get_text(i, 3);
	}
	return count;
}

void
tc_alert_escalate(const Escalation *row, const char *severity, bool last, TimestampTz now)
{
	Bindings	told = {0};
	Bindings	later = {0};

	tc_bind_int64(&told, row->alert_id);
	tc_bind_text(&told, severity);
	tc_bind_int32(&told, row->escalations + 1);
	tc_bind_timestamptz(&told, now);
	tc_run_bound(&note_escalation, &told);
	if (last)
		tc_alert_timers_stop(row->alert_id);
	else
	{
		tc_bind_int64(&later, row->alert_id);
		tc_bind_int32(&later, row->escalations + 1);
		tc_bind_timestamptz(&later, now);
		tc_run_bound(&go_on_escalating, &later);
	}
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
