/*-------------------------------------------------------------------------
 *
 * flag_run_store.c
 *		The runs that a flag lets start, or has skipped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "flag_run_store.h"

static Statement due_runs = {
	.label = "find the due runs of a lane",
	.text =
	"SELECT r.run_id FROM taskcenter.live_runs AS r"
	" WHERE r.run_as_id = $1 AND r.queue_id = $2 AND r.priority = $3 AND r.gate = $4"
	"   AND r.status = ANY (ARRAY['queued', 'retrying'])"
	"   AND (r.run_at, r.run_id) >= ($5, $6) AND r.run_at <= $7"
	" ORDER BY r.run_at, r.run_id LIMIT $8 FOR UPDATE OF r SKIP LOCKED",
	.nargs = 8,
	.types = {INT8OID, INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID,
	INT8OID}
};

static Statement skip_runs = {
	.label = "skip runs",
	.text =
	"WITH gone AS ("
	" DELETE FROM taskcenter.live_runs AS r WHERE r.run_id = ANY ($1)"
	"   AND r.status = ANY (ARRAY['queued', 'retrying'])"
	" RETURNING r.*, greatest($4, clock_timestamp()) AS moved_at,"
	"   CASE WHEN r.status = 'queued' THEN 'skipped' ELSE 'cancelled' END AS new_status),"
	" kept AS ("
	" INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id,"
	"   queue_id, schedule_id, parent_run_id, run_at, created_at, scheduled_for,"
	"   catchup_from, catchup_count, started_at, finished_at, retention_class, priority,"
	"   attempt, max_attempts, lost, is_catchup, status, params, step, unique_key,"
	"   unique_until, reason, error, sqlstate, trace_id, created_by, group_key,"
	"   definition_id, graph_version, item)"
	" SELECT g.run_id, g.task_id, g.run_as_id, g.owner_id, g.queue_id, g.schedule_id,"
	"   g.parent_run_id, g.run_at, g.created_at, g.scheduled_for, g.catchup_from,"
	"   g.catchup_count, g.started_at, g.moved_at, g.retention_class, g.priority,"
	"   g.attempt, g.max_attempts, g.lost, g.is_catchup, g.new_status, g.params, g.step,"
	"   g.unique_key, g.unique_until, $2, g.error, g.sqlstate, g.trace_id, g.created_by,"
	"   g.group_key, g.definition_id, g.graph_version, g.item"
	" FROM gone AS g)"
	" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
	"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
	" SELECT g.run_id, g.moved_at, g.owner_id, g.task_id, g.retention_class, g.attempt,"
	"   g.status, g.new_status, $2, $3 FROM gone AS g",
	.nargs = 4,
	.types = {INT8ARRAYOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement note_runs = {
	.label = "note why runs may start",
	.text =
	"INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
	"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
	" SELECT r.run_id, clock_timestamp(), r.owner_id, r.task_id, r.retention_class, r.attempt,"
	"   r.status, r.status, $2, $3 FROM taskcenter.live_runs AS r WHERE r.run_id = ANY ($1)",
	.nargs = 3,
	.types = {INT8ARRAYOID, TEXTOID, TEXTOID}
};

int
tc_flag_runs_due(const ClaimRequest *request, int64 **run_ids)
{
	MemoryContext outside = CurrentMemoryContext;
	StoreFrame	frame;
	Bindings	arguments = {0};
	int			count;
	int			i;

	tc_bind_int64(&arguments, request->role);
	tc_bind_int64(&arguments, request->queue_id);
	tc_bind_int32(&arguments, request->priority);
	tc_bind_int64(&arguments, request->gate);
	tc_bind_datum(&arguments, TimestampTzGetDatum(request->bound_at), false);
	tc_bind_int64(&arguments, request->bound_run);
	tc_bind_datum(&arguments, TimestampTzGetDatum(request->now), false);
	tc_bind_int64(&arguments, request->max_runs);
	tc_store_begin(&frame);
	count = (int) tc_run_bound(&due_runs, &arguments);
	*run_ids = MemoryContextAlloc(outside, sizeof(int64) * Max(count, 1));
	for (i = 0; i < count; i++)
		(*run_ids)[i] = tc_get_int64(i, 1);
	tc_store_end(&frame);
	return count;
}

int
tc_flag_runs_skip(const int64 *run_ids, int count, const char *reason, const char *actor,
				  TimestampTz now)
{
	StoreFrame	frame;
	Bindings	arguments = {0};
	int			done;

	tc_bind_ids(&arguments, run_ids, count);
	tc_bind_redacted(&arguments, reason);
	tc_bind_redacted(&arguments, actor);
	tc_bind_timestamptz(&arguments, now);
	tc_store_begin(&frame);
	done = (int) tc_run_bound(&skip_runs, &arguments);
	tc_store_end(&frame);
	return done;
}

void
tc_flag_runs_note(const int64 *run_ids, int count, const char *reason, const char *actor)
{
	StoreFrame	frame;
	Bindings	arguments = {0};

	tc_bind_ids(&arguments, run_ids, count);
	tc_bind_redacted(&arguments, reason);
	tc_bind_redacted(&arguments, actor);
	tc_store_begin(&frame);
	tc_run_bound(&note_runs, &arguments);
	tc_store_end(&frame);
}
