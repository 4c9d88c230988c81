/*-------------------------------------------------------------------------
 *
 * hold_store.h
 *		Legal holds: tasks.hold_reason.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_HOLD_STORE_H
#define TC_HOLD_STORE_H

#include "datatype/timestamp.h"

/* ids of all tasks of this name, archived ones too, locked; their number */
extern int	tc_hold_find(const char *name, int64 **task_ids);

/* a NULL reason releases; false: nothing changed */
extern bool tc_hold_set(int64 task_id, const char *reason, TimestampTz now);

#endif							/* TC_HOLD_STORE_H */
