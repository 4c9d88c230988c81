/*-------------------------------------------------------------------------
 *
 * run_change.h
 *		Who steers runs by the call that executes, why and when.
 *
 * Layer 4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_CHANGE_H
#define TC_RUN_CHANGE_H

#include "fmgr.h"
#include "run_control_store.h"

/* the reason is argument n, else that of set_context() */
extern RunChange tc_run_change(FunctionCallInfo fcinfo, int n, TimestampTz now);

#endif							/* TC_RUN_CHANGE_H */
