/*-------------------------------------------------------------------------
 *
 * purge_lock.h
 *		Purging and holding exclude each other.
 *
 * Layer 2.  Locks of the transaction on a part of the extension that nothing
 * else locks.  While somebody purges a piece nobody else does, and no task
 * comes to be held: what is held at the commit of hold_history() stays.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PURGE_LOCK_H
#define TC_PURGE_LOCK_H

/* before a piece reads what is held; lock_timeout applies */
extern void tc_lock_to_purge(void);

/* before a task is marked as held; waits for the piece that is being purged */
extern void tc_lock_to_hold(void);

#endif							/* TC_PURGE_LOCK_H */
