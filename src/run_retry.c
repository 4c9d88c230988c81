/*-------------------------------------------------------------------------
 *
 * run_retry.c
 *		What a run that goes again takes from its task as it is now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "run_retry.h"

RetryTarget
tc_retry_target(const TaskRow *task, TimestampTz run_at)
{
	RetryTarget target;

	target.task_id = task->task_id;
	target.run_as_id = task->run_as_id;
	target.owner_id = task->owner_id;
	target.gate = tc_task_gate(task);
	target.retention_class = task->retention_class;
	target.run_at = run_at;
	return target;
}
