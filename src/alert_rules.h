/*-------------------------------------------------------------------------
 *
 * alert_rules.h
 *		What alert rules can look at, and the value of that.
 *
 * Layer 1: values in, values out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ALERT_RULES_H
#define TC_ALERT_RULES_H

#include "metric_counts.h"

typedef enum AlertMetric
{
	ALERT_RUNS_FINISHED,
	ALERT_RUNS_FAILED,
	ALERT_FAILURE_RATIO,
	ALERT_RUN_RETRIES,
	ALERT_RUNS_LOST,
	ALERT_DISPATCH_DELAY_P50,
	ALERT_DISPATCH_DELAY_P95,
	ALERT_DISPATCH_DELAY_P99,
	ALERT_RUN_DURATION_P50,
	ALERT_RUN_DURATION_P95,
	ALERT_RUN_DURATION_P99,
	ALERT_SCHEDULE_MISFIRES,
	ALERT_EXECUTORS_LOST,
	ALERT_RUNS_DUE,
	ALERT_OLDEST_DUE_SECONDS,
	ALERT_DEAD_LETTERS_OPEN
} AlertMetric;

#define ALERT_METRIC_COUNT (ALERT_DEAD_LETTERS_OPEN + 1)

typedef enum AlertComparison
{
	ALERT_ABOVE,
	ALERT_AT_LEAST,
	ALERT_BELOW,
	ALERT_AT_MOST
} AlertComparison;

#define ALERT_COMPARISON_COUNT (ALERT_AT_MOST + 1)

/* what is counted of what a rule looks at */
typedef struct AlertCounts
{
	MetricCounts runs;
	int64		database[DATABASE_COUNTER_COUNT];
} AlertCounts;

extern const char *tc_alert_metric_label(AlertMetric metric);
extern bool tc_alert_metric_parse(const char *label, AlertMetric *metric);
extern const char *tc_alert_comparison_label(AlertComparison comparison);
extern bool tc_alert_comparison_parse(const char *label, AlertComparison *comparison);

/* is it of the present, rather than counted over a time? */
extern bool tc_alert_is_present(AlertMetric metric);

/* is it of the whole database, so that no task or queue can be named? */
extern bool tc_alert_is_global(AlertMetric metric);

/* of what was counted between two moments; false: there is no value */
extern bool tc_alert_value(AlertMetric metric, const AlertCounts *from, const AlertCounts *to,
						   const int64 bounds[TC_METRIC_BUCKETS - 1], double *value);

extern bool tc_alert_is_breached(AlertComparison comparison, double value, double threshold);

#endif							/* TC_ALERT_RULES_H */
