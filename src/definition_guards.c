/*-------------------------------------------------------------------------
 *
 * definition_guards.c
 *		Triggers on tasks, schedules, queues, settings and the scheduler's
 *		state: nobody names a mightier role than himself, nothing that history
 *		names is deleted, and whoever waits is told at commit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guard_store.h"
#include "plain_writer.h"
#include "purge_lock.h"
#include "schedule_define.h"
#include "shared_state.h"
#include "statement.h"
#include "trigger_call.h"

PG_FUNCTION_INFO_V1(taskcenter_guard_task);
PG_FUNCTION_INFO_V1(taskcenter_regate_runs);
PG_FUNCTION_INFO_V1(taskcenter_guard_schedule);
PG_FUNCTION_INFO_V1(taskcenter_resume_by_update);
PG_FUNCTION_INFO_V1(taskcenter_guard_control);
PG_FUNCTION_INFO_V1(taskcenter_guard_grant);

static bool
column_is_null(Relation rel, HeapTuple tuple, const char *name)
{
	bool		isnull;

	(void) tc_column_value(rel, tuple, name, &isnull);
	return isnull;
}

/*
 * Whoever could write this table could name a mighty owner, so the check
 * stands here: the writer must himself be able to become both roles.
 */
static void
check_may_name(Relation rel, HeapTuple old, HeapTuple new, const char *name)
{
	bool		isnull;
	Datum		after = tc_column_value(rel, new, name, &isnull);
	Oid			role;

	if (isnull)
		return;					/* the column's own constraint speaks */
	if (old != NULL && tc_column_value(rel, old, name, &isnull) == after && !isnull)
		return;
	role = (Oid) DatumGetInt64(after);
	/* nobody executes an external task */
	if (role == TC_ROLE_WORKERS && strcmp(name, "run_as_id") == 0)
		return;
	if (superuser_arg(tc_statement_caller()) || IsLogicalWorker())
		return;
	if (!tc_role_may_set(tc_statement_caller(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to give a task to another role"),
				 errdetail("Role \"%s\" cannot act as the role with OID %u.",
						   GetUserNameFromId(tc_statement_caller(), true), role),
				 errhint("Name a role that you could SET ROLE to.")));
}

/*
 * A plain UPDATE of a state: some moves do more than change a word, and have
 * a function of their own.
 */
static void
check_plain_move(Relation rel, HeapTuple old, HeapTuple new, const char *final,
				 const char *hint)
{
	bool		isnull;
	char	   *from;
	char	   *to;

	if (tc_statement_is_own() || IsLogicalWorker())
		return;
	from = TextDatumGetCString(tc_column_value(rel, old, "state", &isnull));
	to = TextDatumGetCString(tc_column_value(rel, new, "state", &isnull));
	if (strcmp(from, to) == 0 ||
		(strcmp(from, final) != 0 && strcmp(to, final) != 0 && strcmp(to, "quarantined") != 0))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("state cannot go from \"%s\" to \"%s\" by a plain UPDATE", from, to),
			 errhint("%s", hint),
			 errtablecol(rel, tc_column_number(rel, "state"))));
}

/* no process has to know of a task of which nothing is executed */
static bool
is_manual(Relation rel, HeapTuple tuple)
{
	bool		isnull;
	Datum		kind = tc_column_value(rel, tuple, "kind", &isnull);

	return !isnull && strcmp(TextDatumGetCString(kind), TC_KIND_MANUAL) == 0;
}

/* what UPDATE is granted on, under row security */
static const char *const everybodys[] = {"state", "status", NULL};

Datum
taskcenter_guard_task(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);
	Relation	rel = call->tg_relation;
	bool		update = TRIGGER_FIRED_BY_UPDATE(call->tg_event);
	HeapTuple	old = update ? call->tg_trigtuple : NULL;
	HeapTuple	new = update ? call->tg_newtuple : call->tg_trigtuple;

	if (TRIGGER_FIRED_BY_DELETE(call->tg_event))
	{
		if (!IsLogicalWorker())
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("tasks are never deleted"),
					 errdetail("Their runs, history and audit name them."),
					 errhint("Use taskcenter.archive_task().")));
		return PointerGetDatum(call->tg_trigtuple);
	}
	if (update)
		tc_plain_check_columns(rel, old, new, everybodys);
	else
		tc_plain_check(rel);
	if (update)
		check_plain_move(rel, old, new, "archived",
						 "Use taskcenter.archive_task() or taskcenter.unarchive_task().");
	if (!column_is_null(rel, new, "hold_reason") &&
		(old == NULL || column_is_null(rel, old, "hold_reason")))
		tc_lock_to_hold();
	check_may_name(rel, old, new, "owner_id");
	check_may_name(rel, old, new, "run_as_id");
	if (!update || !is_manual(rel, new))
		tc_shared_touch_control();
	return PointerGetDatum(new);
}

/* AFTER UPDATE, when "gated" changed */
Datum
taskcenter_regate_runs(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);
	bool		isnull;
	int64		task_id;
	bool		gated;

	task_id = DatumGetInt64(tc_column_value(call->tg_relation, call->tg_newtuple, "task_id", &isnull));
	gated = DatumGetBool(tc_column_value(call->tg_relation, call->tg_newtuple, "gated", &isnull));
	if (!IsLogicalWorker())
		tc_guard_regate(task_id, gated);
	return PointerGetDatum(NULL);
}

Datum
taskcenter_guard_schedule(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);
	HeapTuple	new = TRIGGER_FIRED_BY_UPDATE(call->tg_event) ?
	call->tg_newtuple : call->tg_trigtuple;
	bool		isnull;
	Datum		next;

	if (TRIGGER_FIRED_BY_DELETE(call->tg_event))
	{
		if (!tc_statement_is_own() && !IsLogicalWorker())
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("schedules are not deleted by plain SQL"),
					 errdetail("What fires, and when, is changed by functions only."),
					 errhint("Use taskcenter.drop_schedule().")));
		return PointerGetDatum(new);
	}
	if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		tc_plain_check_columns(call->tg_relation, call->tg_trigtuple, new, everybodys);
	else
		tc_plain_check(call->tg_relation);
	if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		check_plain_move(call->tg_relation, call->tg_trigtuple, new, "completed",
						 "Use taskcenter.schedule_task() to define it anew.");
	next = tc_column_value(call->tg_relation, new, "next_run_at", &isnull);
	if (!isnull)
		tc_shared_touch_schedules(DatumGetTimestampTz(next));
	return PointerGetDatum(new);
}

/*
 * AFTER UPDATE, when a schedule became active: as resume_schedule() does, what
 * was due in between does not fire but is recorded as skipped.
 */
Datum
taskcenter_resume_by_update(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);
	StoreFrame	frame;
	ScheduleRow row;
	bool		isnull;
	Datum		id = tc_column_value(call->tg_relation, call->tg_newtuple, "schedule_id", &isnull);

	if (tc_statement_is_own() || IsLogicalWorker())
		return PointerGetDatum(NULL);
	tc_store_begin(&frame);
	if (tc_schedule_find_id(DatumGetInt64(id), &row))
		tc_define_resume(&row, "paused", GetCurrentTimestamp());
	tc_store_end(&frame);
	return PointerGetDatum(NULL);
}

/* queues, setting_values, flags, scheduler_state */
Datum
taskcenter_guard_control(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);

	if (TRIGGER_FIRED_BY_DELETE(call->tg_event) &&
		!tc_statement_is_own() && !IsLogicalWorker())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot delete from \"%s\"",
						RelationGetRelationName(call->tg_relation)),
				 errdetail("Unfinished runs and the record depend on its rows."),
				 errhint("Pause a queue, or call taskcenter.set_setting() with null, instead.")));
	tc_plain_check(call->tg_relation);
	tc_shared_touch_control();
	tc_shared_touch_all_lanes();
	if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		return PointerGetDatum(call->tg_newtuple);
	return PointerGetDatum(call->tg_trigtuple);
}

/* access_grants */
Datum
taskcenter_guard_grant(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);

	if (!tc_statement_is_own() && !IsLogicalWorker() &&
		!TRIGGER_FIRED_BY_INSERT(call->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("grants are not changed by plain SQL"),
				 errdetail("What somebody may do is changed by functions only."),
				 errhint("Use taskcenter.grant_access() and taskcenter.revoke_access().")));
	tc_plain_check(call->tg_relation);
	if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		return PointerGetDatum(call->tg_newtuple);
	return PointerGetDatum(call->tg_trigtuple);
}
