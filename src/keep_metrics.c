/*-------------------------------------------------------------------------
 *
 * keep_metrics.c
 *		Counts outlive the server.
 *
 * What is saved when a scheduler ends is complete.  After a crash what
 * finished since the last save is counted again, so that counts of runs do
 * not go back; the others do, by a minute.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "guarded.h"
#include "keep_metrics.h"
#include "metric_store.h"
#include "shared_metrics.h"
#include "statement.h"
#include "worker_process.h"

#define SAVE_EVERY_US (1 * USECS_PER_MINUTE)

/* failures and counts of a task, as they are saved */
#define TASK_VALUES (TC_METRIC_COUNTS + 3)

/* ---- loading ---- */

static void
load_row(const SavedMetrics *row)
{
	FailureState failures;

	if (strcmp(row->kind, TC_SAVED_DATABASE) == 0 && row->count == DATABASE_COUNTER_COUNT)
		tc_metrics_add_database(row->values);
	else if (strcmp(row->kind, TC_SAVED_OTHERS) == 0 && row->count == TC_METRIC_COUNTS)
		tc_metrics_add(0, 0, (const MetricCounts *) row->values, NULL);
	else if (strcmp(row->kind, TC_SAVED_TASK) == 0 && row->count == TASK_VALUES)
	{
		failures.in_a_row = row->values[TC_METRIC_COUNTS];
		failures.noticed_at = row->values[TC_METRIC_COUNTS + 1];
		failures.kept_back = row->values[TC_METRIC_COUNTS + 2];
		tc_metrics_add(row->queue_id, row->task_id, (const MetricCounts *) row->values,
					   &failures);
	}
}

/* Runs that finished, and that nobody saved. */
static void
count_again(TimestampTz after)
{
	MetricSeries *series;
	MetricsCopy copy;
	int			count;
	int			i;

	if (!tc_metrics_copy(&copy))
		return;
	/* what finished since then was counted */
	count = tc_metrics_recount(after, copy.database.since, &series);
	for (i = 0; i < count; i++)
		tc_metrics_add(series[i].queue_id, series[i].task_id, &series[i].counts, NULL);
}

static void
load(void *argument)
{
	SavedMetrics *rows;
	StoreFrame	frame;
	int			count;
	int			i;

	tc_store_begin(&frame);
	count = tc_metrics_loaded() ? 0 : tc_saved_metrics_read(&rows);
	for (i = 0; i < count; i++)
	{
		load_row(&rows[i]);
		if (strcmp(rows[i].kind, TC_SAVED_DATABASE) == 0 && !rows[i].complete)
			count_again(rows[i].saved_at);
	}
	tc_saved_metrics_open();
	tc_store_end(&frame);
}

void
tc_metrics_load(void)
{
	char	   *error;

	tc_worker_begin("load metrics");
	/* whatever is in there must not keep the scheduler from its work */
	if (!tc_guarded(load, NULL, &error))
		ereport(WARNING, (errmsg("taskcenter could not load its metrics: %s", error)));
	tc_worker_commit();
	tc_metrics_set_loaded();
}

/* ---- saving ---- */

static void
save_series(SavedMetrics *row, const MetricSeries *series)
{
	int64		values[TASK_VALUES];

	memcpy(values, &series->counts, sizeof(MetricCounts));
	values[TC_METRIC_COUNTS] = series->failures.in_a_row;
	values[TC_METRIC_COUNTS + 1] = series->failures.noticed_at;
	values[TC_METRIC_COUNTS + 2] = series->failures.kept_back;
	row->kind = TC_SAVED_TASK;
	row->queue_id = series->queue_id;
	row->task_id = series->task_id;
	row->values = values;
	row->count = TASK_VALUES;
	tc_saved_metrics_store(row);
}

static void
save(bool complete, TimestampTz now)
{
	SavedMetrics row = {.saved_at = now,.complete = complete};
	MetricsCopy copy;
	StoreFrame	frame;
	int			i;

	/* at the end all: a save before may have failed */
	if (complete ? !tc_metrics_copy(&copy) : !tc_metrics_take_changed(&copy))
		return;
	tc_store_begin(&frame);
	for (i = 0; i < copy.count; i++)
		save_series(&row, &copy.series[i]);
	row.queue_id = row.task_id = 0;
	row.kind = TC_SAVED_OTHERS;
	row.values = (int64 *) &copy.database.others;
	row.count = TC_METRIC_COUNTS;
	tc_saved_metrics_store(&row);
	row.kind = TC_SAVED_DATABASE;
	row.values = copy.database.counters;
	row.count = DATABASE_COUNTER_COUNT;
	tc_saved_metrics_store(&row);
	tc_store_end(&frame);
}

TimestampTz
tc_metrics_save(TimestampTz now)
{
	static TimestampTz saved_at = 0;

	if (!tc_metrics_loaded() || !tc_metrics_changed())
		return DT_NOEND;
	/* the clock may have been set back */
	if (saved_at == 0 || saved_at > now)
		saved_at = now;
	if (now < saved_at + SAVE_EVERY_US)
		return saved_at + SAVE_EVERY_US;
	tc_worker_begin("save metrics");
	save(false, now);
	tc_worker_commit_lazily();
	saved_at = now;
	return DT_NOEND;
}

void
tc_metrics_save_all(TimestampTz now)
{
	if (!tc_metrics_loaded())
		return;
	AbortOutOfAnyTransaction();
	tc_worker_begin("save metrics");
	save(true, now);
	tc_worker_commit();
}
