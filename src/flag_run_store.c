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
#include "run_columns.h"

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
	TC_FINISH_GONE
	"   g.started_at, g.moved_at, g.retention_class, g.lost, g.new_status, NULL, $2, g.error,"
	"   g.sqlstate, NULL, NULL, NULL FROM gone AS g)"
	TC_NOTE_GONE("g.moved_at")
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
