/*-------------------------------------------------------------------------
 *
 * shared_pending_internal.h
 *		What a transaction has noted for its end: shared_wake.c fills it in,
 *		shared_effects.c does what it says.
 *
 * Layer 2, for the files of shared memory only.  The arrays have a fixed
 * size; what does not fit becomes "look at everything".
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SHARED_PENDING_INTERNAL_H
#define TC_SHARED_PENDING_INTERNAL_H

#include "nodes/pg_list.h"

#include "shared_internal.h"

#define MAX_PENDING_LANES 32
#define MAX_PENDING_FINISHES 64
#define MAX_PENDING_DATABASES 8

typedef struct PendingLane
{
	LaneKey		key;
	TimestampTz run_at;
	int64		run_id;
	int			level;			/* outermost subtransaction that touched it */
	int			deepest;		/* innermost one */
	bool		passed_by;		/* one of its rows is locked by us */
	bool		changed;		/* one of its rows was there before */
} PendingLane;

typedef struct PendingFinish
{
	int64		run_id;
	int64		queue_id;
	int64		task_id;
} PendingFinish;

typedef struct PendingCancel
{
	int64		run_id;
	int32		attempt;
	int			level;
	const char *reason;
	const char *actor;
} PendingCancel;

typedef struct Pending
{
	bool		roots_full;		/* more than roots[] holds */
	bool		signals;
	bool		letter;			/* one was opened */
	bool		muted;			/* what ends is no step's end */
	bool		work;			/* anything that PREPARE TRANSACTION would
								 * lose */
	bool		control;
	bool		guards;
	bool		schedules;
	bool		extension_made;
	bool		extension_dropped;
	bool		database_list;
	bool		all_lanes;		/* more than lanes[] holds, or all are
								 * concerned */
	bool		all_finishes;
	bool		all_defaults;
	int			lane_count;
	int			finish_count;
	int			root_count;
	int			defaults_count;
	TimestampTz schedules_earliest;
	TimestampTz deadline;		/* of a graph that begins; 0: none */
	List	   *cancels;		/* PendingCancel, in TopTransactionContext */
	PendingLane lanes[MAX_PENDING_LANES];
	PendingFinish finishes[MAX_PENDING_FINISHES];
	int64		roots[TC_MAX_ROOTS];
	Oid			defaults[MAX_PENDING_DATABASES];
} Pending;

extern Pending tc_pending;

/* ---- shared_roots.c ---- */

/* returns the new count; one that is there already is not added again */
extern int	tc_roots_add(int64 *roots, int count, int64 root);

/* at commit, with the lock held */
extern void tc_roots_apply(void);

#endif							/* TC_SHARED_PENDING_INTERNAL_H */
