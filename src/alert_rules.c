/*-------------------------------------------------------------------------
 *
 * alert_rules.c
 *		What alert rules can look at, and the value of that.
 *
 * Counters only grow; where one is lower than before, counting began anew,
 * and what it has counted since is the difference.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alert_rules.h"

static const char *const metric_labels[ALERT_METRIC_COUNT] = {
	[ALERT_RUNS_FINISHED] = "runs_finished",
	[ALERT_RUNS_FAILED] = "runs_failed",
	[ALERT_FAILURE_RATIO] = "failure_ratio",
	[ALERT_RUN_RETRIES] = "run_retries",
	[ALERT_RUNS_LOST] = "runs_lost",
	[ALERT_DISPATCH_DELAY_P50] = "dispatch_delay_p50",
	[ALERT_DISPATCH_DELAY_P95] = "dispatch_delay_p95",
	[ALERT_DISPATCH_DELAY_P99] = "dispatch_delay_p99",
	[ALERT_RUN_DURATION_P50] = "run_duration_p50",
	[ALERT_RUN_DURATION_P95] = "run_duration_p95",
	[ALERT_RUN_DURATION_P99] = "run_duration_p99",
	[ALERT_SCHEDULE_MISFIRES] = "schedule_misfires",
	[ALERT_EXECUTORS_LOST] = "executors_lost",
	[ALERT_RUNS_DUE] = "runs_due",
	[ALERT_OLDEST_DUE_SECONDS] = "oldest_due_seconds",
	[ALERT_DEAD_LETTERS_OPEN] = "dead_letters_open"
};

static const char *const comparison_labels[ALERT_COMPARISON_COUNT] = {
	[ALERT_ABOVE] = ">",
	[ALERT_AT_LEAST] = ">=",
	[ALERT_BELOW] = "<",
	[ALERT_AT_MOST] = "<="
};

static bool
parse(const char *const *labels, int count, const char *label, int *found)
{
	for (*found = 0; *found < count; (*found)++)
	{
		if (strcmp(labels[*found], label) == 0)
			return true;
	}
	return false;
}

const char *
tc_alert_metric_label(AlertMetric metric)
{
	return metric_labels[metric];
}

bool
tc_alert_metric_parse(const char *label, AlertMetric *metric)
{
	int			found;
	bool		known = parse(metric_labels, ALERT_METRIC_COUNT, label, &found);

	*metric = (AlertMetric) found;
	return known;
}

const char *
tc_alert_comparison_label(AlertComparison comparison)
{
	return comparison_labels[comparison];
}

bool
tc_alert_comparison_parse(const char *label, AlertComparison *comparison)
{
	int			found;
	bool		known = parse(comparison_labels, ALERT_COMPARISON_COUNT, label, &found);

	*comparison = (AlertComparison) found;
	return known;
}

bool
tc_alert_is_present(AlertMetric metric)
{
	return metric == ALERT_RUNS_DUE || metric == ALERT_OLDEST_DUE_SECONDS ||
		metric == ALERT_DEAD_LETTERS_OPEN;
}

bool
tc_alert_is_global(AlertMetric metric)
{
	return metric == ALERT_SCHEDULE_MISFIRES || metric == ALERT_EXECUTORS_LOST;
}

/* ---- values ---- */

static int64
grown(int64 from, int64 to)
{
	return to >= from ? to - from : to;
}

static int64
finished(const AlertCounts *from, const AlertCounts *to)
{
	int64		sum = 0;
	int			i;

	for (i = 0; i < RUN_OUTCOME_COUNT; i++)
		sum += grown(from->runs.counters[i], to->runs.counters[i]);
	return sum;
}

static int64
counted(const AlertCounts *from, const AlertCounts *to, RunCounter counter)
{
	return grown(from->runs.counters[counter], to->runs.counters[counter]);
}

static int64
failed(const AlertCounts *from, const AlertCounts *to)
{
	return counted(from, to, RUN_COUNTER_FAILED) + counted(from, to, RUN_COUNTER_TIMED_OUT);
}

/* Within a bucket times are taken to lie evenly; beyond the last bound, at it. */
static bool
quantile(const Histogram *from, const Histogram *to, double share, const int64 *bounds,
		 double *seconds)
{
	double		total = 0;
	double		below = 0;
	int			i;

	for (i = 0; i < TC_METRIC_BUCKETS; i++)
		total += grown(from->counts[i], to->counts[i]);
	if (total == 0)
		return false;
	for (i = 0; i < TC_METRIC_BUCKETS - 1; i++)
	{
		double		here = grown(from->counts[i], to->counts[i]);
		double		low = i == 0 ? 0 : bounds[i - 1];

		if (here > 0 && below + here >= share * total)
		{
			*seconds = (low + (bounds[i] - low) * (share * total - below) / here) / 1000000.0;
			return true;
		}
		below += here;
	}
	*seconds = bounds[TC_METRIC_BUCKETS - 2] / 1000000.0;
	return true;
}

bool
tc_alert_value(AlertMetric metric, const AlertCounts *from, const AlertCounts *to,
			   const int64 bounds[TC_METRIC_BUCKETS - 1], double *value)
{
	const Histogram *delay[2] = {&from->runs.delay, &to->runs.delay};
	const Histogram *duration[2] = {&from->runs.duration, &to->runs.duration};
	DatabaseCounter global = metric == ALERT_SCHEDULE_MISFIRES ? DATABASE_COUNTER_MISFIRES
	: DATABASE_COUNTER_LOST_EXECUTORS;

	switch (metric)
	{
		case ALERT_RUNS_FINISHED:
			*value = finished(from, to);
			return true;
		case ALERT_RUNS_FAILED:
			*value = failed(from, to);
			return true;
		case ALERT_FAILURE_RATIO:
			*value = (double) failed(from, to) / Max(finished(from, to), 1);
			return finished(from, to) > 0;
		case ALERT_RUN_RETRIES:
			*value = counted(from, to, RUN_COUNTER_RETRIES);
			return true;
		case ALERT_RUNS_LOST:
			*value = counted(from, to, RUN_COUNTER_LOST);
			return true;
		case ALERT_DISPATCH_DELAY_P50:
			return quantile(delay[0], delay[1], 0.5, bounds, value);
		case ALERT_DISPATCH_DELAY_P95:
			return quantile(delay[0], delay[1], 0.95, bounds, value);
		case ALERT_DISPATCH_DELAY_P99:
			return quantile(delay[0], delay[1], 0.99, bounds, value);
		case ALERT_RUN_DURATION_P50:
			return quantile(duration[0], duration[1], 0.5, bounds, value);
		case ALERT_RUN_DURATION_P95:
			return quantile(duration[0], duration[1], 0.95, bounds, value);
		case ALERT_RUN_DURATION_P99:
			return quantile(duration[0], duration[1], 0.99, bounds, value);
		case ALERT_SCHEDULE_MISFIRES:
		case ALERT_EXECUTORS_LOST:
			*value = grown(from->database[global], to->database[global]);
			return true;
		case ALERT_RUNS_DUE:
		case ALERT_OLDEST_DUE_SECONDS:
		case ALERT_DEAD_LETTERS_OPEN:
			break;
	}
	return false;
}

bool
tc_alert_is_breached(AlertComparison comparison, double value, double threshold)
{
	switch (comparison)
	{
		case ALERT_ABOVE:
			return value > threshold;
		case ALERT_AT_LEAST:
			return value >= threshold;
		case ALERT_BELOW:
			return value < threshold;
		case ALERT_AT_MOST:
			return value <= threshold;
	}
	return false;
}
