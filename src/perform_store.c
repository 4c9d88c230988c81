/*-------------------------------------------------------------------------
 *
 * perform_store.c
 *		The statements of a session that executes runs itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "perform_store.h"
#include "statement.h"

static Statement start = {
	.label = "start a run in a session",
	.text =
	"WITH due AS ("
	" SELECT r.run_id, r.status FROM taskcenter.live_runs AS r"
	" WHERE r.run_id = $1 AND r.run_as_id = $2"
	"   AND r.status = ANY (ARRAY['queued', 'retrying']) FOR UPDATE),"
	" claimed AS ("
	" UPDATE taskcenter.live_runs AS r SET status = 'running', attempt = r.attempt + 1,"
	"   token = nextval('taskcenter.token_ids'), claimed_at = $3,"
	"   unique_guard = CASE WHEN r.unique_until = 'started' THEN NULL"
	"     ELSE r.unique_guard END"
	" FROM due WHERE r.run_id = due.run_id RETURNING r.*, due.status AS old_status),"
	" noted AS ("
	" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
	"   task_id, retention_class, attempt, old_status, new_status, actor)"
	" SELECT c.run_id, clock_timestamp(), c.owner_id, c.task_id, c.retention_class, c.attempt, c.old_status,"
	"   'running', $4 FROM claimed AS c)"
	" SELECT c.run_id, c.token, c.task_id, c.parent_run_id, c.attempt, c.max_attempts,"
	"   c.retention_class, c.is_catchup, c.scheduled_for, c.catchup_from,"
	"   c.catchup_count, c.params, c.trace_id, c.step, q.queue"
	" FROM claimed AS c LEFT JOIN taskcenter.queues AS q ON q.queue_id = c.queue_id",
	.nargs = 4,
	.types = {INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID}
};

static Statement find_due = {
	.label = "list the due runs of a role",
	.text =
	"SELECT r.run_id FROM taskcenter.live_runs AS r"
	" WHERE r.run_as_id = $1 AND ($2 = 0 OR r.task_id = $2)"
	"   AND r.status = ANY (ARRAY['queued', 'retrying']) AND r.run_at <= $3"
	" ORDER BY r.priority, r.run_at, r.run_id",
	.nargs = 3,
	.types = {INT8OID, INT8OID, TIMESTAMPTZOID},
	.any_plan = true
};

bool
tc_perform_start(int64 run_id, Oid role, const char *actor, TimestampTz now,
				 PerformedRun *run)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_bind_int64(&bindings, role);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_text(&bindings, actor);
	if (tc_run_bound(&start, &bindings) == 0)
		return false;
	run->run_id = tc_get_int64(0, 1);
	run->token = tc_get_int64(0, 2);
	run->task_id = tc_get_int64(0, 3);
	run->parent_run_id = tc_get_int64(0, 4);
	run->attempt = tc_get_int32(0, 5);
	run->max_attempts = tc_get_int32(0, 6);
	run->retention_class = tc_get_int32(0, 7);
	run->is_catchup = tc_get_bool(0, 8);
	run->scheduled_for = tc_get_timestamptz(0, 9);
	run->catchup_from = tc_get_timestamptz(0, 10);
	run->catchup_count = tc_get_int64(0, 11);
	run->params = tc_get_jsonb(0, 12);
	run->trace_id = tc_get_text(0, 13);
	run->step = tc_get_text(0, 14);
	run->queue = tc_get_text(0, 15);
	return true;
}

int
tc_perform_due(Oid role, int64 task_id, TimestampTz now, int64 **run_ids)
{
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_int64(&bindings, role);
	tc_bind_int64(&bindings, task_id);
	tc_bind_timestamptz(&bindings, now);
	count = (int) tc_run_bound(&find_due, &bindings);
	*run_ids = palloc(sizeof(int64) * Max(count, 1));
	for (i = 0; i < count; i++)
		(*run_ids)[i] = tc_get_int64(i, 1);
	return count;
}
