/*-------------------------------------------------------------------------
 *
 * metric_text.c
 *		Metrics in the text format of Prometheus.
 *
 * Names and units after its conventions: counters end in _total, times are
 * seconds, sizes bytes.  All samples of a metric stand together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "metric_store.h"
#include "metric_text.h"
#include "shared_metrics.h"
#include "shared_refusals.h"
#include "shared_state.h"
#include "statement.h"

typedef struct NamedSeries
{
	const char *queue;
	const char *task;
	const MetricCounts *counts;
} NamedSeries;

typedef struct Exposition
{
	StringInfoData text;
	char	   *database;		/* ready for a label */
	int			count;
	NamedSeries *series;		/* by queue and task, without repeats */
	DatabaseMetrics *metrics;
} Exposition;

/* ---- the format ---- */

static char *
label_value(const char *value)
{
	StringInfoData text;

	initStringInfo(&text);
	for (; *value != '\0'; value++)
	{
		if (*value == '\\' || *value == '"')
			appendStringInfoChar(&text, '\\');
		if (*value == '\n')
			appendStringInfoString(&text, "\\n");
		else
			appendStringInfoChar(&text, *value);
	}
	return text.data;
}

static void
begin_metric(Exposition *out, const char *name, const char *type, const char *help)
{
	appendStringInfo(&out->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* labels: what stands behind that of the database, or empty */
static void
put_count(Exposition *out, const char *name, const char *labels, int64 value)
{
	appendStringInfo(&out->text, "%s{database=\"%s\"%s} " INT64_FORMAT "\n", name,
					 out->database, labels, value);
}

static void
put_seconds(Exposition *out, const char *name, const char *labels, double seconds)
{
	appendStringInfo(&out->text, "%s{database=\"%s\"%s} %.6f\n", name, out->database, labels,
					 seconds);
}

static void
put_single(Exposition *out, const char *name, const char *type, const char *help, int64 value)
{
	begin_metric(out, name, type, help);
	put_count(out, name, "", value);
}

static char *
series_labels(const NamedSeries *series)
{
	return psprintf(",queue=\"%s\",task=\"%s\"", series->queue, series->task);
}

/* ---- runs ---- */

static void
put_outcomes(Exposition *out)
{
	static const char *const labels[RUN_OUTCOME_COUNT] = {"succeeded", "failed", "timed_out",
	"cancelled", "skipped"};
	const char *name = "taskcenter_runs_finished_total";
	int			i;
	int			outcome;

	begin_metric(out, name, "counter", "Runs that finished, by status.");
	for (i = 0; i < out->count; i++)
	{
		const NamedSeries *series = &out->series[i];

		for (outcome = 0; outcome < RUN_OUTCOME_COUNT; outcome++)
			put_count(out, name, psprintf("%s,status=\"%s\"", series_labels(series),
										  labels[outcome]),
					  series->counts->counters[outcome]);
	}
}

static void
put_counter(Exposition *out, RunCounter counter, const char *name, const char *help)
{
	int			i;

	begin_metric(out, name, "counter", help);
	for (i = 0; i < out->count; i++)
		put_count(out, name, series_labels(&out->series[i]),
				  out->series[i].counts->counters[counter]);
}

static void
put_histogram(Exposition *out, const char *name, const NamedSeries *series,
			  const Histogram *histogram)
{
	char	   *labels = series_labels(series);
	int64		count = 0;
	int			i;

	for (i = 0; i < TC_METRIC_BUCKETS; i++)
	{
		count += histogram->counts[i];
		if (i < TC_METRIC_BUCKETS - 1)
			appendStringInfo(&out->text, "%s_bucket{database=\"%s\"%s,le=\"%g\"} "
							 INT64_FORMAT "\n", name, out->database, labels,
							 tc_metric_bounds[i] / 1000000.0, count);
	}
	appendStringInfo(&out->text, "%s_bucket{database=\"%s\"%s,le=\"+Inf\"} " INT64_FORMAT "\n",
					 name, out->database, labels, count);
	put_seconds(out, psprintf("%s_sum", name), labels, histogram->sum / 1000000.0);
	put_count(out, psprintf("%s_count", name), labels, count);
}

static void
put_runs(Exposition *out)
{
	int			i;

	put_outcomes(out);
	put_counter(out, RUN_COUNTER_CLAIMS, "taskcenter_runs_claimed_total",
				"Attempts that were claimed.");
	put_counter(out, RUN_COUNTER_RETRIES, "taskcenter_run_retries_total",
				"Attempts that failed and are followed by another.");
	put_counter(out, RUN_COUNTER_LOST, "taskcenter_runs_lost_total",
				"Attempts that lost their executor and are repeated.");
	begin_metric(out, "taskcenter_dispatch_delay_seconds", "histogram",
				 "From when a finished run was due until its last attempt started.");
	for (i = 0; i < out->count; i++)
		put_histogram(out, "taskcenter_dispatch_delay_seconds", &out->series[i],
					  &out->series[i].counts->delay);
	begin_metric(out, "taskcenter_run_duration_seconds", "histogram",
				 "How long the last attempt of a finished run took.");
	for (i = 0; i < out->count; i++)
		put_histogram(out, "taskcenter_run_duration_seconds", &out->series[i],
					  &out->series[i].counts->duration);
}

/* ---- the database ---- */

static void
put_database(Exposition *out)
{
	const int64 *counters = out->metrics->counters;
	int64		waiting;
	int64		lost;

	put_single(out, "taskcenter_schedule_fires_total", "counter",
			   "Runs that schedules made.", counters[DATABASE_COUNTER_FIRES]);
	put_single(out, "taskcenter_schedule_misfires_total", "counter",
			   "Due instants of schedules that were found late.",
			   counters[DATABASE_COUNTER_MISFIRES]);
	put_single(out, "taskcenter_schedule_skips_total", "counter",
			   "Due instants of schedules that made no run.", counters[DATABASE_COUNTER_SKIPS]);
	put_single(out, "taskcenter_executors_lost_total", "counter",
			   "Executors that ended while they executed.",
			   counters[DATABASE_COUNTER_LOST_EXECUTORS]);
	begin_metric(out, "taskcenter_events_total", "counter",
				 "Events that were written, by kind: moves of runs, or any other.");
	put_count(out, "taskcenter_events_total", ",kind=\"run\"",
			  counters[DATABASE_COUNTER_RUN_EVENTS]);
	put_count(out, "taskcenter_events_total", ",kind=\"other\"",
			  counters[DATABASE_COUNTER_OTHER_EVENTS]);
	put_single(out, "taskcenter_worker_beats_total", "counter",
			   "Beats that workers sent.", counters[DATABASE_COUNTER_BEATS]);
	put_single(out, "taskcenter_purged_rows_total", "counter",
			   "Rows out of policy that were removed.", counters[DATABASE_COUNTER_PURGED_ROWS]);
	tc_shared_refusals_count(&waiting, &lost);
	put_single(out, "taskcenter_refusals_lost_total", "counter",
			   "Refused status changes that did not get into the history.", lost);
}

static void
put_watchdog(Exposition *out)
{
	const int64 *counters = &out->metrics->counters[DATABASE_COUNTER_WATCHDOG];

	put_single(out, "taskcenter_watchdog_runs_checked_total", "counter",
			   "Runs without a sign of life that the watchdog looked at.",
			   counters[WATCHDOG_CHECKED]);
	put_single(out, "taskcenter_watchdog_runs_stuck_total", "counter",
			   "Runs that nobody executed any more.", counters[WATCHDOG_STUCK]);
	put_single(out, "taskcenter_watchdog_late_finishes_total", "counter",
			   "Finishes that came too late, and were refused.", counters[WATCHDOG_LATE]);
	put_single(out, "taskcenter_watchdog_executors_terminated_total", "counter",
			   "Executors that did not answer a cancel.", counters[WATCHDOG_TERMINATED]);
}

static void
put_executors(Exposition *out)
{
	static const struct
	{
		const char *label;
		ExecutorState state;
		ExecutorState also;
	}			states[] = {
		{"starting", EXECUTOR_STATE_STARTING, EXECUTOR_STATE_STARTING},
		{"idle", EXECUTOR_STATE_IDLE, EXECUTOR_STATE_WOKEN},
		{"busy", EXECUTOR_STATE_BUSY, EXECUTOR_STATE_BUSY},
		{"ended", EXECUTOR_STATE_ENDED, EXECUTOR_STATE_ENDED}
	};
	int64		counts[lengthof(states)] = {0};
	int			capacity = 0;
	int			i;
	int			j;

	if (tc_shared_available())
	{
		LWLockAcquire(tc_shared->lock, LW_SHARED);
		capacity = tc_shared->executor_capacity;
		for (i = 0; i < capacity; i++)
		{
			const ExecutorSlot *slot = &tc_shared->executors[i];

			for (j = 0; j < (int) lengthof(states); j++)
				counts[j] += slot->database == MyDatabaseId &&
					(slot->state == states[j].state || slot->state == states[j].also);
		}
		LWLockRelease(tc_shared->lock);
	}
	begin_metric(out, "taskcenter_executors", "gauge", "Executors of the database, by state.");
	for (j = 0; j < (int) lengthof(states); j++)
		put_count(out, "taskcenter_executors", psprintf(",state=\"%s\"", states[j].label),
				  counts[j]);
	put_single(out, "taskcenter_executors_max", "gauge",
			   "Executors that the server runs at most, in all databases.", capacity);
}

static void
put_scheduler(Exposition *out, TimestampTz now)
{
	DatabaseSlot *slot;
	bool		up = false;
	TimestampTz last = 0;

	if (tc_shared_available())
	{
		LWLockAcquire(tc_shared->lock, LW_SHARED);
		slot = tc_shared_database(MyDatabaseId);
		if (slot != NULL)
		{
			up = slot->scheduler_pid != 0 && slot->phase == DATABASE_PHASE_RUNNING;
			last = slot->last_cycle_at;
		}
		LWLockRelease(tc_shared->lock);
	}
	put_single(out, "taskcenter_scheduler_up", "gauge",
			   "1 while the database has a running scheduler.", up);
	if (last == 0)
		return;
	begin_metric(out, "taskcenter_scheduler_cycle_age_seconds", "gauge",
				 "Since the scheduler looked last; it looks each five seconds at least.");
	put_seconds(out, "taskcenter_scheduler_cycle_age_seconds", "",
				Max(now - last, 0) / 1000000.0);
}

/* ---- what the tables tell ---- */

static void
put_queues(Exposition *out, TimestampTz now)
{
	QueueDepth *depths;
	int			count = tc_metrics_queues(now, &depths);
	double		oldest = -1;
	int			i;

	begin_metric(out, "taskcenter_queue_runs", "gauge",
				 "Unfinished runs, by queue and status.");
	for (i = 0; i < count; i++)
		put_count(out, "taskcenter_queue_runs",
				  psprintf(",queue=\"%s\",status=\"%s\"", label_value(depths[i].queue),
						   depths[i].status), depths[i].runs);
	begin_metric(out, "taskcenter_queue_oldest_due_seconds", "gauge",
				 "Since when the longest waiting run of a queue is due.");
	for (i = 0; i < count; i++)
	{
		oldest = Max(oldest, depths[i].oldest);
		if (i + 1 < count && strcmp(depths[i].queue, depths[i + 1].queue) == 0)
			continue;
		put_seconds(out, "taskcenter_queue_oldest_due_seconds",
					psprintf(",queue=\"%s\"", label_value(depths[i].queue)), Max(oldest, 0));
		oldest = -1;
	}
}

static void
put_tasks(Exposition *out)
{
	NamedCount *states;
	int			count = tc_metrics_tasks(&states);
	int			i;

	begin_metric(out, "taskcenter_tasks", "gauge", "Tasks, by state.");
	for (i = 0; i < count; i++)
		put_count(out, "taskcenter_tasks", psprintf(",state=\"%s\"", states[i].name),
				  states[i].count);
}

/* ---- series by name ---- */

static int
compare_names(const void *a, const void *b)
{
	const NamedSeries *one = a;
	const NamedSeries *other = b;
	int			order = strcmp(one->queue, other->queue);

	return order != 0 ? order : strcmp(one->task, other->task);
}

static const MetricCounts *
sum_of(const MetricCounts *one, const MetricCounts *other)
{
	MetricCounts *sum = palloc(sizeof(MetricCounts));
	int			i;

	for (i = 0; i < TC_METRIC_COUNTS; i++)
		((int64 *) sum)[i] = ((const int64 *) one)[i] + ((const int64 *) other)[i];
	return sum;
}

/* An archived task and a new one can have the same name. */
static void
name_series(Exposition *out, const MetricsCopy *copy)
{
	char	  **queues = palloc(sizeof(char *) * Max(copy->count, 1));
	char	  **tasks = palloc(sizeof(char *) * Max(copy->count, 1));
	NamedSeries *named = palloc(sizeof(NamedSeries) * (copy->count + 1));
	int			kept = 0;
	int			i;

	tc_metrics_name(copy->series, copy->count, queues, tasks);
	for (i = 0; i < copy->count; i++)
	{
		named[i].queue = label_value(queues[i] != NULL ? queues[i] : "");
		named[i].task = label_value(tasks[i] != NULL ? tasks[i] : "");
		named[i].counts = &copy->series[i].counts;
	}
	named[copy->count].queue = named[copy->count].task = "";
	named[copy->count].counts = &copy->database.others;
	qsort(named, copy->count + 1, sizeof(NamedSeries), compare_names);
	for (i = 0; i < copy->count + 1; i++)
	{
		if (kept > 0 && compare_names(&named[kept - 1], &named[i]) == 0)
			named[kept - 1].counts = sum_of(named[kept - 1].counts, named[i].counts);
		else
			named[kept++] = named[i];
	}
	out->series = named;
	out->count = kept;
}

char *
tc_metric_text(TimestampTz now)
{
	MetricsCopy copy;
	Exposition	out = {0};
	StoreFrame	frame;

	initStringInfo(&out.text);
	out.database = label_value(get_database_name(MyDatabaseId));
	memset(&copy, 0, sizeof(copy));
	(void) tc_metrics_copy(&copy);
	out.metrics = &copy.database;
	tc_store_begin(&frame);
	name_series(&out, &copy);
	put_runs(&out);
	put_database(&out);
	put_watchdog(&out);
	put_executors(&out);
	put_queues(&out, now);
	put_tasks(&out);
	put_single(&out, "taskcenter_dead_letters_open", "gauge",
			   "Runs that failed for good and that nobody has dealt with.",
			   tc_metrics_dead_letters(0, 0));
	put_scheduler(&out, now);
	tc_store_end(&frame);
	return out.text.data;
}
