/*-------------------------------------------------------------------------
 *
 * run_cancel.h
 *		Asking whoever executes an attempt to end it.
 *
 * Layer 3.8.  An executor is asked through shared memory at commit, without a
 * lock on the row; an external worker by a mark on the row, which its next
 * beat shows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_CANCEL_H
#define TC_RUN_CANCEL_H

#include "datatype/timestamp.h"

/* reason and actor are copied */
extern void tc_run_ask_to_end(int64 run_id, int32 attempt, const char *reason,
							  const char *actor, TimestampTz now);

/* the same for a worker only; false: none has it, or somebody holds the row */
extern bool tc_run_ask_worker(int64 run_id, int32 attempt, const char *reason, TimestampTz now);

#endif							/* TC_RUN_CANCEL_H */
