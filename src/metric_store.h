/*-------------------------------------------------------------------------
 *
 * metric_store.h
 *		Counts as they are saved, counts out of the history, and what metrics
 *		ask the tables when they are read.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end(); what is read
 * is allocated in the context that was current at tc_store_begin().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_METRIC_STORE_H
#define TC_METRIC_STORE_H

#include "shared_metrics.h"
#include "utils/timestamp.h"

/* what a row of saved_metrics is about */
#define TC_SAVED_TASK "task"
#define TC_SAVED_OTHERS "others"
#define TC_SAVED_DATABASE "database"

typedef struct SavedMetrics
{
	char	   *kind;
	int64		queue_id;
	int64		task_id;
	TimestampTz saved_at;
	bool		complete;		/* nothing was counted after it */
	int			count;			/* of values */
	int64	   *values;
} SavedMetrics;

/* rows of this layout; those of archived tasks become part of the others, for good */
extern int	tc_saved_metrics_read(SavedMetrics **rows);
extern void tc_saved_metrics_store(const SavedMetrics *row);

/* what is counted from now on is not saved yet */
extern void tc_saved_metrics_open(void);

/* runs that finished after an instant and until another: one series for each queue and task */
extern int	tc_metrics_recount(TimestampTz after, TimestampTz until, MetricSeries **series);

/* ---- at the time of reading ---- */

typedef struct QueueDepth
{
	char	   *queue;
	char	   *status;
	int64		runs;
	double		oldest;			/* seconds since the first was due; below 0:
								 * none is */
} QueueDepth;

extern int	tc_metrics_queues(TimestampTz now, QueueDepth **depths);

typedef struct NamedCount
{
	char	   *name;
	int64		count;
} NamedCount;

/* tasks by state */
extern int	tc_metrics_tasks(NamedCount **states);

/* names of queues and tasks, by the ids of a series; NULL: gone */
extern void tc_metrics_name(const MetricSeries *series, int count, char **queues, char **tasks);

/* of a queue and a task, or (0) of all */
extern int64 tc_metrics_dead_letters(int64 queue_id, int64 task_id);

/* claimable runs of a queue, or (0) of all: how many, and since when in seconds */
extern void tc_metrics_due(int64 queue_id, int64 task_id, TimestampTz now, int64 *runs,
						   double *oldest);

#endif							/* TC_METRIC_STORE_H */
