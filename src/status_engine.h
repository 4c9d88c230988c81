/*-------------------------------------------------------------------------
 *
 * status_engine.h
 *		The checks of the processes, and of what lets them work.
 *
 * Layer 4.  Everybody may read their details: they tell nothing of anybody's
 * tasks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STATUS_ENGINE_H
#define TC_STATUS_ENGINE_H

#include "check_list.h"
#include "engine_state.h"
#include "status_store.h"

extern void tc_status_engine(CheckList *list, const EngineState *engine,
							 const WorkFacts *work);

#endif							/* TC_STATUS_ENGINE_H */
