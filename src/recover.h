/*-------------------------------------------------------------------------
 *
 * recover.h
 *		Settle what executors left behind.
 *
 * Layer 4, scheduler only, outside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RECOVER_H
#define TC_RECOVER_H

#include "datatype/timestamp.h"

/*
 * Nothing here waits for runs that a user's transaction holds: they are seen to
 * later.
 */

/* at start: every running SQL run whose executor is not alive; false: some are held */
extern bool tc_recover_all(TimestampTz now);

/*
 * Executors that ended: their runs are settled, their slots freed.  Returns
 * when to look again; DT_NOEND: no need.
 */
extern TimestampTz tc_recover_ended(TimestampTz now);

/* claimed runs behind a slow one go back; returns the same */
extern TimestampTz tc_recover_tails(TimestampTz now);

/*
 * Cancellations that met a run between two statuses: returns when to look
 * again; DT_NOEND: no need.
 */
extern TimestampTz tc_recover_cancels(TimestampTz now);

/*
 * Runs that do not heed their time limit or a cancellation: their executors
 * are terminated after the grace time, never killed.  Returns when to look
 * again; DT_NOEND: no need.
 */
extern TimestampTz tc_recover_hung(TimestampTz now);

#endif							/* TC_RECOVER_H */
