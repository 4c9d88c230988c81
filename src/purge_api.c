/*-------------------------------------------------------------------------
 *
 * purge_api.c
 *		preview_purge(), purge(), hold_history(), release_history().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "hold_store.h"
#include "procedure_call.h"
#include "purge.h"
#include "purge_plan.h"

PG_FUNCTION_INFO_V1(taskcenter_preview_purge);
PG_FUNCTION_INFO_V1(taskcenter_purge);
PG_FUNCTION_INFO_V1(taskcenter_hold_history);
PG_FUNCTION_INFO_V1(taskcenter_release_history);

#define PREVIEW_COLUMNS 6
#define PURGE_COLUMNS 3

/* ---- purge ---- */

static void
check_may_purge(const char *what)
{
	char	   *detail;

	tc_access_require_admin(what);
	if (tc_activation_status(&detail) != ACTIVATION_FOREIGN)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("nothing is purged in a copy that was not adopted"),
			 errdetail("%s", detail),
			 errhint("Use taskcenter.adopt_database() first.")));
}

static Datum
instant(TimestampTz value, bool *isnull)
{
	*isnull = TIMESTAMP_NOT_FINITE(value);
	return TimestampTzGetDatum(value);
}

static void
put_item(const char *relation, PurgePolicy policy, const PurgeCount *count, void *argument)
{
	ReturnSetInfo *result = argument;
	Datum		values[PREVIEW_COLUMNS];
	bool		nulls[PREVIEW_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(relation);
	values[1] = instant(count->cutoff, &nulls[1]);
	values[2] = Int64GetDatum(count->rows);
	values[3] = Int64GetDatum(count->bytes);
	values[4] = Int64GetDatum(count->partitions);
	values[5] = CStringGetTextDatum(tc_purge_policy_labels[policy]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
taskcenter_preview_purge(PG_FUNCTION_ARGS)
{
	StoreFrame	frame;

	check_may_purge("preview a purge");
	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	tc_purge_preview(GetCurrentTimestamp(), put_item, fcinfo->resultinfo);
	tc_store_end(&frame);
	return (Datum) 0;
}

static void
pause_session(int milliseconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* what was done before stays done */
static void
raise_error(ErrorData *error)
{
	ReThrowError(error);
}

Datum
taskcenter_purge(PG_FUNCTION_ARGS)
{
	PurgeHost	host = {tc_transaction_next, pause_session, raise_error, PortalContext, NULL};
	PurgeTotals totals;
	TupleDesc	desc;
	Datum		values[PURGE_COLUMNS];
	bool		nulls[PURGE_COLUMNS] = {false};

	tc_require_no_transaction(fcinfo, "purge",
							  "Each piece of it is a transaction of its own.",
							  "Call it by itself; taskcenter.preview_purge() can be called anywhere.");
	PreventCommandIfReadOnly("CALL taskcenter.purge()");
	host.reason = tc_arg_reason(fcinfo, 0);
	check_may_purge("purge history");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tc_transaction_next();
	tc_purge(&host, GetCurrentTimestamp(), &totals);
	if (totals.busy > 0)
		ereport(WARNING,
				(errmsg("%lld parts of the history could not be purged: they are in use",
						(long long) totals.busy),
				 errhint("Call purge() again, or leave it to the automatic purge.")));
	values[0] = Int64GetDatum(totals.rows);
	values[1] = Int64GetDatum(totals.bytes);
	values[2] = Int64GetDatum(totals.partitions);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- holds ---- */

/* all tasks of the name that the caller may hold; 42704, 42501 if there is none */
static int
require_holdable(const char *name, int64 **task_ids)
{
	bool		admin = tc_access_is_admin(tc_statement_caller());
	int			found = tc_hold_find(name, task_ids);
	int			count = 0;
	int			i;

	if (found == 0)
		tc_access_report_missing_task(name);
	for (i = 0; i < found; i++)
	{
		TaskRow		task;

		if (admin || (tc_task_find_id((*task_ids)[i], false, &task) &&
					  tc_access_may(tc_statement_caller(), &task, TASK_RIGHT_MANAGE)))
			(*task_ids)[count++] = (*task_ids)[i];
		else if (i == found - 1 && count == 0)
			tc_access_check_task(&task, TASK_RIGHT_MANAGE);
	}
	return count;
}

static void
set_holds(const int64 *task_ids, int count, const char *hold, TimestampTz now)
{
	int			i;

	for (i = 0; i < count; i++)
		(void) tc_hold_set(task_ids[i], hold, now);
}

Datum
taskcenter_hold_history(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	char	   *reason = tc_arg_reason(fcinfo, 1);
	StoreFrame	frame;
	int64	   *task_ids;
	int			count;

	tc_arg_require(fcinfo, 1, "reason");
	if (reason == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"reason\" must not be empty"),
				 errdetail("\"reason\" is \"\"."),
				 errhint("Say why this history must be kept.")));
	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	count = require_holdable(name, &task_ids);
	set_holds(task_ids, count, reason, now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text("held"));
}

Datum
taskcenter_release_history(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	char	   *reason = tc_arg_reason(fcinfo, 1);
	StoreFrame	frame;
	int64	   *task_ids;
	int			count;

	/* who could be tempted to release his own history does not decide */
	tc_access_require_admin("release history that is held");
	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	count = require_holdable(name, &task_ids);
	set_holds(task_ids, count, NULL, now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text("released"));
}
