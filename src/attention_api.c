/*-------------------------------------------------------------------------
 *
 * attention_api.c
 *		Attention rules, and acknowledging alerts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "attention.h"
#include "attention_store.h"
#include "audit.h"
#include "audit_context.h"
#include "control_store.h"
#include "run_change.h"
#include "setting_keys.h"
#include "statement.h"
#include "zone.h"

PG_FUNCTION_INFO_V1(taskcenter_set_attention_rule);
PG_FUNCTION_INFO_V1(taskcenter_remove_attention_rule);
PG_FUNCTION_INFO_V1(taskcenter_acknowledge_alert);
PG_FUNCTION_INFO_V1(taskcenter_preview_attention);

#define MAX_TIME (7 * USECS_PER_DAY)
#define MAX_NOTICES 1000
#define MAX_PLACE 10000
#define DEFAULT_PLACE 100
#define MAX_SEVERITIES 3
#define DEFAULT_TIME "30 minutes"
#define DEFAULT_RATE_WINDOW "1 hour"
#define DECISION_COLUMNS 4

/* arguments of set_attention_rule() */
enum
{
	ARG_NAME,
	ARG_ACTION,
	ARG_SEVERITIES,
	ARG_KIND,
	ARG_PATTERN,
	ARG_HOLD,
	ARG_QUIET_FROM,
	ARG_QUIET_TO,
	ARG_TIMEZONE,
	ARG_MAX_NOTICES,
	ARG_RATE_WINDOW,
	ARG_ESCALATE_AFTER,
	ARG_PLACE,
	ARG_REASON
};

static const char *const severities[] = {"info", "warning", "critical", NULL};
static const char *const kinds[] = {"rule", "failures", NULL};

/* ---- set_attention_rule() ---- */

static AttentionAction
check_action(const char *label)
{
	const char *choices[ATTENTION_ACTION_COUNT + 1];
	AttentionAction action;
	int			i;

	for (i = 0; i < ATTENTION_ACTION_COUNT; i++)
		choices[i] = tc_attention_label((AttentionAction) i);
	choices[ATTENTION_ACTION_COUNT] = NULL;
	tc_check_choice("action", label, choices);
	(void) tc_attention_parse(label, &action);
	return action;
}

static void
refuse_misfit(const char *argument, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" does not fit the attention rule", argument),
			 errdetail("\"%s\" is given.", argument),
			 errhint("It goes with %s.", wanted)));
}

static void
check_time(const char *argument, const char *value)
{
	int			minutes;

	if (tc_attention_time_parse(value, &minutes))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a time of the day", argument),
			 errdetail("\"%s\" is \"%s\".", argument, tc_shorten(value)),
			 errhint("Write it as 22:00, from 00:00 to 23:59.")));
}

/* NULL unless it fits, else what is given, else the default */
static Interval *
read_time(FunctionCallInfo fcinfo, int n, const char *argument, bool fits, const char *wanted,
		  const char *otherwise)
{
	Interval   *value = tc_arg_interval(fcinfo, n);

	if (value != NULL && !fits)
		refuse_misfit(argument, wanted);
	if (!fits)
		return NULL;
	if (value == NULL)
		return tc_parse_interval(argument, otherwise);
	tc_check_interval(argument, value, USECS_PER_SEC, MAX_TIME);
	return value;
}

static void
read_scope(FunctionCallInfo fcinfo, AttentionRuleRow *rule)
{
	int			i;

	rule->severities = tc_arg_text_array(fcinfo, ARG_SEVERITIES, "severities",
										 &rule->severity_count);
	if (rule->severities != NULL)
		tc_check_int("severities", rule->severity_count, 1, MAX_SEVERITIES);
	for (i = 0; rule->severities != NULL && i < rule->severity_count; i++)
		tc_check_choice("severities", rule->severities[i], severities);
	rule->kind = tc_arg_text(fcinfo, ARG_KIND);
	tc_check_choice("kind", rule->kind, kinds);
	rule->pattern = tc_arg_text(fcinfo, ARG_PATTERN);
	if (rule->pattern != NULL)
		tc_check_name("pattern", rule->pattern);
}

static void
read_quiet_hours(FunctionCallInfo fcinfo, bool fits, AttentionRuleRow *rule)
{
	rule->quiet_from = tc_arg_text(fcinfo, ARG_QUIET_FROM);
	rule->quiet_to = tc_arg_text(fcinfo, ARG_QUIET_TO);
	rule->timezone = tc_arg_text(fcinfo, ARG_TIMEZONE);
	if (rule->quiet_from == NULL && rule->quiet_to != NULL)
		refuse_misfit("quiet_to", "quiet_from");
	if (rule->quiet_from != NULL && rule->quiet_to == NULL)
		refuse_misfit("quiet_from", "quiet_to");
	if (rule->quiet_from == NULL && rule->timezone != NULL)
		refuse_misfit("timezone", "quiet_from and quiet_to");
	if (rule->quiet_from == NULL)
		return;
	if (!fits)
		refuse_misfit("quiet_from", "the actions defer, batch, notify and escalate");
	check_time("quiet_from", rule->quiet_from);
	check_time("quiet_to", rule->quiet_to);
	if (strcmp(rule->quiet_from, rule->quiet_to) == 0)
		refuse_misfit("quiet_to", "another time in quiet_from; the action log tells nobody at any time");
	if (rule->timezone != NULL)
		(void) tc_zone_require(rule->timezone);
}

static void
read_rule(FunctionCallInfo fcinfo, AttentionRuleRow *rule)
{
	AttentionAction action;

	rule->name = tc_arg_required_text(fcinfo, ARG_NAME, "name");
	tc_check_name("name", rule->name);
	rule->action = tc_arg_required_text(fcinfo, ARG_ACTION, "action");
	action = check_action(rule->action);
	read_scope(fcinfo, rule);
	rule->hold = read_time(fcinfo, ARG_HOLD, "hold", tc_attention_is_held(action),
						   "the actions defer and batch", DEFAULT_TIME);
	read_quiet_hours(fcinfo, tc_attention_is_held(action) || tc_attention_is_told(action), rule);
	rule->max_notices = tc_arg_int32(fcinfo, ARG_MAX_NOTICES, 0);
	if (!PG_ARGISNULL(ARG_MAX_NOTICES))
	{
		tc_check_int("max_notices", rule->max_notices, 1, MAX_NOTICES);
		if (!tc_attention_is_told(action))
			refuse_misfit("max_notices", "the actions notify and escalate");
	}
	rule->rate_window = read_time(fcinfo, ARG_RATE_WINDOW, "rate_window", rule->max_notices > 0,
								  "max_notices", DEFAULT_RATE_WINDOW);
	rule->escalate_after = read_time(fcinfo, ARG_ESCALATE_AFTER, "escalate_after",
									 action == ATTENTION_ESCALATE, "the action escalate",
									 DEFAULT_TIME);
	rule->place = tc_arg_int32(fcinfo, ARG_PLACE, DEFAULT_PLACE);
	tc_check_int("place", rule->place, 0, MAX_PLACE);
}

static void
check_room(void)
{
	if (tc_attention_rules_count() <= TC_MAX_ATTENTION_RULES)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("there are too many attention rules"),
			 errdetail("A database can have %d.", TC_MAX_ATTENTION_RULES),
			 errhint("Remove some with taskcenter.remove_attention_rule(), or let a pattern stand for more alerts.")));
}

Datum
taskcenter_set_attention_rule(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	AttentionRuleRow rule = {0};
	StoreFrame	frame;
	int64		rule_id;

	read_rule(fcinfo, &rule);
	tc_access_require_admin("set attention rules");
	(void) tc_activate_if_fresh(now);
	tc_audit_call_reason(tc_arg_reason(fcinfo, ARG_REASON));
	tc_store_begin(&frame);
	if (rule.quiet_from != NULL && rule.timezone == NULL)
		rule.timezone = tc_setting_value(TC_SETTING_DEFAULT_TIMEZONE);
	rule_id = tc_attention_rule_store(&rule, now);
	check_room();
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(rule_id);
}

/* remove_attention_rule(name, if_exists, reason) */
Datum
taskcenter_remove_attention_rule(PG_FUNCTION_ARGS)
{
	char	   *name = tc_arg_required_text(fcinfo, 0, "name");
	bool		if_exists = tc_arg_bool(fcinfo, 1, false);
	StoreFrame	frame;
	int64		id;

	tc_access_require_admin("remove attention rules");
	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	tc_store_begin(&frame);
	id = tc_attention_rule_drop(name);
	if (id == 0 && !if_exists)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("attention rule \"%s\" does not exist", tc_shorten(name)),
				 errdetail("\"name\" is \"%s\".", tc_shorten(name)),
				 errhint("The table taskcenter.attention_rules shows all rules.")));
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	if (id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}

/* ---- acknowledge_alert(alert_id, reason) ---- */

/* of a task that fails its operators may; *owner_id is the task's then */
static void
check_may_acknowledge(int64 alert_id, const AlertFacts *alert, int64 *owner_id)
{
	TaskRow		task;

	*owner_id = 0;
	if (strcmp(alert->kind, "failures") == 0 && tc_task_find_id(alert->task_id, false, &task))
	{
		*owner_id = task.owner_id;
		if (tc_access_is_admin(tc_statement_caller()) ||
			tc_access_may(tc_statement_caller(), &task, TASK_RIGHT_OPERATE))
			return;
	}
	else if (tc_access_is_admin(tc_statement_caller()))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to acknowledge alert %lld", (long long) alert_id),
			 errdetail("Role \"%s\" is neither superuser nor owner of the database, nor may it operate a task that the alert is about.",
					   GetUserNameFromId(tc_statement_caller(), true)),
			 errhint("The table taskcenter.alerts shows those that you may see.")));
}

Datum
taskcenter_acknowledge_alert(PG_FUNCTION_ARGS)
{
	int64		alert_id = tc_arg_id(fcinfo, 0, "alert_id");
	RunChange	change = tc_run_change(fcinfo, 1, GetCurrentTimestamp());
	AuditRow	row = {0};
	AlertFacts	alert;
	StoreFrame	frame;

	tc_store_begin(&frame);
	if (!tc_alert_find(alert_id, &alert))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("alert %lld does not exist", (long long) alert_id),
				 errdetail("No alert has that id."),
				 errhint("The table taskcenter.alerts shows those that you may see.")));
	check_may_acknowledge(alert_id, &alert, &row.owner_id);
	tc_alert_acknowledge(alert_id, &alert, change.now);
	row.action = "acknowledge";
	row.object_type = "alert";
	row.object_id = alert_id;
	row.object_name = alert.name;
	row.reason = change.reason;
	tc_audit_record(&row, change.role, change.now);
	tc_store_end(&frame);
	PG_RETURN_INT64(alert_id);
}

/* ---- preview_attention(kind, name, severity, at) ---- */

Datum
taskcenter_preview_attention(PG_FUNCTION_ARGS)
{
	AttentionCase alert = {0};
	AttentionVerdict verdict;
	TimestampTz at = tc_arg_timestamptz(fcinfo, 3, "at");
	Datum		values[DECISION_COLUMNS] = {0};
	bool		nulls[DECISION_COLUMNS] = {false};
	StoreFrame	frame;
	TupleDesc	desc;

	alert.kind = tc_arg_required_text(fcinfo, 0, "kind");
	tc_check_choice("kind", alert.kind, kinds);
	alert.name = tc_arg_required_text(fcinfo, 1, "name");
	alert.severity = tc_arg_required_text(fcinfo, 2, "severity");
	tc_check_choice("severity", alert.severity, severities);
	tc_access_require_monitor("see what becomes of alerts");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tc_store_begin(&frame);
	tc_attention_judge(&alert, at == DT_NOBEGIN ? GetCurrentTimestamp() : at, &verdict);
	tc_store_end(&frame);
	values[0] = CStringGetTextDatum(tc_attention_label(verdict.decision.action));
	values[1] = TimestampTzGetDatum(verdict.decision.due_at);
	nulls[1] = verdict.decision.due_at == DT_NOBEGIN;
	nulls[2] = verdict.rule == NULL;
	if (verdict.rule != NULL)
		values[2] = CStringGetTextDatum(verdict.rule);
	values[3] = CStringGetTextDatum(verdict.explanation);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
