/*-------------------------------------------------------------------------
 *
 * trigger_call.h
 *		What all trigger functions ask of their call.
 *
 * Layer 2.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TRIGGER_CALL_H
#define TC_TRIGGER_CALL_H

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

/* 39P01 unless called as a trigger, or (row) as a row trigger */
extern TriggerData *tc_trigger_call(FunctionCallInfo fcinfo);
extern TriggerData *tc_row_trigger_call(FunctionCallInfo fcinfo);

/* the number of a column that our relation must have */
extern int	tc_column_number(Relation rel, const char *name);

/* the value of that column; isnull is set */
extern Datum tc_column_value(Relation rel, HeapTuple tuple, const char *name, bool *isnull);

#endif							/* TC_TRIGGER_CALL_H */
