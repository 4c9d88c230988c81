/*-------------------------------------------------------------------------
 *
 * append_row.c
 *		Append one row to a relation of ours, without a statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "append_row.h"
#include "compat.h"
#include "taskcenter.h"

static Oid
relation_of_ours(const char *name)
{
	return get_relname_relid(name, get_namespace_oid(TC_SCHEMA, false));
}

/* those of foreign keys are the server's */
static bool
is_foreign(const Trigger *trigger, const char *ours)
{
	return trigger->tgenabled != TRIGGER_DISABLED && !trigger->tgisinternal &&
		TRIGGER_FOR_INSERT(trigger->tgtype) && strcmp(trigger->tgname, ours) != 0;
}

static bool
is_as_told(Relation rel, const AppendTarget *target)
{
	TupleDesc	desc = RelationGetDescr(rel);
	TriggerDesc *triggers = rel->trigdesc;
	int			i;

	if (rel->rd_rel->relkind != RELKIND_RELATION || desc->natts != target->column_count ||
		desc->constr == NULL || desc->constr->num_check != target->check_count)
		return false;
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped || attribute->attgenerated != '\0' ||
			strcmp(NameStr(attribute->attname), target->columns[i]) != 0)
			return false;
	}
	for (i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (is_foreign(&triggers->triggers[i], target->trigger))
			return false;
	}
	return true;
}

static void
append(Relation rel, const Datum *values, const bool *nulls)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	int			natts = RelationGetDescr(rel)->natts;

	InitResultRelInfo(result, rel, 0, NULL, 0);
	ExecOpenIndices(result, false);
	memcpy(slot->tts_values, values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * natts);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(rel, slot, GetCurrentCommandId(true), 0, NULL);
	if (result->ri_NumIndices > 0)
		(void) tc_insert_index_tuples(result, slot, estate);
	ExecCloseIndices(result);
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
}

bool
tc_append_row(const AppendTarget *target, const Datum *values, const bool *nulls)
{
	Oid			relation = relation_of_ours(target->relation);
	Relation	rel;
	bool		fits;

	if (!OidIsValid(relation))
		return false;
	rel = table_open(relation, RowExclusiveLock);
	fits = is_as_told(rel, target);
	if (fits)
		append(rel, values, nulls);
	/* the lock stays until the transaction ends, as an INSERT's */
	table_close(rel, NoLock);
	return fits;
}

int64
tc_append_id(const char *sequence)
{
	return nextval_internal(relation_of_ours(sequence), false);
}

TimestampTz
tc_append_time(void)
{
	return GetCurrentTimestamp();
}
