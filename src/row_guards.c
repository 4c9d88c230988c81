/*-------------------------------------------------------------------------
 *
 * row_guards.c
 *		The trigger on guarded tables: every change of a status is a legal
 *		move and has its row in the history, whoever writes and by whatever way.
 *		And the trigger on the list of these tables.
 *
 * Fires as ENABLE ALWAYS row trigger, in the writer's process: after inserts,
 * for validity; after updates that change the status or the key; and, on
 * partitioned tables, before such updates, because one that moves the row to
 * another partition has no "after".  Logical apply workers are validated, not
 * recorded: the publisher's history arrives by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "audit_context.h"
#include "guard_cache.h"
#include "redact.h"
#include "row_history_store.h"
#include "row_key.h"
#include "row_move.h"
#include "shared_refusals.h"
#include "statement.h"
#include "trigger_call.h"

PG_FUNCTION_INFO_V1(taskcenter_guard_row);
PG_FUNCTION_INFO_V1(taskcenter_guard_registration);

static TriggerData *
called_as_trigger(FunctionCallInfo fcinfo)
{
	TriggerData *call = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(call->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(call->tg_event) ||
		(TRIGGER_FIRED_BEFORE(call->tg_event) && !TRIGGER_FIRED_BY_UPDATE(call->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("guard_row() can only be called as taskcenter.guard_table() makes it a trigger")));
	return call;
}

static const TableGuard *
guard_of(Relation rel)
{
	const TableGuard *guard = tc_guard_of(rel);

	if (guard == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not guarded as a whole", RelationGetRelationName(rel)),
				 errdetail("It has a trigger that calls taskcenter.guard_row(), but not all that guard_table() makes."),
				 errhint("Call taskcenter.unguard_table(), then taskcenter.guard_table() again.")));
	return guard;
}

/* ---- refusals ---- */

/* as the server does, values of a row are shown only to who may read them */
static bool
may_see(Relation rel, const TableGuard *guard)
{
	Oid			user = GetUserId();
	int			i;

	if (check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED)
		return false;
	if (pg_class_aclcheck(RelationGetRelid(rel), user, ACL_SELECT) == ACLCHECK_OK)
		return true;
	if (pg_attribute_aclcheck(RelationGetRelid(rel), guard->status, user, ACL_SELECT) != ACLCHECK_OK)
		return false;
	for (i = 0; i < guard->key.count; i++)
	{
		if (pg_attribute_aclcheck(RelationGetRelid(rel), guard->key.columns[i].number, user,
								  ACL_SELECT) != ACLCHECK_OK)
			return false;
	}
	return true;
}

/* crosses the abort through shared memory */
static void
note_refusal(const TableGuard *guard, const char *row_key, const char *from, const char *to,
			 const WorkflowProblems *problems)
{
	Refusal		refusal = {0};

	refusal.owner_id = guard->table.owner_id;
	refusal.refused_at = GetCurrentTimestamp();
	tc_shared_refusal_text(refusal.relation, sizeof(refusal.relation), guard->table.relation);
	tc_shared_refusal_text(refusal.row_key, sizeof(refusal.row_key), row_key);
	tc_shared_refusal_text(refusal.old_status, sizeof(refusal.old_status), from);
	tc_shared_refusal_text(refusal.requested_status, sizeof(refusal.requested_status),
						   to != NULL ? to : "null");
	tc_shared_refusal_text(refusal.reason, sizeof(refusal.reason),
						   tc_redact_text(tc_audit_reason()));
	tc_shared_refusal_text(refusal.actor, sizeof(refusal.actor), tc_audit_actor(GetUserId()));
	tc_shared_refusal_text(refusal.problems, sizeof(refusal.problems),
						   tc_workflow_problems_clipped(problems, sizeof(refusal.problems)));
	tc_shared_refusal_note(&refusal);
}

static const char *
quoted(const char *status)
{
	return status == NULL ? "null" : psprintf("\"%s\"", tc_workflow_clip(status));
}

static bool
lacks_context(const WorkflowProblems *problems)
{
	int			i;

	for (i = 0; i < problems->count; i++)
	{
		if (strcmp(problems->items[i].code, TC_PROBLEM_MISSING_CONTEXT) == 0)
			return true;
	}
	return false;
}

static void
refuse(Relation rel, const TableGuard *guard, HeapTuple tuple, const Workflow *workflow,
	   const char *from, const char *to, const WorkflowProblems *problems)
{
	char	   *allowed = tc_row_allowed_text(workflow, from);
	char	   *row_key = tc_row_key_text(&guard->key, tuple, RelationGetDescr(rel));

	if (!IsLogicalWorker())
		note_refusal(guard, row_key, from, to, problems);
	if (!may_see(rel, guard))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the status of a row of \"%s\" cannot become %s",
						RelationGetRelationName(rel), quoted(to)),
				 errdetail("The workflow \"%s\" does not allow it.", guard->workflow),
				 errtablecol(rel, guard->status)));
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("the status of a row of \"%s\" cannot go from %s to %s",
					RelationGetRelationName(rel), quoted(from), quoted(to)),
			 errdetail("%s From %s it may go to: %s. The row is %s.",
					   tc_workflow_problems_text(problems), quoted(from),
					   allowed[0] != '\0' ? allowed : "nothing, it is final",
					   tc_shorten(row_key)),
			 lacks_context(problems)
			 ? errhint("taskcenter.set_row_status() takes a reason and metadata; before a plain UPDATE, taskcenter.set_context() sets the reason.")
			 : 0,
			 errtablecol(rel, guard->status)));
}

/* ---- the events ---- */

/* An INSERT: any status of the workflow, or none.  Where the workflow is not there yet, a restore is at work. */
static void
check_entry(Relation rel, HeapTuple new)
{
	const TableGuard *guard = guard_of(rel);
	char	   *status = tc_status_text(guard, new, RelationGetDescr(rel));
	const CachedWorkflow *workflow;

	if (status == NULL)
		return;
	workflow = tc_row_workflow(guard);
	if (workflow == NULL || tc_workflow_find(&workflow->rules, status) >= 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a row of \"%s\" cannot have the status \"%s\"",
					RelationGetRelationName(rel), tc_workflow_clip(status)),
			 errdetail("The statuses of workflow \"%s\" are: %s.", guard->workflow,
					   tc_row_allowed_text(&workflow->rules, NULL)),
			 errtablecol(rel, guard->status)));
}

/* the command that wrote the row, or (before) is about to */
static CommandId
command_of(HeapTuple new, bool before)
{
	if (!before && TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(new->t_data)))
		return HeapTupleHeaderGetCmin(new->t_data);
	return GetCurrentCommandId(false);
}

static void
record(const TableGuard *guard, TupleDesc desc, HeapTuple old, HeapTuple new,
	   CommandId command, const char *from, const char *to)
{
	char	   *old_key = tc_row_key_text(&guard->key, old, desc);
	char	   *key = tc_row_key_text(&guard->key, new, desc);

	/* what is not of the workflow can be of any length */
	if (from != NULL)
		from = tc_workflow_clip(from);
	if (strcmp(old_key, key) != 0)
		tc_row_history_add_key_change(&guard->table, key, old_key, from, to, command);
	else if (from == NULL || strcmp(from, to) != 0)
		tc_row_history_add(&guard->table, key, from, to, command);
}

static void
check_change(Relation rel, HeapTuple old, HeapTuple new, bool before)
{
	TupleDesc	desc = RelationGetDescr(rel);
	const TableGuard *guard = guard_of(rel);
	char	   *from = tc_status_text(guard, old, desc);
	char	   *to = tc_status_text(guard, new, desc);
	bool		moved = from == NULL ? to != NULL : to == NULL || strcmp(from, to) != 0;

	if (moved)
	{
		const CachedWorkflow *workflow = tc_row_workflow(guard);
		WorkflowProblems problems = {0};

		if (workflow == NULL)
			tc_row_report_no_workflow(guard);
		if (!tc_row_may_become(&workflow->rules, from, to, &problems))
			refuse(rel, guard, old, &workflow->rules, from, to, &problems);
	}
	if (to != NULL && !IsLogicalWorker())
		record(guard, desc, old, new, command_of(new, before), from, to);
}

/* ---- rows that move to another partition ---- */

typedef struct PartitionCheck
{
	ExprContext *context;
	ExprState  *state;			/* NULL: no constraint */
} PartitionCheck;

/* made once for a statement and partition */
static PartitionCheck *
partition_check(FunctionCallInfo fcinfo, Relation rel)
{
	PartitionCheck *check = fcinfo->flinfo->fn_extra;
	MemoryContext old;
	EState	   *estate;

	if (check != NULL)
		return check;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	check = palloc0(sizeof(PartitionCheck));
	estate = CreateExecutorState();
	check->context = GetPerTupleExprContext(estate);
	check->state = ExecPrepareCheck(RelationGetPartitionQual(rel), estate);
	fcinfo->flinfo->fn_extra = check;
	MemoryContextSwitchTo(old);
	return check;
}

static bool
leaves_partition(FunctionCallInfo fcinfo, TriggerData *call)
{
	PartitionCheck *check;
	bool		stays;

	if (!call->tg_relation->rd_rel->relispartition)
		return false;
	check = partition_check(fcinfo, call->tg_relation);
	check->context->ecxt_scantuple = call->tg_newslot;
	stays = ExecCheck(check->state, check->context);
	ResetExprContext(check->context);
	return !stays;
}

Datum
taskcenter_guard_row(PG_FUNCTION_ARGS)
{
	TriggerData *call = called_as_trigger(fcinfo);

	if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
	{
		check_entry(call->tg_relation, call->tg_trigtuple);
		return PointerGetDatum(NULL);
	}
	if (TRIGGER_FIRED_AFTER(call->tg_event))
	{
		check_change(call->tg_relation, call->tg_trigtuple, call->tg_newtuple, false);
		return PointerGetDatum(NULL);
	}
	if (leaves_partition(fcinfo, call))
		check_change(call->tg_relation, call->tg_trigtuple, call->tg_newtuple, true);
	return PointerGetDatum(call->tg_newtuple);
}

/* ---- the list of guarded tables ---- */

/* Before each change; a row is inserted by a restore too. */
Datum
taskcenter_guard_registration(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_row_trigger_call(fcinfo);

	if (!TRIGGER_FIRED_BY_INSERT(call->tg_event) && !tc_statement_is_own() && !IsLogicalWorker())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot change \"%s\"", RelationGetRelationName(call->tg_relation)),
				 errdetail("It says which history belongs to which table."),
				 errhint("Use taskcenter.guard_table() and taskcenter.unguard_table().")));
	tc_guard_forget_at_commit();
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(call->tg_event) ? call->tg_newtuple
						   : call->tg_trigtuple);
}
