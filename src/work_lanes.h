/*-------------------------------------------------------------------------
 *
 * work_lanes.h
 *		From which lanes a worker may claim now.
 *
 * Layer 4.  Between tc_store_begin() and tc_store_end(); the caller's role is
 * the worker's.  A backend keeps the lanes that it found as long as shared
 * memory tells of nothing new.  Where there are many, a look at some of them
 * is much cheaper, and which they are is chance: so each has its turn.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORK_LANES_H
#define TC_WORK_LANES_H

#include "worker_store.h"
#include "worker_turn.h"

typedef enum LookDepth
{
	LOOK_KEPT,					/* what an earlier look found will do */
	LOOK_SOME,
	LOOK_ALL
} LookDepth;

typedef struct LaneLook
{
	const WorkerRow *worker;
	char	   *const *queues;	/* of the worker's */
	int			queue_count;
	int			wanted;			/* runs */
	LookDepth	depth;			/* set to what it was, which can be more */
	TimestampTz next;			/* found: when the first is due that is not */
	bool		refused;		/* found: some that its role may not work on */
} LaneLook;

/* Lanes that the role may work on and that are due. */
extern int	tc_work_lanes(LaneLook *look, TimestampTz now, WorkerLane **lanes);

#endif							/* TC_WORK_LANES_H */
