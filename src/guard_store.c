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

#include "audit_context.h"
#include "bindings.h"
#include "guard_store.h"
#include "statement.h"

static Statement record_move = {
	.label = "record a move made by plain SQL",
	.text =
	"INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
	"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
	" SELECT $1, $2, $3, $4, coalesce(t.retention_class, 1),"
	"   $5, $6, $7, coalesce($9, 'plain SQL'), $8"
	" FROM (SELECT $4::bigint AS task_id) AS k"
	" LEFT JOIN taskcenter.tasks AS t ON t.task_id = k.task_id",
	.nargs = 9,
	.types = {INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID,
	TEXTOID}
};

/* one that somebody holds changes its lane when an executor claims it: executor.c */
static Statement regate = {
	.label = "change the lane of a task's runs",
	.text =
	"WITH moved AS ("
	" SELECT r.ctid AS place FROM taskcenter.live_runs AS r"
	" WHERE r.task_id = $1 AND r.definition_id IS NULL AND r.gate <> $2 AND r.gate >= 0"
	"   AND r.status = ANY (ARRAY['waiting', 'queued', 'retrying'])"
	" FOR NO KEY UPDATE SKIP LOCKED)"
	" UPDATE taskcenter.live_runs AS r SET gate = $2"
	" WHERE r.ctid = ANY (ARRAY(SELECT m.place FROM moved AS m))",
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
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_int64(&bindings, owner_id);
	tc_bind_int64(&bindings, task_id);
	tc_bind_int32(&bindings, attempt);
	tc_bind_text(&bindings, old_status);
	tc_bind_text(&bindings, new_status);
	tc_bind_text(&bindings, tc_audit_actor(GetUserId()));
	tc_bind_text(&bindings, tc_audit_reason());

	tc_store_begin(&frame);
	tc_run_bound(&record_move, &bindings);
	tc_store_end(&frame);
}
