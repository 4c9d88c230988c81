/*-------------------------------------------------------------------------
 *
 * run_view_api.c
 *		The rows of the views recent_runs, failed_runs and task_overview.
 *
 * Executed in any session, as the user who reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "granted.h"
#include "newest_run_store.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_newest_runs);
PG_FUNCTION_INFO_V1(taskcenter_last_runs);

#define RECENT (24 * USECS_PER_HOUR)

/* as the view task_runs has it */
static void
read_reader(RunReader *reader)
{
	Oid			caller = tc_statement_caller();

	tc_access_tasks(caller, TASK_RIGHT_VIEW, &reader->known);
	tc_access_tasks(caller, TASK_RIGHT_READ, &reader->readable);
	reader->readable.all = has_bypassrls_privilege(caller);
	tc_access_tasks(caller, TASK_RIGHT_ENQUEUE, &reader->enqueueable);
	reader->enqueuing_since = tc_granted_since(caller, TASK_RIGHT_ENQUEUE);
	reader->name = GetUserNameFromId(caller, false);
}

/* newest_runs(failed) */
Datum
taskcenter_newest_runs(PG_FUNCTION_ARGS)
{
	bool		failed = tc_arg_bool(fcinfo, 0, false);
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RunReader	reader;
	StoreFrame	frame;

	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	read_reader(&reader);
	if (failed)
		tc_runs_failed(&reader);
	else
		tc_runs_newest(&reader, now - RECENT, now);
	tc_put_rows(result->setResult, result->setDesc);
	tc_store_end(&frame);
	return (Datum) 0;
}

/* last_runs() */
Datum
taskcenter_last_runs(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TaskSet		known;
	StoreFrame	frame;

	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	tc_access_tasks(tc_statement_caller(), TASK_RIGHT_VIEW, &known);
	tc_runs_last(&known, now - RECENT, now);
	tc_put_rows(result->setResult, result->setDesc);
	tc_store_end(&frame);
	return (Datum) 0;
}
