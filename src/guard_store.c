/*-------------------------------------------------------------------------
 *
 * guard_store.c
 *		The record that a guard writes for a writer that is not ours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "guard_store.h"
#include "statement.h"

static Statement record_move = {
	.label = "record a move made by plain SQL",
	.text =
	"INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
	"   retention_class, attempt, old_status, new_status, reason, actor)"
	" SELECT $1, $2, $3,"
	"   CASE WHEN t.retention IS NULL AND t.failed_retention IS NULL THEN 1 ELSE 3 END,"
	"   $5, $6, $7, 'plain SQL', $8"
	" FROM (SELECT $4::bigint AS task_id) AS k"
	" LEFT JOIN taskcenter.tasks AS t ON t.task_id = k.task_id",
	.nargs = 8,
	.types = {INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID}
};

static Statement regate = {
	.label = "change the lane of a task's runs",
	.text =
	"UPDATE taskcenter.live_runs AS r SET gate = $2"
	" WHERE r.task_id = $1 AND r.gate <> $2 AND r.gate >= 0"
	"   AND r.status = ANY (ARRAY['waiting', 'queued', 'retrying'])",
	.nargs = 2,
	.types = {INT8OID, INT8OID},
	.any_plan = true
};

void
tc_guard_regate(int64 task_id, bool gated)
{
	StoreFrame	frame;
	Datum		values[2];

	values[0] = Int64GetDatum(task_id);
	values[1] = Int64GetDatum(gated ? task_id : 0);
	tc_store_begin(&frame);
	tc_run(&regate, values, NULL);
	tc_store_end(&frame);
}

void
tc_guard_record_move(int64 run_id, int64 owner_id, int64 task_id, int32 attempt,
					 const char *old_status, const char *new_status, TimestampTz now)
{
	StoreFrame	frame;
	Datum		values[8];

	values[0] = Int64GetDatum(run_id);
	values[1] = TimestampTzGetDatum(now);
	values[2] = Int64GetDatum(owner_id);
	values[3] = Int64GetDatum(task_id);
	values[4] = Int32GetDatum(attempt);
	values[5] = CStringGetTextDatum(old_status);
	values[6] = CStringGetTextDatum(new_status);
	values[7] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));

	tc_store_begin(&frame);
	tc_run(&record_move, values, NULL);
	tc_store_end(&frame);
}
