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

/* A graph begins: at commit the scheduler learns when its time limit passes. */
extern void tc_shared_touch_deadline(TimestampTz deadline);

/*
 * Between these two, what becomes a finished run is no end of a step: who
 * advances a root writes it himself, or its row moves to another place.  The
 * end of the transaction ends it, too.
 */
extern void tc_arrivals_mute(void);
extern void tc_arrivals_hear(void);
extern bool tc_arrivals_muted(void);

/* Executors: the roots that their own commits have noted, in ascending order, and forget them. */
extern int	tc_shared_take_roots(int64 roots[TC_MAX_ROOTS]);
extern bool tc_shared_has_roots(void);

/* one that was taken is to be looked at again */
extern void tc_shared_keep_root(int64 root_run_id);

/* ask the scheduler to advance every root that has something to take */
extern void tc_shared_call_for_roots(void);

#endif							/* TC_SHARED_ROOTS_H */
