/*-------------------------------------------------------------------------
 *
 * record_refusals.h
 *		Writing the history of plain UPDATEs that were refused.
 *
 * Layer 4, the scheduler's.  Has a transaction of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RECORD_REFUSALS_H
#define TC_RECORD_REFUSALS_H

#include "datatype/timestamp.h"

/*
 * Write what waits in shared memory.  *left is the number of those whose
 * tasks are locked, and returned is when to try these again.
 */
extern TimestampTz tc_refusals_record(TimestampTz now, int *left);

#endif							/* TC_RECORD_REFUSALS_H */
