/*-------------------------------------------------------------------------
 *
 * graph_triggers.c
 *		The end of a step is noted for its root, in the same transaction.
 *
 * Fires for each run of a step that becomes finished, by whichever way; what
 * a restore or a publisher brings has its arrivals with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "progress_store.h"
#include "plain_writer.h"
#include "shared_roots.h"
#include "shared_state.h"
#include "statement.h"
#include "trigger_call.h"

PG_FUNCTION_INFO_V1(taskcenter_note_arrival);
PG_FUNCTION_INFO_V1(taskcenter_guard_graph_run);

/* the number of the column, which all partitions have in the same place */
static int
parent_column(Relation rel)
{
	static int	number = 0;

	if (number == 0)
		number = tc_column_number(rel, "parent_run_id");
	return number;
}

static void
note_arrival(Relation rel, HeapTuple row, int64 root)
{
	Arrival		arrival = {0};
	Datum		value;
	bool		isnull;

	arrival.run_id = DatumGetInt64(tc_column_value(rel, row, "run_id", &isnull));
	arrival.outcome = TextDatumGetCString(tc_column_value(rel, row, "status", &isnull));
	value = tc_column_value(rel, row, "step", &isnull);
	arrival.step = isnull ? "" : TextDatumGetCString(value);
	value = tc_column_value(rel, row, "item", &isnull);
	arrival.item = isnull ? 0 : DatumGetInt32(value);
	tc_arrival_insert(root, &arrival, GetCurrentTimestamp());
	tc_shared_touch_root(root);
}

Datum
taskcenter_note_arrival(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_row_trigger_call(fcinfo);
	Relation	rel = call->tg_relation;
	HeapTuple	row = call->tg_trigtuple;
	bool		is_root;
	Datum		root = heap_getattr(row, parent_column(rel), RelationGetDescr(rel), &is_root);

	if (!is_root && tc_statement_is_own() && !IsLogicalWorker() && !tc_arrivals_muted())
		note_arrival(rel, row, DatumGetInt64(root));
	return PointerGetDatum(row);
}

Datum
taskcenter_guard_graph_run(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_row_trigger_call(fcinfo);
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(call->tg_event) ? call->tg_newtuple
	: call->tg_trigtuple;

	tc_plain_check(call->tg_relation);
	if (!tc_statement_is_own() && !IsLogicalWorker() && !TRIGGER_FIRED_BY_INSERT(call->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot change \"%s\"", RelationGetRelationName(call->tg_relation)),
				 errdetail("The relation is kept by taskcenter and guarded for every role."),
				 errhint("Use decide_step(), send_signal(), cancel_run(), pause_run().")));
	return PointerGetDatum(row);
}
