/*-------------------------------------------------------------------------
 *
 * worker_store.c
 *		External workers: who they are, and what they claim.
 *
 * Runs for workers lie in the index of claimable runs under the role that is
 * none, by queue, priority and gate; a gate holds one task and one tenant.  So
 * what may be claimed is decided once for a lane, and a claim takes the heads
 * of some lanes in one statement.  The lanes are found by stepping from one to
 * the next in the index: their number counts, not that of their runs.  Where
 * there are many, a look sees some, from a random one on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "arguments.h"
#include "bindings.h"
#include "worker_store.h"

#define IS_FOR_IT 18			/* column of find_lanes */

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

/* from here to the end of the transaction it does not leave */
static Statement hold_worker = {
	.label = "hold a worker",
	.text =
	"SELECT FROM taskcenter.workers AS w WHERE w.worker_id = $1 AND w.ended_at IS NULL"
	" FOR KEY SHARE",
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

/* who notes it at the same time notes the same */
static Statement touch_worker = {
	.label = "note that a worker lives",
	.text =
	"UPDATE taskcenter.workers AS w SET last_heartbeat_at = $2"
	" WHERE w.worker_id = ANY (ARRAY(SELECT o.worker_id FROM taskcenter.workers AS o"
	"   WHERE o.worker_id = $1 FOR NO KEY UPDATE SKIP LOCKED))",
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

/* the lanes of a priority from one on, in a column list of their own */
#define LANES_WHERE(first, next) \
	"   (WITH RECURSIVE lane AS (" \
	"    (SELECT r.priority, r.gate, r.task_id, r.run_at, r.group_key" \
	"     FROM taskcenter.live_runs AS r" \
	"     WHERE r.run_as_id = 0 AND r.queue_id = q.queue_id AND r.priority = v.priority" \
	"       AND r.status = ANY (ARRAY['queued', 'retrying'])" first \
	"     ORDER BY r.gate, r.run_at, r.run_id LIMIT 1)" \
	"    UNION ALL" \
	"    SELECT n.* FROM lane AS p, LATERAL (" \
	"     SELECT r.priority, r.gate, r.task_id, r.run_at, r.group_key" \
	"     FROM taskcenter.live_runs AS r" \
	"     WHERE r.run_as_id = 0 AND r.queue_id = q.queue_id AND r.priority = v.priority" \
	"       AND r.status = ANY (ARRAY['queued', 'retrying']) AND r.gate > p.gate" next \
	"     ORDER BY r.gate, r.run_at, r.run_id LIMIT 1) AS n)" \
	"    SELECT * FROM lane)"

/*
 * At most $6 lanes of a priority (null: all), from the gate $5 on and around.
 * Lanes that the worker is not to have are told, too: so it is seen whether
 * there are more.
 */
static Statement find_lanes = {
	.label = "find the lanes of a worker",
	.text =
	"SELECT q.queue_id, q.queue, l.priority, l.gate, l.task_id, t.owner_id, l.run_at,"
	"   coalesce(l.group_key, t.group_key), q.max_running, t.max_running,"
	"   t.rate_limit, coalesce(t.owner_id || ' ' || coalesce(l.group_key, t.group_key),"
	"     'task ' || t.task_id),"
	"   t.name, t.timeout, t.stuck_after, t.requires_flag,"
	"   coalesce(l.group_key, t.group_key, t.owner),"
	"   t.state = ANY (ARRAY['active', 'paused'])"
	"     AND ($2::text[] IS NULL OR t.name = ANY ($2))"
	" FROM taskcenter.scheduler_state AS s"
	" CROSS JOIN unnest($1::text[]) AS wanted (queue)"
	" JOIN taskcenter.queues AS q ON q.queue = wanted.queue AND q.state = 'active'"
	" CROSS JOIN LATERAL ("
	"   WITH RECURSIVE level AS ("
	"   (SELECT r.priority FROM taskcenter.live_runs AS r"
	"    WHERE r.run_as_id = 0 AND r.queue_id = q.queue_id"
	"      AND r.status = ANY (ARRAY['queued', 'retrying'])"
	"    ORDER BY r.priority LIMIT 1)"
	"   UNION ALL"
	"   SELECT n.* FROM level AS p, LATERAL ("
	"    SELECT r.priority FROM taskcenter.live_runs AS r"
	"    WHERE r.run_as_id = 0 AND r.queue_id = q.queue_id"
	"      AND r.status = ANY (ARRAY['queued', 'retrying']) AND r.priority > p.priority"
	"    ORDER BY r.priority LIMIT 1) AS n)"
	"   SELECT * FROM level) AS v"
	" CROSS JOIN LATERAL ("
	LANES_WHERE(" AND r.gate >= $5", "")
	"   UNION ALL"
	LANES_WHERE(" AND r.gate < $5", " AND r.gate < $5")
	"   LIMIT $6) AS l"
	" JOIN taskcenter.tasks AS t ON t.task_id = l.task_id"
	" WHERE s.system_identifier = $3 AND s.database_id = $4 AND s.state <> 'disabled'"
	"   AND (s.state = 'running' OR q.queue = 'control')",
	.nargs = 6,
	.types = {TEXTARRAYOID, TEXTARRAYOID, TEXTOID, INT8OID, INT8OID, INT8OID}
};

/*
 * A lease is prolonged by its own length, never beyond the time limit; what is
 * beyond that is about to be ended.  A run that a transaction is just ending is
 * not waited for, since its end may take longer than the leases of the others:
 * it is held as long as its lease says.
 */
static Statement beat = {
	.label = "prolong the leases of a worker",
	.text =
	"WITH held AS ("
	" SELECT r.run_id, t.timeout FROM taskcenter.live_runs AS r"
	" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
	" WHERE r.worker_id = $1 AND r.status = 'running'"
	"   AND ($2::bigint[] IS NULL OR r.run_id = ANY ($2))"
	"   AND (t.timeout IS NULL OR r.claimed_at + t.timeout > $3)"
	" FOR NO KEY UPDATE OF r SKIP LOCKED),"
	" beaten AS ("
	" UPDATE taskcenter.live_runs AS r SET last_heartbeat_at = $3,"
	"   lease_until = least($3 + (r.lease_until"
	"     - coalesce(r.last_heartbeat_at, r.claimed_at)), r.claimed_at + h.timeout)"
	" FROM held AS h WHERE r.run_id = h.run_id AND r.worker_id = $1 AND r.status = 'running'"
	" RETURNING r.run_id, r.lease_until, r.cancel_requested_at IS NOT NULL AS cancelled)"
	" SELECT b.run_id, b.lease_until, b.cancelled FROM beaten AS b"
	" UNION ALL SELECT r.run_id, r.lease_until, r.cancel_requested_at IS NOT NULL"
	" FROM taskcenter.live_runs AS r"
	" WHERE r.worker_id = $1 AND r.status = 'running' AND r.lease_until > $3"
	"   AND ($2::bigint[] IS NULL OR r.run_id = ANY ($2))"
	"   AND r.run_id <> ALL (ARRAY(SELECT b.run_id FROM beaten AS b))",
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
	tc_bind_texts(&bindings, worker->queues, worker->queue_count);
	tc_bind_texts(&bindings, worker->tasks, worker->task_count);
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

bool
tc_worker_hold(int64 worker_id)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, worker_id);
	return tc_run_bound(&hold_worker, &bindings) > 0;
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

/* 0: null */
static int64
usecs_of(const Interval *interval)
{
	int64		usecs;

	return interval != NULL && tc_interval_usecs(interval, &usecs) ? usecs : 0;
}

/* where a look begins that does not see all lanes: each has its chance */
static int64
any_gate(void)
{
	return TC_GATE_WORKERS +
		(int64) (pg_prng_uint64(&pg_global_prng_state) & (TC_GATE_WORKERS - 1));
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
	lane->task = tc_get_text(row, 13);
	lane->timeout = usecs_of(tc_get_interval(row, 14));
	lane->stuck_after = usecs_of(tc_get_interval(row, 15));
	lane->requires_flag = tc_get_text(row, 16);
	lane->flag_subject = tc_get_text(row, 17);
	lane->in_turn = lane->gate < TC_GATE_SUSPECT;
}

int
tc_worker_lanes(const WorkerRow *worker, char *const *queues, int queue_count, int most,
				bool *found_all, WorkerLane **lanes)
{
	Bindings	bindings = {0};
	int			found;
	int			count = 0;
	int			i;

	tc_bind_texts(&bindings, queues, queue_count);
	tc_bind_texts(&bindings, worker->tasks, worker->task_count);
	tc_bind_text(&bindings, psprintf(UINT64_FORMAT, GetSystemIdentifier()));
	tc_bind_int64(&bindings, MyDatabaseId);
	tc_bind_int64(&bindings, most == 0 ? PG_INT64_MIN : any_gate());
	if (most == 0)
		tc_bind_null(&bindings);
	else
		tc_bind_int64(&bindings, most);
	found = (int) tc_run_bound(&find_lanes, &bindings);
	*found_all = most == 0 || found < most;
	*lanes = palloc(sizeof(WorkerLane) * Max(found, 1));
	for (i = 0; i < found; i++)
		if (tc_get_bool(i, IS_FOR_IT))
			read_lane(i, &(*lanes)[count++]);
	return count;
}

/* ---- what they hold ---- */

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
