/*-------------------------------------------------------------------------
 *
 * trigger_call.c
 *		What all trigger functions ask of their call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"

#include "trigger_call.h"

TriggerData *
tc_trigger_call(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("guard functions can only be called as triggers")));
	return (TriggerData *) fcinfo->context;
}

TriggerData *
tc_row_trigger_call(FunctionCallInfo fcinfo)
{
	TriggerData *call = tc_trigger_call(fcinfo);

	if (!TRIGGER_FIRED_FOR_ROW(call->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this guard function can only be called as a row trigger")));
	return call;
}

int
tc_column_number(Relation rel, const char *name)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	}
	elog(ERROR, "relation \"%s\" has no column \"%s\"", RelationGetRelationName(rel), name);
	return 0;
}

Datum
tc_column_value(Relation rel, HeapTuple tuple, const char *name, bool *isnull)
{
	return heap_getattr(tuple, tc_column_number(rel, name), RelationGetDescr(rel), isnull);
}
