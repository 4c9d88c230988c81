/*-------------------------------------------------------------------------
 *
 * metric_triggers.c
 *		The trigger that counts runs as they finish, whoever finishes them.
 *
 * Fires before a row goes into finished_runs, in the writer's process; what
 * it notes counts at commit.  What a restore or a publisher brings is not
 * counted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "replication/logicalworker.h"
#include "utils/timestamp.h"

#include "run_status.h"
#include "shared_metrics.h"
#include "statement.h"
#include "trigger_call.h"

PG_FUNCTION_INFO_V1(taskcenter_count_run);

/* columns of finished_runs, in the order of the table */
#define FINISHED_TASK_ID 2
#define FINISHED_QUEUE_ID 5
#define FINISHED_RUN_AT 6
#define FINISHED_CREATED_AT 7
#define FINISHED_FINISHED_AT 8
#define FINISHED_STATUS 15
#define FINISHED_STARTED_AT 24
#define FINISHED_DEFINITION_ID 36	/* of steps */

static void
check_columns(Relation rel)
{
	static bool checked = false;

	if (checked)
		return;
	if (tc_column_number(rel, "task_id") != FINISHED_TASK_ID ||
		tc_column_number(rel, "queue_id") != FINISHED_QUEUE_ID ||
		tc_column_number(rel, "run_at") != FINISHED_RUN_AT ||
		tc_column_number(rel, "created_at") != FINISHED_CREATED_AT ||
		tc_column_number(rel, "finished_at") != FINISHED_FINISHED_AT ||
		tc_column_number(rel, "status") != FINISHED_STATUS ||
		tc_column_number(rel, "started_at") != FINISHED_STARTED_AT ||
		tc_column_number(rel, "definition_id") != FINISHED_DEFINITION_ID)
		elog(ERROR, "relation \"%s\" is not laid out as this library expects",
			 RelationGetRelationName(rel));
	checked = true;
}

static bool
counter_of(RunStatus status, RunCounter *counter)
{
	switch (status)
	{
		case RUN_STATUS_SUCCEEDED:
			*counter = RUN_COUNTER_SUCCEEDED;
			return true;
		case RUN_STATUS_FAILED:
			*counter = RUN_COUNTER_FAILED;
			return true;
		case RUN_STATUS_TIMED_OUT:
			*counter = RUN_COUNTER_TIMED_OUT;
			return true;
		case RUN_STATUS_CANCELLED:
			*counter = RUN_COUNTER_CANCELLED;
			return true;
		case RUN_STATUS_SKIPPED:
			*counter = RUN_COUNTER_SKIPPED;
			return true;
		case RUN_STATUS_WAITING:
		case RUN_STATUS_QUEUED:
		case RUN_STATUS_RUNNING:
		case RUN_STATUS_RETRYING:
			break;
	}
	return false;
}

/* all of eight bytes, passed by value */
static int64
number(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;

	return DatumGetInt64(heap_getattr(tuple, column, desc, &isnull));
}

static void
count_run(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	text	   *label = DatumGetTextPP(heap_getattr(tuple, FINISHED_STATUS, desc, &isnull));
	TimestampTz started_at = heap_attisnull(tuple, FINISHED_STARTED_AT, desc) ? 0
	: number(tuple, desc, FINISHED_STARTED_AT);
	TimestampTz due_at = Max(number(tuple, desc, FINISHED_RUN_AT),
							 number(tuple, desc, FINISHED_CREATED_AT));
	RunStatus	status;
	RunCounter	counter;

	if (isnull || !tc_run_status_parse(VARDATA_ANY(label), VARSIZE_ANY_EXHDR(label), &status) ||
		!counter_of(status, &counter))
		return;
	tc_metric_run(counter, number(tuple, desc, FINISHED_QUEUE_ID),
				  number(tuple, desc, FINISHED_TASK_ID),
				  started_at == 0 ? -1 : Max(started_at - due_at, 0),
				  started_at == 0 ? -1
				  : Max(number(tuple, desc, FINISHED_FINISHED_AT) - started_at, 0),
				  !heap_attisnull(tuple, FINISHED_DEFINITION_ID, desc));
}

Datum
taskcenter_count_run(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_row_trigger_call(fcinfo);

	check_columns(call->tg_relation);
	if (tc_statement_is_own() && !IsLogicalWorker())
		count_run(call->tg_trigtuple, RelationGetDescr(call->tg_relation));
	return PointerGetDatum(call->tg_trigtuple);
}
