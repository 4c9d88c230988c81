/*-------------------------------------------------------------------------
 *
 * status_work.h
 *		The checks of runs, tasks, schedules and queues.
 *
 * Layer 4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STATUS_WORK_H
#define TC_STATUS_WORK_H

#include "check_list.h"
#include "engine_state.h"
#include "status_store.h"

extern void tc_status_work_checks(CheckList *list, const EngineState *engine,
								  const WorkFacts *work, const DefinitionFacts *definitions);

#endif							/* TC_STATUS_WORK_H */
