/*-------------------------------------------------------------------------
 *
 * worker_store.c
 *		External workers: who they are, and what they claim.
 *
 * Runs for workers lie in the index of claimable runs under the role that is
 * none, by queue, priority and gate; a gate holds one task and one tenant.  So
 * what may be claimed is decided once for a lane, and a claim takes the heads
 * of some lanes in one statement.  The lanes are found by stepping from one to
 * the next in the index: their number counts, not that of their runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "bindings.h"
#include "worker_store.h"

static Statement insert_worker = {
	.label = "register a worker",
	.text =
	"WITH old AS ("
	" DELETE FROM taskcenter.workers AS w WHERE w.worker_id = ANY (ARRAY("
	"   SELECT o.worker_id FROM taskcenter.workers AS o"
	"   WHERE o.role_id = $3 AND o.last_heartbeat_at < $7 - interval '1 day'"
	"     AND NOT EXISTS (SELECT FROM taskcenter.live_runs AS r"
	"       WHERE r.worker_id = o.worker_id)"
	"   LIMIT 100 FOR UPDATE OF o SKIP LOCKED)))"
	" INSERT INTO taskcenter.workers (name, role, role_id, queues, tasks, metadata,"
	"   registered_at, last_heartbeat_at)"
	" VALUES ($1, $2, $3, $4, $5, coalesce($6, '{}'), $7, $7) RETURNING worker_id",
	.nargs = 7,
	.types = {TEXTOID, TEXTOID, INT8OID, TEXTARRAYOID, TEXTARRAYOID, JSONBOID, TIMESTAMPTZOID}
};

static Statement count_workers = {
	.label = "count the workers of a role",
	.text =
	"SELECT count(*) FROM taskcenter.workers AS w WHERE w.role_id = $1 AND w.ended_at IS NULL",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement find_worker = {
	.label = "find a worker",
	.text =
	"SELECT w.worker_id, w.name, w.role, w.role_id, w.queues, w.tasks, w.last_heartbeat_at,"
	"   w.ended_at IS NOT NULL FROM taskcenter.workers AS w WHERE w.worker_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement lock_worker = {
	.label = "lock a worker",
	.text =
	"SELECT w.worker_id FROM taskcenter.workers AS w WHERE w.worker_id = $1 FOR UPDATE",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement end_worker = {
	.label = "end a worker",
	.text =
	"UPDATE taskcenter.workers AS w SET ended_at = $2 WHERE w.worker_id = $1"
	"   AND w.ended_at IS NULL",
	.nargs = 2,
	.types = {INT8OID, TIMESTAMPTZOID}
};

static Statement touch_worker = {
	.label = "note that a worker lives",
	.text =
	"UPDATE taskcenter.workers AS w SET last_heartbeat_at = $2 WHERE w.worker_id = $1",
	.nargs = 2,
	.types = {INT8OID, TIMESTAMPTZOID}
};

static Statement queue_has = {
	.label = "look for tasks of a queue",
	.text =
	"SELECT EXISTS (SELECT FROM taskcenter.tasks AS t WHERE t.queue = $1"
	"   AND t.kind = 'external' AND t.state <> 'archived'"
	"   AND ($2 OR t.owner_id = ANY ($3) OR t.task_id = ANY ($4)))",
	.nargs = 4,
	.types = {TEXTOID, BOOLOID, INT8ARRAYOID, INT8ARRAYOID},
	.any_plan = true
};

static Statement find_lanes = {
	.label = "find the lanes of a worker",
	.text =
	"SELECT q.queue_id, q.queue, l.priority, l.gate, l.task_id, t.owner_id, l.run_at,"
	"   coalesce(l.group_key, t.group_key), q.max_running, t.max_running,"
	"   t.rate_limit, coalesce(l.group_key, t.group_key, 'task ' || t.task_id),"
	"   t.requires_flag, coalesce(l.group_key, t.group_key, t.owner)"
	" FROM taskcenter.scheduler_state AS s"
	" CROSS JOIN unnest($1::text[]) AS wanted (queue)"
	" JOIN taskcenter.queues AS q ON q.queue = wanted.queue AND q.state = 'active'"
	" CROSS JOIN LATERAL ("
	"   WITH RECURSIVE lane AS ("
	"   (SELECT r.priority, r.gate, r.task_id, r.run_at, r.group_key"
	"    FROM taskcenter.live_runs AS r"
	"    WHERE r.run_as_id = 0 AND r.queue_id = q.queue_id"
	"      AND r.status = ANY (ARRAY['queued', 'retrying'])"
	"    ORDER BY r.priority, r.gate, r.run_at, r.run_id LIMIT 1)"
	"   UNION ALL"
	"   SELECT n.* FROM lane AS p, LATERAL ("
	"    SELECT r.priority, r.gate, r.task_id, r.run_at, r.group_key"
	"    FROM taskcenter.live_runs AS r"
	"    WHERE r.run_as_id = 0 AND r.queue_id = q.queue_id"
	"      AND r.status = ANY (ARRAY['queued', 'retrying'])"
	"      AND (r.priority, r.gate) > (p.priority, p.gate)"
	"    ORDER BY r.priority, r.gate, r.run_at, r.run_id LIMIT 1) AS n)"
	"   SELECT * FROM lane) AS l"
	" JOIN taskcenter.tasks AS t ON t.task_id = l.task_id"
	" WHERE s.system_identifier = $3 AND s.database_id = $4 AND s.state <> 'disabled'"
	"   AND (s.state = 'running' OR q.queue = 'control')"
	"   AND t.state = ANY (ARRAY['active', 'paused'])"
	"   AND ($2::text[] IS NULL OR t.name = ANY ($2))",
	.nargs = 4,
	.types = {TEXTARRAYOID, TEXTARRAYOID, TEXTOID, INT8OID}
};

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
	" claimed AS ("
	" UPDATE taskcenter.live_runs AS r SET status = 'running', attempt = r.attempt + 1,"
	"   token = nextval('taskcenter.token_ids'), last_token = NULL, worker_id = $6,"
	"   claimed_at = $5, started_at = $5, last_heartbeat_at = $5,"
	"   lease_until = least($5 + least($7, t.stuck_after), $5 + t.timeout),"
	"   cancel_requested_at = NULL, progress = NULL,"
	"   unique_guard = CASE WHEN r.unique_until = 'started' THEN NULL"
	"     ELSE r.unique_guard END"
	" FROM taskcenter.tasks AS t"
	" WHERE r.ctid = ANY (ARRAY(SELECT d.place FROM due AS d)) AND t.task_id = r.task_id"
	" RETURNING r.run_id, r.token, r.task_id, r.owner_id, r.queue_id, r.gate, r.priority,"
	"   r.attempt, r.max_attempts, r.retention_class, r.is_catchup, t.name, r.params,"
	"   r.lease_until, $5 + t.timeout AS deadline_at, r.scheduled_for, r.step,"
	"   r.parent_run_id, r.trace_id, r.run_at),"
	" noted AS ("
	" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
	"   task_id, retention_class, attempt, old_status, new_status, actor)"
	" SELECT c.run_id, greatest($5, clock_timestamp()), c.owner_id, c.task_id,"
	"   c.retention_class, c.attempt,"
	"   CASE WHEN c.run_id = ANY (ARRAY(SELECT d.run_id FROM due AS d"
	"     WHERE d.status = 'retrying')) THEN 'retrying' ELSE 'queued' END,"
	"   'running', $8 FROM claimed AS c)"
	" SELECT c.run_id, c.token, c.task_id, c.owner_id, c.queue_id, c.gate, c.priority,"
	"   c.attempt, c.max_attempts, c.retention_class, c.is_catchup, c.name, c.params,"
	"   c.lease_until, c.deadline_at, c.scheduled_for, c.step, c.parent_run_id, c.trace_id"
	" FROM claimed AS c ORDER BY c.priority, c.run_at, c.run_id",
	.nargs = 8,
	.types = {INT8ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, INT8OID,
	INTERVALOID, TEXTOID}
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

/*
 * A lease is prolonged by its own length, never beyond the time limit; what is
 * beyond that is about to be ended.
 */
static Statement beat = {
	.label = "prolong the leases of a worker",
	.text =
	"UPDATE taskcenter.live_runs AS r SET last_heartbeat_at = $3,"
	"   lease_until = least($3 + (r.lease_until"
	"     - coalesce(r.last_heartbeat_at, r.claimed_at)), r.claimed_at + t.timeout)"
	" FROM taskcenter.tasks AS t WHERE t.task_id = r.task_id AND r.worker_id = $1"
	"   AND r.status = 'running' AND ($2::bigint[] IS NULL OR r.run_id = ANY ($2))"
	"   AND (t.timeout IS NULL OR r.claimed_at + t.timeout > $3)"
	" RETURNING r.run_id, r.lease_until, r.cancel_requested_at IS NOT NULL",
	.nargs = 3,
	.types = {INT8OID, INT8ARRAYOID, TIMESTAMPTZOID}
};

static Statement release = {
	.label = "give back what a worker holds",
	.text =
	"WITH back AS ("
	" UPDATE taskcenter.live_runs AS r SET status = 'queued', attempt = r.attempt - 1,"
	"   token = NULL, worker_id = NULL, lease_until = NULL, claimed_at = NULL,"
	"   cancel_requested_at = NULL, progress = NULL"
	" WHERE r.worker_id = $1 AND r.status = 'running' AND r.cancel_requested_at IS NULL"
	" RETURNING r.run_id, r.owner_id, r.task_id, r.retention_class, r.attempt)"
	" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
	"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
	" SELECT b.run_id, clock_timestamp(), b.owner_id, b.task_id, b.retention_class, b.attempt,"
	"   'running', 'queued', $2, $3 FROM back AS b",
	.nargs = 3,
	.types = {INT8OID, TEXTOID, TEXTOID}
};

static void
bind_texts(Bindings *bindings, char *const *values, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	if (values == NULL)
	{
		tc_bind_null(bindings);
		return;
	}
	for (i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(values[i]);
	tc_bind_datum(bindings, PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false,
															TYPALIGN_INT)), false);
}

static char **
read_texts(uint64 row, int column, int *count)
{
	bool		isnull;
	Datum		array = tc_get_datum(row, column, &isnull);
	Datum	   *elements;
	char	  **values;
	int			i;

	*count = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  NULL, count);
	values = palloc(sizeof(char *) * Max(*count, 1));
	for (i = 0; i < *count; i++)
		values[i] = TextDatumGetCString(elements[i]);
	return values;
}

/* ---- who they are ---- */

void
tc_worker_insert(WorkerRow *worker, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, worker->name);
	tc_bind_text(&bindings, worker->role);
	tc_bind_int64(&bindings, worker->role_id);
	bind_texts(&bindings, worker->queues, worker->queue_count);
	bind_texts(&bindings, worker->tasks, worker->task_count);
	tc_bind_redacted_jsonb(&bindings, worker->metadata);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&insert_worker, &bindings);
	worker->worker_id = tc_get_int64(0, 1);
}

int64
tc_worker_count(Oid role)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, role);
	tc_run_bound(&count_workers, &bindings);
	return tc_get_int64(0, 1);
}

bool
tc_worker_find(int64 worker_id, bool lock, WorkerRow *worker)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, worker_id);
	if (lock && tc_run_bound(&lock_worker, &bindings) == 0)
		return false;
	if (tc_run_bound(&find_worker, &bindings) == 0)
		return false;
	worker->worker_id = tc_get_int64(0, 1);
	worker->name = tc_get_text(0, 2);
	worker->role = tc_get_text(0, 3);
	worker->role_id = (Oid) tc_get_int64(0, 4);
	worker->queues = read_texts(0, 5, &worker->queue_count);
	worker->tasks = read_texts(0, 6, &worker->task_count);
	worker->last_heartbeat_at = tc_get_timestamptz(0, 7);
	worker->ended = tc_get_bool(0, 8);
	worker->metadata = NULL;
	return true;
}

void
tc_worker_end(int64 worker_id, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, worker_id);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&end_worker, &bindings);
}

void
tc_worker_touch(int64 worker_id, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, worker_id);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&touch_worker, &bindings);
}

bool
tc_worker_queue_has(const char *queue, const TaskSet *tasks)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, queue);
	tc_bind_bool(&bindings, tasks->all);
	tc_bind_ids(&bindings, tasks->owners, tasks->owner_count);
	tc_bind_ids(&bindings, tasks->ids, tasks->id_count);
	tc_run_bound(&queue_has, &bindings);
	return tc_get_bool(0, 1);
}

/* ---- lanes ---- */

static uint64
number_of_tenant(const char *group_key, int64 owner_id)
{
	if (group_key == NULL)
		return hash_bytes_extended((const unsigned char *) &owner_id, sizeof(owner_id), 0);
	return hash_bytes_extended((const unsigned char *) group_key, strlen(group_key), 1);
}

static void
read_lane(uint64 row, WorkerLane *lane)
{
	memset(lane, 0, sizeof(WorkerLane));
	lane->queue_id = tc_get_int64(row, 1);
	lane->queue = tc_get_text(row, 2);
	lane->priority = tc_get_int32(row, 3);
	lane->gate = tc_get_int64(row, 4);
	lane->task_id = tc_get_int64(row, 5);
	lane->owner_id = tc_get_int64(row, 6);
	lane->run_at = tc_get_timestamptz(row, 7);
	lane->tenant = number_of_tenant(tc_get_text(row, 8), lane->owner_id);
	lane->queue_limit = tc_is_null(row, 9) ? -1 : tc_get_int32(row, 9);
	lane->task_limit = tc_is_null(row, 10) ? -1 : tc_get_int32(row, 10);
	lane->rate_limit = tc_get_text(row, 11);
	lane->rate_key = tc_get_text(row, 12);
	lane->requires_flag = tc_get_text(row, 13);
	lane->flag_subject = tc_get_text(row, 14);
	lane->in_turn = lane->gate < TC_GATE_SUSPECT;
}

int
tc_worker_lanes(const WorkerRow *worker, char *const *queues, int queue_count,
				WorkerLane **lanes)
{
	Bindings	bindings = {0};
	int			count;
	int			i;

	bind_texts(&bindings, queues, queue_count);
	bind_texts(&bindings, worker->tasks, worker->task_count);
	tc_bind_text(&bindings, psprintf(UINT64_FORMAT, GetSystemIdentifier()));
	tc_bind_int64(&bindings, MyDatabaseId);
	count = (int) tc_run_bound(&find_lanes, &bindings);
	*lanes = palloc(sizeof(WorkerLane) * Max(count, 1));
	for (i = 0; i < count; i++)
		read_lane(i, &(*lanes)[i]);
	return count;
}

/* ---- claiming ---- */

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
	run->task = tc_get_text(row, 12);
	run->params = tc_get_jsonb(row, 13);
	run->lease_until = tc_get_timestamptz(row, 14);
	run->deadline_at = tc_get_timestamptz(row, 15);
	run->scheduled_for = tc_get_timestamptz(row, 16);
	run->step = tc_get_text(row, 17);
	run->parent_run_id = tc_get_int64(row, 18);
	run->trace_id = tc_get_text(row, 19);
}

int
tc_worker_claim(const WorkerRow *worker, const WorkerLane *lanes, int count,
				const Interval *lease, TimestampTz now, WorkerRun **runs)
{
	Bindings	bindings = {0};
	int			found;
	int			i;

	bind_shares(&bindings, lanes, count);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_int64(&bindings, worker->worker_id);
	tc_bind_interval(&bindings, lease);
	tc_bind_text(&bindings, psprintf("worker %s", worker->name));
	found = (int) tc_run_bound(&claim_runs, &bindings);
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

int
tc_worker_beat(int64 worker_id, const int64 *run_ids, int count, TimestampTz now,
			   HeldRun **held)
{
	Bindings	bindings = {0};
	int			found;
	int			i;

	tc_bind_int64(&bindings, worker_id);
	if (run_ids == NULL)
		tc_bind_null(&bindings);
	else
		tc_bind_ids(&bindings, run_ids, count);
	tc_bind_timestamptz(&bindings, now);
	found = (int) tc_run_bound(&beat, &bindings);
	*held = palloc(sizeof(HeldRun) * Max(found, 1));
	for (i = 0; i < found; i++)
	{
		(*held)[i].run_id = tc_get_int64(i, 1);
		(*held)[i].lease_until = tc_get_timestamptz(i, 2);
		(*held)[i].cancel_requested = tc_get_bool(i, 3);
	}
	return found;
}

int64
tc_worker_release(int64 worker_id, const char *reason, const char *actor)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, worker_id);
	tc_bind_text(&bindings, reason);
	tc_bind_text(&bindings, actor);
	return (int64) tc_run_bound(&release, &bindings);
}
