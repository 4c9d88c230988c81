/*-------------------------------------------------------------------------
 *
 * task_declare.c
 *		The definition of a task that is described as a whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "access.h"
#include "arguments.h"
#include "control_store.h"
#include "status_change.h"
#include "task_check.h"
#include "task_declare.h"
#include "task_properties.h"

char *
tc_declare_kind(const char *kind)
{
	static const char *const kinds[] = {"sql", "composite", "external", "manual", NULL};

	if (kind == NULL)
		return pstrdup("sql");
	tc_check_choice("kind", kind, kinds);
	return pstrdup(kind);
}

void
tc_declare_set_roles(TaskRow *task, Oid owner, const char *run_as)
{
	bool		external = strcmp(task->kind, TC_KIND_EXTERNAL) == 0;

	if (run_as != NULL && (external || strcmp(task->kind, TC_KIND_MANUAL) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a task of kind \"%s\" has no \"%s\"", task->kind, "run_as"),
				 errdetail("\"run_as\" is \"%s\".", tc_shorten(run_as)),
				 external
				 ? errhint("Leave \"run_as\" out: workers act with the rights of their own roles.")
				 : errhint("Leave \"run_as\" out: nothing of the task is executed.")));
	task->owner_id = owner;
	task->owner = GetUserNameFromId(owner, false);
	if (external)
	{
		task->run_as_id = TC_ROLE_WORKERS;
		task->run_as = pstrdup("");
		return;
	}
	task->run_as_id = run_as != NULL ? tc_access_require_role("run_as", run_as) : owner;
	task->run_as = GetUserNameFromId(task->run_as_id, false);
}

void
tc_declare_require_queue(const TaskRow *task)
{
	char	   *queue = tc_task_text(task, TASK_QUEUE);
	QueueRow	row;

	if (!tc_queue_find(queue, false, &row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", queue),
				 errdetail("\"queue\" is \"%s\".", queue),
				 errhint("Make it with taskcenter.create_queue().")));
}

void
tc_declare_require_executable(const TaskRow *task, const char *argument)
{
	if (strcmp(task->kind, TC_KIND_MANUAL) != 0 && strcmp(task->kind, TC_KIND_EXTERNAL) != 0)
		tc_access_require_executable(argument, task->run_as_id);
}

static void
check_same_kind(const TaskRow *before, const TaskRow *wanted)
{
	if (strcmp(before->kind, wanted->kind) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task \"%s\" is of kind \"%s\"", before->name, before->kind),
				 errdetail("\"kind\" is \"%s\"; a task keeps its kind.", wanted->kind),
				 errhint("Archive the task first, or choose another name.")));
}

bool
tc_declare_over(const TaskRow *before, TaskRow *wanted, const char *run_as,
				const char *on_crash)
{
	check_same_kind(before, wanted);
	wanted->task_id = before->task_id;
	wanted->state = before->state;
	wanted->status = before->status;
	wanted->state_reason = before->state_reason;
	wanted->learned_mode = before->learned_mode;
	tc_declare_set_roles(wanted, before->owner_id, run_as);
	tc_task_check(wanted, before);
	if (on_crash != NULL)
		wanted->values[TASK_ON_CRASH] = CStringGetTextDatum(on_crash);
	else if (wanted->learned_mode != NULL && before->learned_mode != NULL &&
			 strcmp(tc_task_text(wanted, TASK_ON_CRASH), "retry") == 0)
		wanted->values[TASK_ON_CRASH] = before->values[TASK_ON_CRASH];
	return !tc_properties_equal(before, wanted) || before->run_as_id != wanted->run_as_id;
}

/*
 * Who may manage a task that executes as a role which he could not become, may
 * not decide what it executes; and only the owner decides who executes it, and
 * by what others were granted access to it.
 */
void
tc_declare_check_change(const TaskRow *before, const TaskRow *after)
{
	tc_declare_require_queue(after);
	if (!tc_properties_same_scope(before, after) || after->run_as_id != before->run_as_id)
		tc_access_check_task(before, TASK_RIGHT_OWN);
	tc_status_check_workflow(after);
	if (!tc_properties_same_execution(before, after) &&
		strcmp(after->kind, TC_KIND_EXTERNAL) != 0)
		tc_access_require_become("run_as", after->run_as_id);
	if (after->run_as_id != before->run_as_id)
		tc_declare_require_executable(after, "run_as");
}
