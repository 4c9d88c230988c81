/*-------------------------------------------------------------------------
 *
 * worker_claim_store.h
 *		What external workers claim: the heads of lanes.
 *
 * Layer 3.  No function has a frame of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORKER_CLAIM_STORE_H
#define TC_WORKER_CLAIM_STORE_H

#include "rows.h"
#include "worker_turn.h"

/* a run that was claimed */
typedef struct WorkerRun
{
	int64		run_id;
	int64		token;
	int64		task_id;
	int64		owner_id;
	int64		queue_id;
	int64		gate;
	int32		priority;
	int32		attempt;
	int32		max_attempts;
	int32		retention_class;
	bool		is_catchup;
	const char *task;
	const char *queue;
	Jsonb	   *params;
	TimestampTz lease_until;
	TimestampTz deadline_at;	/* DT_NOBEGIN: none */
	TimestampTz scheduled_for;	/* DT_NOBEGIN: none */
	const char *step;			/* NULL: none */
	int64		parent_run_id;	/* 0: none */
	const char *trace_id;		/* NULL: none */
} WorkerRun;

/* the shares of the lanes, in one statement; what the lane knows is left to the caller */
extern int	tc_worker_claim(int64 worker_id, const char *name, const WorkerLane *lanes, int count,
							TimestampTz now, WorkerRun **runs);

/* is there a run in a lane with a share that nobody holds?  We do then, for this transaction. */
extern bool tc_worker_probe(const WorkerLane *lanes, int count, TimestampTz now);

#endif							/* TC_WORKER_CLAIM_STORE_H */
