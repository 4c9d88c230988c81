/*-------------------------------------------------------------------------
 *
 * step_store.h
 *		A step becomes a run of the task that it names.
 *
 * Layer 3.6.  Called inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STEP_STORE_H
#define TC_STEP_STORE_H

#include "graph_cache.h"
#include "rows.h"

/* false: the run is not this attempt's any more */
extern bool tc_step_becomes(const RunRow *run, int64 task_id, const StepRun *given,
							TimestampTz now);

#endif							/* TC_STEP_STORE_H */
