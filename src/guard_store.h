/*-------------------------------------------------------------------------
 *
 * guard_store.h
 *		The record that a guard writes for a writer that is not ours.
 *
 * Layer 3.  Called by triggers in the writer's process and transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GUARD_STORE_H
#define TC_GUARD_STORE_H

#include "datatype/timestamp.h"

extern void tc_guard_record_move(int64 run_id, int64 owner_id, int64 task_id, int32 attempt,
								 const char *old_status, const char *new_status,
								 TimestampTz now);

/* ready and waiting runs of a task go to its own lane, or back to the common ones */
extern void tc_guard_regate(int64 task_id, bool gated);

#endif							/* TC_GUARD_STORE_H */
