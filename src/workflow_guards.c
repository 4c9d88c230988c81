/*-------------------------------------------------------------------------
 *
 * workflow_guards.c
 *		The trigger on workflows: whoever writes, a row is a map that can be
 *		read, and none changes under what uses it.
 *
 * Fires as ENABLE ALWAYS row trigger before each change, in the writer's
 * process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "replication/logicalworker.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "plain_writer.h"
#include "statement.h"
#include "workflow_cache.h"
#include "workflow_store.h"

PG_FUNCTION_INFO_V1(taskcenter_guard_workflow);

/* columns of workflows, in the order of the table */
#define WORKFLOW_ID 1
#define WORKFLOW_NAME 2
#define WORKFLOW_INITIAL 3
#define WORKFLOW_TRANSITIONS 4
#define WORKFLOW_TERMINAL 5

static Datum
column(Relation rel, HeapTuple tuple, int number, bool *isnull)
{
	return heap_getattr(tuple, number, RelationGetDescr(rel), isnull);
}

/* NULL: the column's own constraint will speak */
static char *
text_column(Relation rel, HeapTuple tuple, int number)
{
	bool		isnull;
	Datum		value = column(rel, tuple, number, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static char **
terminal_column(Relation rel, HeapTuple tuple, int *count)
{
	bool		isnull;
	WorkflowRow row = {0};

	row.terminal = column(rel, tuple, WORKFLOW_TERMINAL, &isnull);
	row.terminal_is_null = isnull;
	if (!isnull && (ARR_NDIM(DatumGetArrayTypeP(row.terminal)) > 1 ||
					array_contains_nulls(DatumGetArrayTypeP(row.terminal))))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("column \"terminal\" of a workflow must be a plain list of statuses"),
				 errtablecol(rel, WORKFLOW_TERMINAL)));
	return tc_workflow_terminal(&row, count);
}

/* false: a column that must be there is null */
static bool
read_rules(Relation rel, HeapTuple tuple, Workflow *rules)
{
	char	   *initial = text_column(rel, tuple, WORKFLOW_INITIAL);
	bool		isnull;
	Datum		transitions = column(rel, tuple, WORKFLOW_TRANSITIONS, &isnull);
	int			count;
	char	  **terminal = terminal_column(rel, tuple, &count);
	WorkflowFault fault;

	if (initial == NULL || isnull)
		return false;
	if (!tc_workflow_parse(DatumGetJsonbP(transitions), initial, terminal, count, rules, &fault))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the row is no workflow"),
				 errdetail("\"%s\" %s.", fault.place, fault.problem),
				 errhint("Use taskcenter.create_workflow() or taskcenter.alter_workflow()."),
				 errtablecol(rel, WORKFLOW_TRANSITIONS)));
	return true;
}

/* ---- under what uses it ---- */

static char *
users_of(const char *name, const Workflow *rules)
{
	char	  **statuses = NULL;
	char	   *users;
	StoreFrame	frame;
	int			i;

	if (rules != NULL)
	{
		statuses = palloc(sizeof(char *) * rules->count);
		for (i = 0; i < rules->count; i++)
			statuses[i] = rules->statuses[i].name;
	}
	tc_store_begin(&frame);
	users = tc_workflow_row_users(name, statuses, rules != NULL ? rules->count : 0);
	tc_store_end(&frame);
	return users;
}

static void
refuse_snapshot(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot change workflow \"%s\" in a transaction that sees an old state of the database",
					name),
			 errdetail("What uses it might have moved since."),
			 errhint("Do it in a transaction of isolation level READ COMMITTED.")));
}

static void
check_change(Relation rel, HeapTuple old, HeapTuple new)
{
	char	   *name = text_column(rel, old, WORKFLOW_NAME);
	char	   *new_name = text_column(rel, new, WORKFLOW_NAME);
	bool		isnull;
	Workflow	rules;
	char	   *users;

	if (column(rel, old, WORKFLOW_ID, &isnull) != column(rel, new, WORKFLOW_ID, &isnull) ||
		new_name == NULL || strcmp(name, new_name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a workflow keeps its name and its id"),
				 errdetail("What uses workflow \"%s\" names it.", name),
				 errhint("Make another one with taskcenter.create_workflow()."),
				 errtablecol(rel, WORKFLOW_NAME)));
	if (!read_rules(rel, new, &rules))
		return;
	if (IsolationUsesXactSnapshot())
		refuse_snapshot(name);
	tc_workflow_hold_exclusively(name);
	users = users_of(name, &rules);
	if (users != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("workflow \"%s\" is in use", name),
				 errdetail("The new map has no place for what stands in other statuses: %s.",
						   users),
				 errhint("Move these first, or keep their statuses in \"transitions\".")));
}

static void
check_drop(Relation rel, HeapTuple old)
{
	char	   *name = text_column(rel, old, WORKFLOW_NAME);
	char	   *users;

	if (!tc_statement_is_own())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("workflows are not deleted by plain SQL"),
				 errdetail("The relation is kept by taskcenter and guarded for every role."),
				 errhint("Use taskcenter.drop_workflow().")));
	if (IsolationUsesXactSnapshot())
		refuse_snapshot(name);
	tc_workflow_hold_exclusively(name);
	users = users_of(name, NULL);
	if (users != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("workflow \"%s\" is in use", name),
				 errdetail("It is used: %s.", users),
				 errhint("Archive these tasks, or give them another workflow, first.")));
}

Datum
taskcenter_guard_workflow(PG_FUNCTION_ARGS)
{
	TriggerData *call = (TriggerData *) fcinfo->context;
	Relation	rel;
	Workflow	rules;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(call->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(call->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("guard_workflow() can only be called as a row trigger before a change")));
	rel = call->tg_relation;
	tc_plain_check(rel);
	tc_workflow_forget_at_commit(RelationGetRelid(rel));
	if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
	{
		(void) read_rules(rel, call->tg_trigtuple, &rules);
		return PointerGetDatum(call->tg_trigtuple);
	}
	if (TRIGGER_FIRED_BY_DELETE(call->tg_event))
	{
		if (!IsLogicalWorker())
			check_drop(rel, call->tg_trigtuple);
		return PointerGetDatum(call->tg_trigtuple);
	}
	if (IsLogicalWorker())
		(void) read_rules(rel, call->tg_newtuple, &rules);
	else
		check_change(rel, call->tg_trigtuple, call->tg_newtuple);
	return PointerGetDatum(call->tg_newtuple);
}
