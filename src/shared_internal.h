/*-------------------------------------------------------------------------
 *
 * shared_internal.h
 *		What the files of the shared state call in each other.
 *
 * Layer 2, for shared_*.c only.  Every function expects tc_shared->lock to be
 * held exclusively, unless it is about this process only; none waits or
 * throws: they run in the middle of a commit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SHARED_INTERNAL_H
#define TC_SHARED_INTERNAL_H

#include "shared_state.h"

/* ---- shared_state.c ---- */

extern void tc_shared_set_scheduler_latch(Oid database);

/* look at pg_database again */
extern void tc_shared_set_launcher_latch(void);

/* ---- shared_lanes.c ---- */

/* NULL: there is no place for it, the database's lanes_left_out is lowered */
extern Lane *tc_lane_lower(const LaneKey *key, TimestampTz run_at, int64 run_id);
extern void tc_lane_due_later(Oid database, TimestampTz due);
extern bool tc_lane_is_ready(const Lane *lane, TimestampTz now);
extern bool tc_lanes_ready(Oid database, Oid role, TimestampTz now);

/* unblock, and wake the roles of lanes that can be claimed from now */
extern bool tc_lanes_unblock(Oid database, int64 queue_id, int64 task_id, TimestampTz now);
extern void tc_lanes_unblock_all(Oid database, TimestampTz now);
extern void tc_lanes_forget(Oid database);

/* ---- shared_executors.c ---- */

/* does it exist, and serve the role in the database?  InvalidOid: any */
extern bool tc_executor_serves(const ExecutorSlot *slot, Oid database, Oid role);
extern void tc_executor_set_state(ExecutorSlot *slot, ExecutorState state, TimestampTz now);

/* did one of the role end with claims that were rolled back? */
extern bool tc_executor_ended_in_work(Oid database, Oid role);
extern void tc_executor_free(ExecutorSlot *slot);
extern void tc_executors_stop(Oid database);
extern void tc_wake_role(Oid database, Oid role);

/* ---- shared_runs.c ---- */

extern void tc_cancel_attempt(Oid database, int64 run_id, int32 attempt,
							  const char *reason, const char *actor, TimestampTz now);

/* ---- shared_refusals.c ---- */

extern void tc_refusals_forget(Oid database);

/* ---- shared_metrics.c; of these only apply and forget_database need the lock ---- */

extern bool tc_metrics_noted(void);
extern void tc_metrics_apply(void);
extern void tc_metrics_forget(void);
extern void tc_metrics_forget_database(Oid database);

/* ---- shared_waiters.c ---- */

extern void tc_waiters_wake(Oid database, bool (*is_finished) (int64 run_id));

/* as many of those who wait for work of a queue (0: of any) as there are runs to claim */
extern void tc_waiters_wake_for_work(Oid database, int64 queue_id, int runs);

/* those of them who found a limit reached */
extern void tc_waiters_wake_for_room(Oid database, int64 queue_id);

/* ---- shared_wake.c ---- */

/* this transaction does something to others when it ends */
extern void tc_wake_note_work(void);

/* ---- shared_letters.c: at commit, with the lock held ---- */

extern void tc_letters_apply(TimestampTz now);

/* ---- shared_workers.c ---- */

/* the transaction ends */
extern bool tc_work_is_pending(void);
extern void tc_work_apply(bool committed, TimestampTz now);
extern void tc_work_forget(void);

/* tasks, queues or the state changed */
extern void tc_work_change(DatabaseSlot *database);

/* this one without the lock: the transaction failed, nobody waits any more */
extern void tc_waiter_forget(void);

#endif							/* TC_SHARED_INTERNAL_H */
