/*-------------------------------------------------------------------------
 *
 * alert_api.c
 *		set_alert_rule() and drop_alert_rule().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "activation.h"
#include "alert_rules.h"
#include "alert_store.h"
#include "arguments.h"
#include "audit_context.h"
#include "control_store.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_set_alert_rule);
PG_FUNCTION_INFO_V1(taskcenter_drop_alert_rule);

#define MAX_WINDOW (7 * USECS_PER_DAY)
#define MAX_NUMBER_LENGTH 40

/* arguments of set_alert_rule() */
enum
{
	ARG_NAME,
	ARG_METRIC,
	ARG_COMPARISON,
	ARG_THRESHOLD,
	ARG_WINDOW,
	ARG_SEVERITY,
	ARG_TASK,
	ARG_QUEUE,
	ARG_DESCRIPTION,
	ARG_REASON
};

static const char *const severities[] = {"info", "warning", "critical", NULL};

static AlertMetric
check_metric(const char *label)
{
	const char *choices[ALERT_METRIC_COUNT + 1];
	AlertMetric metric;
	int			i;

	for (i = 0; i < ALERT_METRIC_COUNT; i++)
		choices[i] = tc_alert_metric_label((AlertMetric) i);
	choices[ALERT_METRIC_COUNT] = NULL;
	tc_check_choice("metric", label, choices);
	(void) tc_alert_metric_parse(label, &metric);
	return metric;
}

static void
check_comparison(const char *label)
{
	const char *choices[ALERT_COMPARISON_COUNT + 1];
	int			i;

	for (i = 0; i < ALERT_COMPARISON_COUNT; i++)
		choices[i] = tc_alert_comparison_label((AlertComparison) i);
	choices[ALERT_COMPARISON_COUNT] = NULL;
	tc_check_choice("comparison", label, choices);
}

static void
check_number(const char *value)
{
	char	   *end;
	double		number;

	tc_check_length("threshold", value, MAX_NUMBER_LENGTH);
	number = strtod(value, &end);
	if (end != value && *end == '\0' && isfinite(number))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("threshold is not a number"),
			 errdetail("\"threshold\" is \"%s\".", tc_shorten(value)),
			 errhint("Write it as in 10 or 0.05; times are in seconds, ratios from 0 to 1.")));
}

static void
check_scope(AlertMetric metric, const char *task, const char *queue)
{
	if (!tc_alert_is_global(metric) || (task == NULL && queue == NULL))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("metric \"%s\" is of the whole database", tc_alert_metric_label(metric)),
			 errdetail("\"%s\" is \"%s\".", task != NULL ? "task" : "queue",
					   tc_shorten(task != NULL ? task : queue)),
			 errhint("Leave task and queue out.")));
}

static void
read_rule(FunctionCallInfo fcinfo, AlertRuleRow *rule)
{
	AlertMetric metric;

	rule->name = tc_arg_required_text(fcinfo, ARG_NAME, "name");
	tc_check_name("name", rule->name);
	rule->metric = tc_arg_required_text(fcinfo, ARG_METRIC, "metric");
	metric = check_metric(rule->metric);
	rule->comparison = tc_arg_required_text(fcinfo, ARG_COMPARISON, "comparison");
	check_comparison(rule->comparison);
	rule->threshold = tc_arg_required_text(fcinfo, ARG_THRESHOLD, "threshold");
	check_number(rule->threshold);
	tc_arg_require(fcinfo, ARG_WINDOW, "time_window");
	rule->time_window = tc_arg_interval(fcinfo, ARG_WINDOW);
	tc_check_interval("time_window", rule->time_window, USECS_PER_SEC, MAX_WINDOW);
	rule->severity = tc_arg_required_text(fcinfo, ARG_SEVERITY, "severity");
	tc_check_choice("severity", rule->severity, severities);
	rule->description = tc_arg_text(fcinfo, ARG_DESCRIPTION);
	if (rule->description != NULL)
		tc_check_length("description", rule->description, TC_MAX_REASON_LENGTH);
	check_scope(metric, tc_arg_text(fcinfo, ARG_TASK), tc_arg_text(fcinfo, ARG_QUEUE));
}

static int64
require_queue(const char *name)
{
	QueueRow	queue;

	if (!tc_queue_find(name, false, &queue))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", tc_shorten(name)),
				 errdetail("\"queue\" is \"%s\".", tc_shorten(name)),
				 errhint("The view taskcenter.queues shows all queues.")));
	return queue.queue_id;
}

static void
check_room(void)
{
	if (tc_alert_rules_count() <= TC_MAX_ALERT_RULES)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("there are too many alert rules"),
			 errdetail("A database can have %d.", TC_MAX_ALERT_RULES),
			 errhint("Drop some with taskcenter.drop_alert_rule(), or let the monitor evaluate rules on taskcenter.metrics().")));
}

Datum
taskcenter_set_alert_rule(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	AlertRuleRow rule = {0};
	char	   *task_name = tc_arg_text(fcinfo, ARG_TASK);
	char	   *queue = tc_arg_text(fcinfo, ARG_QUEUE);
	StoreFrame	frame;
	TaskRow		task;

	read_rule(fcinfo, &rule);
	tc_access_require_admin("set alert rules");
	(void) tc_activate_if_fresh(now);
	tc_audit_call_reason(tc_arg_reason(fcinfo, ARG_REASON));
	tc_store_begin(&frame);
	if (queue != NULL)
		rule.queue_id = require_queue(queue);
	if (task_name != NULL)
	{
		/* what it counts of the task, its owner's admin may know */
		if (!tc_task_find(task_name, false, &task))
			tc_access_report_missing_task(task_name);
		rule.task_id = task.task_id;
	}
	rule.alert_rule_id = tc_alert_rule_store(&rule, now);
	check_room();
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(rule.alert_rule_id);
}

/* drop_alert_rule(name, if_exists, reason) */
Datum
taskcenter_drop_alert_rule(PG_FUNCTION_ARGS)
{
	char	   *name = tc_arg_required_text(fcinfo, 0, "name");
	bool		if_exists = tc_arg_bool(fcinfo, 1, false);
	StoreFrame	frame;
	int64		id;

	tc_access_require_admin("drop alert rules");
	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	tc_store_begin(&frame);
	id = tc_alert_rule_drop(name);
	if (id == 0 && !if_exists)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("alert rule \"%s\" does not exist", tc_shorten(name)),
				 errdetail("\"name\" is \"%s\".", tc_shorten(name)),
				 errhint("The table taskcenter.alert_rules shows all rules.")));
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	if (id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}
