/*-------------------------------------------------------------------------
 *
 * watch_alerts.c
 *		The scheduler's look at alert rules, and at tasks that keep failing.
 *
 * For each rule of the past the scheduler keeps what was counted at sixty
 * moments of its window; its value is what was counted since the oldest.  A
 * rule of the present is breached when all looks of its window found it so.
 * Nothing is read from tables but for rules of the present, and nothing is
 * written but changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "alert_rules.h"
#include "alert_store.h"
#include "arguments.h"
#include "attention.h"
#include "control_store.h"
#include "event_store.h"
#include "guarded.h"
#include "metric_store.h"
#include "self_test_store.h"
#include "setting_keys.h"
#include "shared_metrics.h"
#include "statement.h"
#include "watch_alerts.h"
#include "worker_process.h"

#define LOOKS 60				/* in a window */
#define FAILED_LOOK_US (1 * USECS_PER_SEC)

typedef struct Look
{
	TimestampTz at;
	AlertCounts counts;
} Look;

typedef struct Rule
{
	AlertRuleRow row;
	AlertMetric metric;
	AlertComparison comparison;
	double		threshold;
	int64		window;			/* microseconds */
	TimestampTz next;
	TimestampTz beyond_since;	/* of the present; 0: it is not */
	int			look_count;
	int			newest;
	Look	   *looks;			/* of the past: a ring of LOOKS + 1 */
} Rule;

static MemoryContext rules_context = NULL;
static Rule *rules = NULL;
static int	rule_count = 0;
static int64 notice_after = 0;
static int64 notice_window = 0;

/* ---- loading ---- */

static void
open_rule(Rule *rule, TimestampTz now)
{
	(void) tc_alert_metric_parse(rule->row.metric, &rule->metric);
	(void) tc_alert_comparison_parse(rule->row.comparison, &rule->comparison);
	rule->threshold = strtod(rule->row.threshold, NULL);
	if (!tc_interval_usecs(rule->row.time_window, &rule->window))
		rule->window = USECS_PER_DAY;
	rule->next = now;
	if (!tc_alert_is_present(rule->metric))
		rule->looks = palloc0(sizeof(Look) * (LOOKS + 1));
}

/* what is known of a rule that did not change stays known */
static void
take_over(Rule *rule, const Rule *old, int old_count)
{
	int			i;

	for (i = 0; i < old_count; i++)
	{
		if (old[i].row.alert_rule_id != rule->row.alert_rule_id ||
			old[i].row.updated_at != rule->row.updated_at)
			continue;
		rule->next = old[i].next;
		rule->beyond_since = old[i].beyond_since;
		rule->look_count = old[i].look_count;
		rule->newest = old[i].newest;
		if (rule->looks != NULL)
			memcpy(rule->looks, old[i].looks, sizeof(Look) * (LOOKS + 1));
	}
}

static void
load_rules(TimestampTz now)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "taskcenter alert rules",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	AlertRuleRow *rows;
	Rule	   *loaded;
	StoreFrame	frame;
	int			count;
	int			i;

	tc_store_begin(&frame);
	count = tc_alert_rules_read(&rows);
	tc_store_end(&frame);
	loaded = palloc0(sizeof(Rule) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		loaded[i].row = rows[i];
		open_rule(&loaded[i], now);
		take_over(&loaded[i], rules, rule_count);
	}
	MemoryContextSwitchTo(old);
	if (rules_context != NULL)
		MemoryContextDelete(rules_context);
	rules_context = context;
	rules = loaded;
	rule_count = count;
}

static void
load_settings(void *argument)
{
	StoreFrame	frame;

	tc_store_begin(&frame);
	notice_after = strtol(tc_setting_value(TC_SETTING_FAILURE_NOTICE_AFTER), NULL, 10);
	if (!tc_interval_usecs(tc_parse_interval(TC_SETTING_FAILURE_NOTICE_WINDOW,
											 tc_setting_value(TC_SETTING_FAILURE_NOTICE_WINDOW)),
						   &notice_window))
		notice_window = USECS_PER_HOUR;
	tc_store_end(&frame);
}

void
tc_alerts_load(TimestampTz now)
{
	char	   *error;

	load_rules(now);
	/* a value that cannot be read leaves the one before in force */
	if (!tc_guarded(load_settings, NULL, &error))
		ereport(WARNING, (errmsg("taskcenter cannot read the settings of alerts: %s", error)));
}

/* ---- looking ---- */

static void
add_counts(MetricCounts *sum, const MetricCounts *counts)
{
	int			i;

	for (i = 0; i < TC_METRIC_COUNTS; i++)
		((int64 *) sum)[i] += ((const int64 *) counts)[i];
}

/* what is counted by now of what the rule is about */
static void
count_for(const Rule *rule, const MetricsCopy *copy, AlertCounts *counts)
{
	int			i;

	memset(counts, 0, sizeof(AlertCounts));
	memcpy(counts->database, copy->database.counters, sizeof(counts->database));
	if (rule->row.task_id == 0 && rule->row.queue_id == 0)
		add_counts(&counts->runs, &copy->database.others);
	for (i = 0; i < copy->count; i++)
	{
		const MetricSeries *series = &copy->series[i];

		if ((rule->row.task_id == 0 || rule->row.task_id == series->task_id) &&
			(rule->row.queue_id == 0 || rule->row.queue_id == series->queue_id))
			add_counts(&counts->runs, &series->counts);
	}
}

static const Look *
oldest_look(const Rule *rule)
{
	return &rule->looks[(rule->newest + LOOKS + 2 - rule->look_count) % (LOOKS + 1)];
}

/* the one after it */
static const Look *
next_look(const Rule *rule)
{
	return &rule->looks[(rule->newest + LOOKS + 3 - rule->look_count) % (LOOKS + 1)];
}

/* False: nothing can be said.  *value is not valid then.  *whole: all of the window was seen. */
static bool
look_back(Rule *rule, const MetricsCopy *copy, TimestampTz now, double *value, bool *whole)
{
	const Look *oldest;
	Look	   *look;

	rule->newest = (rule->newest + 1) % (LOOKS + 1);
	rule->look_count = Min(rule->look_count + 1, LOOKS + 1);
	look = &rule->looks[rule->newest];
	look->at = now;
	count_for(rule, copy, &look->counts);
	while (rule->look_count > 2 && now - next_look(rule)->at >= rule->window)
		rule->look_count--;
	oldest = oldest_look(rule);
	*whole = now - oldest->at >= rule->window;
	/* too little happened in a part of the window: that says nothing */
	if ((rule->comparison == ALERT_BELOW || rule->comparison == ALERT_AT_MOST) && !*whole)
		return false;
	return tc_alert_value(rule->metric, &oldest->counts, &look->counts, tc_metric_bounds, value);
}

static double
look_around(const Rule *rule, TimestampTz now)
{
	StoreFrame	frame;
	int64		count;
	double		oldest = 0;

	tc_worker_begin("look at an alert rule");
	tc_store_begin(&frame);
	if (rule->metric == ALERT_DEAD_LETTERS_OPEN)
		count = tc_metrics_dead_letters(rule->row.queue_id, rule->row.task_id);
	else
		tc_metrics_due(rule->row.queue_id, rule->row.task_id, now, &count, &oldest);
	tc_store_end(&frame);
	tc_worker_commit();
	return rule->metric == ALERT_OLDEST_DUE_SECONDS ? oldest : (double) count;
}

/* ---- telling ---- */

/* what is not told at once is decided all the same: see attention.c */
static void
write_alert(void *argument)
{
	AlertRow   *alert = argument;
	AttentionCase about = {alert->kind, alert->name, alert->severity,
	strcmp(alert->state, "recovered") == 0};
	AttentionVerdict verdict;
	StoreFrame	frame;
	int64		alert_id;

	tc_store_begin(&frame);
	tc_attention_judge(&about, alert->raised_at, &verdict);
	alert->attention = tc_attention_label(verdict.decision.action);
	alert->explanation = verdict.explanation;
	alert->attention_rule_id = verdict.rule_id;
	alert->told = tc_attention_is_told(verdict.decision.action);
	alert->due_at = verdict.decision.due_at;
	alert_id = tc_alert_insert(alert);
	if (alert->told)
		tc_event_note_alert(alert_id, alert->raised_at);
	if (alert->due_at != DT_NOBEGIN)
		tc_attention_expect(alert->due_at);
	tc_store_end(&frame);
}

static bool
tell(AlertRow *alert)
{
	char	   *error;
	bool		written;

	tc_worker_begin("write an alert");
	written = tc_guarded(write_alert, alert, &error);
	if (!written)
		ereport(WARNING, (errmsg("taskcenter could not write an alert: %s", error)));
	tc_worker_commit();
	return written;
}

static void
change_state(Rule *rule, bool breached, bool known, double value, TimestampTz now)
{
	AlertRow	alert = {0};

	alert.raised_at = now;
	alert.kind = "rule";
	alert.name = rule->row.name;
	alert.state = breached ? "breached" : "recovered";
	alert.severity = rule->row.severity;
	alert.alert_rule_id = rule->row.alert_rule_id;
	alert.task_id = rule->row.task_id;
	alert.metric = rule->row.metric;
	alert.value = known ? psprintf("%.6g", value) : NULL;
	alert.threshold = rule->row.threshold;
	alert.detail = psprintf("%s is %s; the rule is breached while it is %s %s.",
							rule->row.metric, known ? alert.value : "not known",
							rule->row.comparison, rule->row.threshold);
	if (tell(&alert))
		rule->row.breached = breached;
}

static void
evaluate(Rule *rule, const MetricsCopy *copy, TimestampTz now)
{
	double		value = 0;
	bool		present = tc_alert_is_present(rule->metric);
	bool		known = true;
	bool		whole = true;
	bool		beyond;

	if (present)
		value = look_around(rule, now);
	else
		known = look_back(rule, copy, now, &value, &whole);
	beyond = known && tc_alert_is_breached(rule->comparison, value, rule->threshold);
	if (!beyond)
		rule->beyond_since = 0;
	else if (rule->beyond_since == 0)
		rule->beyond_since = now;
	if (present && beyond && !rule->row.breached)
		beyond = now - rule->beyond_since >= rule->window;
	/* what was breached before we began to look may still be */
	if (rule->row.breached && !beyond && !whole)
		return;
	if (beyond != rule->row.breached)
		change_state(rule, beyond, known, value, now);
}

TimestampTz
tc_alerts_evaluate(TimestampTz now)
{
	TimestampTz next = DT_NOEND;
	MetricsCopy copy = {0};
	bool		copied = false;
	int			i;

	for (i = 0; i < rule_count; i++)
	{
		Rule	   *rule = &rules[i];
		int64		every = Max(rule->window / LOOKS, USECS_PER_SEC);

		/* the clock may have been set back */
		if (rule->next <= now || rule->next > now + every)
		{
			if (!copied)
				(void) tc_metrics_copy(&copy);
			copied = true;
			evaluate(rule, &copy, now);
			rule->next = now + every;
		}
		next = Min(next, rule->next);
	}
	return next;
}

/* ---- tasks that keep failing ---- */

static void
notice(const MetricSeries *series, const char *task, TimestampTz now)
{
	AlertRow	alert = {0};

	alert.raised_at = now;
	alert.kind = "failures";
	alert.name = task;
	alert.state = "notified";
	alert.severity = "warning";
	alert.task_id = series->task_id;
	alert.metric = "failures_in_a_row";
	alert.value = psprintf(INT64_FORMAT, series->failures.in_a_row);
	alert.threshold = psprintf(INT64_FORMAT, notice_after);
	alert.detail = psprintf("Its last " INT64_FORMAT " runs failed, " INT64_FORMAT
							" since it was last told; the next notice comes after %s at the earliest.",
							series->failures.in_a_row, series->failures.kept_back,
							timestamptz_to_str(now + notice_window));
	if (tell(&alert))
		tc_metrics_noticed(series->queue_id, series->task_id, now, series->failures.kept_back);
}

/* NULL: nobody is told of it, it is gone or of a self test */
static char **
names_of(const MetricSeries *series, int count)
{
	char	  **queues = palloc(sizeof(char *) * count);
	char	  **tasks = palloc(sizeof(char *) * count);
	StoreFrame	frame;
	int			i;

	tc_worker_begin("notice failures");
	/* the transaction's memory goes with it */
	MemoryContextSwitchTo(GetMemoryChunkContext(tasks));
	tc_store_begin(&frame);
	tc_metrics_name(series, count, queues, tasks);
	tc_store_end(&frame);
	tc_worker_commit();
	for (i = 0; i < count; i++)
	{
		if (queues[i] != NULL && strcmp(queues[i], TC_SELF_TEST_QUEUE) == 0)
			tasks[i] = NULL;
	}
	return tasks;
}

TimestampTz
tc_alerts_notice_failures(TimestampTz now)
{
	static TimestampTz looked_at = 0;
	MetricSeries *series;
	char	  **tasks;
	int			count;
	int			kept = 0;
	int			i;

	/* a task that fails all the time is looked at each second */
	if (looked_at <= now && now < looked_at + FAILED_LOOK_US)
		return looked_at + FAILED_LOOK_US;
	count = tc_metrics_take_failed(&series);
	if (count == 0)
		return DT_NOEND;
	looked_at = now;
	for (i = 0; i < count; i++)
	{
		const FailureState *failures = &series[i].failures;

		if (notice_after > 0 && failures->in_a_row >= notice_after &&
			(failures->noticed_at == 0 || failures->noticed_at > now ||
			 now - failures->noticed_at >= notice_window))
			series[kept++] = series[i];
	}
	if (kept == 0)
		return DT_NOEND;
	tasks = names_of(series, kept);
	for (i = 0; i < kept; i++)
	{
		if (tasks[i] != NULL)
			notice(&series[i], tasks[i], now);
	}
	return DT_NOEND;
}
