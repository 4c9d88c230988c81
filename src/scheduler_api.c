/*-------------------------------------------------------------------------
 *
 * scheduler_api.c
 *		Functions that steer the scheduler of this database, and show what
 *		the processes of the server do.
 *
 * States are durable: they survive restarts, and take effect at commit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "compat.h"
#include "control_store.h"
#include "current_run.h"
#include "graph_start.h"
#include "partitions.h"
#include "setting_keys.h"
#include "shared_state.h"
#include "shared_waiters.h"
#include "statement.h"

#define DEFAULT_WAIT (5 * USECS_PER_MINUTE)

PG_FUNCTION_INFO_V1(taskcenter_pause_scheduler);
PG_FUNCTION_INFO_V1(taskcenter_resume_scheduler);
PG_FUNCTION_INFO_V1(taskcenter_drain_scheduler);
PG_FUNCTION_INFO_V1(taskcenter_disable_scheduler);
PG_FUNCTION_INFO_V1(taskcenter_wait_until_idle);
PG_FUNCTION_INFO_V1(taskcenter_adopt_database);
PG_FUNCTION_INFO_V1(taskcenter_repair_partitions);

/* the transaction that asked for a stop: it must not wait for it */
static TransactionId stop_asked_by = InvalidTransactionId;

/* ---- states ---- */

/* the run that calls us does not wait for itself */
static int64
own_run(void)
{
	CurrentRun *run = tc_current_run();

	return run != NULL ? run->run_id : 0;
}

/* returns what is in flight */
static int64
set_state(const char *state, const char *what, char *reason)
{
	TimestampTz now = GetCurrentTimestamp();
	StoreFrame	frame;
	SchedulerStateRow row;
	int64		in_flight;

	tc_access_require_admin(what);
	(void) tc_activate_if_fresh(now);
	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	if (!tc_control_state(true, &row))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the database is not activated"),
				 errdetail("It holds rows of another installation and was never adopted."),
				 errhint("Use taskcenter.adopt_database().")));
	if (strcmp(row.state, state) != 0)
		tc_control_set_state(state, reason, tc_audit_actor(tc_statement_caller()), now);
	in_flight = tc_control_in_flight(NULL, own_run());
	if (strcmp(state, "running") != 0 && tc_current_run() != NULL)
		tc_graph_exempt(tc_current_run()->parent_run_id);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	if (strcmp(state, "running") != 0)
		stop_asked_by = GetTopTransactionIdIfAny();
	return in_flight;
}

Datum
taskcenter_pause_scheduler(PG_FUNCTION_ARGS)
{
	(void) set_state("paused", "pause the scheduler", tc_arg_reason(fcinfo, 0));
	PG_RETURN_TEXT_P(cstring_to_text("paused"));
}

Datum
taskcenter_resume_scheduler(PG_FUNCTION_ARGS)
{
	(void) set_state("running", "resume the scheduler", tc_arg_reason(fcinfo, 0));
	PG_RETURN_TEXT_P(cstring_to_text("running"));
}

Datum
taskcenter_drain_scheduler(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(set_state("draining", "drain the scheduler", tc_arg_reason(fcinfo, 0)));
}

Datum
taskcenter_disable_scheduler(PG_FUNCTION_ARGS)
{
	(void) set_state("disabled", "disable the scheduler", tc_arg_reason(fcinfo, 0));
	PG_RETURN_TEXT_P(cstring_to_text("disabled"));
}

/* ---- wait_until_idle() ---- */

static int64
count_in_flight(const char *queue)
{
	StoreFrame	frame;
	int64		count;

	tc_store_begin(&frame);
	count = tc_control_in_flight(queue, own_run());
	tc_store_end(&frame);
	return count;
}

static void
check_may_wait(const char *queue)
{
	StoreFrame	frame;
	QueueRow	row;
	bool		exists = true;

	if (TransactionIdIsValid(stop_asked_by) &&
		TransactionIdEquals(stop_asked_by, GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot wait in the transaction that stops the scheduler"),
				 errdetail("Until it commits, runs go on being started."),
				 errhint("Commit first, then wait.")));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot wait in a transaction with one snapshot"),
				 errdetail("It would never see a run end."),
				 errhint("Use the isolation level READ COMMITTED.")));
	if (queue == NULL)
		return;
	tc_store_begin(&frame);
	exists = tc_queue_find(queue, false, &row);
	tc_store_end(&frame);
	if (!exists)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", tc_shorten(queue)),
				 errdetail("\"queue\" is \"%s\".", tc_shorten(queue)),
				 errhint("The view taskcenter.queues shows the queues.")));
}

/* microseconds; never longer than the setting max_wait */
static int64
read_timeout(FunctionCallInfo fcinfo)
{
	Interval   *given = tc_arg_interval(fcinfo, 0);
	Interval   *longest;
	StoreFrame	frame;
	int64		timeout = DEFAULT_WAIT;
	int64		limit = 0;

	tc_check_interval("timeout", given, 0, TC_INTERVAL_MAX);
	if (given != NULL)
		(void) tc_interval_usecs(given, &timeout);
	tc_store_begin(&frame);
	longest = tc_parse_interval("max_wait", tc_setting_value(TC_SETTING_MAX_WAIT));
	(void) tc_interval_usecs(longest, &limit);
	tc_store_end(&frame);
	return Min(timeout, limit);
}

/* until nothing is in flight, or the time is over; returns what is left */
static int64
wait_for_finishes(const char *queue, TimestampTz until)
{
	int64		left;

	for (;;)
	{
		TimestampTz now;
		long		pause;

		ResetLatch(MyLatch);
		left = count_in_flight(queue);
		now = GetCurrentTimestamp();
		if (left == 0 || now >= until)
			return left;
		pause = Min((until - now) / 1000 + 1, TC_CLOCK_CHECK_MS);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 pause, tc_wait_event_new("TaskcenterWaitUntilIdle"));
		CHECK_FOR_INTERRUPTS();
	}
}

Datum
taskcenter_wait_until_idle(PG_FUNCTION_ARGS)
{
	char	   *queue = tc_arg_text(fcinfo, 1);
	TimestampTz until;
	int			waiter;
	int64		left;

	check_may_wait(queue);
	until = GetCurrentTimestamp() + read_timeout(fcinfo);
	waiter = tc_shared_wait_begin(0);	/* an error gives it back */
	left = wait_for_finishes(queue, until);
	if (waiter >= 0)
		tc_shared_wait_end(waiter);
	PG_RETURN_INT64(left);
}

/* ---- adoption and repair ---- */

Datum
taskcenter_adopt_database(PG_FUNCTION_ARGS)
{
	static const char *const choices[] = {"keep", "cancel", NULL};
	char	   *reason = tc_arg_reason(fcinfo, 0);
	char	   *unfinished = tc_arg_text(fcinfo, 1);
	bool		cancel;
	int64		cancelled;

	tc_arg_require(fcinfo, 0, "reason");
	if (reason == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"reason\" must not be empty"),
				 errdetail("\"reason\" is \"\"."),
				 errhint("Say why this copy may work.")));
	tc_check_choice("unfinished", unfinished, choices);
	tc_access_require_admin("adopt the database");
	cancel = unfinished != NULL && strcmp(unfinished, "cancel") == 0;
	tc_audit_call_reason(reason);
	cancelled = tc_activation_adopt(cancel, reason, GetCurrentTimestamp());
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(cancelled);
}

Datum
taskcenter_repair_partitions(PG_FUNCTION_ARGS)
{
	tc_access_require_admin("repair partitions");
	PG_RETURN_INT64(tc_partitions_repair());
}
