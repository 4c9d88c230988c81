/*-------------------------------------------------------------------------
 *
 * newest_run_store.h
 *		The runs that views show: the newest, the failed, the last of each task.
 *
 * Layer 3.2.  Called between tc_store_begin() and tc_store_end().  The rows are
 * those of the last statement then, as tc_put_rows() puts them.  Whoever asks
 * gets what he may know of; who knows few tasks waits no longer for it than
 * who knows all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_NEWEST_RUN_STORE_H
#define TC_NEWEST_RUN_STORE_H

#include "rows.h"

/* who reads, and what he may see */
typedef struct RunReader
{
	TaskSet		known;			/* tasks of which he may know the runs */
	TaskSet		readable;		/* and what is in these */
	TaskSet		enqueueable;	/* those he makes he may read too, */
	TimestampTz enqueuing_since;	/* if made since then */
	const char *name;
} RunReader;

/*
 * (run_id, task, status, attempt, run_at, finished_at, duration, sqlstate,
 * error) of up to 1,000 runs: the newest of those that have not finished or
 * have since then; those that failed last, whenever that was.
 */
extern void tc_runs_newest(const RunReader *reader, TimestampTz since, TimestampTz now);
extern void tc_runs_failed(const RunReader *reader);

/*
 * (task_id, status, started_at, finished_at) of the last run of each known task
 * that is not archived, if it finished since then.
 */
extern void tc_runs_last(const TaskSet *known, TimestampTz since, TimestampTz now);

#endif							/* TC_NEWEST_RUN_STORE_H */
