/*-------------------------------------------------------------------------
 *
 * progress_store.h
 *		How far graphs have come, and steps that have ended since.
 *
 * Layer 3.  Called inside a transaction; the progress of a root is locked by
 * whoever reads it to change it, and nothing of a root changes without that
 * lock but the ends of its steps, which are added to arrivals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PROGRESS_STORE_H
#define TC_PROGRESS_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#define TC_PHASE_RUNNING "running"
#define TC_PHASE_STOPPING "stopping"
#define TC_PHASE_CANCELLING "cancelling"
#define TC_PHASE_COMPENSATING "compensating"

typedef struct GraphProgress
{
	int64		run_id;
	int64		parent_run_id;	/* 0: none */
	int64		task_id;
	int			version;		/* 0: the items of for_each */
	int64		owner_id;
	char	   *state;			/* StepState of each step; of items: empty */
	int			state_length;
	const char *phase;
	bool		paused;
	bool		exempt;			/* its steps go to the queue that pauses and
								 * drains exempt */
	int			items;			/* -1: it is a graph */
	int			items_succeeded;
	int			items_failed;
	const char *reason;			/* NULL: none */
	const char *end_status;		/* while it is cancelled or compensates: how
								 * it will end; NULL: cancelled */
	TimestampTz deadline;		/* when it begins; 0: none */
	int64		gives_up_to;	/* what waits give up, up to this run; 0:
								 * nothing that does is left */
} GraphProgress;

typedef struct Arrival
{
	int64		run_id;
	char	   *step;
	int			item;			/* 0: none */
	char	   *outcome;		/* a status of a finished run */
	TimestampTz arrived_at;		/* of one that was taken */
} Arrival;

/* ---- progress ---- */

extern void tc_progress_insert(const GraphProgress *progress);
extern bool tc_progress_lock(int64 run_id, GraphProgress *progress);

typedef enum ProgressLock
{
	PROGRESS_LOCKED,
	PROGRESS_GONE,
	PROGRESS_BUSY
} ProgressLock;

/* the same, waiting for nobody for long: a user's transaction may hold it */
extern ProgressLock tc_progress_lock_soon(int64 run_id, bool patient,
										  GraphProgress *progress);
extern void tc_progress_update(const GraphProgress *progress);
extern void tc_progress_delete(int64 run_id);

/* in ascending order: roots whose steps have ended, or that are to end */
extern int	tc_progress_waiting(int64 **run_ids);

/* roots whose time limit has passed, and when the next one's will; DT_NOEND: none */
extern int	tc_progress_overdue(TimestampTz now, int64 **run_ids);
extern TimestampTz tc_progress_next_deadline(TimestampTz now);

/* progress of runs that are not there any more */
extern void tc_progress_forget_ended(void);

/* ---- arrivals ---- */

extern void tc_arrival_insert(int64 root_run_id, const Arrival *arrival, TimestampTz now);
extern int	tc_arrivals_take(int64 root_run_id, Arrival **arrivals);

/* a root goes on in spite of a pause: those that wait move to the queue that is exempt, and so will others */
extern void tc_progress_exempt(int64 root_run_id);

#endif							/* TC_PROGRESS_STORE_H */
