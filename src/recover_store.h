/*-------------------------------------------------------------------------
 *
 * recover_store.h
 *		The statements that settle runs whose executor cannot: give back what
 *		was never started, put back or end what was lost, find the lanes again.
 *
 * Layer 3.  Called inside a transaction, by the scheduler and by executors
 * that end early; each function opens its own frame.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RECOVER_STORE_H
#define TC_RECOVER_STORE_H

#include "datatype/timestamp.h"
#include "taskcenter.h"

/* running -> queued, attempt uncounted: claimed but never started */
extern int	tc_runs_give_back(const int64 *run_ids, const int64 *tokens, int count,
							  const char *reason, const char *actor);

/* a run that lost its executor */
typedef struct LostRun
{
	int64		run_id;
	int64		token;
	int64		executor_id;
	int32		lost;
	int32		max_lost;
	bool		fail;			/* on_crash = 'fail' */
	int64		definition_id;	/* of a step whose runs have a lane of their
								 * own; 0: none */
} LostRun;

/* running runs of executors other than these; allocated; returns the count */
extern int	tc_runs_find_lost(const int64 *living, int living_count, LostRun **lost);

/* running runs of one executor */
extern int	tc_runs_of_executor(int64 executor_id, LostRun **lost);

/*
 * Lock these for the transaction, but wait for nobody: a user's transaction can
 * hold a run for long.  Leaves those that were locked; returns their count.
 */
extern int	tc_runs_hold(LostRun *runs, int count);
extern int	tc_runs_requeue_lost(const int64 *run_ids, const int64 *tokens, int count,
								 const char *reason);

/* running -> status (failed, cancelled) without an executor to say so */
extern int	tc_runs_end_lost(const int64 *run_ids, const int64 *tokens, int count,
							 const char *status, const char *reason, const char *actor,
							 TimestampTz now);

/*
 * Last chances: runs whose next loss would be the last that their task bears.
 * Returns how many wait in a lane, and how many run in the database.  With
 * `locked` no other claim finds out before this transaction ends.
 */
extern int64 tc_runs_last_chances(Oid role, int64 queue_id, int32 priority, int64 gate,
								  bool locked, int64 *running);

/* lanes that hold ready work, for a scheduler that starts; calls back per lane */
typedef void (*LaneCallback) (Oid role, int64 queue_id, int32 priority, int64 gate,
							  TimestampTz run_at, int64 run_id);
extern void tc_runs_each_lane(LaneCallback callback);

extern int64 tc_runs_next_executor_id(void);

#endif							/* TC_RECOVER_STORE_H */
