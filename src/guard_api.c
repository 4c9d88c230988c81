/*-------------------------------------------------------------------------
 *
 * guard_api.c
 *		guard_table() and unguard_table().
 *
 * For the owner of the table: the triggers are made with his rights.  Writers
 * wait while the present rows are looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "guard_cache.h"
#include "guard_target.h"
#include "guarded_table_store.h"
#include "row_move.h"
#include "statement.h"
#include "user_table_store.h"

PG_FUNCTION_INFO_V1(taskcenter_guard_table);
PG_FUNCTION_INFO_V1(taskcenter_unguard_table);

/* ---- a guard that is there already ---- */

/* its triggers, without those cloned from a partitioned table: names */
static List *
guard_triggers(Relation rel, bool *cloned)
{
	Oid			function = tc_guard_function();
	List	   *names = NIL;
	int			i;

	*cloned = false;
	for (i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgfoid != function)
			continue;
		if (trigger->tgisclone)
			*cloned = true;
		else
			names = lappend(names, pstrdup(trigger->tgname));
	}
	return names;
}

static void
refuse_cloned(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is guarded as a partition", RelationGetRelationName(rel)),
			 errdetail("Its guard is that of the partitioned table."),
			 errhint("Call the function for the partitioned table.")));
}

static bool
is_same_guard(const TableGuard *guard, const UserTable *table, const char *workflow)
{
	int			i;

	if (guard == NULL || strcmp(guard->workflow, workflow) != 0 ||
		guard->status != table->status || guard->key.count != table->key_count)
		return false;
	for (i = 0; i < table->key_count; i++)
	{
		if (guard->key.columns[i].number != table->key[i])
			return false;
	}
	return true;
}

/* ---- guard_table(relation, status_column, workflow, key_columns, options) ---- */

static const char *const existing_choices[] = {"refuse", "accept", NULL};

/* who sees an old state of the database cannot know the present rows */
static void
refuse_snapshot(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot look at the rows of \"%s\" in a transaction that sees an old state of the database",
					RelationGetRelationName(rel)),
			 errdetail("Rows might have come since."),
			 errhint("Do it in a transaction of isolation level READ COMMITTED, or give the option {\"existing\": \"accept\"}.")));
}

static void
check_population(Relation rel, const UserTable *table, const Workflow *workflow)
{
	int			nest_level = NewGUCNestLevel();
	StoreFrame	frame;
	char	   *outsiders;
	int			count;
	char	  **statuses = tc_row_allowed(workflow, NULL, &count);

	if (IsolationUsesXactSnapshot())
		refuse_snapshot(rel);

	/* all rows or an error, where policies would hide some */
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	tc_store_begin_as_caller(&frame);
	outsiders = tc_user_table_outsiders(table, statuses, count);
	tc_store_end(&frame);
	AtEOXact_GUC(true, nest_level);
	if (outsiders != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("rows of \"%s\" have statuses that the workflow does not know",
						RelationGetRelationName(rel)),
				 errdetail("They are: %s.", outsiders),
				 errhint("Update them, extend the workflow, or give the option {\"existing\": \"accept\"}; then they may move to any status of the workflow."),
				 errtablecol(rel, table->status)));
}

/* labels are the present names, unless the table had a history before under others */
static void
describe_row(GuardedTableRow *row, const GuardBearer *bearer, const UserTable *table,
			 const char *workflow)
{
	int			i;

	row->relation = bearer->name;
	row->relation_id = bearer->relation_id;
	row->owner = bearer->owner;
	row->owner_id = bearer->owner_id;
	row->status_column = NameStr(TupleDescAttr(table->desc, table->status - 1)->attname);
	row->workflow = pstrdup(workflow);
	row->guarded = true;
	row->key_count = table->key_count;
	row->key_columns = palloc(sizeof(char *) * table->key_count);
	for (i = 0; i < table->key_count; i++)
		row->key_columns[i] = NameStr(TupleDescAttr(table->desc, table->key[i] - 1)->attname);
}

/* the table's row: that of its triggers, the one it had before, or a new one */
static int64
register_table(const UserTable *table, Oid relation, int64 known_id, const char *workflow,
			   TimestampTz now)
{
	GuardedTableRow row = {0};
	GuardBearer bearer;
	StoreFrame	frame;
	int64		id;

	tc_store_begin(&frame);
	tc_guarded_bearer(relation, &bearer);
	if (!tc_guarded_find(known_id, &bearer, &row) && !tc_guarded_find_former(&bearer, &row))
		row.guarded_table_id = 0;
	describe_row(&row, &bearer, table, workflow);
	id = tc_guarded_save(&row, tc_audit_actor(tc_statement_caller()), now);
	tc_store_end(&frame);
	return id;
}

static void
drop_triggers(const char *relation, List *names)
{
	StoreFrame	frame;
	ListCell   *cell;

	tc_store_begin(&frame);
	foreach(cell, names)
		tc_user_table_drop_trigger(relation, lfirst(cell));
	tc_store_end(&frame);
}

static const CachedWorkflow *
require_workflow(const char *name)
{
	const CachedWorkflow *workflow = tc_workflow_hold(name);

	if (workflow == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("workflow \"%s\" does not exist", tc_shorten(name)),
				 errdetail("\"workflow\" is \"%s\".", tc_shorten(name)),
				 errhint("The relation taskcenter.workflows shows all workflows; taskcenter.create_workflow() makes one.")));
	return workflow;
}

/*
 * 0: it has none.  Triggers whose id is not registered (they came without
 * the registration) are to be made anew: their names.
 */
static int64
present_guard(Relation rel, const UserTable *table, const char *workflow, List **stale)
{
	const TableGuard *guard = tc_guard_of(rel);
	bool		cloned;
	List	   *names = guard_triggers(rel, &cloned);

	*stale = NIL;
	if (cloned)
		refuse_cloned(rel);
	if (names == NIL)
		return 0;
	if (!is_same_guard(guard, table, workflow))
		tc_guard_refuse_table(rel, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
							  "It is guarded already, in another way.",
							  "Call taskcenter.unguard_table() first; the history is kept.");
	if (guard->guarded_table_id == 0)
		*stale = names;
	return guard->guarded_table_id;
}

static void
make_triggers(const UserTable *table, const char *workflow, int64 id)
{
	StoreFrame	frame;

	tc_store_begin(&frame);
	tc_user_table_add_guard(table, workflow, id);
	tc_store_end(&frame);
}

/* NULL: not given */
static char **
read_key_columns(FunctionCallInfo fcinfo, int n, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	char	  **names;
	int			i;

	*count = 0;
	if (PG_ARGISNULL(n))
		return NULL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &elements, &nulls, count);
	names = palloc(sizeof(char *) * Max(*count, 1));
	for (i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls", "key_columns"),
					 errdetail("Element %d of \"key_columns\" is null.", i + 1),
					 errhint("Leave the element out.")));
		names[i] = NameStr(*DatumGetName(elements[i]));
	}
	return names;
}

Datum
taskcenter_guard_table(PG_FUNCTION_ARGS)
{
	static const char *const known[] = {"existing", NULL};
	TimestampTz now = GetCurrentTimestamp();
	Jsonb	   *options = tc_arg_object(fcinfo, 4, "options");
	UserTable	table;
	const CachedWorkflow *workflow;
	char	   *existing;
	char	   *name;
	char	  **key_columns;
	int			key_count;
	Relation	rel;
	List	   *stale;
	int64		present;
	int64		id;

	tc_arg_require(fcinfo, 0, "relation");
	tc_arg_require(fcinfo, 1, "status_column");
	name = tc_arg_required_text(fcinfo, 2, "workflow");
	key_columns = read_key_columns(fcinfo, 3, &key_count);
	tc_options_check(options, known);
	existing = tc_option_text(options, "existing");
	tc_check_choice("existing", existing, existing_choices);

	rel = tc_guard_open_table(PG_GETARG_OID(0));
	(void) tc_activate_if_fresh(now);
	tc_guard_describe_table(rel, NameStr(*PG_GETARG_NAME(1)), key_columns, key_count, &table);
	workflow = require_workflow(name);
	present = present_guard(rel, &table, name, &stale);
	if (present == 0 && (existing == NULL || strcmp(existing, "refuse") == 0))
		check_population(rel, &table, &workflow->rules);
	relation_close(rel, NoLock);

	drop_triggers(table.relation, stale);
	id = register_table(&table, PG_GETARG_OID(0), present, name, now);
	if (present == 0)
		make_triggers(&table, name, id);
	PG_RETURN_INT64(id);
}

/* ---- unguard_table(relation, reason, if_exists) ---- */

/* the row stays, so that the table finds its history when it is guarded again */
static void
note_unguarded(Oid relation, int64 id, TimestampTz now)
{
	GuardedTableRow row;
	GuardBearer bearer;
	StoreFrame	frame;

	tc_store_begin(&frame);
	tc_guarded_bearer(relation, &bearer);
	if (tc_guarded_find(id, &bearer, &row))
	{
		row.guarded = false;
		row.relation_id = bearer.relation_id;
		row.owner = bearer.owner;
		row.owner_id = bearer.owner_id;
		(void) tc_guarded_save(&row, tc_audit_actor(tc_statement_caller()), now);
	}
	tc_store_end(&frame);
}

Datum
taskcenter_unguard_table(PG_FUNCTION_ARGS)
{
	char	   *reason;
	char	   *name;
	Relation	rel;
	const TableGuard *guard;
	List	   *names;
	bool		cloned;

	tc_arg_require(fcinfo, 0, "relation");
	reason = tc_arg_reason(fcinfo, 1);
	rel = tc_guard_open_table(PG_GETARG_OID(0));
	names = guard_triggers(rel, &cloned);
	if (cloned)
		refuse_cloned(rel);
	if (names == NIL && !tc_arg_bool(fcinfo, 2, false))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not guarded", RelationGetRelationName(rel)),
				 errdetail("It has no trigger that calls taskcenter.guard_row()."),
				 errhint("The relation taskcenter.guarded_tables shows what is guarded.")));
	guard = tc_guard_of(rel);
	name = tc_guard_qualified_name(rel);
	relation_close(rel, NoLock);
	if (names == NIL)
		PG_RETURN_BOOL(false);

	tc_audit_call_reason(reason);
	if (guard != NULL && guard->guarded_table_id != 0)
		note_unguarded(PG_GETARG_OID(0), guard->guarded_table_id, GetCurrentTimestamp());
	drop_triggers(name, names);
	tc_audit_call_reason(NULL);
	PG_RETURN_BOOL(true);
}
