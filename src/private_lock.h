/*-------------------------------------------------------------------------
 *
 * private_lock.h
 *		Locks of ours that nobody takes with SQL.
 *
 * Layer 2.  In the shape of advisory locks, as pg_locks shows them, but with an
 * objsubid that pg_advisory_lock() and its like do not have: who can connect
 * cannot hold up others by them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PRIVATE_LOCK_H
#define TC_PRIVATE_LOCK_H

/* the objsubid; that of the order of events is TC_EVENT_LOCK */
typedef enum PrivateLock
{
	PRIVATE_LOCK_RATE = 1002,
	PRIVATE_LOCK_SELF_TEST = 1003
} PrivateLock;

/* until the end of the transaction; false: somebody else in this database has it */
extern bool tc_private_lock_try(PrivateLock lock, uint64 number);

/* until the end of the session */
extern bool tc_private_lock_try_session(PrivateLock lock, uint64 number);

#endif							/* TC_PRIVATE_LOCK_H */
