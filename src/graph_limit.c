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
#include "guarded.h"
#include "progress_store.h"
#include "run_cancel.h"
#include "statement.h"
#include "worker_process.h"

#define HELD_LOOK_US (200 * INT64CONST(1000))	/* at one that somebody holds */
#define FAILED_LOOK_US (1 * USECS_PER_MINUTE)	/* at one that cannot be ended */

#define REASON "its time limit has passed"

/* AskToEnd */
static void
ask_to_end(int64 run_id, int32 attempt, const void *now)
{
	tc_run_ask_to_end(run_id, attempt, REASON, "scheduler", *(const TimestampTz *) now);
}

/* a root to be ended in a sub-transaction */
typedef struct GuardedEnd
{
	int64		run_id;
	TimestampTz now;
	bool		done;
} GuardedEnd;

static void
end_root(void *argument)
{
	GuardedEnd *end = argument;
	GraphProgress progress;
	StoreFrame	frame;

	tc_store_begin(&frame);
	switch (tc_progress_lock_soon(end->run_id, true, &progress))
	{
		case PROGRESS_BUSY:
			end->done = false;
			break;
		case PROGRESS_GONE:
			break;
		case PROGRESS_LOCKED:
			(void) tc_graph_end_early(end->run_id, "timed_out", REASON, "scheduler", ask_to_end,
									  &end->now, end->now);
			break;
	}
	tc_store_end(&frame);
}

/* Returns when to try again; DT_NOEND: it is done. */
static TimestampTz
end_guarded(int64 run_id, TimestampTz now)
{
	GuardedEnd	end = {run_id, now, true};
	TimestampTz again = DT_NOEND;
	char	   *error;

	tc_worker_begin("end a graph at its time limit");
	if (!tc_guarded(end_root, &end, &error))
	{
		ereport(LOG,
				(errmsg("taskcenter: run %lld cannot be ended at its time limit", (long long) run_id),
				 errdetail("%s", error)));
		again = now + FAILED_LOOK_US;
	}
	else if (!end.done)
		again = now + HELD_LOOK_US;
	tc_worker_commit();
	return again;
}

TimestampTz
tc_graph_limits_enforce(TimestampTz now)
{
	int64	   *overdue;
	int64	   *kept;
	TimestampTz again = DT_NOEND;
	TimestampTz next;
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
		again = Min(again, end_guarded(kept[i], now));
	}
	pfree(kept);
	tc_worker_begin("find the next time limit of a graph");
	next = tc_progress_next_deadline(now);
	tc_worker_commit();
	return Min(again, next);
}
