/*-------------------------------------------------------------------------
 *
 * run_retry.h
 *		What a run that goes again takes from its task as it is now.
 *
 * Layer 4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_RETRY_H
#define TC_RUN_RETRY_H

#include "run_control_store.h"
#include "task_store.h"

extern RetryTarget tc_retry_target(const TaskRow *task, TimestampTz run_at);

#endif							/* TC_RUN_RETRY_H */
