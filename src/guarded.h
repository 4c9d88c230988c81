/*-------------------------------------------------------------------------
 *
 * guarded.h
 *		Evaluate something that may raise, without losing the transaction.
 *
 * Layer 2.  For definitions that cannot be evaluated: the error is returned,
 * the work around it goes on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GUARDED_H
#define TC_GUARDED_H

typedef void (*GuardedCall) (void *argument);

/* The same, and the whole error, in CurrentMemoryContext; NULL: it returned. */
extern ErrorData *tc_guarded_error(GuardedCall call, void *argument);

/*
 * Call in a sub-transaction of its own.  True: it returned.  False: it raised;
 * *error is the message in CurrentMemoryContext.  Interrupts are not caught.
 */
extern bool tc_guarded(GuardedCall call, void *argument, char **error);

/* is it somebody else who was in the way, and the same call may do later? */
extern bool tc_heals_by_waiting(int sqlerrcode);

#endif							/* TC_GUARDED_H */
