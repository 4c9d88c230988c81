/*-------------------------------------------------------------------------
 *
 * run_control_api.c
 *		cancel_run(), retry_run() and their plurals.
 *
 * Run in the caller's session and transaction.  A run that is executing is
 * cancelled through shared memory when this transaction commits, without a
 * lock on its row; all others are moved by statements that check the status
 * themselves, so a claim or a finish at the same moment wins or loses whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "audit.h"
#include "audit_context.h"
#include "enqueue.h"
#include "graph_start.h"
#include "ids.h"
#include "run_cancel.h"
#include "run_change.h"
#include "run_control_store.h"
#include "run_retry.h"
#include "shared_state.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_cancel_run);
PG_FUNCTION_INFO_V1(taskcenter_cancel_runs);
PG_FUNCTION_INFO_V1(taskcenter_retry_run);
PG_FUNCTION_INFO_V1(taskcenter_retry_runs);

#define STATUS_CANCELLING "cancelling"
#define STATUS_COMPENSATING "compensating"

static const char *const cancellable[] = {"waiting", "queued", "running", "retrying", NULL};
static const char *const retryable[] = {"failed", "timed_out", "cancelled", NULL};
static const char *const retried_unasked[] = {"failed", "timed_out"};

/* the task of a run that is there */
static void
require_task(const RunFacts *run, TaskRow *task)
{
	if (!tc_task_find_id(run->task_id, false, task))
		tc_run_report_missing(run->run_id);
}

/* ---- the audit ---- */

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	(void) pushJsonbValue(state, token, &value);
}

/* {"status": ..., "runs": ...}; count 0: without it */
static Jsonb *
outcome_of(const char *status, int64 count)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_text(&state, WJB_KEY, "status");
	push_text(&state, WJB_VALUE, status);
	if (count > 0)
	{
		JsonbValue	value;

		push_text(&state, WJB_KEY, "runs");
		value.type = jbvNumeric;
		value.val.numeric = int64_to_numeric(count);
		(void) pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Somebody steered a run.  What becomes of it is in its history. */
static void
audit_one(const char *action, const RunFacts *run, const TaskRow *task, const char *status,
		  const RunChange *change)
{
	AuditRow	row = {0};

	row.action = action;
	row.object_type = "run";
	row.object_id = run->run_id;
	row.object_name = task->name;
	row.owner_id = task->owner_id;
	row.old_values = outcome_of(run->status, 0);
	row.new_values = outcome_of(status, 0);
	row.reason = change->reason;
	tc_audit_record(&row, change->role, change->now);
}

/* One row for a call about many; each has its history. */
static void
audit_many(const char *action, const RunFilter *filter, const char *task, const char *status,
		   int64 count, const RunChange *change)
{
	AuditRow	row = {0};

	if (count == 0)
		return;
	row.action = action;
	row.object_type = "run";
	row.object_name = task;
	row.owner_id = filter->task_id != 0 ? filter->task_owner : change->role;
	row.new_values = outcome_of(status, count);
	row.reason = change->reason;
	tc_audit_record(&row, change->role, change->now);
}

/* ---- cancel ---- */

static void
ask_executor(int64 run_id, int32 attempt, const RunChange *change)
{
	if (tc_run_ask_worker(run_id, attempt, change->reason, change->now))
		return;
	if (!tc_shared_available())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run %lld cannot be cancelled now", (long long) run_id),
				 errdetail("It is recorded as running, and this server does not preload taskcenter."),
				 errhint("Add taskcenter to shared_preload_libraries and restart: the run is settled then.")));
	tc_shared_cancel_at_commit(run_id, attempt, change->reason, change->actor);
}

/* AskToEnd */
static void
ask_executor_of(int64 run_id, int32 attempt, const void *change)
{
	ask_executor(run_id, attempt, change);
}

/* what undoes the steps of a root goes on */
static const char *
cancel_running(int64 run_id, int32 attempt, const RunChange *change)
{
	switch (tc_graph_cancel(run_id, change->reason, change->actor, ask_executor_of, change,
							change->now))
	{
		case NOT_A_ROOT:
			ask_executor(run_id, attempt, change);
			break;
		case ROOT_ENDS:
			break;
		case ROOT_UNDOES:
			return STATUS_COMPENSATING;
	}
	return STATUS_CANCELLING;
}

static const char *
cancel_one(int64 run_id, const RunChange *change)
{
	RunFacts	run;
	TaskRow		task;

	tc_run_require(run_id, &run);
	require_task(&run, &task);
	tc_access_check_run(&task, &run, TASK_RIGHT_OPERATE);
	for (;;)
	{
		if (run.finished)
			return run.status;
		if (strcmp(run.status, "running") == 0)
		{
			const char *status = cancel_running(run_id, run.attempt, change);

			audit_one("cancel", &run, &task, status, change);
			return status;
		}
		if (tc_run_cancel(run_id, change))
		{
			audit_one("cancel", &run, &task, "cancelled", change);
			return "cancelled";
		}
		CHECK_FOR_INTERRUPTS();
		tc_run_require(run_id, &run);
	}
}

Datum
taskcenter_cancel_run(PG_FUNCTION_ARGS)
{
	int64		run_id = tc_arg_id(fcinfo, 0, "run_id");
	RunChange	change = tc_run_change(fcinfo, 1, GetCurrentTimestamp());
	StoreFrame	frame;
	const char *status;

	tc_store_begin(&frame);
	status = cancel_one(run_id, &change);
	tc_store_end(&frame);
	PG_RETURN_TEXT_P(cstring_to_text(status));
}

/* ---- many ---- */

/* arguments 0 and 1: a task and statuses; inside a frame */
static RunFilter
filter_of(const char *task_name, char **statuses, int status_count,
		  const char *const *allowed)
{
	RunFilter	filter = {0};
	TaskRow		task;
	int			i;

	for (i = 0; i < status_count; i++)
		tc_check_choice("statuses", statuses[i], allowed);
	filter.statuses = (const char *const *) statuses;
	filter.status_count = status_count;
	if (task_name == NULL)
		tc_access_tasks(tc_statement_caller(), TASK_RIGHT_OPERATE, &filter.tasks);
	else
	{
		tc_access_require_task(task_name, false, TASK_RIGHT_OPERATE, &task);
		filter.task_id = task.task_id;
		filter.tasks.all = true;
		filter.task_owner = task.owner_id;
	}
	return filter;
}

/* a row of run_change; problem NULL: done */
static void
put_change(FunctionCallInfo fcinfo, const ChosenRun *run, const char *status,
		   const char *problem)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = Int64GetDatum(run->run_id);
	values[1] = CStringGetTextDatum(run->task);
	values[2] = CStringGetTextDatum(run->status);
	values[3] = CStringGetTextDatum(status);
	nulls[4] = problem == NULL;
	values[4] = problem == NULL ? (Datum) 0 : CStringGetTextDatum(problem);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
taskcenter_cancel_runs(PG_FUNCTION_ARGS)
{
	char	   *task = tc_arg_text(fcinfo, 0);
	int			status_count;
	char	  **statuses = tc_arg_text_array(fcinfo, 1, "statuses", &status_count);
	RunChange	change = tc_run_change(fcinfo, 2, GetCurrentTimestamp());
	StoreFrame	frame;
	RunFilter	filter;
	ChosenRun  *cancelled;
	ChosenRun  *running;
	int			cancelled_count;
	int			running_count;
	int			undoing_count = 0;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	filter = filter_of(task, statuses, status_count, cancellable);
	cancelled_count = tc_runs_cancel(&filter, &change, &cancelled);
	running_count = tc_runs_running(&filter, &running);
	for (i = 0; i < cancelled_count; i++)
		put_change(fcinfo, &cancelled[i], "cancelled", NULL);
	for (i = 0; i < running_count; i++)
	{
		const char *status = cancel_running(running[i].run_id, running[i].attempt, &change);

		undoing_count += strcmp(status, STATUS_COMPENSATING) == 0;
		put_change(fcinfo, &running[i], status, NULL);
	}
	audit_many("cancel", &filter, task, "cancelled", cancelled_count, &change);
	audit_many("cancel", &filter, task, STATUS_CANCELLING, running_count - undoing_count,
			   &change);
	audit_many("cancel", &filter, task, STATUS_COMPENSATING, undoing_count, &change);
	tc_store_end(&frame);
	return (Datum) 0;
}

/* ---- retry ---- */

static void
refuse_retry(const RunFacts *run)
{
	const char *hint = "Wait until it has finished.";

	if (strcmp(run->status, "succeeded") == 0)
		hint = "A succeeded run is never repeated; call taskcenter.enqueue_task() for a new one.";
	else if (run->parent_run_id != 0)
		hint = "It is a step: retry the run that it belongs to, which goes on from there.";
	else if (strcmp(run->status, "skipped") == 0)
		hint = "A skipped step starts again with the run that it belongs to.";
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("run %lld cannot be retried", (long long) run->run_id),
			 errdetail("Its status is \"%s\".", run->status),
			 errhint("%s", hint)));
}

static void
refuse_taken_key(const RunFacts *run)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("run %lld cannot be retried", (long long) run->run_id),
			 errdetail("Another unfinished run of task \"%s\" has its unique key.", run->task),
			 errhint("Cancel that run first, or leave the work to it.")));
}

static void
retry_one(int64 run_id, const RunChange *change)
{
	RunFacts	run;
	TaskRow		task;
	ChosenRun	chosen;
	RetryTarget target;
	int64	   *moved;

	tc_run_require(run_id, &run);
	require_task(&run, &task);
	tc_access_check_run(&task, &run, TASK_RIGHT_VIEW);
	tc_access_check_task(&task, TASK_RIGHT_OPERATE);
	if (!tc_run_retryable(run_id, &chosen))
		refuse_retry(&run);
	tc_enqueue_check_task(&task);
	if (chosen.key_taken)
		refuse_taken_key(&run);
	target = tc_retry_target(&task, change->now);
	if (tc_runs_retry(&target, &run_id, 1, change, &moved) == 0)
	{
		tc_run_require(run_id, &run);
		refuse_retry(&run);
	}
	audit_one("retry", &run, &task, "queued", change);
}

Datum
taskcenter_retry_run(PG_FUNCTION_ARGS)
{
	int64		run_id = tc_arg_id(fcinfo, 0, "run_id");
	RunChange	change = tc_run_change(fcinfo, 1, GetCurrentTimestamp());
	StoreFrame	frame;

	tc_store_begin(&frame);
	retry_one(run_id, &change);
	tc_store_end(&frame);
	PG_RETURN_TEXT_P(cstring_to_text("queued"));
}

/* Retry the runs of one task; puts a row for each of them.  Returns how many are. */
static int
retry_of_task(FunctionCallInfo fcinfo, const ChosenRun *runs, int count,
			  const RunChange *change)
{
	int64	   *ids = palloc(sizeof(int64) * count);
	int64	   *moved;
	int			id_count = 0;
	int			moved_count;
	TaskRow		task;
	RetryTarget target;
	int			i;

	for (i = 0; i < count; i++)
		if (!runs[i].key_taken)
			ids[id_count++] = runs[i].run_id;
	if (!tc_task_find_id(runs[0].task_id, false, &task))
		return 0;
	target = tc_retry_target(&task, change->now);
	moved_count = tc_runs_retry(&target, ids, id_count, change, &moved);
	for (i = 0; i < count; i++)
	{
		if (tc_ids_contain(moved, moved_count, runs[i].run_id))
			put_change(fcinfo, &runs[i], "queued", NULL);
		else
			put_change(fcinfo, &runs[i], runs[i].status,
					   runs[i].key_taken ? "another unfinished run has its unique key"
					   : "it was changed by somebody else");
	}
	return moved_count;
}

Datum
taskcenter_retry_runs(PG_FUNCTION_ARGS)
{
	char	   *task = tc_arg_text(fcinfo, 0);
	int			status_count;
	char	  **statuses = tc_arg_text_array(fcinfo, 1, "statuses", &status_count);
	RunChange	change = tc_run_change(fcinfo, 2, GetCurrentTimestamp());
	StoreFrame	frame;
	RunFilter	filter;
	ChosenRun  *runs;
	int			count;
	int			retried = 0;
	int			first = 0;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	filter = filter_of(task, statuses, status_count, retryable);
	if (filter.statuses == NULL)
	{
		filter.statuses = retried_unasked;
		filter.status_count = lengthof(retried_unasked);
	}
	count = tc_runs_retryable(&filter, &runs);
	for (i = 1; i <= count; i++)
	{
		if (i < count && runs[i].task_id == runs[first].task_id)
			continue;
		retried += retry_of_task(fcinfo, &runs[first], i - first, &change);
		first = i;
	}
	audit_many("retry", &filter, task, "queued", retried, &change);
	tc_store_end(&frame);
	return (Datum) 0;
}
