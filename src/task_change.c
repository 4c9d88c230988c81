/*-------------------------------------------------------------------------
 *
 * task_change.c
 *		Writing a changed task together with what has to follow it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit_context.h"
#include "dead_letter_store.h"
#include "run_cancel.h"
#include "schedule_store.h"
#include "shared_state.h"
#include "statement.h"
#include "task_change.h"

static void
refuse_while_running(const TaskRow *task, int64 running)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("task \"%s\" is running", task->name),
			 errdetail("%lld runs of it execute as role \"%s\".", (long long) running,
					   task->run_as),
			 errhint("Use taskcenter.disable_task() and wait until they end, or cancel them.")));
}

static bool
has_new_roles(const TaskRow *before, const TaskRow *after)
{
	return before->owner_id != after->owner_id || before->run_as_id != after->run_as_id;
}

void
tc_task_check_roles(const TaskRow *before, const TaskRow *after)
{
	int64		running;

	if (!has_new_roles(before, after))
		return;
	running = tc_task_each_running(after->task_id, NULL, NULL);
	if (running > 0)
		refuse_while_running(before, running);
}

void
tc_task_change(const TaskRow *before, const TaskRow *after, TimestampTz now)
{
	tc_task_update(after, now);
	if (has_new_roles(before, after))
	{
		tc_task_check_roles(before, after);
		tc_task_move_roles(after);
		tc_schedules_change_owner(after->task_id, after->owner_id);
		tc_dead_letters_follow_owner(after->task_id, after->owner_id);
	}
}

const char *
tc_task_wakes_from(const char *old_state, const char *new_state)
{
	if (strcmp(new_state, "active") != 0 || strcmp(old_state, "active") == 0)
		return NULL;
	return old_state;
}

typedef struct Cancellation
{
	const char *reason;
	char	   *actor;
	TimestampTz now;
} Cancellation;

static void
cancel_running(int64 run_id, int32 attempt, void *argument)
{
	Cancellation *cancellation = argument;

	tc_run_ask_to_end(run_id, attempt, cancellation->reason, cancellation->actor,
					  cancellation->now);
}

void
tc_task_end_runs(const TaskRow *task, const char *reason, TimestampTz now)
{
	Cancellation cancellation;

	cancellation.reason = reason;
	cancellation.now = now;
	cancellation.actor = tc_audit_actor(tc_statement_caller());
	tc_task_cancel_unstarted(task->task_id, reason, cancellation.actor, now);
	tc_task_each_running(task->task_id, cancel_running, &cancellation);
	tc_schedules_stop(task->task_id, now);
}
