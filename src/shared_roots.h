/*-------------------------------------------------------------------------
 *
 * shared_roots.h
 *		Graphs whose steps have ended: who looks at them next.
 *
 * Layer 2.  Noted in a transaction, told at its commit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SHARED_ROOTS_H
#define TC_SHARED_ROOTS_H

#include "shared_state.h"

/*
 * A step of that root has ended.  At commit an executor notes it for itself;
 * anybody else calls the scheduler.
 */
extern void tc_shared_touch_root(int64 root_run_id);

/* A signal was sent: at commit the scheduler looks who waits for it. */
extern void tc_shared_touch_signals(void);

/* Executors: the roots that their own commits have noted, in ascending order, and forget them. */
extern int	tc_shared_take_roots(int64 roots[TC_MAX_ROOTS]);
extern bool tc_shared_has_roots(void);

/* ask the scheduler to advance every root that has something to take */
extern void tc_shared_call_for_roots(void);

#endif							/* TC_SHARED_ROOTS_H */
