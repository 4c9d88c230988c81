/*-------------------------------------------------------------------------
 *
 * lease.h
 *		How attempts of external workers end otherwise than well, and how much
 *		they may say.
 *
 * Layer 4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_LEASE_H
#define TC_LEASE_H

#include "lease_store.h"

/* what a worker says of a failure */
typedef struct LeaseFailure
{
	const char *error;
	const char *code;			/* NULL: none */
	const char *report;			/* all that is known, without secrets; NULL:
								 * the error */
	const char *sqlstate;		/* NULL: none */
	bool		timed_out;
	bool		retryable;
	int64		retry_after;	/* microseconds; -1: the task's backoff */
	const char *actor;
} LeaseFailure;

/*
 * End an attempt that failed, and is held: returns the status that the run has
 * now.  Between tc_store_begin() and tc_store_end().
 */
extern const char *tc_lease_fail(const LeaseRow *lease, const LeaseFailure *failure,
								 TimestampTz now);

/*
 * Keep a line of an attempt that goes on, as much as is kept of what a run
 * inside says; the first one beyond that is replaced by one that says so.
 * False: it was not kept.  As above.
 */
extern bool tc_lease_say(const LeaseRow *lease, const LogRow *log);

/*
 * What a worker that leaves holds ends, if it is to: it was cancelled, or its
 * task forbids that it is repeated.  As above.
 */
extern void tc_lease_leave(int64 worker_id, const char *actor, TimestampTz now);

/*
 * Scheduler: settle the leases that ended by now, in transactions of their own.
 * Returns when to look again: the next end, or soon, since somebody holds one.
 */
extern TimestampTz tc_leases_settle(TimestampTz now);

#endif							/* TC_LEASE_H */
