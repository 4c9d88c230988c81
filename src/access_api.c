/*-------------------------------------------------------------------------
 *
 * access_api.c
 *		What the rules of row security ask: whose tasks, and which besides, the
 *		current user may see or change; and what the levels of grants mean.
 *
 * Executed in any session, as the user who reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "access.h"
#include "arguments.h"
#include "granted.h"
#include "role_set.h"
#include "run_control_store.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_visible_owner_ids);
PG_FUNCTION_INFO_V1(taskcenter_granted_task_ids);
PG_FUNCTION_INFO_V1(taskcenter_enqueuing_since);
PG_FUNCTION_INFO_V1(taskcenter_is_among);
PG_FUNCTION_INFO_V1(taskcenter_made_run);
PG_FUNCTION_INFO_V1(taskcenter_list_access_levels);

static ArrayType *
array_of_ids(const int64 *ids, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		values[i] = Int64GetDatum(ids[i]);
	return construct_array(values, count, INT8OID, 8, true, TYPALIGN_DOUBLE);
}

Datum
taskcenter_visible_owner_ids(PG_FUNCTION_ARGS)
{
	int64	   *ids;
	int			count = tc_roles_held_by(GetUserId(), &ids);

	PG_RETURN_ARRAYTYPE_P(array_of_ids(ids, count));
}

Datum
taskcenter_granted_task_ids(PG_FUNCTION_ARGS)
{
	char	   *label = tc_arg_required_text(fcinfo, 0, "access_right");
	int			right = tc_access_right_of(label);
	StoreFrame	frame;
	int64	   *ids;
	int			count;

	if (right < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("right \"%s\" is not known", tc_shorten(label)),
				 errdetail("\"access_right\" is \"%s\".", tc_shorten(label)),
				 errhint("Rights: view, read, enqueue, work, operate, manage.")));
	tc_store_begin(&frame);
	count = tc_granted_tasks(tc_statement_caller(), right, &ids);
	tc_store_end(&frame);
	PG_RETURN_ARRAYTYPE_P(array_of_ids(ids, count));
}

Datum
taskcenter_enqueuing_since(PG_FUNCTION_ARGS)
{
	StoreFrame	frame;
	TimestampTz since;

	tc_store_begin(&frame);
	since = tc_granted_since(tc_statement_caller(), TASK_RIGHT_ENQUEUE);
	tc_store_end(&frame);
	PG_RETURN_TIMESTAMPTZ(since);
}

/* Never raises, and reads no more than it must: it is asked for each row. */
Datum
taskcenter_is_among(PG_FUNCTION_ARGS)
{
	ArrayType  *array;
	int64		id;
	const int64 *ids;
	int			low = 0;
	int			high;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	id = PG_GETARG_INT64(0);
	array = PG_GETARG_ARRAYTYPE_P(1);
	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array))
		PG_RETURN_BOOL(false);
	ids = (const int64 *) ((char *) array + ARR_OVERHEAD_NONULLS(1));
	high = ARR_DIMS(array)[0] - 1;
	while (low <= high)
	{
		int			middle = low + (high - low) / 2;

		if (ids[middle] == id)
			PG_RETURN_BOOL(true);
		if (ids[middle] < id)
			low = middle + 1;
		else
			high = middle - 1;
	}
	PG_RETURN_BOOL(false);
}

/* A run's rows follow each other: the last answer of a query is kept. */
typedef struct RunMemo
{
	int64		run_id;			/* 0: none */
	Oid			user;
	bool		made;
} RunMemo;

Datum
taskcenter_made_run(PG_FUNCTION_ARGS)
{
	RunMemo    *memo = fcinfo->flinfo->fn_extra;
	StoreFrame	frame;
	RunFacts	run;
	TaskRow		task;

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	if (memo == NULL)
		memo = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RunMemo));
	if (memo->run_id == PG_GETARG_INT64(0) && memo->user == GetUserId())
		PG_RETURN_BOOL(memo->made);
	memo->run_id = 0;
	tc_store_begin(&frame);
	memo->made = tc_run_find(PG_GETARG_INT64(0), &run) &&
		tc_task_find_id(run.task_id, false, &task) &&
		tc_access_made_run(tc_statement_caller(), &task, &run);
	tc_store_end(&frame);
	memo->run_id = PG_GETARG_INT64(0);
	memo->user = GetUserId();
	PG_RETURN_BOOL(memo->made);
}

/* ---- the levels ---- */

Datum
taskcenter_list_access_levels(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[1 + TASK_RIGHT_OWN];
	bool		nulls[1 + TASK_RIGHT_OWN] = {false};
	int			level;
	int			right;

	InitMaterializedSRF(fcinfo, 0);
	for (level = 0; level < ACCESS_LEVEL_COUNT; level++)
	{
		values[0] = CStringGetTextDatum(tc_access_level_label(level));
		for (right = 0; right < TASK_RIGHT_OWN; right++)
			values[1 + right] = BoolGetDatum(tc_access_level_has(level, right));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
