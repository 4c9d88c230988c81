/*-------------------------------------------------------------------------
 *
 * perform_api.c
 *		perform_run() and perform_due_runs().
 *
 * The command runs in the caller's session, where it can do whatever the
 * session can: RESET ROLE among other things.  So the session must have been
 * opened by the very role that the run runs as.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "audit_context.h"
#include "flag_check.h"
#include "flag_run_store.h"
#include "perform.h"
#include "run_control_store.h"
#include "run_result.h"
#include "statement.h"
#include "task_store.h"

PG_FUNCTION_INFO_V1(taskcenter_perform_run);
PG_FUNCTION_INFO_V1(taskcenter_perform_due_runs);

static bool
session_is_of(Oid role)
{
	return GetUserId() == role && GetSessionUserId() == role &&
		GetAuthenticatedUserId() == role;
}

static void
refuse_session(Oid run_as)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to perform runs of role \"%s\"",
					GetUserNameFromId(run_as, true)),
			 errdetail("The session belongs to \"%s\" and acts as \"%s\".",
					   GetUserNameFromId(GetAuthenticatedUserId(), true),
					   GetUserNameFromId(GetUserId(), true)),
			 errhint("Connect as the role that the run runs as; SET ROLE is not enough.")));
}

static void
refuse_status(const RunFacts *run)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("run %lld cannot be performed", (long long) run->run_id),
			 errdetail("Its status is \"%s\".", run->status),
			 run->finished ? errhint("Call taskcenter.retry_run() first, or enqueue a new run.")
			 : errhint("Only queued and retrying runs can be performed.")));
}

/* Execute a run whose caller has the right to it; false: it is not ready. */
static bool
perform_one(int64 run_id, int64 task_id)
{
	Oid			role = GetUserId();
	char	   *actor = tc_audit_actor(role);
	TaskDefinition *task = tc_definition_load(task_id);
	StoreFrame	frame;
	PerformedRun run;
	Performance *performance;
	char	   *why;
	bool		started;

	if (task == NULL)
		tc_run_report_missing(run_id);
	tc_perform_check(task);
	if (task->requires_flag != NULL &&
		!tc_flag_allows(task->requires_flag, task->flag_subject, &why))
		return tc_flag_runs_skip(&run_id, 1, why, actor, GetCurrentTimestamp()) > 0;
	tc_store_begin(&frame);
	started = tc_perform_start(run_id, role, actor, GetCurrentTimestamp(), &run);
	tc_store_end(&frame);
	if (!started)
		return false;
	if (task->requires_flag != NULL)
		tc_flag_runs_note(&run_id, 1, why, actor);
	performance = tc_perform_execute(&run, task, GetCurrentTimestamp());
	tc_perform_record(performance, actor, GetCurrentTimestamp());
	return true;
}

static void
find_facts(int64 run_id, RunFacts *run)
{
	StoreFrame	frame;

	tc_store_begin(&frame);
	tc_run_require(run_id, run);
	tc_store_end(&frame);
}

static void
check_performable(const TaskRow *task)
{
	if (strcmp(task->kind, TC_KIND_EXTERNAL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("runs of task \"%s\" cannot be performed", task->name),
				 errdetail("Its kind is \"%s\": workers claim its runs.", task->kind),
				 errhint("Use taskcenter.claim_runs() and taskcenter.complete_run().")));
}

static int64
require_right(int64 run_id, RunFacts *run)
{
	StoreFrame	frame;
	TaskRow		task;

	tc_store_begin(&frame);
	tc_run_require(run_id, run);
	if (!tc_task_find_id(run->task_id, false, &task))
		tc_run_report_missing(run_id);
	tc_store_end(&frame);
	check_performable(&task);
	if (!session_is_of(task.run_as_id))
		refuse_session(task.run_as_id);
	return task.task_id;
}

Datum
taskcenter_perform_run(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[TC_RUN_RESULT_COLUMNS];
	bool		nulls[TC_RUN_RESULT_COLUMNS];
	RunFacts	run;
	int64		run_id;
	int64		task_id;

	run_id = tc_arg_id(fcinfo, 0, "run_id");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	task_id = require_right(run_id, &run);
	if (!perform_one(run_id, task_id))
		refuse_status(&run);
	find_facts(run_id, &run);
	tc_run_result_fill(&run, values, nulls);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- all that are due ---- */

/* ids of the due runs, in the context of the caller */
static int
find_due(const char *task_name, int64 **run_ids)
{
	MemoryContext outside = CurrentMemoryContext;
	StoreFrame	frame;
	TaskRow		task;
	int64		task_id = 0;
	int64	   *found;
	int			count;

	tc_store_begin(&frame);
	if (task_name != NULL)
	{
		tc_access_require_task(task_name, false, TASK_RIGHT_VIEW, &task);
		task_id = task.task_id;
	}
	count = tc_perform_due(tc_statement_caller(), task_id, GetCurrentTimestamp(), &found);
	*run_ids = MemoryContextAlloc(outside, sizeof(int64) * Max(count, 1));
	memcpy(*run_ids, found, sizeof(int64) * count);
	tc_store_end(&frame);
	if (task_name != NULL)
		check_performable(&task);
	if (task_name != NULL && !session_is_of(task.run_as_id))
		refuse_session(task.run_as_id);
	return count;
}

Datum
taskcenter_perform_due_runs(PG_FUNCTION_ARGS)
{
	char	   *task = tc_arg_text(fcinfo, 0);
	ReturnSetInfo *result;
	int64	   *run_ids;
	int			count;
	int			i;

	if (!session_is_of(GetUserId()))
		refuse_session(GetUserId());
	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	count = find_due(task, &run_ids);
	for (i = 0; i < count; i++)
	{
		Datum		values[TC_RUN_RESULT_COLUMNS];
		bool		nulls[TC_RUN_RESULT_COLUMNS];
		RunFacts	run;

		CHECK_FOR_INTERRUPTS();
		find_facts(run_ids[i], &run);
		/* a command before it may have cancelled or performed it */
		if (run.finished || !perform_one(run_ids[i], run.task_id))
			continue;
		find_facts(run_ids[i], &run);
		tc_run_result_fill(&run, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
