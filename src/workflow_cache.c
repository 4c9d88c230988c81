/*-------------------------------------------------------------------------
 *
 * workflow_cache.c
 *		Workflows that this process has read.
 *
 * A workflow is locked as an object of the database, by the hash of its name:
 * two names that share one only wait for each other.  Taking the lock also
 * takes notice of what others committed before, as with catalogs; so what is
 * kept is valid as long as the relation was not invalidated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "storage/lmgr.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "statement.h"
#include "taskcenter.h"
#include "workflow_cache.h"
#include "workflow_store.h"

#define MAX_CACHED_WORKFLOWS 200

typedef struct Entry
{
	char		name[TC_MAX_NAME_LENGTH + 1];	/* hash key */
	bool		valid;
	WorkflowRow row;			/* as it was read */
	CachedWorkflow workflow;
	MemoryContext context;		/* of both */
} Entry;

static HTAB *entries = NULL;
static Oid	workflows_relation = InvalidOid;

static void
invalidate(Datum argument, Oid relation)
{
	HASH_SEQ_STATUS scan;
	Entry	   *entry;

	if (OidIsValid(relation) && relation != workflows_relation)
		return;
	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
		entry->valid = false;
}

static void
make_cache(void)
{
	HASHCTL		control = {0};

	if (entries != NULL)
		return;
	control.keysize = TC_MAX_NAME_LENGTH + 1;
	control.entrysize = sizeof(Entry);
	control.hcxt = TopMemoryContext;
	entries = hash_create("taskcenter workflows", 16, &control,
						  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
}

static void
drop_entry(Entry *entry)
{
	MemoryContextDelete(entry->context);
	hash_search(entries, entry->name, HASH_REMOVE, NULL);
}

/* Too many were met: begin anew rather than grow. */
static void
bound_cache(void)
{
	HASH_SEQ_STATUS scan;
	Entry	   *entry;

	if (hash_get_num_entries(entries) < MAX_CACHED_WORKFLOWS)
		return;
	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
		drop_entry(entry);
}

/* ---- locks ---- */

static void
lock_workflow(const char *name, LOCKMODE mode)
{
	Oid			namespace = get_namespace_oid(TC_SCHEMA, false);

	workflows_relation = get_relname_relid("workflows", namespace);
	LockDatabaseObject(workflows_relation,
					   hash_bytes((const unsigned char *) name, strlen(name)), 0, mode);
}

void
tc_workflow_hold_exclusively(const char *name)
{
	lock_workflow(name, AccessExclusiveLock);
}

void
tc_workflow_forget_at_commit(Oid workflows)
{
	CacheInvalidateRelcacheByRelid(workflows);
}

/* ---- reading ---- */

static bool
same_definition(const WorkflowRow *one, const WorkflowRow *other)
{
	if (one->workflow_id != other->workflow_id || strcmp(one->initial, other->initial) != 0 ||
		one->terminal_is_null != other->terminal_is_null)
		return false;
	if (VARSIZE(one->transitions) != VARSIZE(other->transitions) ||
		memcmp(one->transitions, other->transitions, VARSIZE(one->transitions)) != 0)
		return false;
	return one->terminal_is_null ||
		datumIsEqual(one->terminal, other->terminal, false, -1);
}

/* A context of its own, so that a failure leaves no half an entry. */
static MemoryContext
read_workflow(const char *name, WorkflowRow *row, Workflow *rules)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "taskcenter workflow",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	StoreFrame	frame;
	WorkflowFault fault;
	char	  **terminal;
	int			count;
	bool		found;

	tc_store_begin(&frame);
	found = tc_workflow_row_find(name, IsolationUsesXactSnapshot() && !XactReadOnly, row);
	tc_store_end(&frame);
	if (found)
	{
		terminal = tc_workflow_terminal(row, &count);
		if (!tc_workflow_parse(row->transitions, row->initial, terminal, count, rules, &fault))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("workflow \"%s\" cannot be read", name),
					 errdetail("\"%s\" %s.", fault.place, fault.problem),
					 errhint("Repair it with taskcenter.alter_workflow().")));
	}
	MemoryContextSwitchTo(old);
	if (found)
		return context;
	MemoryContextDelete(context);
	return NULL;
}

static Entry *
load(const char *name)
{
	Entry	   *entry = hash_search(entries, name, HASH_FIND, NULL);
	WorkflowRow row;
	Workflow	rules;
	MemoryContext context = read_workflow(name, &row, &rules);
	bool		found;

	/* the same again: what points to it stays right */
	if (entry != NULL && context != NULL && same_definition(&entry->row, &row))
	{
		MemoryContextDelete(context);
		entry->valid = true;
		return entry;
	}
	if (entry != NULL)
		drop_entry(entry);
	if (context == NULL)
		return NULL;
	bound_cache();
	entry = hash_search(entries, name, HASH_ENTER, &found);
	MemoryContextSetParent(context, TopMemoryContext);
	entry->context = context;
	entry->row = row;
	entry->workflow.workflow_id = row.workflow_id;
	entry->workflow.name = row.name;
	entry->workflow.rules = rules;
	entry->valid = true;
	return entry;
}

const CachedWorkflow *
tc_workflow_hold(const char *name)
{
	Entry	   *entry;

	if (strlen(name) > TC_MAX_NAME_LENGTH)
		return NULL;
	make_cache();
	lock_workflow(name, RowShareLock);
	entry = hash_search(entries, name, HASH_FIND, NULL);
	if (entry == NULL || !entry->valid)
		entry = load(name);
	return entry == NULL ? NULL : &entry->workflow;
}
