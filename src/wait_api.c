/*-------------------------------------------------------------------------
 *
 * wait_api.c
 *		wait_for_run() and await_run().
 *
 * A session registers as a waiter, looks at the run, sleeps until a finish of
 * that run sets its latch, and looks again: no query is repeated meanwhile.
 * The function holds its statement's snapshot while it sleeps; the procedure
 * ends the transaction before each sleep and holds nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "access.h"
#include "arguments.h"
#include "compat.h"
#include "control_store.h"
#include "current_run.h"
#include "procedure_call.h"
#include "run_control_store.h"
#include "run_result.h"
#include "setting_keys.h"
#include "shared_state.h"
#include "shared_waiters.h"
#include "statement.h"
#include "task_store.h"

PG_FUNCTION_INFO_V1(taskcenter_wait_for_run);
PG_FUNCTION_INFO_V1(taskcenter_await_run);

/* without a waiter's slot nobody sets our latch: look again this often */
#define UNREGISTERED_LOOK_MS 1000

typedef struct Wait
{
	int64		run_id;
	int64		limit_ms;		/* < 0: none */
	int			waiter;			/* -1: not registered */
	instr_time	began_at;
} Wait;

/* ---- looking ---- */

/* The run as it is now, for somebody who may see it, or its status at least. */
static void
look(int64 run_id, RunFacts *run)
{
	StoreFrame	frame;
	TaskRow		task;

	tc_store_begin(&frame);
	tc_run_require(run_id, run);
	if (!tc_task_find_id(run->task_id, false, &task))
		tc_run_report_missing(run_id);
	tc_access_check_run(&task, run, TASK_RIGHT_VIEW);
	if (!tc_access_may_run(tc_statement_caller(), &task, run, TASK_RIGHT_READ))
	{
		run->output = NULL;
		run->error = NULL;
	}
	tc_store_end(&frame);
}

static int64
max_wait_ms(void)
{
	StoreFrame	frame;
	char	   *text;
	int64		usecs;

	tc_store_begin(&frame);
	text = tc_setting_value(TC_SETTING_MAX_WAIT);

	tc_store_end(&frame);
	if (!tc_interval_usecs(tc_parse_interval(TC_SETTING_MAX_WAIT, text), &usecs))
		usecs = PG_INT64_MAX;
	return usecs / 1000;
}

static int64
limit_of(FunctionCallInfo fcinfo, int n, int64 otherwise)
{
	Interval   *timeout = tc_arg_interval(fcinfo, n);
	int64		usecs;

	tc_check_interval("timeout", timeout, 0, TC_INTERVAL_MAX);
	if (timeout == NULL || !tc_interval_usecs(timeout, &usecs))
		return otherwise;
	return usecs / 1000;
}

/* ---- refusals: what could only wait for ever ---- */

static void
refuse(const char *problem, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s", problem),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static void
check_can_finish(const RunFacts *run)
{
	if (TransactionIdIsValid(run->written_by) &&
		TransactionIdIsCurrentTransactionId(run->written_by))
		refuse("commit first",
			   psprintf("Run %lld was made or changed by this transaction; nobody else sees it yet.",
						(long long) run->run_id),
			   "Commit, then wait; or call taskcenter.perform_run() to execute it here and now.");
	if (!tc_shared_available())
		refuse("nothing executes runs on this server",
			   psprintf("Run %lld would never finish: taskcenter is not preloaded.",
						(long long) run->run_id),
			   "Add this to postgresql.conf and restart: shared_preload_libraries = 'taskcenter'");
}

static void
check_may_wait(void)
{
	if (tc_current_run() != NULL)
		refuse("a run cannot wait for a run",
			   "The executor that would wait may be the one that the other run needs.",
			   "Let the other task enqueue what comes next.");
}

/* ---- sleeping ---- */

static int64
elapsed_ms(const Wait *wait)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, wait->began_at);
	return (int64) INSTR_TIME_GET_MILLISEC(now);
}

/* Sleep until the run may have finished; false: the time is up. */
static bool
sleep_on(const Wait *wait)
{
	int64		left = PG_INT32_MAX;

	if (wait->limit_ms >= 0)
		left = Min(left, wait->limit_ms - elapsed_ms(wait));
	if (left <= 0)
		return false;
	if (wait->waiter < 0)
		left = Min(left, UNREGISTERED_LOOK_MS);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, (long) left,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	return true;
}

static void
leave(int code, Datum argument)
{
	tc_shared_wait_end(DatumGetInt32(argument));
}

static void
start_wait(Wait *wait, int64 run_id, int64 limit_ms)
{
	wait->run_id = run_id;
	wait->limit_ms = limit_ms;
	INSTR_TIME_SET_CURRENT(wait->began_at);
	wait->waiter = tc_shared_available() ? tc_shared_wait_begin(run_id) : -1;
}

/* ---- results ---- */

static Datum
result_of(FunctionCallInfo fcinfo, const RunFacts *run)
{
	TupleDesc	desc;
	Datum		values[TC_RUN_RESULT_COLUMNS];
	bool		nulls[TC_RUN_RESULT_COLUMNS];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tc_run_result_fill(run, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* ---- the function ---- */

static void
wait_in_statement(Wait *wait, RunFacts *run)
{
	look(wait->run_id, run);
	if (run->finished)
		return;
	check_can_finish(run);
	if (IsolationUsesXactSnapshot())
		refuse("cannot wait in this transaction",
			   "Its snapshot is fixed, so it can never see the run finish.",
			   "Wait in a READ COMMITTED transaction.");
	while (!run->finished && sleep_on(wait))
		look(wait->run_id, run);
}

Datum
taskcenter_wait_for_run(PG_FUNCTION_ARGS)
{
	int64		run_id = tc_arg_id(fcinfo, 0, "run_id");
	int64		limit = limit_of(fcinfo, 1, 60 * 1000);
	RunFacts	run;
	Wait		wait;

	check_may_wait();
	limit = Min(limit, max_wait_ms());
	start_wait(&wait, run_id, limit);
	PG_ENSURE_ERROR_CLEANUP(leave, Int32GetDatum(wait.waiter));
	{
		wait_in_statement(&wait, &run);
	}
	PG_END_ENSURE_ERROR_CLEANUP(leave, Int32GetDatum(wait.waiter));
	leave(0, Int32GetDatum(wait.waiter));
	PG_RETURN_DATUM(result_of(fcinfo, &run));
}

/* ---- the procedure ---- */

static void
wait_between_transactions(Wait *wait, RunFacts *run)
{
	look(wait->run_id, run);
	while (!run->finished)
	{
		check_can_finish(run);
		tc_transaction_break();
		if (!sleep_on(wait))
			break;
		look(wait->run_id, run);
	}
}

Datum
taskcenter_await_run(PG_FUNCTION_ARGS)
{
	int64		run_id = tc_arg_id(fcinfo, 0, "run_id");
	int64		limit = limit_of(fcinfo, 1, -1);
	TupleDesc	desc;
	RunFacts	run;
	Wait		wait;
	Datum		status;
	bool		isnull = false;

	check_may_wait();
	tc_require_no_transaction(fcinfo, "await_run",
							  "It ends the transaction in order to wait without a snapshot.",
							  "Call it by itself, or use taskcenter.wait_for_run().");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	start_wait(&wait, run_id, limit);
	PG_ENSURE_ERROR_CLEANUP(leave, Int32GetDatum(wait.waiter));
	{
		wait_between_transactions(&wait, &run);
	}
	PG_END_ENSURE_ERROR_CLEANUP(leave, Int32GetDatum(wait.waiter));
	leave(0, Int32GetDatum(wait.waiter));
	status = CStringGetTextDatum(run.status);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), &status, &isnull)));
}
