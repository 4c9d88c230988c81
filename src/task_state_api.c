/*-------------------------------------------------------------------------
 *
 * task_state_api.c
 *		Functions that steer tasks: pause, disable, archive and back, and why
 *		a task is not running.
 *
 * A state that a task already has is no error: the call returns it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "audit_context.h"
#include "engine_state.h"
#include "flag_check.h"
#include "graph_cache.h"
#include "role_check.h"
#include "schedule_define.h"
#include "shared_state.h"
#include "statement.h"
#include "status_change.h"
#include "task_change.h"

PG_FUNCTION_INFO_V1(taskcenter_pause_task);
PG_FUNCTION_INFO_V1(taskcenter_resume_task);
PG_FUNCTION_INFO_V1(taskcenter_disable_task);
PG_FUNCTION_INFO_V1(taskcenter_enable_task);
PG_FUNCTION_INFO_V1(taskcenter_archive_task);
PG_FUNCTION_INFO_V1(taskcenter_unarchive_task);
PG_FUNCTION_INFO_V1(taskcenter_explain_task);

/* ---- states ---- */

/* what a call does to a task of some state */
typedef struct StateMove
{
	const char *to;
	const char *const *from;	/* states that it leaves */
	const char *hint;			/* where it is refused */
} StateMove;

static void
refuse_move(const TaskRow *task, const StateMove *move)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("task \"%s\" is %s", task->name, task->state),
			 errdetail("A task that is %s cannot become %s by this call.", task->state, move->to),
			 errhint("%s", move->hint)));
}

static bool
leaves(const StateMove *move, const char *state)
{
	int			i;

	for (i = 0; move->from[i] != NULL; i++)
	{
		if (strcmp(move->from[i], state) == 0)
			return true;
	}
	return false;
}

static Datum
move_task(FunctionCallInfo fcinfo, const StateMove *move)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	char	   *reason = tc_arg_reason(fcinfo, 1);
	StoreFrame	frame;
	TaskRow		before;
	TaskRow		task;
	const char *woken;

	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	tc_access_require_task(name, true, TASK_RIGHT_OPERATE, &before);
	if (strcmp(before.state, move->to) != 0)
	{
		if (!leaves(move, before.state))
			refuse_move(&before, move);
		task = before;
		task.state = pstrdup(move->to);
		task.state_reason = reason;
		tc_task_change(&before, &task, now);
		woken = tc_task_wakes_from(before.state, task.state);
		if (woken != NULL)
			tc_define_resume_task(task.task_id, woken, now);
	}
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text(move->to));
}

Datum
taskcenter_pause_task(PG_FUNCTION_ARGS)
{
	static const char *const from[] = {"active", NULL};
	static const StateMove move = {"paused", from, "Use taskcenter.enable_task() first."};

	return move_task(fcinfo, &move);
}

Datum
taskcenter_resume_task(PG_FUNCTION_ARGS)
{
	static const char *const from[] = {"paused", "quarantined", NULL};
	static const StateMove move = {"active", from, "Use taskcenter.enable_task()."};

	return move_task(fcinfo, &move);
}

Datum
taskcenter_disable_task(PG_FUNCTION_ARGS)
{
	static const char *const from[] = {"active", "paused", "quarantined", NULL};
	static const StateMove move = {"disabled", from, "Use taskcenter.unarchive_task() first."};

	return move_task(fcinfo, &move);
}

Datum
taskcenter_enable_task(PG_FUNCTION_ARGS)
{
	static const char *const from[] = {"disabled", "quarantined", NULL};
	static const StateMove move = {"active", from, "Use taskcenter.resume_task()."};

	return move_task(fcinfo, &move);
}

Datum
taskcenter_archive_task(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	char	   *reason = tc_arg_reason(fcinfo, 1);
	StoreFrame	frame;
	TaskRow		before;
	TaskRow		task;

	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	if (tc_arg_bool(fcinfo, 2, false) && !tc_task_find(name, false, &before))
	{
		tc_store_end(&frame);
		tc_audit_call_reason(NULL);
		ereport(NOTICE,
				(errmsg("task \"%s\" does not exist, skipping", tc_shorten(name))));
		PG_RETURN_NULL();
	}
	tc_access_require_task(name, true, TASK_RIGHT_MANAGE, &before);
	task = before;
	task.state = pstrdup("archived");
	task.state_reason = reason;
	tc_task_change(&before, &task, now);
	tc_task_end_runs(&task, reason != NULL ? reason : "the task was archived", now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text("archived"));
}

Datum
taskcenter_unarchive_task(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	StoreFrame	frame;
	TaskRow		before;
	TaskRow		task;

	tc_audit_call_reason(tc_arg_reason(fcinfo, 1));
	tc_store_begin(&frame);
	if (tc_task_find(name, false, &task))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("task \"%s\" already exists", name),
				 errdetail("A task of that name is not archived."),
				 errhint("Rename that one first.")));
	if (!tc_task_find_archived(name, &before))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("task \"%s\" does not exist", tc_shorten(name)),
				 errdetail("No archived task has that name."),
				 errhint("The view taskcenter.tasks shows the tasks that you may see.")));
	tc_access_check_task(&before, TASK_RIGHT_MANAGE);
	task = before;
	tc_status_check_workflow(&task);
	task.state = pstrdup("active");
	task.state_reason = NULL;
	tc_task_change(&before, &task, now);
	tc_define_resume_task(task.task_id, "archived", now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text("active"));
}

/* ---- explain_task() ---- */

/* one row of the answer, while it is made */
typedef struct Explanations
{
	ReturnSetInfo *set;
	int			count;
} Explanations;

static void
explain(Explanations *explanations, TimestampTz at, const char *reason, const char *detail)
{
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	values[0] = TimestampTzGetDatum(at);
	values[1] = CStringGetTextDatum(reason);
	values[2] = detail != NULL ? CStringGetTextDatum(detail) : (Datum) 0;
	nulls[2] = detail == NULL;
	tuplestore_putvalues(explanations->set->setResult, explanations->set->setDesc,
						 values, nulls);
	explanations->count++;
}

static char *
because(const char *reason, const char *otherwise)
{
	return reason != NULL ? psprintf("Reason: %s", reason) : pstrdup(otherwise);
}

static char *
show_time(TimestampTz at)
{
	return DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(at)));
}

/* what keeps everything in the database from running */
static void
explain_engine(Explanations *explanations, TimestampTz now)
{
	EngineState engine;
	EngineProblem problem;

	tc_engine_look(&engine);
	if (tc_engine_problem(&engine, &problem))
		explain(explanations, now, problem.reason,
				problem.hint == NULL ? problem.detail
				: psprintf("%s %s", problem.detail, problem.hint));
}

static void
explain_flag(Explanations *explanations, const TaskRow *task, TimestampTz now)
{
	const char *subject = task->nulls[TASK_GROUP_KEY] ? task->owner
	: tc_task_text(task, TASK_GROUP_KEY);
	char	   *why;

	if (!task->nulls[TASK_REQUIRES_FLAG] &&
		!tc_flag_allows(tc_task_text(task, TASK_REQUIRES_FLAG), subject, &why))
		explain(explanations, now, "flag is off",
				psprintf("%s.  Runs that are due are skipped.", why));
}

/* what keeps this task's runs from starting */
static void
explain_task(Explanations *explanations, const TaskRow *task,
			 const TaskCircumstances *facts, TimestampTz now)
{
	const char *problem = task->run_as_id == TC_ROLE_WORKERS ? NULL
	: tc_role_problem(task->run_as_id);
	int32		limit = tc_task_int32(task, TASK_MAX_RUNNING);

	if (strcmp(task->state, "active") != 0)
		explain(explanations, now, psprintf("task %s", task->state),
				because(task->state_reason, strcmp(task->state, "paused") == 0
						? "Its schedules do not fire; enqueued runs are executed."
						: "Nothing of it starts."));
	if (problem != NULL)
		explain(explanations, now, "role cannot execute", problem);
	explain_flag(explanations, task, now);
	if (facts->queue_state == NULL)
		explain(explanations, now, "queue does not exist", tc_task_text(task, TASK_QUEUE));
	else if (strcmp(facts->queue_state, "active") != 0)
		explain(explanations, now, psprintf("queue %s", facts->queue_state),
				because(facts->queue_reason, "Use taskcenter.resume_queue()."));
	if (facts->queue_limit >= 0 && facts->queue_running >= facts->queue_limit)
		explain(explanations, now, "queue limit reached",
				psprintf("%lld of %d runs of the queue are running.",
						 (long long) facts->queue_running, facts->queue_limit));
	if (!task->nulls[TASK_MAX_RUNNING] && facts->running >= limit)
		explain(explanations, now, "task limit reached",
				psprintf("%lld of %d runs are running.", (long long) facts->running, limit));
}

/* what is there to run, and what was */
static void
explain_work(Explanations *explanations, const TaskRow *task,
			 const TaskCircumstances *facts, TimestampTz now)
{
	if (facts->running > 0)
		explain(explanations, now, "running",
				psprintf("%lld runs are running.", (long long) facts->running));
	if (facts->due > 0)
		explain(explanations, now, "runs due",
				psprintf("%lld runs wait for %s%s%s.", (long long) facts->due,
						 task->run_as_id == TC_ROLE_WORKERS ? "a worker" : "an executor",
						 task->nulls[TASK_RATE_LIMIT] ? "" : "; the rate limit of the task is ",
						 task->nulls[TASK_RATE_LIMIT] ? "" : tc_task_text(task, TASK_RATE_LIMIT)));
	if (facts->waiting > 0)
		explain(explanations, now, "runs waiting",
				psprintf("%lld runs wait for others.", (long long) facts->waiting));
	if (facts->later > 0)
		explain(explanations, now, "runs due later",
				psprintf("%lld runs, the next at %s.", (long long) facts->later,
						 show_time(facts->next_queued_at)));
	if (facts->schedules == 0)
		explain(explanations, now, "no schedule", "It runs when it is enqueued.");
	else if (facts->schedules_active == 0)
		explain(explanations, now, "no active schedule",
				psprintf("%lld schedules are paused, completed or quarantined.",
						 (long long) facts->schedules));
	else if (!TIMESTAMP_NOT_FINITE(facts->next_run_at))
		explain(explanations, now, "schedule fires later",
				psprintf("The next instant is %s.", show_time(facts->next_run_at)));
	if (facts->skip_reason != NULL)
		explain(explanations, facts->skip_recorded_at,
				psprintf("instants skipped: %s", facts->skip_reason),
				psprintf("%lld instants until %s.", (long long) facts->skip_count,
						 show_time(facts->skipped_to)));
	if (facts->last_status != NULL)
		explain(explanations, facts->last_finished_at,
				psprintf("last run %s", facts->last_status), facts->last_error);
}

Datum
taskcenter_explain_task(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	StoreFrame	frame;
	TaskRow		task;
	TaskCircumstances facts;
	Explanations explanations = {0};
	bool		contents;
	bool		lacks_graph;

	tc_store_begin(&frame);
	tc_access_require_task(name, false, TASK_RIGHT_VIEW, &task);
	lacks_graph = strcmp(task.kind, TC_KIND_COMPOSITE) == 0 &&
		tc_graph_newest(task.task_id) == 0;
	contents = tc_access_may(tc_statement_caller(), &task, TASK_RIGHT_READ);
	tc_task_circumstances(&task, now, &facts);
	tc_store_end(&frame);

	/* an error's text may hold what is not for monitors */
	if (!contents)
		facts.last_error = NULL;
	InitMaterializedSRF(fcinfo, 0);
	explanations.set = (ReturnSetInfo *) fcinfo->resultinfo;
	if (task.status != NULL)
	{
		explain(&explanations, now, "moved by people",
				psprintf("Its status is \"%s\"; taskcenter.allowed_transitions() says what may follow.",
						 task.status));
		return (Datum) 0;
	}
	explain_engine(&explanations, now);
	if (lacks_graph)
		explain(&explanations, now, "no graph",
				pstrdup("It is composite, and taskcenter.save_graph() has not given it steps."));
	explain_task(&explanations, &task, &facts, now);
	explain_work(&explanations, &task, &facts, now);
	return (Datum) 0;
}
