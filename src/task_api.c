/*-------------------------------------------------------------------------
 *
 * task_api.c
 *		Functions that define tasks: create, declare, alter, rename, give away.
 *
 * Each reads and checks its arguments first, outside of any frame, so that
 * nothing of the caller's is evaluated while we act as taskcenter_owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "control_store.h"
#include "graph_save.h"
#include "schedule_define.h"
#include "statement.h"
#include "status_change.h"
#include "task_change.h"
#include "task_check.h"
#include "task_declare.h"
#include "task_properties.h"

PG_FUNCTION_INFO_V1(taskcenter_create_task);
PG_FUNCTION_INFO_V1(taskcenter_declare_task);
PG_FUNCTION_INFO_V1(taskcenter_alter_task);
PG_FUNCTION_INFO_V1(taskcenter_rename_task);
PG_FUNCTION_INFO_V1(taskcenter_alter_task_owner);

/* arguments of create_task() and declare_task() */
enum
{
	ARG_NAME,
	ARG_COMMAND,
	ARG_SCHEDULE,
	ARG_TIMEZONE,
	ARG_KIND,
	ARG_PARAMS,
	ARG_RUN_AS = 17,
	ARG_DESCRIPTION,
	ARG_OPTIONS = 21
};

/* arguments of alter_task() */
enum
{
	ALTER_TASK,
	ALTER_COMMAND,
	ALTER_SCHEDULE,
	ALTER_TIMEZONE,
	ALTER_PARAMS,
	ALTER_RUN_AS = 16,
	ALTER_DESCRIPTION,
	ALTER_RESET = 20,
	ALTER_REASON,
	ALTER_OPTIONS
};

static const PropertyArguments create_arguments = {
	ARG_COMMAND, ARG_PARAMS, ARG_DESCRIPTION, ARG_OPTIONS
};

static const PropertyArguments alter_arguments = {
	ALTER_COMMAND, ALTER_PARAMS, ALTER_DESCRIPTION, ALTER_OPTIONS
};

/* ---- reading ---- */

static bool
read_paused(FunctionCallInfo fcinfo, int options)
{
	bool		paused = false;

	(void) tc_option_bool(tc_arg_object(fcinfo, options, "options"), "paused", &paused);
	return paused;
}

/* NULL: not given */
static Jsonb *
read_graph(FunctionCallInfo fcinfo, int options)
{
	return tc_option_object(tc_arg_object(fcinfo, options, "options"), "graph");
}

/* a task as the arguments of create_task() and declare_task() describe it */
static void
read_task(FunctionCallInfo fcinfo, TaskRow *task)
{
	memset(task, 0, sizeof(TaskRow));
	task->name = tc_arg_required_text(fcinfo, ARG_NAME, "name");
	tc_check_name("name", task->name);
	task->kind = tc_declare_kind(tc_arg_text(fcinfo, ARG_KIND));
	tc_properties_default(task);
	tc_properties_read(fcinfo, &create_arguments, true, task);
	task->state = pstrdup(read_paused(fcinfo, ARG_OPTIONS) ? "paused" : "active");
}

/* false: the call says nothing of a schedule */
static bool
read_schedule(FunctionCallInfo fcinfo, int schedule, int timezone, ScheduleRequest *request)
{
	tc_define_request(request, TC_DEFAULT_SCHEDULE);
	request->schedule = tc_arg_text(fcinfo, schedule);
	request->timezone = tc_arg_text(fcinfo, timezone);
	tc_define_check(request);
	return request->schedule != NULL || request->timezone != NULL;
}

/* the same where a task is made: a zone alone is a mistake */
static bool
read_new_schedule(FunctionCallInfo fcinfo, ScheduleRequest *request)
{
	bool		given = read_schedule(fcinfo, ARG_SCHEDULE, ARG_TIMEZONE, request);

	if (given && request->schedule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"timezone\" needs a \"schedule\""),
				 errdetail("\"timezone\" is \"%s\", and \"schedule\" is null.",
						   request->timezone),
				 errhint("Give both, or neither.")));
	return given;
}

static void
report_name_taken(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("task \"%s\" already exists", name),
			 errdetail("Names are unique among the tasks of a database that are not archived."),
			 errhint("Choose another name, or use taskcenter.declare_task() or taskcenter.alter_task().")));
}

/* ---- create and declare ---- */

/* within a frame; graph NULL: it stays.  True: it is another one now. */
static bool
set_graph(const TaskRow *task, const Jsonb *graph, TimestampTz now)
{
	GraphOrder	order = {task, graph};
	GraphChange change;

	if (graph == NULL)
		return false;
	order.now = now;
	tc_graph_save(&order, &change);
	return change.changed;
}

/* within a frame; false: the name is taken by now */
static bool
make_task(TaskRow *task, const ScheduleRequest *request, const Jsonb *graph, TimestampTz now)
{
	int64		schedule_id;

	tc_declare_require_queue(task);
	if (!tc_status_insert_task(task, tc_audit_reason(), tc_audit_actor(tc_statement_caller()),
							   now))
		return false;
	if (request->schedule != NULL)
		(void) tc_define_schedule(task, request, now, &schedule_id);
	(void) set_graph(task, graph, now);
	return true;
}

Datum
taskcenter_create_task(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	StoreFrame	frame;
	TaskRow		task;
	ScheduleRequest request;

	read_task(fcinfo, &task);
	(void) read_new_schedule(fcinfo, &request);
	tc_task_check(&task, NULL);
	tc_declare_set_roles(&task, GetUserId(), tc_arg_text(fcinfo, ARG_RUN_AS));
	tc_declare_require_executable(&task, "run_as");
	(void) tc_activate_if_fresh(now);

	tc_store_begin(&frame);
	if (!make_task(&task, &request, read_graph(fcinfo, ARG_OPTIONS), now))
		report_name_taken(task.name);
	tc_store_end(&frame);
	PG_RETURN_INT64(task.task_id);
}

Datum
taskcenter_declare_task(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *run_as = tc_arg_text(fcinfo, ARG_RUN_AS);
	Jsonb	   *graph = read_graph(fcinfo, ARG_OPTIONS);
	StoreFrame	frame;
	TaskRow		given;
	TaskRow		before;
	TaskRow		task;
	ScheduleRequest request;
	int64		schedule_id;
	bool		exists;
	const char *result = "unchanged";

	read_task(fcinfo, &given);
	task = given;
	(void) read_new_schedule(fcinfo, &request);
	request.declared = true;
	tc_task_check(&task, NULL);
	(void) tc_activate_if_fresh(now);

	tc_store_begin(&frame);
	exists = tc_task_find(task.name, true, &before);
	if (!exists)
	{
		tc_declare_set_roles(&task, tc_statement_caller(), run_as);
		tc_declare_require_executable(&task, "run_as");
		if (make_task(&task, &request, graph, now))
			result = "created";
		else if (tc_task_find(task.name, true, &before))
			exists = true;		/* somebody else was faster */
		else
			report_name_taken(task.name);
	}
	if (exists)
	{
		tc_access_check_task(&before, TASK_RIGHT_MANAGE);
		task = given;
		if (tc_declare_over(&before, &task, run_as, NULL))
		{
			tc_declare_check_change(&before, &task);
			tc_task_change(&before, &task, now);
			result = "changed";
		}
		if (request.schedule != NULL &&
			tc_define_schedule(&task, &request, now, &schedule_id) != DEFINITION_UNCHANGED)
			result = "changed";
		if (set_graph(&task, graph, now))
			result = "changed";
	}
	tc_store_end(&frame);
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/* ---- alter ---- */

static bool
same_task(const TaskRow *one, const TaskRow *other)
{
	return tc_properties_equal(one, other) && one->run_as_id == other->run_as_id &&
		strcmp(one->run_as, other->run_as) == 0 &&
		(one->learned_mode == NULL) == (other->learned_mode == NULL) &&
		strcmp(one->state, other->state) == 0;
}

/* what alter_task() gives, over the row that exists */
static void
read_changes(FunctionCallInfo fcinfo, TaskRow *task)
{
	char	  **reset;
	int			count;

	reset = tc_arg_text_array(fcinfo, ALTER_RESET, "reset", &count);
	tc_properties_reset(reset, count, task);
	tc_properties_read(fcinfo, &alter_arguments, false, task);
}

Datum
taskcenter_alter_task(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, ALTER_TASK, "task");
	char	   *run_as = tc_arg_text(fcinfo, ALTER_RUN_AS);
	StoreFrame	frame;
	TaskRow		before;
	TaskRow		task;
	ScheduleRequest request;
	bool		with_schedule;
	int64		schedule_id;
	const char *woken;

	with_schedule = read_schedule(fcinfo, ALTER_SCHEDULE, ALTER_TIMEZONE, &request);
	request.keep = true;
	tc_audit_call_reason(tc_arg_reason(fcinfo, ALTER_REASON));

	tc_store_begin(&frame);
	tc_access_require_task(name, true, TASK_RIGHT_MANAGE, &before);
	task = before;
	read_changes(fcinfo, &task);
	if (run_as != NULL)
		tc_declare_set_roles(&task, before.owner_id, run_as);
	if (strcmp(before.state, "quarantined") == 0)
	{
		task.state = pstrdup("active");
		task.state_reason = NULL;
	}
	tc_task_check(&task, &before);
	if (!same_task(&before, &task))
	{
		tc_declare_check_change(&before, &task);
		tc_task_change(&before, &task, now);
	}
	if (with_schedule)
		(void) tc_define_schedule(&task, &request, now, &schedule_id);
	(void) set_graph(&task, read_graph(fcinfo, ALTER_OPTIONS), now);
	woken = tc_task_wakes_from(before.state, task.state);
	if (woken != NULL)
		tc_define_resume_task(task.task_id, woken, now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(task.task_id);
}

Datum
taskcenter_rename_task(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	char	   *new_name = tc_arg_required_text(fcinfo, 1, "new_name");
	StoreFrame	frame;
	TaskRow		before;
	TaskRow		task;
	TaskRow		other;

	tc_check_name("new_name", new_name);
	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	tc_store_begin(&frame);
	tc_access_require_task(name, true, TASK_RIGHT_MANAGE, &before);
	if (strcmp(name, new_name) != 0)
	{
		if (tc_task_find(new_name, false, &other))
			report_name_taken(new_name);
		task = before;
		task.name = new_name;
		tc_task_change(&before, &task, now);
	}
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(before.task_id);
}

Datum
taskcenter_alter_task_owner(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	char	   *owner = tc_arg_required_text(fcinfo, 1, "owner");
	StoreFrame	frame;
	TaskRow		before;
	TaskRow		task;

	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	tc_store_begin(&frame);
	tc_access_require_task(name, true, TASK_RIGHT_OWN, &before);
	task = before;
	task.owner_id = tc_access_require_role("owner", owner);
	task.owner = GetUserNameFromId(task.owner_id, false);
	/* who executed as the owner executes as the new one */
	if (before.run_as_id == before.owner_id)
	{
		task.run_as_id = task.owner_id;
		task.run_as = task.owner;
		tc_declare_require_executable(&task, "owner");
	}
	if (task.owner_id != before.owner_id || task.run_as_id != before.run_as_id ||
		strcmp(task.owner, before.owner) != 0 || strcmp(task.run_as, before.run_as) != 0)
		tc_task_change(&before, &task, now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(before.task_id);
}
