/*-------------------------------------------------------------------------
 *
 * status_guards.c
 *		Triggers on the status of tasks: every change a move that the task's
 *		workflow allows, whoever writes and by whatever way.
 *
 * Fire as ENABLE ALWAYS row triggers in the writer's process.  The time of
 * the status is set before the row is written; the move is checked and
 * recorded behind it, as the row then stands.  Our own statements write their
 * history themselves.  An INSERT is checked for validity only, and only
 * where the workflow is there (a restore loads relations in any order).
 * Logical apply workers are validated, not recorded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "audit_context.h"
#include "redact.h"
#include "shared_refusals.h"
#include "statement.h"
#include "status_change.h"
#include "trigger_call.h"

PG_FUNCTION_INFO_V1(taskcenter_guard_status_time);
PG_FUNCTION_INFO_V1(taskcenter_guard_status);

/* ---- columns ---- */

static char *
text_column(Relation rel, HeapTuple tuple, const char *name)
{
	bool		isnull;
	Datum		value = tc_column_value(rel, tuple, name, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* ids, and instants: eight bytes passed by value */
static int64
eight_bytes(Relation rel, HeapTuple tuple, const char *name)
{
	bool		isnull;
	Datum		value = tc_column_value(rel, tuple, name, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static bool
same_text(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return strcmp(one, other) == 0;
}

/* ---- before: since when it has its status ---- */

Datum
taskcenter_guard_status_time(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_row_trigger_call(fcinfo);
	Relation	rel = call->tg_relation;
	int			number = tc_column_number(rel, "status_changed_at");
	TimestampTz before;
	Datum		at;
	bool		isnull;

	if (!TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		return PointerGetDatum(call->tg_trigtuple);
	if (tc_statement_is_own() || IsLogicalWorker())
		return PointerGetDatum(call->tg_newtuple);
	before = eight_bytes(rel, call->tg_trigtuple, "status_changed_at");
	at = TimestampTzGetDatum(Max(GetCurrentTimestamp(), before));
	isnull = text_column(rel, call->tg_newtuple, "status") == NULL;
	return PointerGetDatum(heap_modify_tuple_by_cols(call->tg_newtuple, RelationGetDescr(rel),
													 1, &number, &at, &isnull));
}

/* ---- refusing ---- */

static void
note_refusal(Relation rel, HeapTuple old, const char *to, const StatusRequest *request,
			 const WorkflowProblems *problems)
{
	Refusal		refusal = {0};

	refusal.task_id = eight_bytes(rel, old, "task_id");
	refusal.owner_id = (Oid) eight_bytes(rel, old, "owner_id");
	refusal.refused_at = GetCurrentTimestamp();
	tc_shared_refusal_text(refusal.old_status, sizeof(refusal.old_status),
						   text_column(rel, old, "status"));
	tc_shared_refusal_text(refusal.requested_status, sizeof(refusal.requested_status), to);
	tc_shared_refusal_text(refusal.reason, sizeof(refusal.reason),
						   tc_redact_text(request->reason));
	tc_shared_refusal_text(refusal.actor, sizeof(refusal.actor), request->actor);
	tc_shared_refusal_text(refusal.problems, sizeof(refusal.problems),
						   tc_workflow_problems_clipped(problems, sizeof(refusal.problems)));
	tc_shared_refusal_note(&refusal);
}

static void
refuse(Relation rel, HeapTuple old, const char *to, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("task \"%s\" cannot go from \"%s\" to \"%s\"",
					text_column(rel, old, "name"), text_column(rel, old, "status"),
					tc_workflow_clip(to)),
			 errdetail("%s", detail),
			 errhint("%s", hint),
			 errtablecol(rel, tc_column_number(rel, "status"))));
}

static void
refuse_workflow(Relation rel, HeapTuple new, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("task \"%s\" cannot have the workflow \"%s\"",
					text_column(rel, new, "name"), text_column(rel, new, "workflow")),
			 errdetail("%s", detail),
			 errhint("The view taskcenter.workflow_transitions shows what each workflow allows."),
			 errtablecol(rel, tc_column_number(rel, "workflow"))));
}

/* ---- behind: may it, and the record of it ---- */

/* an application that knows nothing of us gives no metadata, but may have set a reason */
static StatusRequest
request_of_writer(const char *to)
{
	StatusRequest request = {0};

	request.to = to;
	request.reason = tc_audit_reason();
	request.actor = tc_audit_actor(GetUserId());
	return request;
}

static void
record_move(Relation rel, HeapTuple old, HeapTuple new, const StatusRequest *request)
{
	StatusHistoryRow row = {0};
	StoreFrame	frame;

	row.task_id = eight_bytes(rel, new, "task_id");
	row.owner_id = (Oid) eight_bytes(rel, new, "owner_id");
	row.old_status = text_column(rel, old, "status");
	row.new_status = request->to;
	row.reason = tc_redact_text(request->reason);
	row.actor = request->actor;
	row.at = eight_bytes(rel, new, "status_changed_at");
	tc_store_begin(&frame);
	tc_status_history_insert(&row);
	tc_store_end(&frame);
}

/* the status changed, and the workflow did not */
static void
check_move(Relation rel, HeapTuple old, HeapTuple new, const CachedWorkflow *workflow)
{
	bool		recorded = !tc_statement_is_own() && !IsLogicalWorker();
	StatusRequest request = request_of_writer(text_column(rel, new, "status"));
	char	   *from = text_column(rel, old, "status");
	WorkflowProblems problems;

	problems.count = 0;
	if (recorded && same_text(text_column(rel, old, "state"), "archived"))
		tc_workflow_add_problem(&problems, TC_PROBLEM_ARCHIVED, "archived",
								"The task is archived.");
	(void) tc_workflow_check(&workflow->rules, from, request.to,
							 recorded ? tc_status_request_has : NULL, &request, &problems);
	if (problems.count > 0)
	{
		if (recorded)
			note_refusal(rel, old, request.to, &request, &problems);
		refuse(rel, old, request.to,
			   tc_status_refusal_detail(&workflow->rules, from, &problems),
			   "taskcenter.set_task_status() takes a reason and metadata; before a plain UPDATE, taskcenter.set_context() sets the reason.");
	}
	if (recorded)
		record_move(rel, old, new, &request);
}

static void
check_update(Relation rel, HeapTuple old, HeapTuple new)
{
	char	   *workflow_name = text_column(rel, new, "workflow");
	char	   *status = text_column(rel, new, "status");
	bool		new_workflow = !same_text(text_column(rel, old, "workflow"), workflow_name);
	bool		new_status = !same_text(text_column(rel, old, "status"), status);
	const CachedWorkflow *workflow;

	/* which kind has which is the table's own constraint */
	if (workflow_name == NULL || status == NULL)
		return;
	workflow = tc_workflow_hold(workflow_name);
	if (workflow == NULL)
	{
		if (!IsLogicalWorker())
			refuse_workflow(rel, new, "There is no such workflow.");
		return;
	}
	if (tc_workflow_find(&workflow->rules, status) < 0 && (new_workflow || !new_status))
		refuse_workflow(rel, new, psprintf("It has no status \"%s\", in which the task is.",
										   status));
	if (new_workflow && new_status && !IsLogicalWorker())
		refuse_workflow(rel, new, "Its status cannot change with its workflow.");
	if (new_status && !new_workflow)
		check_move(rel, old, new, workflow);
}

static void
check_insert(Relation rel, HeapTuple new)
{
	char	   *name = text_column(rel, new, "workflow");
	char	   *status = text_column(rel, new, "status");
	const CachedWorkflow *workflow;

	if (name == NULL || status == NULL)
		return;
	workflow = tc_workflow_hold(name);
	if (workflow != NULL && tc_workflow_find(&workflow->rules, status) < 0)
		refuse_workflow(rel, new, psprintf("It has no status \"%s\".", tc_workflow_clip(status)));
}

Datum
taskcenter_guard_status(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_row_trigger_call(fcinfo);

	if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
		check_insert(call->tg_relation, call->tg_trigtuple);
	else if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		check_update(call->tg_relation, call->tg_trigtuple, call->tg_newtuple);
	return PointerGetDatum(NULL);
}
