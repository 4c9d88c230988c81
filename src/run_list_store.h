/*-------------------------------------------------------------------------
 *
 * run_list_store.h
 *		Which runs a list shows: pages of list_runs(), the newest, the failed.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().  Whoever asks
 * gets what he may know of; who knows few tasks waits no longer for it than
 * who knows all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_LIST_STORE_H
#define TC_RUN_LIST_STORE_H

#include "rows.h"

#define TC_MAX_NEWEST 1000		/* runs that tc_runs_newest() finds */

/* a run, and where its row is found */
typedef struct ListedRun
{
	int64		run_id;
	int64		task_id;
	TimestampTz finished_at;	/* DT_NOEND: it is not finished */
} ListedRun;

/* ids of the newest runs that match, newest first */
extern int	tc_runs_list(const RunFilter *filter, TimestampTz since, int64 before_run_id,
						 int max_rows, Datum **run_ids);

/*
 * The newest TC_MAX_NEWEST runs of these tasks that have not finished or have
 * since then; with "failed" those that failed last, whenever that was.
 */
extern int	tc_runs_newest(const TaskSet *tasks, bool failed, TimestampTz since,
						   ListedRun **runs);

#endif							/* TC_RUN_LIST_STORE_H */
