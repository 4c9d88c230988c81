/*-------------------------------------------------------------------------
 *
 * shared_workers.h
 *		What a transaction does to external workers when it ends, and whose
 *		turn it is among their tenants.
 *
 * Layer 2.  Any session; callers do not hold the lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SHARED_WORKERS_H
#define TC_SHARED_WORKERS_H

#include "shared_state.h"

/*
 * A worker's run became claimable, or (locked) was passed by while we held
 * it: those who wait are woken at commit, and where it was locked at abort.
 */
extern void tc_shared_touch_work(int64 queue_id, LaneTouch touch);

/* grows when there can be lanes of workers that were not there; 0: not known */
extern uint64 tc_shared_work_version(void);

/* all who wait look at commit: a worker may have gone */
extern void tc_shared_touch_workers(void);

/* a lease begins: the scheduler looks at its end */
extern void tc_shared_touch_lease(TimestampTz lease_until);

/* whose turn it was last, as a number; and now it is this one's */
extern uint64 tc_shared_tenant_served(void);
extern void tc_shared_tenant_serve(uint64 tenant);

#endif							/* TC_SHARED_WORKERS_H */
