/*-------------------------------------------------------------------------
 *
 * graph_limit.c
 *		Time limits of graphs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "graph_limit.h"
#include "graph_start.h"
#include "progress_store.h"
#include "run_cancel.h"
#include "statement.h"
#include "worker_process.h"

#define HELD_LOOK_US (200 * INT64CONST(1000))	/* at one that somebody holds */

#define REASON "its time limit has passed"

/* AskToEnd */
static void
ask_to_end(int64 run_id, int32 attempt, const void *now)
{
	tc_run_ask_to_end(run_id, attempt, REASON, "scheduler", *(const TimestampTz *) now);
}

/* False: somebody holds it. */
static bool
end_root(int64 run_id, TimestampTz now)
{
	GraphProgress progress;
	StoreFrame	frame;
	bool		done = true;

	tc_worker_begin("end a graph at its time limit");
	tc_store_begin(&frame);
	switch (tc_progress_lock_soon(run_id, true, &progress))
	{
		case PROGRESS_BUSY:
			done = false;
			break;
		case PROGRESS_GONE:
			break;
		case PROGRESS_LOCKED:
			(void) tc_graph_end_early(run_id, "timed_out", REASON, "scheduler", ask_to_end,
									  &now, now);
			break;
	}
	tc_store_end(&frame);
	tc_worker_commit();
	return done;
}

TimestampTz
tc_graph_limits_enforce(TimestampTz now)
{
	int64	   *overdue;
	int64	   *kept;
	TimestampTz next;
	bool		done = true;
	int			count;
	int			i;

	tc_worker_begin("find graphs whose time limit has passed");
	count = tc_progress_overdue(now, &overdue);
	kept = MemoryContextAlloc(TopMemoryContext, sizeof(int64) * Max(count, 1));
	memcpy(kept, overdue, sizeof(int64) * count);
	tc_worker_commit();
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		done &= end_root(kept[i], now);
	}
	pfree(kept);
	tc_worker_begin("find the next time limit of a graph");
	next = tc_progress_next_deadline();
	tc_worker_commit();
	return done ? next : now + HELD_LOOK_US;
}
