/*-------------------------------------------------------------------------
 *
 * step_execute.c
 *		What an executor does for a step besides executing a command.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "decision_store.h"
#include "flag_check.h"
#include "flag_run_store.h"
#include "graph_release.h"
#include "graph_start.h"
#include "step_execute.h"
#include "outcome.h"
#include "run_store.h"
#include "run_timer.h"
#include "run_transaction.h"
#include "shared_roots.h"
#include "step_state.h"
#include "step_task.h"
#include "worker_process.h"

#define MAX_QUERY_BYTES (16 * 1024 * 1024)
#define QUERY_LIMIT (1 * USECS_PER_MINUTE)	/* where the step says none */

/* ---- which step it is ---- */

static bool
is_undo(const RunRow *run)
{
	return run->step != NULL &&
		strncmp(run->step, TC_UNDO_PREFIX, strlen(TC_UNDO_PREFIX)) == 0;
}

void
tc_step_describe(RunRow *run)
{
	const CachedGraph *graph;
	const GraphStep *step;
	int			number;

	run->cache_id = tc_graph_cache_id(run);
	run->special = false;
	if (run->parent_run_id == 0 || is_undo(run))
		return;
	run->special = run->step_state != NULL;
	if (run->item != 0)
		return;
	graph = tc_graph_of_definition(run->definition_id, &number);
	if (graph == NULL)
		return;
	step = &graph->graph.steps[number];
	if (step->kind != STEP_COMMAND && step->kind != STEP_TASK)
		run->special = true;
	if (step->condition != NULL || step->for_each != NULL || step->requires_flag != NULL)
		run->special = true;
}

/* ---- outcomes ---- */

static void
finish(Attempt *attempt, const char *status, Jsonb *output, const char *reason)
{
	RunOutcome	outcome = {0};

	outcome.status = status;
	outcome.started_at = attempt->started_at;
	outcome.finished_at = attempt->finished_at;
	outcome.output = output;
	outcome.reason = reason;
	outcome.actor = "executor";
	(void) tc_run_finish(attempt->run, &outcome, false);
}

static void
finish_alone(Attempt *attempt, const char *status, Jsonb *output, const char *reason)
{
	tc_worker_begin("finish a step");
	finish(attempt, status, output, reason);
	tc_worker_commit();
}

/* as if the command had raised it */
static ErrorData *
error_of(int sqlstate, const char *message, const char *detail, MemoryContext context)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		ereport(ERROR,
				(errcode(sqlstate), errmsg("%s", message),
				 detail != NULL ? errdetail("%s", detail) : 0));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

static void
fail(Attempt *attempt, int sqlstate, const char *message, const char *detail,
	 MemoryContext context)
{
	attempt->error = error_of(sqlstate, message, detail, context);
	tc_outcome_failure(attempt);
}

/* ---- queries ---- */

static Jsonb *
query_once(Attempt *attempt, const char *sql, ResultCapture *capture, bool *truncated,
		   MemoryContext context)
{
	UserCommand *volatile command = NULL;
	CommandResult result;
	Jsonb	   *volatile rows = NULL;

	tc_attempt_open(attempt);
	PG_TRY();
	{
		tc_run_transaction_begin();
		XactReadOnly = true;
		MemoryContextSwitchTo(context);
		tc_run_settings_apply(attempt->task->settings, true);
		command = tc_user_command_prepare(sql, context);
		tc_user_command_execute_atomic(command, tc_result_capture_receiver(capture), &result);
		tc_attempt_refuse_late();
		rows = tc_result_capture_rows(capture, truncated);
		tc_user_command_end_atomic();
		tc_run_transaction_abort();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		attempt->error = CopyErrorData();
		FlushErrorState();
		tc_run_transaction_abort();
		rows = NULL;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	tc_attempt_close(attempt);
	if (command != NULL)
		tc_user_command_release(command);
	return rows;
}

/*
 * The rows of a query, each an object; NULL: it returned none, or failed, and
 * that is in attempt->error.
 */
static Jsonb *
query(Attempt *attempt, const char *sql, int max_rows, bool *truncated,
	  MemoryContext context)
{
	ResultCapture *capture = tc_result_capture_create(context, max_rows, MAX_QUERY_BYTES);
	const TaskDefinition *task = attempt->task;
	TaskDefinition limited = *task;
	int			collisions = 0;
	Jsonb	   *rows;

	if (limited.timeout <= 0)
		limited.timeout = QUERY_LIMIT;
	attempt->task = &limited;
	attempt->deadline = 0;
	do
		rows = query_once(attempt, sql, capture, truncated, context);
	while (tc_attempt_collided(attempt, &collisions));
	attempt->task = task;
	if (attempt->error == NULL && attempt->cancelled)
	{
		/* asked for at the query's end: it is the step that was meant */
		attempt->error = error_of(ERRCODE_QUERY_CANCELED, "the step was cancelled", NULL, context);
		rows = NULL;
	}
	return rows;
}

/* The one value of a query's first row; NULL: none, or it is null. */
static JsonbValue *
first_value(const Jsonb *rows, int *columns)
{
	JsonbValue *row;
	JsonbIterator *iterator;
	JsonbValue	key;
	JsonbValue *value = palloc(sizeof(JsonbValue));

	*columns = 0;
	if (rows == NULL || JB_ROOT_COUNT(rows) == 0)
		return NULL;
	row = getIthJsonbValueFromContainer(&unconstify(Jsonb *, rows)->root, 0);
	if (row->type != jbvBinary || JsonContainerSize(row->val.binary.data) == 0)
		return NULL;
	*columns = JsonContainerSize(row->val.binary.data);
	iterator = JsonbIteratorInit(row->val.binary.data);
	(void) JsonbIteratorNext(&iterator, &key, true);
	(void) JsonbIteratorNext(&iterator, &key, true);
	(void) JsonbIteratorNext(&iterator, value, true);
	return value->type == jbvNull ? NULL : value;
}

/* ---- conditions ---- */

/* Of a condition that could not be asked: the next attempt asks it again. */
static Jsonb *
note_unasked(void)
{
	static const char *const keys[] = {TC_STATE_UNASKED};
	static const char *const values[] = {"1"};

	return tc_state_object(keys, values, 1);
}

/* False: the run has come to its next status. */
static bool
condition_holds(Attempt *attempt, const GraphStep *step, MemoryContext context)
{
	bool		truncated = false;
	int			columns;
	Jsonb	   *rows = query(attempt, step->condition, 1, &truncated, context);
	JsonbValue *value;

	attempt->step_state = note_unasked();
	if (attempt->error != NULL)
	{
		tc_outcome_failure(attempt);
		return false;
	}
	value = first_value(rows, &columns);
	if (columns > 1 || (value != NULL && value->type != jbvBool))
	{
		fail(attempt, ERRCODE_DATATYPE_MISMATCH, "the condition of the step is not boolean",
			 "A condition is a query of one column of type boolean.", context);
		return false;
	}
	attempt->step_state = NULL;
	if (value != NULL && value->val.boolean)
		return true;
	finish_alone(attempt, "skipped", NULL, "its condition is not true");
	return false;
}

/* False: the run has been skipped. */
static bool
flag_allows(Attempt *attempt, const char *flag)
{
	char	   *why;
	bool		allows;

	tc_worker_begin("ask a flag");
	allows = tc_flag_allows(flag, attempt->task->flag_subject, &why);
	if (allows)
		tc_flag_runs_note(&attempt->run->run_id, 1, why, "executor");
	else
		finish(attempt, "skipped", NULL, why);
	tc_worker_commit();
	return allows;
}

/* ---- items ---- */

static void
start_items(Attempt *attempt, const CachedGraph *graph, int number, MemoryContext context)
{
	const GraphStep *step = &graph->graph.steps[number];
	bool		truncated = false;
	Jsonb	   *rows = query(attempt, step->for_each, step->max_items, &truncated, context);
	const char *problem;

	if (attempt->error != NULL)
	{
		tc_outcome_failure(attempt);
		return;
	}
	if (truncated)
	{
		fail(attempt, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
			 psprintf("for_each gives more than %d items", step->max_items),
			 "Raise \"max_items\" of the step, or give it fewer rows.", context);
		return;
	}
	tc_worker_begin("start the items of a step");
	problem = tc_graph_start_items(attempt->run, graph, number, rows,
								   attempt->finished_at);
	if (problem != NULL)
		problem = MemoryContextStrdup(context, problem);
	tc_worker_commit();
	if (problem != NULL)
		fail(attempt, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, problem, NULL, context);
}

/* ---- steps that name a task ---- */

/* What the step asks for holds: now it is a run of that task. */
static void
hand_over(Attempt *attempt, const CachedGraph *graph, int number, MemoryContext context)
{
	const char *problem;

	tc_worker_begin("make a step a run of its task");
	problem = tc_step_hand_over(attempt->run, graph, number, attempt->task->owner_id,
								attempt->finished_at);
	if (problem != NULL)
		problem = MemoryContextStrdup(context, problem);
	tc_worker_commit();
	if (problem != NULL)
		fail(attempt, ERRCODE_INVALID_PARAMETER_VALUE,
			 psprintf("the step cannot start: %s", problem), NULL, context);
}

/* ---- steps that wait ---- */

static void
snooze(Attempt *attempt, TimestampTz until, Jsonb *state, const char *reason)
{
	tc_worker_begin("let a step wait on");
	(void) tc_run_snooze(attempt->run, until, state, reason);
	tc_worker_commit();
}

static bool
compares(const JsonbValue *value, CheckOperator op, const Jsonb *wanted)
{
	Jsonb	   *got = JsonbValueToJsonb(unconstify(JsonbValue *, value));
	JsonbValue	other;
	int			order;

	if (JB_ROOT_IS_SCALAR(wanted))
	{
		(void) JsonbExtractScalar(&unconstify(Jsonb *, wanted)->root, &other);
		if (other.type != value->type)
			return op == CHECK_NOT_EQUAL;
	}
	order = compareJsonbContainers(&got->root, &unconstify(Jsonb *, wanted)->root);
	switch (op)
	{
		case CHECK_EQUAL:
			return order == 0;
		case CHECK_NOT_EQUAL:
			return order != 0;
		case CHECK_LESS:
			return order < 0;
		case CHECK_LESS_EQUAL:
			return order <= 0;
		case CHECK_GREATER:
			return order > 0;
		case CHECK_GREATER_EQUAL:
			return order >= 0;
	}
	return false;
}

static void
look_at_check(Attempt *attempt, const StepCheck *check, MemoryContext context)
{
	RunRow	   *run = attempt->run;
	bool		truncated = false;
	int			columns;
	Jsonb	   *rows = query(attempt, check->sql, 1, &truncated, context);
	JsonbValue *value;
	TimestampTz now = attempt->finished_at;
	int64		since = tc_state_number(run->step_state, "since");
	int64		held_since = tc_state_number(run->step_state, "held_since");
	TimestampTz next;

	if (attempt->error != NULL)
	{
		tc_outcome_failure(attempt);
		return;
	}
	if (since == 0)
		since = now;
	value = first_value(rows, &columns);
	if (columns > 1)
		fail(attempt, ERRCODE_DATATYPE_MISMATCH, "the query of a check gives more than one column",
			 NULL, context);
	else if (value != NULL && compares(value, check->op, check->value))
	{
		if (held_since == 0)
			held_since = now;
		if (now - held_since >= check->hold_for)
		{
			finish_alone(attempt, "succeeded", JsonbValueToJsonb(value), NULL);
			return;
		}
		next = Min(now + check->every, held_since + check->hold_for);
		if (check->deadline > 0)
			next = Min(next, Max(since + check->deadline, now));
		if (check->deadline > 0 && now - since >= check->deadline)
			fail(attempt, ERRCODE_QUERY_CANCELED, "the check did not hold for long enough before its deadline",
				 NULL, context);
		else
			snooze(attempt, next, tc_state_since(since, held_since), "it holds so far");
	}
	else if (held_since != 0 && !check->restart)
		fail(attempt, ERRCODE_CHECK_VIOLATION, "the check held and then no more", NULL, context);
	else if (check->deadline > 0 && now - since >= check->deadline)
		fail(attempt, ERRCODE_QUERY_CANCELED, "the check did not hold before its deadline", NULL,
			 context);
	else
	{
		next = now + check->every;
		if (check->deadline > 0)
			next = Min(next, since + check->deadline);
		snooze(attempt, next, tc_state_since(since, 0), "it does not hold yet");
	}
}

/* It was due for its condition, and begins to wait only now. */
static bool
begins_to_wait(const Attempt *attempt, const GraphStep *step)
{
	return step->condition != NULL && tc_state_number(attempt->run->step_state, "since") == 0;
}

static void
look_at_wait(Attempt *attempt, const GraphStep *step)
{
	TimestampTz now = attempt->started_at;
	TimestampTz until = step->wait_until != DT_NOBEGIN ? step->wait_until
	: tc_state_later(now, step->wait_for);

	if (begins_to_wait(attempt, step) && until > now)
		snooze(attempt, until, tc_state_since(now, 0), NULL);
	else
		finish_alone(attempt, "succeeded", NULL, NULL);
}

/* It is due because enough have decided, or because it has expired. */
static void
look_at_approval(Attempt *attempt, const GraphStep *step, MemoryContext context)
{
	const StepApproval *approval = step->approval;
	TimestampTz now = attempt->started_at;
	Decisions	decisions;
	const char *problem = NULL;

	tc_worker_begin("look at an approval");
	tc_decisions_read(attempt->run->run_id, &decisions);
	if (begins_to_wait(attempt, step) && decisions.rejected_by == NULL &&
		decisions.approved < approval->quorum)
	{
		(void) tc_run_snooze(attempt->run, approval->expires > 0
							 ? tc_state_later(now, approval->expires) : DT_NOEND,
							 tc_state_since(now, 0), NULL);
		tc_worker_commit();
		return;
	}
	if (decisions.rejected_by != NULL)
		problem = psprintf("rejected by %s", decisions.rejected_by);
	else if (decisions.approved < approval->quorum && !approval->expiry_approves)
		problem = "nobody approved before it expired";
	if (problem == NULL)
		finish(attempt, "succeeded", decisions.all,
			   decisions.approved < approval->quorum ? "approved by expiry" : NULL);
	tc_worker_commit();
	if (problem != NULL)
		fail(attempt, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, problem, NULL, context);
}

static void
look_for_signal(Attempt *attempt, const GraphStep *step, MemoryContext context)
{
	RunRow	   *run = attempt->run;
	TimestampTz now = attempt->finished_at;
	int64		since = tc_state_number(run->step_state, "since");
	SignalWait	wait;
	Jsonb	   *payload;
	bool		taken;

	tc_signal_wait_of(run->step_state, &wait);
	tc_worker_begin("look for a signal");
	taken = tc_signal_take(&wait, run->run_id, now, &payload);
	if (taken)
		finish(attempt, "succeeded", payload, NULL);
	tc_worker_commit();
	if (taken)
		return;
	if (since == 0)
		since = now;
	if (step->deadline > 0 && now - since >= step->deadline)
	{
		fail(attempt, ERRCODE_QUERY_CANCELED, "no signal came before the deadline", NULL, context);
		return;
	}
	tc_worker_begin("let a step wait for a signal");
	(void) tc_run_snooze(run, step->deadline > 0 ? since + step->deadline : DT_NOEND,
						 tc_signal_state(&wait, psprintf("%lld", (long long) since)), NULL);
	/* one that was committed since we looked found nobody waiting */
	tc_shared_touch_signals();
	tc_worker_commit();
}

/* ---- all of them ---- */

static bool
execute(Attempt *attempt, const CachedGraph *graph, int number, MemoryContext context)
{
	const GraphStep *step = &graph->graph.steps[number];

	switch (step->kind)
	{
		case STEP_WAIT:
			look_at_wait(attempt, step);
			return true;
		case STEP_CHECK:
			look_at_check(attempt, step->check, context);
			return true;
		case STEP_APPROVAL:
			look_at_approval(attempt, step, context);
			return true;
		case STEP_SIGNAL:
			look_for_signal(attempt, step, context);
			return true;
		case STEP_COMMAND:
		case STEP_TASK:
			break;
	}
	if (step->for_each != NULL)
		start_items(attempt, graph, number, context);
	else if (step->kind == STEP_TASK)
		hand_over(attempt, graph, number, context);
	else
		return false;
	return true;
}

/* Once, unless that failed: what flag and condition let start is not asked again. */
static bool
asks(const RunRow *run)
{
	return (run->attempt == 1 && tc_state_number(run->step_state, "since") == 0) ||
		tc_state_number(run->step_state, TC_STATE_UNASKED) != 0;
}

bool
tc_step_execute(RunRow *run, const TaskDefinition *task, const char *queue,
				TimestampTz now, MemoryContext context)
{
	Attempt    *attempt = palloc0(sizeof(Attempt));
	const char *problem = tc_state_text(run->step_state, "problem");
	const CachedGraph *graph;
	int			number = 0;

	attempt->run = run;
	attempt->task = task;
	attempt->started_at = attempt->finished_at = now;
	tc_attempt_describe(attempt, queue, context);
	if (problem != NULL)
	{
		fail(attempt, ERRCODE_INVALID_PARAMETER_VALUE,
			 psprintf("the step cannot start: %s", problem), NULL, context);
		return true;
	}
	if (run->item != 0 || run->definition_id == 0)
		return false;
	tc_worker_begin("look at a step");
	graph = tc_graph_of_definition(run->definition_id, &number);
	tc_worker_commit();
	if (graph == NULL)
		return false;

	if (asks(run))
	{
		const GraphStep *step = &graph->graph.steps[number];

		if (step->requires_flag != NULL && !flag_allows(attempt, step->requires_flag))
			return true;
		if (step->condition != NULL && !condition_holds(attempt, step, context))
			return true;
	}
	return execute(attempt, graph, number, context);
}
