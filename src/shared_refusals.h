/*-------------------------------------------------------------------------
 *
 * shared_refusals.h
 *		Refused plain UPDATEs on their way from the transaction that they
 *		abort to the history that the scheduler writes.
 *
 * Layer 2.  Best effort: without preloading, or while no scheduler is to
 * serve the database, nothing is kept; a crash loses what is on its way; what
 * exceeds the quota of the database is counted and lost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SHARED_REFUSALS_H
#define TC_SHARED_REFUSALS_H

#include "refusal.h"

/*
 * Somebody was refused: passed on when the transaction ends, whichever way.
 * number and database are filled in here.
 */
extern void tc_shared_refusal_note(const Refusal *refusal);

/* put a text into a field, cut at the end of a character; NULL: empty */
extern void tc_shared_refusal_text(char *field, int size, const char *text);

/* how many of this database wait, and how many were lost since the server started */
extern void tc_shared_refusals_count(int64 *waiting, int64 *lost);

/* scheduler: copies of those that wait, in their order, palloc'd; returns the count */
extern int	tc_shared_refusals_copy(Refusal **refusals);

/* scheduler: it is written, or (lost) cannot be */
extern void tc_shared_refusal_done(uint64 number, bool lost);

#endif							/* TC_SHARED_REFUSALS_H */
