/*-------------------------------------------------------------------------
 *
 * shared_metrics.h
 *		Counting what becomes of runs, in shared memory.
 *
 * Layer 2.  A transaction notes what it does; it counts when it commits, in
 * the hold of the lock in which others are woken.  Without preloading, and in
 * databases without scheduler, nothing is counted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SHARED_METRICS_H
#define TC_SHARED_METRICS_H

#include "metric_counts.h"
#include "utils/timestamp.h"

/* one more of a run; delay and duration in microseconds, -1: not known */
extern void tc_metric_run(RunCounter counter, int64 queue_id, int64 task_id,
						  int64 delay, int64 duration,
						  bool is_step);
extern void tc_metric_database(DatabaseCounter counter, int64 amount);

/* rows of finished runs move within the history until the transaction ends: not counted */
extern void tc_metric_pause(bool paused);

/* the bounds of the buckets, in microseconds: one less than buckets */
extern const int64 tc_metric_bounds[TC_METRIC_BUCKETS - 1];

/* the bucket that a time falls into */
extern int	tc_metric_bucket(int64 microseconds);

/* ---- reading and keeping ---- */

typedef struct MetricsCopy
{
	DatabaseMetrics database;
	int			count;
	MetricSeries *series;
} MetricsCopy;

/* all of this database, palloc'd; false: nothing is counted here */
extern bool tc_metrics_copy(MetricsCopy *copy);

/* scheduler: the same, of what changed since; what is copied counts as saved */
extern bool tc_metrics_take_changed(MetricsCopy *copy);

/* scheduler: is there anything to save?  to load? */
extern bool tc_metrics_changed(void);
extern bool tc_metrics_loaded(void);

/* scheduler: add what was saved before; others: task_id 0 */
extern void tc_metrics_add(int64 queue_id, int64 task_id, const MetricCounts *counts,
						   const FailureState *failures);
extern void tc_metrics_add_database(const int64 counters[DATABASE_COUNTER_COUNT]);
extern void tc_metrics_set_loaded(void);

/* scheduler: series in which runs failed since it last asked */
extern int	tc_metrics_take_failed(MetricSeries **series);

/* scheduler: a notice was written, or (noticed_at 0) kept back */
extern void tc_metrics_noticed(int64 queue_id, int64 task_id, TimestampTz noticed_at,
							   int64 kept_back);

#endif							/* TC_SHARED_METRICS_H */
