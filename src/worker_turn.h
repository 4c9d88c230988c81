/*-------------------------------------------------------------------------
 *
 * worker_turn.h
 *		From which lanes a worker's claim takes how many runs.
 *
 * Layer 1.  A lane holds the due runs of one task and one tenant at one
 * priority in one queue.  Priority ages: a lane whose first run has waited
 * rises, at most to the best priority that is there, so that nothing starves
 * and nothing overtakes by its age alone.  At the same level tenants take
 * turns, beginning after the one that was served last; a tenant's own lanes
 * go by the time of their first run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORKER_TURN_H
#define TC_WORKER_TURN_H

#include "datatype/timestamp.h"

typedef struct WorkerLane
{
	int64		queue_id;
	const char *queue;
	int32		priority;
	int64		gate;
	int64		task_id;
	const char *task;
	int64		owner_id;
	TimestampTz run_at;			/* of its first run */
	uint64		tenant;			/* a number of the group key or the owner */
	int			queue_limit;	/* -1: none */
	int			task_limit;		/* -1: none */
	bool		in_turn;		/* one scheduled run of the task at a time */
	const char *rate_limit;		/* NULL: none */
	const char *rate_key;
	const char *requires_flag;	/* NULL: none */
	const char *flag_subject;	/* for whom that is decided */
	char	   *flag_reason;	/* why it is on */

	int64		timeout;		/* microseconds, 0: none */
	int64		stuck_after;	/* the same */
	TimestampTz lease_until;	/* of what is claimed now */
	TimestampTz deadline_at;	/* DT_NOBEGIN: none */

	int64		level;			/* worked out here: its priority, aged */
	bool		closed;			/* it gives nothing (more) to this claim */
	int			share;			/* how many it is to give now */
} WorkerLane;

/* in the order of claiming; aging in microseconds for one step, 0: none */
extern void tc_worker_lanes_order(WorkerLane *lanes, int count, TimestampTz now, int64 aging,
								  uint64 served);

/*
 * Share what is wanted among the open lanes of the best level, one of each
 * tenant; lanes must be in order.  Returns how many lanes have a share.
 */
extern int	tc_worker_lanes_share(WorkerLane *lanes, int count, int wanted);

#endif							/* TC_WORKER_TURN_H */
