/*-------------------------------------------------------------------------
 *
 * run_result.h
 *		A run as a value of the type taskcenter.run_result.
 *
 * Layer 4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_RESULT_H
#define TC_RUN_RESULT_H

#include "run_control_store.h"

#define TC_RUN_RESULT_COLUMNS 7

extern void tc_run_result_fill(const RunFacts *run, Datum *values, bool *nulls);

#endif							/* TC_RUN_RESULT_H */
