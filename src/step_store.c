/*-------------------------------------------------------------------------
 *
 * step_store.c
 *		A step becomes a run of the task that it names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "statement.h"
#include "step_store.h"

static Statement become = {
	.label = "make a step a run of its task",
	.text =
	"WITH back AS ("
	" UPDATE taskcenter.live_runs AS r SET status = 'queued', attempt = 0, lost = 0,"
	"   run_at = $6, executor_id = NULL, token = NULL, claimed_at = NULL, started_at = NULL,"
	"   error = NULL, sqlstate = NULL, reason = NULL, definition_id = NULL, step_state = NULL,"
	"   task_id = t.task_id, run_as_id = t.run_as_id, owner_id = t.owner_id,"
	"   queue_id = coalesce((SELECT c.queue_id FROM taskcenter.queues AS c"
	"     WHERE c.queue = 'control' AND EXISTS (SELECT FROM taskcenter.graph_exemptions AS e"
	"       WHERE e.run_id = r.parent_run_id)), q.queue_id),"
	"   gate = CASE WHEN t.gated THEN t.task_id ELSE 0 END,"
	"   priority = coalesce($4, t.priority),"
	"   max_attempts = coalesce(nullif($5, 0), t.max_attempts),"
	"   retention_class = t.retention_class"
	" FROM taskcenter.tasks AS t JOIN taskcenter.queues AS q ON q.queue = t.queue"
	" WHERE t.task_id = $3 AND r.run_id = $1 AND r.token = $2 AND r.status = 'running'"
	" RETURNING r.run_id, r.owner_id, r.task_id, r.retention_class)"
	" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
	"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
	" SELECT b.run_id, greatest($6, clock_timestamp()), b.owner_id, b.task_id,"
	"   b.retention_class, 0, 'running', 'queued', 'it may start', 'executor' FROM back AS b",
	.nargs = 6,
	.types = {INT8OID, INT8OID, INT8OID, INT4OID, INT4OID, TIMESTAMPTZOID}
};

bool
tc_step_becomes(const RunRow *run, int64 task_id, const StepRun *given, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		ours;

	tc_bind_int64(&bindings, run->run_id);
	tc_bind_int64(&bindings, run->token);
	tc_bind_int64(&bindings, task_id);
	tc_bind_datum(&bindings, Int32GetDatum(given->priority), !given->has_priority);
	tc_bind_int32(&bindings, given->max_attempts);
	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	ours = tc_run_bound(&become, &bindings) == 1;
	tc_store_end(&frame);
	return ours;
}
