/*-------------------------------------------------------------------------
 *
 * task_check.c
 *		What single properties of a task cannot tell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "arguments.h"
#include "task_check.h"
#include "task_properties.h"
#include "user_command.h"

/* ---- the command ---- */

/* a position in the command is none in the statement that calls us */
static void
point_into_command(void *argument)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) argument);
	}
	errcontext("argument \"command\"");
}

static UserCommand *
parse_command(char *source)
{
	ErrorContextCallback callback;
	UserCommand *command;

	callback.callback = point_into_command;
	callback.arg = source;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	command = tc_user_command_prepare(source, CurrentMemoryContext);
	error_context_stack = callback.previous;
	return command;
}

static void
check_command(TaskRow *task, bool *surely_autonomous)
{
	UserCommand *command;
	char	   *mode = tc_task_text(task, TASK_TRANSACTION_MODE);

	if (task->nulls[TASK_COMMAND])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"command\" must not be null"),
				 errdetail("A task of kind \"%s\" executes its command.", task->kind),
				 errhint("Give the SQL that the task executes.")));
	command = parse_command(tc_task_text(task, TASK_COMMAND));
	if (tc_user_command_has_transaction_control(command))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a command cannot control its transaction"),
				 errdetail("The command holds a statement such as BEGIN, COMMIT, ROLLBACK or SAVEPOINT."),
				 errhint("Leave it out: each run is a transaction.  A procedure may COMMIT.")));
	*surely_autonomous = tc_user_command_surely_autonomous(command);
	if (*surely_autonomous && (strcmp(mode, "atomic") == 0 || strcmp(mode, "batched") == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the command cannot run inside a transaction"),
				 errdetail("\"transaction_mode\" is \"%s\".", mode),
				 errhint("Use the transaction_mode \"auto\" or \"autonomous\".")));
	tc_user_command_release(command);
}

/* ---- the kind ---- */

/* what a task of a kind has no use for would only look as if it did */
static void
check_used(const TaskRow *task, const TaskProperty *used, int count, const char *detail)
{
	TaskRow		untouched;
	int			i;
	int			j;

	tc_properties_default(&untouched);
	for (i = 0; i < TASK_PROPERTY_COUNT; i++)
	{
		for (j = 0; j < count && (int) used[j] != i; j++)
			;
		if (j < count || tc_property_same(task, &untouched, i))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a task of kind \"%s\" has no \"%s\"", task->kind, tc_property_name(i)),
				 errdetail("%s", detail),
				 errhint("Leave \"%s\" out.", tc_property_name(i))));
	}
}

static void
check_manual(TaskRow *task)
{
	static const TaskProperty used[] = {TASK_PARAMS, TASK_PRIORITY, TASK_DESCRIPTION, TASK_TAGS,
	TASK_APPLICATION, TASK_EVENTS, TASK_WORKFLOW};

	check_used(task, used, lengthof(used),
			   "People move it from status to status; nothing of it is executed.");
	if (task->nulls[TASK_WORKFLOW])
		tc_property_set_text(task, TASK_WORKFLOW, TC_DEFAULT_WORKFLOW);
}

/* how something is executed is for its steps to say */
static void
check_composite(TaskRow *task)
{
	static const TaskProperty used[] = {TASK_PARAMS, TASK_QUEUE, TASK_PRIORITY, TASK_TIMEOUT,
		TASK_OVERLAP, TASK_MISFIRE, TASK_DESCRIPTION, TASK_TAGS, TASK_APPLICATION, TASK_SETTINGS,
		TASK_MAX_RUNNING, TASK_MAX_LOST, TASK_STUCK_AFTER, TASK_MISFIRE_GRACE, TASK_MAX_CATCHUP,
		TASK_DST_GAP, TASK_DST_REPEAT, TASK_RETENTION, TASK_FAILED_RETENTION, TASK_EVENTS,
	TASK_REQUIRES_FLAG};

	check_used(task, used, lengthof(used), "What it executes is said by the steps of its graph.");
}

/* what is about the execution of a command is no worker's */
static void
check_external(const TaskRow *task)
{
	static const TaskProperty used[] = {TASK_PARAMS, TASK_QUEUE, TASK_PRIORITY,
		TASK_MAX_ATTEMPTS, TASK_BACKOFF, TASK_BACKOFF_BASE, TASK_BACKOFF_CAP, TASK_TIMEOUT,
		TASK_OVERLAP, TASK_MISFIRE, TASK_ON_CRASH, TASK_DESCRIPTION, TASK_TAGS,
		TASK_APPLICATION, TASK_LOG_LEVEL, TASK_MAX_RUNNING, TASK_MAX_LOST, TASK_STUCK_AFTER,
		TASK_MISFIRE_GRACE, TASK_MAX_CATCHUP, TASK_DST_GAP, TASK_DST_REPEAT, TASK_RETENTION,
		TASK_FAILED_RETENTION, TASK_EVENTS, TASK_REQUIRES_FLAG, TASK_GROUP_KEY,
	TASK_RATE_LIMIT};

	check_used(task, used, lengthof(used),
			   "Workers claim its runs; nothing of it is executed here.");
}

static void
check_no_workflow(const TaskRow *task)
{
	if (!task->nulls[TASK_WORKFLOW])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a task of kind \"%s\" has no workflow", task->kind),
				 errdetail("\"workflow\" is \"%s\".", tc_task_text(task, TASK_WORKFLOW)),
				 errhint("Leave the option out, or make a task of kind \"manual\".")));
}

static void
check_backoff(const TaskRow *task)
{
	int64		base = 0;
	int64		cap = 0;

	if (!tc_interval_usecs(DatumGetIntervalP(task->values[TASK_BACKOFF_BASE]), &base) ||
		!tc_interval_usecs(DatumGetIntervalP(task->values[TASK_BACKOFF_CAP]), &cap) ||
		base > cap)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"backoff_base\" is greater than \"backoff_cap\""),
				 errdetail("The first delay would exceed the longest one."),
				 errhint("Raise \"backoff_cap\", or lower \"backoff_base\".")));
}

/* ---- the whole ---- */

void
tc_task_check(TaskRow *task, const TaskRow *before)
{
	bool		surely_autonomous;
	bool		same_command = before != NULL && tc_property_same(task, before, TASK_COMMAND);

	if (strcmp(task->kind, TC_KIND_MANUAL) == 0)
	{
		check_manual(task);
		return;
	}
	if (strcmp(task->kind, TC_KIND_COMPOSITE) == 0)
	{
		check_composite(task);
		return;
	}
	check_no_workflow(task);
	check_backoff(task);
	if (strcmp(task->kind, TC_KIND_EXTERNAL) == 0)
	{
		check_external(task);
		return;
	}
	check_command(task, &surely_autonomous);

	if (strcmp(tc_task_text(task, TASK_TRANSACTION_MODE), "auto") != 0)
		task->learned_mode = NULL;
	else if (surely_autonomous)
		task->learned_mode = pstrdup("autonomous");
	else if (!same_command)
		task->learned_mode = NULL;

	/* what may be half done is not repeated, unless somebody says so */
	if (task->learned_mode != NULL && (before == NULL || before->learned_mode == NULL))
		tc_property_set_text(task, TASK_ON_CRASH, "fail");
}
