/*-------------------------------------------------------------------------
 *
 * event_triggers.c
 *		What happens to dead letters is told as events.
 *
 * Fires as ENABLE ALWAYS row trigger after a row was made, or its state has
 * changed.  What a restore loads, and what a publisher sends, is told there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "replication/logicalworker.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "event_store.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_tell_dead_letter);

Datum
taskcenter_tell_dead_letter(PG_FUNCTION_ARGS)
{
	TriggerData *call = (TriggerData *) fcinfo->context;
	StoreFrame	frame;
	HeapTuple	tuple;
	bool		isnull;
	Datum		id;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(call->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(call->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("it can only be called as a row trigger after a change")));
	if (!tc_statement_is_own() || IsLogicalWorker())
		return PointerGetDatum(NULL);
	tuple = TRIGGER_FIRED_BY_UPDATE(call->tg_event) ? call->tg_newtuple : call->tg_trigtuple;
	/* the id is the first column */
	id = heap_getattr(tuple, 1, RelationGetDescr(call->tg_relation), &isnull);
	tc_store_begin(&frame);
	tc_event_note_dead_letter(DatumGetInt64(id), GetCurrentTimestamp());
	tc_store_end(&frame);
	return PointerGetDatum(NULL);
}
