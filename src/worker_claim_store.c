/*-------------------------------------------------------------------------
 *
 * worker_claim_store.c
 *		What external workers claim: the heads of lanes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "statement.h"
#include "worker_claim_store.h"

/*
 * What both claims do with the runs in "due", and return of them; $5 is the
 * time, $6 and $8 the worker.
 */
#define CLAIM_DUE(lease_until) \
	" claimed AS (" \
	" UPDATE taskcenter.live_runs AS r SET status = 'running', attempt = r.attempt + 1," \
	"   token = nextval('taskcenter.token_ids'), last_token = NULL, worker_id = $6," \
	"   claimed_at = $5, started_at = $5, last_heartbeat_at = $5, lease_until = " \
	lease_until "," \
	"   cancel_requested_at = NULL, progress = NULL," \
	"   unique_guard = CASE WHEN r.unique_until = 'started' THEN NULL" \
	"     ELSE r.unique_guard END" \
	" WHERE r.ctid = ANY (ARRAY(SELECT d.place FROM due AS d))" \
	" RETURNING r.run_id, r.token, r.task_id, r.owner_id, r.queue_id, r.gate, r.priority," \
	"   r.attempt, r.max_attempts, r.retention_class, r.is_catchup, r.params," \
	"   r.scheduled_for, r.step, r.parent_run_id, r.trace_id, r.run_at)," \
	" noted AS (" \
	" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id," \
	"   task_id, retention_class, attempt, old_status, new_status, actor)" \
	" SELECT c.run_id, greatest($5, clock_timestamp()), c.owner_id, c.task_id," \
	"   c.retention_class, c.attempt," \
	"   CASE WHEN c.run_id = ANY (ARRAY(SELECT d.run_id FROM due AS d" \
	"     WHERE d.status = 'retrying')) THEN 'retrying' ELSE 'queued' END," \
	"   'running', $8 FROM claimed AS c)" \
	" SELECT c.run_id, c.token, c.task_id, c.owner_id, c.queue_id, c.gate, c.priority," \
	"   c.attempt, c.max_attempts, c.retention_class, c.is_catchup, c.params," \
	"   c.scheduled_for, c.step, c.parent_run_id, c.trace_id"

/* no join: it would cost a copy of each row for rechecks that locked rows never need */
static Statement claim_runs = {
	.label = "claim runs for a worker",
	.text =
	"WITH due AS ("
	" SELECT d.place, d.run_id, d.status, l.number"
	" FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[])"
	"   WITH ORDINALITY AS l (queue_id, priority, gate, share, number)"
	" CROSS JOIN LATERAL ("
	"   SELECT r.ctid AS place, r.run_id, r.status FROM taskcenter.live_runs AS r"
	"   WHERE r.run_as_id = 0 AND r.queue_id = l.queue_id AND r.priority = l.priority"
	"     AND r.gate = l.gate AND r.status = ANY (ARRAY['queued', 'retrying'])"
	"     AND r.run_at <= $5"
	"   ORDER BY r.run_at, r.run_id LIMIT l.share FOR UPDATE OF r SKIP LOCKED) AS d),"
	CLAIM_DUE("($7::timestamptz[])[array_position($3, r.gate)]")
	" FROM claimed AS c ORDER BY c.priority, c.run_at, c.run_id",
	.nargs = 8,
	.types = {INT8ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, INT8OID,
	TIMESTAMPTZARRAYOID, TEXTOID}
};

/* the same of one lane, which is what most claims need */
static Statement claim_lane = {
	.label = "claim runs of a lane for a worker",
	.text =
	"WITH due AS ("
	" SELECT r.ctid AS place, r.run_id, r.status FROM taskcenter.live_runs AS r"
	" WHERE r.run_as_id = 0 AND r.queue_id = $1 AND r.priority = $2 AND r.gate = $3"
	"   AND r.status = ANY (ARRAY['queued', 'retrying']) AND r.run_at <= $5"
	" ORDER BY r.run_at, r.run_id LIMIT $4 FOR UPDATE OF r SKIP LOCKED),"
	CLAIM_DUE("$7")
	" FROM claimed AS c ORDER BY c.run_at, c.run_id",
	.nargs = 8,
	.types = {INT8OID, INT4OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID,
	TEXTOID}
};

static Statement probe = {
	.label = "look for a run to claim",
	.text =
	"SELECT d.run_id"
	" FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[])"
	"   AS l (queue_id, priority, gate, share)"
	" CROSS JOIN LATERAL ("
	"   SELECT r.run_id FROM taskcenter.live_runs AS r"
	"   WHERE r.run_as_id = 0 AND r.queue_id = l.queue_id AND r.priority = l.priority"
	"     AND r.gate = l.gate AND r.status = ANY (ARRAY['queued', 'retrying'])"
	"     AND r.run_at <= $5"
	"   ORDER BY r.run_at, r.run_id LIMIT 1 FOR UPDATE OF r SKIP LOCKED) AS d"
	" LIMIT 1",
	.nargs = 5,
	.types = {INT8ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID}
};

static void
bind_array(Bindings *bindings, Datum *values, int count, Oid type)
{
	bool		wide = type == INT8OID;

	tc_bind_datum(bindings,
				  PointerGetDatum(construct_array(values, count, type, wide ? 8 : 4, true,
												  wide ? TYPALIGN_DOUBLE : TYPALIGN_INT)),
				  false);
}

static void
bind_shares(Bindings *bindings, const WorkerLane *lanes, int count)
{
	Datum	   *columns[4];
	int			shares = 0;
	int			i;

	for (i = 0; i < 4; i++)
		columns[i] = palloc(sizeof(Datum) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		if (lanes[i].share <= 0)
			continue;
		columns[0][shares] = Int64GetDatum(lanes[i].queue_id);
		columns[1][shares] = Int32GetDatum(lanes[i].priority);
		columns[2][shares] = Int64GetDatum(lanes[i].gate);
		columns[3][shares] = Int64GetDatum(lanes[i].share);
		shares++;
	}
	bind_array(bindings, columns[0], shares, INT8OID);
	bind_array(bindings, columns[1], shares, INT4OID);
	bind_array(bindings, columns[2], shares, INT8OID);
	bind_array(bindings, columns[3], shares, INT8OID);
}

/* NULL: there is more than one */
static const WorkerLane *
only_share(const WorkerLane *lanes, int count)
{
	const WorkerLane *only = NULL;
	int			i;

	for (i = 0; i < count; i++)
	{
		if (lanes[i].share <= 0)
			continue;
		if (only != NULL)
			return NULL;
		only = &lanes[i];
	}
	return only;
}

static void
bind_lane(Bindings *bindings, const WorkerLane *lane)
{
	tc_bind_int64(bindings, lane->queue_id);
	tc_bind_int32(bindings, lane->priority);
	tc_bind_int64(bindings, lane->gate);
	tc_bind_int64(bindings, lane->share);
}

/* in the order of the shares */
static void
bind_leases(Bindings *bindings, const WorkerLane *lanes, int count)
{
	Datum	   *leases = palloc(sizeof(Datum) * Max(count, 1));
	int			shares = 0;
	int			i;

	for (i = 0; i < count; i++)
		if (lanes[i].share > 0)
			leases[shares++] = TimestampTzGetDatum(lanes[i].lease_until);
	tc_bind_datum(bindings, PointerGetDatum(construct_array(leases, shares, TIMESTAMPTZOID, 8,
															true, TYPALIGN_DOUBLE)), false);
}

static void
read_run(uint64 row, WorkerRun *run)
{
	run->run_id = tc_get_int64(row, 1);
	run->token = tc_get_int64(row, 2);
	run->task_id = tc_get_int64(row, 3);
	run->owner_id = tc_get_int64(row, 4);
	run->queue_id = tc_get_int64(row, 5);
	run->gate = tc_get_int64(row, 6);
	run->priority = tc_get_int32(row, 7);
	run->attempt = tc_get_int32(row, 8);
	run->max_attempts = tc_get_int32(row, 9);
	run->retention_class = tc_get_int32(row, 10);
	run->is_catchup = tc_get_bool(row, 11);
	run->params = tc_get_jsonb(row, 12);
	run->scheduled_for = tc_get_timestamptz(row, 13);
	run->step = tc_get_text(row, 14);
	run->parent_run_id = tc_get_int64(row, 15);
	run->trace_id = tc_get_text(row, 16);
}

int
tc_worker_claim(int64 worker_id, const char *name, const WorkerLane *lanes, int count,
				TimestampTz now, WorkerRun **runs)
{
	const WorkerLane *only = only_share(lanes, count);
	Bindings	bindings = {0};
	int			found;
	int			i;

	if (only != NULL)
		bind_lane(&bindings, only);
	else
		bind_shares(&bindings, lanes, count);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_int64(&bindings, worker_id);
	if (only != NULL)
		tc_bind_timestamptz(&bindings, only->lease_until);
	else
		bind_leases(&bindings, lanes, count);
	tc_bind_text(&bindings, psprintf("worker %s", name));
	found = (int) tc_run_bound(only != NULL ? &claim_lane : &claim_runs, &bindings);
	*runs = palloc(sizeof(WorkerRun) * Max(found, 1));
	for (i = 0; i < found; i++)
		read_run(i, &(*runs)[i]);
	return found;
}

bool
tc_worker_probe(const WorkerLane *lanes, int count, TimestampTz now)
{
	Bindings	bindings = {0};

	bind_shares(&bindings, lanes, count);
	tc_bind_timestamptz(&bindings, now);
	return tc_run_bound(&probe, &bindings) > 0;
}
