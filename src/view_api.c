/*-------------------------------------------------------------------------
 *
 * view_api.c
 *		What the views ask the server: whose rows a user may see, which
 *		executors there are, which runs a list shows, and which status of a run
 *		may follow which.
 *
 * Executed in any session, as the user who reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "run_list_store.h"
#include "run_status.h"
#include "shared_state.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_sees_contents_of_all);
PG_FUNCTION_INFO_V1(taskcenter_sees_states_of_all);
PG_FUNCTION_INFO_V1(taskcenter_executor_activity);
PG_FUNCTION_INFO_V1(taskcenter_listed_run_ids);
PG_FUNCTION_INFO_V1(taskcenter_list_run_transitions);
PG_FUNCTION_INFO_V1(taskcenter_refuse_null);
PG_FUNCTION_INFO_V1(taskcenter_require_monitor);

#define MAX_LISTED 1000

/* columns of executor_info */
#define EXECUTOR_COLUMNS 14

/* ---- whose rows ---- */

/* As for any table with row security. */
Datum
taskcenter_sees_contents_of_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has_bypassrls_privilege(GetUserId()));
}

Datum
taskcenter_sees_states_of_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has_bypassrls_privilege(GetUserId()) ||
				   tc_access_is_monitor(GetUserId()));
}

/* ---- executors ---- */

static const char *
state_label(ExecutorState state)
{
	switch (state)
	{
		case EXECUTOR_STATE_FREE:
			break;
		case EXECUTOR_STATE_STARTING:
			return "starting";
		case EXECUTOR_STATE_IDLE:
		case EXECUTOR_STATE_WOKEN:
			return "idle";
		case EXECUTOR_STATE_BUSY:
			return "busy";
		case EXECUTOR_STATE_ENDED:
			return "ended";
	}
	return "free";
}

static void
set_time(Datum *value, bool *isnull, TimestampTz time)
{
	*isnull = time == 0 || TIMESTAMP_NOT_FINITE(time);
	*value = TimestampTzGetDatum(time);
}

static void
put_executor(ReturnSetInfo *result, const ExecutorSlot *slot)
{
	Datum		values[EXECUTOR_COLUMNS] = {0};
	bool		nulls[EXECUTOR_COLUMNS] = {false};
	bool		runs = slot->current_run != 0;
	char	   *role = GetUserNameFromId(slot->role, true);
	int			i;

	values[0] = Int64GetDatum(slot->executor_id);
	values[1] = Int32GetDatum(slot->pid);
	nulls[1] = slot->pid == 0;
	nulls[2] = role == NULL;
	values[2] = role == NULL ? (Datum) 0 : CStringGetTextDatum(role);
	values[3] = CStringGetTextDatum(state_label(slot->state));
	set_time(&values[4], &nulls[4], slot->state_since);
	set_time(&values[5], &nulls[5], slot->served_since);
	values[6] = Int64GetDatum(slot->current_run);
	values[7] = Int64GetDatum(slot->current_task);
	values[8] = Int32GetDatum(slot->current_attempt);
	set_time(&values[9], &nulls[9], slot->current_started_at);
	set_time(&values[10], &nulls[10], slot->current_deadline);
	values[11] = Int64GetDatum(slot->progress_done);
	values[12] = Int64GetDatum(slot->progress_total);
	values[13] = CStringGetTextDatum(slot->progress_phase);
	for (i = 6; i < EXECUTOR_COLUMNS; i++)
		nulls[i] = nulls[i] || !runs;

	/* a run that never reported has no progress */
	nulls[12] = nulls[12] || slot->progress_total < 0;
	nulls[13] = nulls[13] || slot->progress_phase[0] == '\0';
	nulls[11] = nulls[11] ||
		(slot->progress_done == 0 && nulls[12] && nulls[13]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* its role's own, or one that runs something the user knows of */
static bool
may_see(const ExecutorSlot *slot)
{
	StoreFrame	frame;
	TaskRow		task;
	bool		may;

	if (has_privs_of_role(GetUserId(), slot->role))
		return true;
	if (slot->current_task == 0)
		return false;
	tc_store_begin(&frame);
	may = tc_task_find_id(slot->current_task, false, &task) &&
		tc_access_may(tc_statement_caller(), &task, TASK_RIGHT_VIEW);
	tc_store_end(&frame);
	return may;
}

Datum
taskcenter_executor_activity(PG_FUNCTION_ARGS)
{
	bool		all = DatumGetBool(DirectFunctionCall1(taskcenter_sees_states_of_all, (Datum) 0));
	ExecutorSlot *slots;
	int			count = 0;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (!tc_shared_available())
		return (Datum) 0;

	slots = palloc(sizeof(ExecutorSlot) * TC_MAX_EXECUTORS);
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (i = 0; i < TC_MAX_EXECUTORS; i++)
		if (tc_shared->executors[i].state != EXECUTOR_STATE_FREE &&
			tc_shared->executors[i].database == MyDatabaseId)
			slots[count++] = tc_shared->executors[i];
	LWLockRelease(tc_shared->lock);

	for (i = 0; i < count; i++)
		if (all || may_see(&slots[i]))
			put_executor((ReturnSetInfo *) fcinfo->resultinfo, &slots[i]);
	pfree(slots);
	return (Datum) 0;
}

/* ---- run_transitions ---- */

Datum
taskcenter_list_run_transitions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[2];
	bool		nulls[2] = {false};
	int			from;
	int			to;

	InitMaterializedSRF(fcinfo, 0);
	for (from = 0; from < RUN_STATUS_COUNT; from++)
	{
		values[0] = CStringGetTextDatum(tc_run_status_label((RunStatus) from));
		for (to = 0; to < RUN_STATUS_COUNT; to++)
		{
			if (!tc_run_status_may_become((RunStatus) from, (RunStatus) to))
				continue;
			values[1] = CStringGetTextDatum(tc_run_status_label((RunStatus) to));
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}

/* ---- list_runs() ---- */

static void
check_statuses(char **statuses, int count)
{
	const char *choices[RUN_STATUS_COUNT + 1];
	int			i;

	for (i = 0; i < RUN_STATUS_COUNT; i++)
		choices[i] = tc_run_status_label((RunStatus) i);
	choices[RUN_STATUS_COUNT] = NULL;
	for (i = 0; i < count; i++)
		tc_check_choice("statuses", statuses[i], choices);
}

Datum
taskcenter_listed_run_ids(PG_FUNCTION_ARGS)
{
	char	   *name = tc_arg_text(fcinfo, 0);
	int			status_count;
	char	  **statuses = tc_arg_text_array(fcinfo, 1, "statuses", &status_count);
	TimestampTz since = tc_arg_timestamptz(fcinfo, 2, "since");
	int64		before = tc_arg_int64(fcinfo, 3, PG_INT64_MAX);
	int32		max_rows = tc_arg_int32(fcinfo, 4, 50);
	RunFilter	filter = {0};
	MemoryContext outside = CurrentMemoryContext;
	StoreFrame	frame;
	TaskRow		task;
	Datum	   *ids;
	ArrayType  *result;
	int			count;

	check_statuses(statuses, status_count);
	tc_check_int("max_rows", max_rows, 1, MAX_LISTED);
	filter.statuses = (const char *const *) statuses;
	filter.status_count = status_count;

	tc_store_begin(&frame);
	if (name == NULL)
		tc_access_tasks(tc_statement_caller(), TASK_RIGHT_VIEW, &filter.tasks);
	else
	{
		tc_access_require_task(name, false, TASK_RIGHT_VIEW, &task);
		filter.task_id = task.task_id;
		filter.tasks.all = true;
	}
	count = tc_runs_list(&filter, since, before, max_rows, &ids);
	MemoryContextSwitchTo(outside);
	result = construct_array(ids, count, INT8OID, 8, true, TYPALIGN_DOUBLE);
	tc_store_end(&frame);
	PG_RETURN_ARRAYTYPE_P(result);
}

/* ---- what functions in SQL begin with ---- */

/* refuse_null(argument, is_missing) */
Datum
taskcenter_refuse_null(PG_FUNCTION_ARGS)
{
	char	   *argument = tc_arg_required_text(fcinfo, 0, "argument");

	if (tc_arg_bool(fcinfo, 1, true))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", argument),
				 errdetail("\"%s\" is null.", argument),
				 errhint("taskcenter.help() with the name of the function shows its arguments.")));
	PG_RETURN_BOOL(false);
}

/* require_monitor(what) */
Datum
taskcenter_require_monitor(PG_FUNCTION_ARGS)
{
	tc_access_require_monitor(tc_arg_required_text(fcinfo, 0, "what"));
	PG_RETURN_BOOL(true);
}
