/*-------------------------------------------------------------------------
 *
 * claim.h
 *		Which runs an executor takes next.
 *
 * Layer 4, executors only, outside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_CLAIM_H
#define TC_CLAIM_H

#include "run_store.h"

/* of work in one claim */
#define TC_CLAIM_WORK_MS 50.0

/* how long the first run of a claim may take before others see to the rest */
#define TC_SLOW_FRONT_MS 100

typedef struct ClaimResult
{
	int			count;			/* rows taken, published in shared memory */
	bool		role_is_gone;	/* the role may not execute any more */
	bool		needs_fresh_process;	/* the next run wants a process of its
										 * own */
	bool		batch;			/* all rows are runs of one batched task */
	bool		gated;			/* all rows are runs of one gated task */
	bool		lasting;		/* a crash does not undo the claim alone */
	bool		lane_unknown;	/* what else the lane holds is looked up by
								 * the next claim; by others if that is not
								 * soon */
	const char *queue;			/* valid until the next claim */
} ClaimResult;

/*
 * Take runs of the lanes of this executor's role, best priority first, then
 * earliest due.  rows has room for TC_MAX_CLAIM and is allocated in context.
 * fresh: this process has executed nothing yet.
 */
extern ClaimResult tc_claim_runs(Oid role, int64 executor_id, bool fresh, TimestampTz now,
								 RunRow *rows, MemoryContext context);

/* tell the claim how long a run of the last claim took */
extern void tc_claim_note_duration(double ms);

#endif							/* TC_CLAIM_H */
