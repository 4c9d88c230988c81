/*-------------------------------------------------------------------------
 *
 * worker_store.h
 *		External workers: who they are, and what they claim.
 *
 * Layer 3.  No function has a frame of its own: they are called between
 * tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORKER_STORE_H
#define TC_WORKER_STORE_H

#include "rows.h"
#include "taskcenter.h"
#include "worker_turn.h"

typedef struct WorkerRow
{
	int64		worker_id;
	const char *name;
	const char *role;			/* as stored */
	Oid			role_id;
	char	  **queues;
	int			queue_count;
	char	  **tasks;			/* NULL: all */
	int			task_count;
	Jsonb	   *metadata;		/* NULL: none */
	TimestampTz last_heartbeat_at;
	bool		ended;
} WorkerRow;

/* inserts, and removes some that nobody needs any more */
extern void tc_worker_insert(WorkerRow *worker, TimestampTz now);

/* how many of the role are registered and not ended */
extern int64 tc_worker_count(Oid role);

/* false: there is none */
extern bool tc_worker_find(int64 worker_id, bool lock, WorkerRow *worker);

/*
 * What this transaction has claimed is seen by who ends the worker: that waits
 * for it.  False: it has ended.
 */
extern bool tc_worker_hold(int64 worker_id);
extern void tc_worker_end(int64 worker_id, TimestampTz now);
extern void tc_worker_touch(int64 worker_id, TimestampTz now);

/* is there a task in the queue among these? */
extern bool tc_worker_queue_has(const char *queue, const TaskSet *tasks);

/*
 * The lanes of a worker: of its queues (these, of them) and tasks, as far as
 * nothing holds them, due or not; none where the database is not adopted.
 * At most so many of a queue's priority (0: all), by chance; *found_all: there
 * are no others.
 */
extern int	tc_worker_lanes(const WorkerRow *worker, char *const *queues, int queue_count,
							int most, bool *found_all, WorkerLane **lanes);

/* a run that a worker still has after a beat */
typedef struct HeldRun
{
	int64		run_id;
	TimestampTz lease_until;
	bool		cancel_requested;
} HeldRun;

/* run_ids NULL: all */
extern int	tc_worker_beat(int64 worker_id, const int64 *run_ids, int count, TimestampTz now,
						   HeldRun **held);

/* all that it holds is queued again, uncounted; how many runs */
extern int64 tc_worker_release(int64 worker_id, const char *reason, const char *actor);

#endif							/* TC_WORKER_STORE_H */
