/*-------------------------------------------------------------------------
 *
 * guard_cache.c
 *		How the status of a table is guarded, as its triggers say.
 *
 * An entry that was invalidated stays in memory until it is asked for again,
 * since a caller may still use it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "parser/parse_coerce.h"
#include "parser/parse_func.h"
#include "rewrite/prs2lock.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "guard_cache.h"
#include "guarded_table_store.h"
#include "statement.h"
#include "taskcenter.h"

#define MAX_CACHED_GUARDS 1000

static HTAB *guards = NULL;
static Oid	registry = InvalidOid;	/* guarded_tables, as the entries know it */
static uint64 invalidations = 0;	/* that came in */

/* ---- keeping ---- */

static void
invalidate(Datum argument, Oid relation)
{
	HASH_SEQ_STATUS scan;
	TableGuard *guard;

	invalidations++;
	hash_seq_init(&scan, guards);
	while ((guard = hash_seq_search(&scan)) != NULL)
	{
		if (!OidIsValid(relation) || relation == registry ||
			relation == guard->relation_id || relation == guard->bearer_id)
			guard->valid = false;
	}
}

static void
make_cache(void)
{
	HASHCTL		control = {0};

	if (guards != NULL)
		return;
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(TableGuard);
	control.hcxt = TopMemoryContext;
	guards = hash_create("taskcenter guards", 16, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
}

static void
drop_guard(TableGuard *guard)
{
	MemoryContextDelete(guard->context);
	hash_search(guards, &guard->relation_id, HASH_REMOVE, NULL);
}

/* Too many tables were met: begin anew. */
static void
bound_cache(void)
{
	HASH_SEQ_STATUS scan;
	TableGuard *guard;

	if (hash_get_num_entries(guards) < MAX_CACHED_GUARDS)
		return;
	hash_seq_init(&scan, guards);
	while ((guard = hash_seq_search(&scan)) != NULL)
		drop_guard(guard);
}

void
tc_guard_forget_at_commit(void)
{
	CacheInvalidateRelcacheByRelid(tc_guarded_relation());
}

/* ---- reading the triggers ---- */

Oid
tc_guard_function(void)
{
	List	   *name = list_make2(makeString(TC_SCHEMA), makeString(TC_GUARD_FUNCTION));

	return LookupFuncName(name, 0, NULL, true);
}

typedef struct FoundColumns
{
	int			count;
	AttrNumber	numbers[INDEX_MAX_KEYS + 1];
} FoundColumns;

/* columns of OLD, in the order of the condition */
static bool
find_columns(Node *node, void *argument)
{
	FoundColumns *found = argument;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varno == PRS2_OLD_VARNO && found->count < (int) lengthof(found->numbers))
			found->numbers[found->count++] = var->varattno;
		return false;
	}
	return expression_tree_walker(node, find_columns, argument);
}

/* the trigger that says how; NULL: there is none */
static const Trigger *
find_trigger(Relation rel, Oid function)
{
	TriggerDesc *triggers = rel->trigdesc;
	int			i;

	for (i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid == function && trigger->tgqual != NULL && trigger->tgnargs == 2 &&
			TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_AFTER,
								 TRIGGER_TYPE_UPDATE))
			return trigger;
	}
	return NULL;
}

/* false: it is none of ours, whatever it calls */
static bool
read_columns(const Trigger *trigger, TupleDesc desc, TableGuard *guard)
{
	FoundColumns found = {0};
	Oid			base_type;
	KeyKind		kind;
	int			i;

	(void) find_columns(stringToNode(trigger->tgqual), &found);
	if (found.count < 2)
		return false;
	for (i = 0; i < found.count; i++)
	{
		if (found.numbers[i] <= 0 || found.numbers[i] > desc->natts)
			return false;
	}
	guard->status = found.numbers[0];
	guard->status_type = TupleDescAttr(desc, guard->status - 1)->atttypid;
	if (!tc_status_type(guard->status_type, &guard->status_kind))
		return false;
	guard->key.count = found.count - 1;
	guard->key.columns = palloc0(sizeof(KeyColumn) * guard->key.count);
	for (i = 0; i < guard->key.count; i++)
	{
		KeyColumn  *column = &guard->key.columns[i];

		column->number = found.numbers[i + 1];
		if (!tc_row_key_type(TupleDescAttr(desc, column->number - 1)->atttypid, &base_type, &kind))
			return false;
		tc_row_key_column(column, desc);
		column->label = pstrdup(NameStr(TupleDescAttr(desc, column->number - 1)->attname));
	}
	return true;
}

static bool
parse_id(const char *text, int64 *id)
{
	char	   *end;

	errno = 0;
	*id = strtoi64(text, &end, 10);
	return errno == 0 && end != text &&*end == '\0' && *id > 0;
}

/* a restore, which changes OIDs, will know the table again by its owner */
static void
keep_owner(GuardedTableRow *row, const GuardBearer *bearer)
{
	row->owner = bearer->owner;
	row->owner_id = bearer->owner_id;
	(void) tc_guarded_save(row, bearer->owner, DT_NOBEGIN);
}

/* what is registered: the labels of the key, and whose history it is */
static void
read_registration(const Trigger *trigger, TableGuard *guard)
{
	StoreFrame	frame;
	GuardBearer bearer;
	GuardedTableRow row;
	int64		id;
	int			i;

	tc_store_begin(&frame);
	tc_guarded_bearer(guard->relation_id, &bearer);
	guard->bearer_id = bearer.relation_id;
	guard->table.owner_id = bearer.owner_id;

	/* no table that is registered is ever known by such a name */
	guard->table.relation = psprintf("%s (not registered)", bearer.name);
	if (parse_id(trigger->tgargs[1], &id) && tc_guarded_find(id, &bearer, &row) &&
		row.key_count == guard->key.count)
	{
		guard->guarded_table_id = id;
		if (strcmp(row.owner, bearer.owner) != 0 && row.relation_id == bearer.relation_id &&
			!IsLogicalWorker())
			keep_owner(&row, &bearer);
		guard->table.relation = row.relation;
		for (i = 0; i < row.key_count; i++)
			guard->key.columns[i].label = row.key_columns[i];
	}
	registry = tc_guarded_relation();
	tc_store_end(&frame);
}

/* A context of its own, so that a failure leaves no half an entry. */
static const TableGuard *
load(Relation rel, const Trigger *trigger)
{
	TableGuard	fresh = {.relation_id = RelationGetRelid(rel),.valid = true};
	TableGuard *guard;
	uint64		before = invalidations;
	MemoryContext old;
	bool		found;

	fresh.context = AllocSetContextCreate(CurrentMemoryContext, "taskcenter guard",
										  ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(fresh.context);
	fresh.workflow = pstrdup(trigger->tgargs[0]);
	if (!read_columns(trigger, RelationGetDescr(rel), &fresh))
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(fresh.context);
		return NULL;
	}
	read_registration(trigger, &fresh);
	MemoryContextSwitchTo(old);

	bound_cache();
	guard = hash_search(guards, &fresh.relation_id, HASH_FIND, NULL);
	if (guard != NULL)
		drop_guard(guard);
	guard = hash_search(guards, &fresh.relation_id, HASH_ENTER, &found);
	MemoryContextSetParent(fresh.context, TopMemoryContext);
	*guard = fresh;
	/* something changed while we read: right for now, to be read again */
	guard->valid = invalidations == before;
	return guard;
}

const TableGuard *
tc_guard_of(Relation rel)
{
	Oid			relation = RelationGetRelid(rel);
	TableGuard *guard;
	const Trigger *trigger;
	Oid			function;

	make_cache();
	guard = hash_search(guards, &relation, HASH_FIND, NULL);
	if (guard != NULL && guard->valid)
		return guard;
	function = tc_guard_function();
	trigger = OidIsValid(function) ? find_trigger(rel, function) : NULL;
	return trigger == NULL ? NULL : load(rel, trigger);
}

TableGuard *
tc_guard_copy_of(Relation rel)
{
	const TableGuard *guard = tc_guard_of(rel);
	TableGuard *copy;
	int			i;

	if (guard == NULL)
		return NULL;
	copy = palloc(sizeof(TableGuard));
	*copy = *guard;
	copy->context = NULL;
	copy->workflow = pstrdup(guard->workflow);
	copy->table.relation = pstrdup(guard->table.relation);
	copy->key.columns = palloc(sizeof(KeyColumn) * guard->key.count);
	memcpy(copy->key.columns, guard->key.columns, sizeof(KeyColumn) * guard->key.count);
	for (i = 0; i < guard->key.count; i++)
		copy->key.columns[i].label = pstrdup(guard->key.columns[i].label);
	return copy;
}

/* ---- statuses ---- */

bool
tc_status_type(Oid type, StatusKind *kind)
{
	Oid			base = getBaseType(type);

	*kind = STATUS_ENUM;
	if (type_is_enum(base))
		return true;
	*kind = STATUS_TEXT;
	return IsBinaryCoercible(base, TEXTOID);
}

char *
tc_status_text(const TableGuard *guard, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, guard->status, desc, &isnull);

	if (isnull)
		return NULL;
	switch (guard->status_kind)
	{
		case STATUS_TEXT:
			return TextDatumGetCString(value);
		case STATUS_ENUM:
			return DatumGetCString(DirectFunctionCall1(enum_out, value));
	}
	return NULL;
}
