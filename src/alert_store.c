/*-------------------------------------------------------------------------
 *
 * alert_store.c
 *		Alert rules, and alerts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "alert_store.h"
#include "bindings.h"
#include "statement.h"

static Statement read_rules = {
	.label = "read alert rules",
	.text =
	"SELECT r.alert_rule_id, r.name, r.metric, r.comparison, r.threshold, r.time_window,"
	"   r.severity, r.task_id, r.queue_id, r.description, r.updated_at,"
	"   coalesce((SELECT a.state = 'breached' FROM taskcenter.alerts AS a"
	"     WHERE a.alert_rule_id = r.alert_rule_id AND a.raised_at >= r.updated_at"
	"     ORDER BY a.alert_id DESC LIMIT 1), false)"
	" FROM taskcenter.alert_rules AS r ORDER BY r.alert_rule_id"
};

static Statement store_rule = {
	.label = "store an alert rule",
	.text =
	"INSERT INTO taskcenter.alert_rules AS r (name, metric, comparison, threshold,"
	"   time_window, severity, task_id, queue_id, description, created_at, updated_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)"
	" ON CONFLICT (name) DO UPDATE SET metric = excluded.metric,"
	"   comparison = excluded.comparison, threshold = excluded.threshold,"
	"   time_window = excluded.time_window, severity = excluded.severity,"
	"   task_id = excluded.task_id, queue_id = excluded.queue_id,"
	"   description = excluded.description, updated_at = excluded.updated_at"
	" RETURNING alert_rule_id",
	.nargs = 10,
	.types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INTERVALOID, TEXTOID, INT8OID, INT8OID,
	TEXTOID, TIMESTAMPTZOID}
};

static Statement count_rules = {
	.label = "count alert rules",
	.text =
	"SELECT count(*) FROM taskcenter.alert_rules",
	.any_plan = true
};

static Statement drop_rule = {
	.label = "drop an alert rule",
	.text =
	"DELETE FROM taskcenter.alert_rules WHERE name = $1 RETURNING alert_rule_id",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement insert_alert = {
	.label = "write an alert",
	.text =
	"INSERT INTO taskcenter.alerts (alert_id, raised_at, kind, name, state, severity,"
	"   alert_rule_id, task_id, metric, value, threshold, detail, attention, explanation,"
	"   attention_rule_id, due_at, told_at, told_with)"
	" SELECT n.alert_id, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
	"   CASE WHEN $16 THEN $1 END, CASE WHEN $16 THEN n.alert_id END"
	" FROM nextval('taskcenter.alert_ids') AS n (alert_id)"
	" RETURNING alert_id",
	.nargs = 16,
	.types = {TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, TEXTOID,
	TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, BOOLOID}
};

int
tc_alert_rules_read(AlertRuleRow **rows)
{
	int			count = (int) tc_run(&read_rules, NULL, NULL);
	int			i;

	*rows = palloc(sizeof(AlertRuleRow) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		AlertRuleRow *row = &(*rows)[i];

		row->alert_rule_id = tc_get_int64(i, 1);
		row->name = tc_get_text(i, 2);
		row->metric = tc_get_text(i, 3);
		row->comparison = tc_get_text(i, 4);
		row->threshold = tc_get_text(i, 5);
		row->time_window = tc_get_interval(i, 6);
		row->severity = tc_get_text(i, 7);
		row->task_id = tc_get_int64(i, 8);
		row->queue_id = tc_get_int64(i, 9);
		row->description = tc_get_text(i, 10);
		row->updated_at = tc_get_timestamptz(i, 11);
		row->breached = tc_get_bool(i, 12);
	}
	return count;
}

int64
tc_alert_rule_store(const AlertRuleRow *row, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, row->name);
	tc_bind_text(&bindings, row->metric);
	tc_bind_text(&bindings, row->comparison);
	tc_bind_text(&bindings, row->threshold);
	tc_bind_interval(&bindings, row->time_window);
	tc_bind_text(&bindings, row->severity);
	tc_bind_id(&bindings, row->task_id);
	tc_bind_id(&bindings, row->queue_id);
	tc_bind_redacted(&bindings, row->description);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&store_rule, &bindings);
	return tc_get_int64(0, 1);
}

int64
tc_alert_rules_count(void)
{
	tc_run(&count_rules, NULL, NULL);
	return tc_get_int64(0, 1);
}

int64
tc_alert_rule_drop(const char *name)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, name);
	return tc_run_bound(&drop_rule, &bindings) == 0 ? 0 : tc_get_int64(0, 1);
}

int64
tc_alert_insert(const AlertRow *row)
{
	Bindings	bindings = {0};

	tc_bind_timestamptz(&bindings, row->raised_at);
	tc_bind_text(&bindings, row->kind);
	tc_bind_text(&bindings, row->name);
	tc_bind_text(&bindings, row->state);
	tc_bind_text(&bindings, row->severity);
	tc_bind_id(&bindings, row->alert_rule_id);
	tc_bind_id(&bindings, row->task_id);
	tc_bind_text(&bindings, row->metric);
	tc_bind_text(&bindings, row->value);
	tc_bind_text(&bindings, row->threshold);
	tc_bind_text(&bindings, row->detail);
	tc_bind_text(&bindings, row->attention);
	tc_bind_text(&bindings, row->explanation);
	tc_bind_id(&bindings, row->attention_rule_id);
	tc_bind_timestamptz(&bindings, row->due_at);
	tc_bind_bool(&bindings, row->told);
	tc_run_bound(&insert_alert, &bindings);
	return tc_get_int64(0, 1);
}
