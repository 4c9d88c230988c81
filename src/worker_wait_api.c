/*-------------------------------------------------------------------------
 *
 * worker_wait_api.c
 *		await_runs().
 *
 * A worker registers as a waiter for its queues, looks at what it could claim,
 * ends its transaction and sleeps, until a commit that makes runs claimable
 * sets its latch, or the first due time that it saw has come; then it looks
 * again.  Each run wakes one of those who wait; what that one cannot claim it
 * passes on.  While it sleeps it holds no snapshot and no lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "arguments.h"
#include "control_store.h"
#include "setting_keys.h"
#include "shared_state.h"
#include "shared_waiters.h"
#include "statement.h"
#include "work.h"

PG_FUNCTION_INFO_V1(taskcenter_await_runs);

/* another looks if the worker that was told of a run has not claimed it by then */
#define UNCLAIMED_LOOK_US (1 * USECS_PER_SEC)

/* without a waiter's slot nobody sets our latch: look again this often */
#define UNREGISTERED_LOOK_US USECS_PER_SEC

static void
check_not_atomic(FunctionCallInfo fcinfo)
{
	if (fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
		!((CallContext *) fcinfo->context)->atomic)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			 errmsg("await_runs() cannot be called in a transaction block"),
			 errdetail("It ends the transaction in order to wait without a snapshot."),
			 errhint("Call it by itself, then claim.")));
}

/* the worker, of the caller; raises as claim_runs() does */
static void
require_worker(int64 worker_id, WorkerRow *worker)
{
	Oid			caller = tc_statement_caller();

	if (!tc_worker_find(worker_id, false, worker))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("worker %lld does not exist", (long long) worker_id),
				 errdetail("No worker has that id; ended ones are removed after a day."),
				 errhint("Call taskcenter.register_worker().")));
	if (!OidIsValid(worker->role_id) || !has_privs_of_role(caller, worker->role_id))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for worker %lld", (long long) worker_id),
				 errdetail("Role \"%s\" does not have the privileges of the role that registered it.",
						   GetUserNameFromId(caller, true)),
				 errhint("Register a worker of your own.")));
	if (worker->ended)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("worker %lld has ended", (long long) worker_id),
				 errdetail("It was unregistered."),
				 errhint("Call taskcenter.register_worker() for a new one.")));
}

/* The place of a waiter, for the queues of the worker. */
static int
begin_wait(int64 worker_id, TimestampTz *until, const Interval *timeout)
{
	StoreFrame	frame;
	WorkerRow	worker;
	QueueRow	queue;
	int64	   *ids;
	int64		limit;
	int64		longest;
	int			count = 0;
	int			i;

	tc_store_begin(&frame);
	require_worker(worker_id, &worker);
	tc_work_refuse_copy();
	ids = palloc(sizeof(int64) * Max(worker.queue_count, 1));
	for (i = 0; i < worker.queue_count; i++)
		if (tc_queue_find(worker.queues[i], false, &queue))
			ids[count++] = queue.queue_id;
	if (!tc_interval_usecs(tc_parse_interval(TC_SETTING_MAX_WAIT,
											 tc_setting_value(TC_SETTING_MAX_WAIT)), &longest))
		longest = TC_INTERVAL_MAX;
	tc_store_end(&frame);
	if (timeout == NULL || !tc_interval_usecs(timeout, &limit))
		limit = USECS_PER_MINUTE;
	*until = GetCurrentTimestamp() + Min(limit, longest);
	return tc_shared_available() ? tc_shared_wait_for_work(ids, count) : -1;
}

static WorkOutlook
look(int64 worker_id)
{
	StoreFrame	frame;
	WorkerRow	worker;
	WorkOutlook outlook;

	tc_store_begin(&frame);
	require_worker(worker_id, &worker);
	outlook = tc_work_look(&worker, GetCurrentTimestamp());
	tc_store_end(&frame);
	return outlook;
}

/* Sleep until there may be more; the wall clock may be set meanwhile. */
static void
sleep_until(TimestampTz until, int waiter)
{
	int64		left = until - GetCurrentTimestamp();

	if (waiter < 0)
		left = Min(left, UNREGISTERED_LOOK_US);
	left = Min(left, TC_CLOCK_CHECK_MS * INT64CONST(1000));
	if (left > 0)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) ((left + 999) / 1000), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Wait until there may be something to claim, or that time has come. */
static void
wait_for_news(TimestampTz until, int waiter)
{
	for (;;)
	{
		TimestampTz look_at;

		/* who leaves can have set an earlier time */
		if (tc_shared_wait_must_look(waiter, &look_at) ||
			GetCurrentTimestamp() >= Min(until, look_at))
			return;
		sleep_until(Min(until, look_at), waiter);
		if (waiter < 0)
			return;
	}
}

static bool
wait_for_work(int64 worker_id, int waiter, TimestampTz until)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "taskcenter look",
												  ALLOCSET_SMALL_SIZES);

	for (;;)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		woken = tc_shared_wait_look(waiter);
		WorkOutlook outlook = look(worker_id);
		TimestampTz now = GetCurrentTimestamp();

		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		if (outlook.due)
			outlook.next = Min(outlook.next, now + UNCLAIMED_LOOK_US);
		tc_shared_wait_looked(waiter, outlook.next);
		if (outlook.due)
			return true;
		if (woken && outlook.partial)
			tc_shared_wait_pass_on(waiter);
		if (now >= until)
			return false;
		tc_shared_wait_for_room(waiter, outlook.held_back);
		/* a finish before the mark was not for us */
		if (outlook.held_back && look(worker_id).due)
			return true;
		tc_transaction_break();
		wait_for_news(until, waiter);
	}
}

static void
leave(int code, Datum argument)
{
	tc_shared_wait_end(DatumGetInt32(argument));
}

Datum
taskcenter_await_runs(PG_FUNCTION_ARGS)
{
	Interval   *timeout = tc_arg_interval(fcinfo, 1);
	int64		worker_id;
	TimestampTz until;
	TupleDesc	desc;
	Datum		due;
	bool		isnull = false;
	int			waiter;

	worker_id = tc_arg_id(fcinfo, 0, "worker_id");
	tc_check_interval("timeout", timeout, 0, TC_INTERVAL_MAX);
	check_not_atomic(fcinfo);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	waiter = begin_wait(worker_id, &until, timeout);
	PG_ENSURE_ERROR_CLEANUP(leave, Int32GetDatum(waiter));
	{
		due = BoolGetDatum(wait_for_work(worker_id, waiter, until));
	}
	PG_END_ENSURE_ERROR_CLEANUP(leave, Int32GetDatum(waiter));
	leave(0, Int32GetDatum(waiter));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, &due, &isnull)));
}
