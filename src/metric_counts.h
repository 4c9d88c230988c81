/*-------------------------------------------------------------------------
 *
 * metric_counts.h
 *		What is counted of runs, and where.
 *
 * Layer 0.  Counts grow only; they are saved as arrays of bigint, so whoever
 * changes an enum or a bound changes TC_METRIC_LAYOUT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_METRIC_COUNTS_H
#define TC_METRIC_COUNTS_H

#include "taskcenter.h"

#define TC_METRIC_LAYOUT 3
#define TC_METRIC_BUCKETS 15	/* the last one has no bound */
#define TC_METRIC_BOUNDS_US { \
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, \
	2500000, 10000000, 60000000, 600000000 \
}

#define TC_MAX_SERIES 1024		/* in shared memory, of all databases */
#define TC_SERIES_QUOTA 512		/* of one database */

/* of the runs of one task in one queue */
typedef enum RunCounter
{
	RUN_COUNTER_SUCCEEDED,
	RUN_COUNTER_FAILED,
	RUN_COUNTER_TIMED_OUT,
	RUN_COUNTER_CANCELLED,
	RUN_COUNTER_SKIPPED,
	RUN_COUNTER_CLAIMS,
	RUN_COUNTER_RETRIES,
	RUN_COUNTER_LOST
} RunCounter;

#define RUN_COUNTER_COUNT (RUN_COUNTER_LOST + 1)
#define RUN_OUTCOME_COUNT (RUN_COUNTER_SKIPPED + 1)

/* what the watchdog of a database did */
typedef enum WatchdogCounter
{
	WATCHDOG_CHECKED,			/* runs whose beat was missing, looked at */
	WATCHDOG_STUCK,				/* of these, runs that nobody executes any
								 * more */
	WATCHDOG_MOVED,				/* of these, runs that ended as dead letters */
	WATCHDOG_LATE,				/* finishes that came too late, and were
								 * refused */
	WATCHDOG_TERMINATED			/* executors that did not answer a cancel */
} WatchdogCounter;

#define WATCHDOG_COUNTER_COUNT (WATCHDOG_TERMINATED + 1)

/* of a database */
typedef enum DatabaseCounter
{
	DATABASE_COUNTER_FIRES,		/* runs that schedules made */
	DATABASE_COUNTER_MISFIRES,	/* instants that were found late */
	DATABASE_COUNTER_SKIPS,		/* instants that made no run */
	DATABASE_COUNTER_LOST_EXECUTORS,
	DATABASE_COUNTER_RUN_EVENTS,	/* moves of runs that are events */
	DATABASE_COUNTER_OTHER_EVENTS,
	DATABASE_COUNTER_BEATS,		/* of workers */
	DATABASE_COUNTER_PURGED_ROWS,
	DATABASE_COUNTER_WATCHDOG	/* first of WATCHDOG_COUNTER_COUNT */
} DatabaseCounter;

#define DATABASE_COUNTER_COUNT (DATABASE_COUNTER_WATCHDOG + WATCHDOG_COUNTER_COUNT)

typedef struct Histogram
{
	int64		counts[TC_METRIC_BUCKETS];	/* each bucket by itself */
	int64		sum;			/* microseconds */
} Histogram;

/* eight-byte fields only: it is saved as it lies */
typedef struct MetricCounts
{
	int64		counters[RUN_COUNTER_COUNT];
	Histogram	delay;			/* from due to started */
	Histogram	duration;		/* of the attempt that finished the run */
} MetricCounts;

#define TC_METRIC_COUNTS ((int) (sizeof(MetricCounts) / sizeof(int64)))

/* what notices of failures go by */
typedef struct FailureState
{
	int64		in_a_row;		/* runs that failed since the last success */
	TimestampTz noticed_at;		/* when that was last told; 0: never */
	int64		kept_back;		/* failures since then */
} FailureState;

typedef struct MetricSeries
{
	Oid			database;		/* InvalidOid: free */
	bool		used;			/* it was somebody's: searches go on behind it */
	bool		changed;		/* since it was saved; scheduler clears it */
	bool		failed;			/* a run failed since the scheduler looked */
	int64		queue_id;
	int64		task_id;
	FailureState failures;
	MetricCounts counts;
} MetricSeries;

/* in the slot of a database */
typedef struct DatabaseMetrics
{
	bool		loaded;			/* what was saved is part of it */
	bool		changed;		/* as of a series */
	bool		any_failed;		/* a series has failed set */
	TimestampTz since;			/* when counting began here */
	int			series_count;
	int64		counters[DATABASE_COUNTER_COUNT];
	MetricCounts others;		/* of tasks beyond the quota */
} DatabaseMetrics;

#endif							/* TC_METRIC_COUNTS_H */
