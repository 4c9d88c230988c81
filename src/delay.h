/*-------------------------------------------------------------------------
 *
 * delay.h
 *		Schedules that count from the end of their run.
 *
 * Layer 3.8.  Called in the transaction that ends the run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DELAY_H
#define TC_DELAY_H

#include "datatype/timestamp.h"

/* a run of the schedule ended; nothing, unless it has a fixed delay */
extern void tc_delay_after_run(int64 schedule_id, TimestampTz ended_at);

#endif							/* TC_DELAY_H */
