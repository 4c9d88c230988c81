/*-------------------------------------------------------------------------
 *
 * dispatch.h
 *		Give every role with due work an executor, in turns.
 *
 * Layer 4, scheduler only, outside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DISPATCH_H
#define TC_DISPATCH_H

#include "datatype/timestamp.h"

/*
 * Wake, start or ask for executors.  Returns when to look again without
 * being woken: a lane that comes due, a turn that ends, a slot to try again
 * for; DT_NOEND: never.
 */
extern TimestampTz tc_dispatch(TimestampTz now);

/*
 * Learn which executors failed, before they are settled.  Returns when to look
 * again for those that are on their way.
 */
extern TimestampTz tc_dispatch_note_failures(TimestampTz now);

/* read the lanes from the table again */
extern void tc_dispatch_find_lanes(void);

#endif							/* TC_DISPATCH_H */
