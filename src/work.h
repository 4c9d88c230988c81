/*-------------------------------------------------------------------------
 *
 * work.h
 *		What a worker may claim, and claiming it.
 *
 * Layer 4.  Between tc_store_begin() and tc_store_end(); the caller's role is
 * the worker's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORK_H
#define TC_WORK_H

#include "worker_claim_store.h"
#include "worker_store.h"

#define TC_MAX_WORKER_CLAIM 1000	/* runs in one claim */

/* claim at most max_runs, for so many microseconds; in the order of their priority, then due time */
extern int	tc_work_claim(const WorkerRow *worker, char *const *queues, int queue_count,
						  int max_runs, int64 lease, TimestampTz now,
						  WorkerRun **runs);

/* raises in a copy that is not adopted, where nothing is ever found */
extern void tc_work_refuse_copy(void);

/* is there something to claim? */
typedef struct WorkOutlook
{
	bool		due;
	bool		held_back;		/* something is, but a limit is reached */
	bool		partial;		/* there may be more, for other workers only */
	TimestampTz next;			/* when there can be more; DT_NOEND: unknown */
} WorkOutlook;

extern WorkOutlook tc_work_look(const WorkerRow *worker, TimestampTz now);

#endif							/* TC_WORK_H */
