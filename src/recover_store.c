/*-------------------------------------------------------------------------
 *
 * recover_store.c
 *		The statements that settle runs whose executor cannot.
 *
 * All are sets, guarded by status and token: whoever comes second changes
 * nothing.  A run that was lost goes to a gate of its own, where claims take
 * one run at a time, so that a run that kills its server takes no others
 * with it again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "recover_store.h"
#include "run_columns.h"
#include "statement.h"

enum
{
	STATEMENT_GIVE_BACK,
	STATEMENT_REQUEUE_LOST,
	STATEMENT_END_LOST,
	STATEMENT_FIND_LOST,
	STATEMENT_OF_EXECUTOR,
	STATEMENT_HOLD,
	STATEMENT_LOCK_LAST_CHANCES,
	STATEMENT_LAST_CHANCES,
	STATEMENT_LANES,
	STATEMENT_EXECUTOR_ID
};

static Statement statements[] = {
	[STATEMENT_GIVE_BACK] = {
		.label = "give runs back",
		.text =
		"WITH back AS ("
		" UPDATE taskcenter.live_runs AS r SET status = 'queued', attempt = r.attempt - 1,"
		"   executor_id = NULL, token = NULL, claimed_at = NULL, worker_id = NULL,"
		"   lease_until = NULL, cancel_requested_at = NULL, progress = NULL,"
		"   run_as_id = t.run_as_id, owner_id = t.owner_id,"
		"   gate = CASE WHEN r.gate < -1 OR r.definition_id IS NOT NULL THEN r.gate"
		"     WHEN t.gated THEN r.task_id WHEN r.gate < 0 THEN r.gate ELSE 0 END"
		" FROM unnest($1::bigint[], $2::bigint[]) AS c (run_id, token), taskcenter.tasks AS t"
		" WHERE r.run_id = c.run_id AND r.token = c.token AND " TC_IS_RUNNING
		"   AND t.task_id = r.task_id"
		" RETURNING r.run_id, r.owner_id, r.task_id, r.retention_class, r.attempt)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
		" SELECT b.run_id, clock_timestamp(), b.owner_id, b.task_id, b.retention_class, b.attempt,"
		"   'running', 'queued', $3, $4 FROM back AS b",
		.nargs = 4,
		.types = {INT8ARRAYOID, INT8ARRAYOID, TEXTOID, TEXTOID}
	},
	[STATEMENT_REQUEUE_LOST] = {
		.label = "put lost runs back",
		.text =
		"WITH back AS ("
		" UPDATE taskcenter.live_runs AS r SET status = 'queued', attempt = r.attempt - 1,"
		"   lost = r.lost + 1, executor_id = NULL, token = NULL, claimed_at = NULL,"
		"   worker_id = NULL, lease_until = NULL, cancel_requested_at = NULL, progress = NULL,"
		"   gate = CASE WHEN r.gate < -1 OR r.definition_id IS NOT NULL AND r.gate > 0 THEN r.gate"
		"     WHEN t.gated AND r.definition_id IS NULL THEN r.task_id ELSE -1 END,"
		"   reason = $3"
		" FROM unnest($1::bigint[], $2::bigint[]) AS c (run_id, token), taskcenter.tasks AS t"
		" WHERE r.run_id = c.run_id AND r.token = c.token AND " TC_IS_RUNNING
		"   AND t.task_id = r.task_id"
		" RETURNING r.run_id, r.owner_id, r.task_id, r.retention_class, r.attempt)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
		" SELECT b.run_id, clock_timestamp(), b.owner_id, b.task_id, b.retention_class, b.attempt,"
		"   'running', 'queued', $3, 'scheduler' FROM back AS b",
		.nargs = 3,
		.types = {INT8ARRAYOID, INT8ARRAYOID, TEXTOID}
	},
	[STATEMENT_END_LOST] = {
		.label = "end lost runs",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.live_runs AS r"
		" USING unnest($1::bigint[], $2::bigint[]) AS c (run_id, token)"
		" WHERE r.run_id = c.run_id AND r.token = c.token AND " TC_IS_RUNNING
		" RETURNING r.*, greatest($6, clock_timestamp()) AS moved_at),"
		" kept AS ("
		TC_FINISH_GONE
		"   coalesce(g.started_at, g.claimed_at), g.moved_at,"
		"   CASE WHEN g.retention_class <> 1 THEN g.retention_class"
		"     WHEN $3 = 'cancelled' THEN 1 ELSE 2 END,"
		"   CASE WHEN $3 = 'cancelled' THEN g.lost ELSE g.lost + 1 END, $3, NULL, $4,"
		"   CASE WHEN $3 <> 'cancelled' THEN $4 END, NULL, g.worker_id, NULL,"
		/* a worker was silent; of an executor nobody knows why it ended */
		"   CASE WHEN $3 = 'failed' AND g.worker_id IS NOT NULL THEN 'TIMEOUT' END"
		" FROM gone AS g)"
		TC_NOTE_GONE("g.moved_at")
		"   'running', $3, $4, $5 FROM gone AS g",
		.nargs = 6,
		.types = {INT8ARRAYOID, INT8ARRAYOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	},
	[STATEMENT_FIND_LOST] = {
		.label = "find runs that lost their executor",
		.text =
		"SELECT r.run_id, r.token, r.executor_id, r.lost, coalesce(t.max_lost, 3),"
		"   coalesce(t.on_crash = 'fail', false),"
		"   CASE WHEN r.gate > 0 THEN r.definition_id END"
		" FROM taskcenter.live_runs AS r"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" WHERE r.status = 'running' AND r.executor_id IS NOT NULL"
		"   AND r.executor_id <> ALL ($1)",
		.nargs = 1,
		.types = {INT8ARRAYOID}
	},
	[STATEMENT_OF_EXECUTOR] = {
		.label = "find the runs of an executor",
		.text =
		"SELECT r.run_id, r.token, r.executor_id, r.lost, coalesce(t.max_lost, 3),"
		"   coalesce(t.on_crash = 'fail', false),"
		"   CASE WHEN r.gate > 0 THEN r.definition_id END"
		" FROM taskcenter.live_runs AS r"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" WHERE r.status = 'running' AND r.executor_id = $1",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_HOLD] = {
		.label = "hold runs that are to be settled",
		.text =
		"SELECT r.token FROM unnest($1::bigint[], $2::bigint[]) AS c (run_id, token),"
		"   taskcenter.live_runs AS r"
		" WHERE r.run_id = c.run_id AND r.token = c.token AND " TC_IS_RUNNING
		" FOR UPDATE OF r SKIP LOCKED",
		.nargs = 2,
		.types = {INT8ARRAYOID, INT8ARRAYOID}
	},
	[STATEMENT_LOCK_LAST_CHANCES] = {
		.label = "be the only one to look for last chances",
		.text =
		"SELECT s.only_row FROM taskcenter.scheduler_state AS s FOR NO KEY UPDATE",
		.nargs = 0
	},
	[STATEMENT_LAST_CHANCES] = {
		.label = "look for last chances",
		.text =
		"SELECT count(*) FILTER (WHERE r.run_as_id = $1 AND r.queue_id = $2"
		"   AND r.priority = $3 AND r.gate = $4"
		"   AND r.status = ANY (ARRAY['queued', 'retrying'])),"
		"   count(*) FILTER (WHERE r.status = 'running')"
		" FROM taskcenter.live_runs AS r"
		" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" WHERE r.lost > 0 AND r.lost + 1 >= t.max_lost",
		.nargs = 4,
		.types = {INT8OID, INT8OID, INT4OID, INT8OID}
	},
	[STATEMENT_LANES] = {
		/* a loose index scan: one probe per lane, not per run */
		.label = "find the lanes that hold work for executors",
		.text =
		"WITH RECURSIVE lane AS ("
		" (SELECT r.run_as_id, r.queue_id, r.priority, r.gate, r.run_at, r.run_id"
		"  FROM taskcenter.live_runs AS r"
		"  WHERE r.status = ANY (ARRAY['queued', 'retrying']) AND r.run_as_id > 0"
		"  ORDER BY r.run_as_id, r.queue_id, r.priority, r.gate, r.run_at, r.run_id LIMIT 1)"
		" UNION ALL"
		" SELECT n.* FROM lane AS l, LATERAL ("
		"  SELECT r.run_as_id, r.queue_id, r.priority, r.gate, r.run_at, r.run_id"
		"  FROM taskcenter.live_runs AS r"
		"  WHERE r.status = ANY (ARRAY['queued', 'retrying'])"
		"    AND (r.run_as_id, r.queue_id, r.priority, r.gate) >"
		"        (l.run_as_id, l.queue_id, l.priority, l.gate)"
		"  ORDER BY r.run_as_id, r.queue_id, r.priority, r.gate, r.run_at, r.run_id LIMIT 1"
		" ) AS n)"
		" SELECT run_as_id, queue_id, priority, gate, run_at, run_id FROM lane",
		.nargs = 0
	},
	[STATEMENT_EXECUTOR_ID] = {
		.label = "number an executor",
		.text = "SELECT nextval('taskcenter.executor_ids')",
		.nargs = 0
	}
};

static Datum
bigint_array(const int64 *values, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		elements[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, count, INT8OID, 8, true,
										   TYPALIGN_DOUBLE));
}

int
tc_runs_give_back(const int64 *run_ids, const int64 *tokens, int count,
				  const char *reason, const char *actor)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			done;

	tc_bind_datum(&bindings, bigint_array(run_ids, count), false);
	tc_bind_datum(&bindings, bigint_array(tokens, count), false);
	tc_bind_text(&bindings, reason);
	tc_bind_text(&bindings, actor);
	tc_store_begin(&frame);
	done = (int) tc_run_bound(&statements[STATEMENT_GIVE_BACK], &bindings);
	tc_store_end(&frame);
	return done;
}

int
tc_runs_requeue_lost(const int64 *run_ids, const int64 *tokens, int count,
					 const char *reason)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			done;

	tc_bind_datum(&bindings, bigint_array(run_ids, count), false);
	tc_bind_datum(&bindings, bigint_array(tokens, count), false);
	tc_bind_text(&bindings, reason);
	tc_store_begin(&frame);
	done = (int) tc_run_bound(&statements[STATEMENT_REQUEUE_LOST], &bindings);
	tc_store_end(&frame);
	return done;
}

int
tc_runs_end_lost(const int64 *run_ids, const int64 *tokens, int count,
				 const char *status, const char *reason, const char *actor,
				 TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			done;

	tc_bind_datum(&bindings, bigint_array(run_ids, count), false);
	tc_bind_datum(&bindings, bigint_array(tokens, count), false);
	tc_bind_text(&bindings, status);
	tc_bind_text(&bindings, reason);
	tc_bind_text(&bindings, actor);
	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	done = (int) tc_run_bound(&statements[STATEMENT_END_LOST], &bindings);
	tc_store_end(&frame);
	return done;
}

static int
read_lost(uint64 count, LostRun **lost)
{
	LostRun    *rows = palloc(sizeof(LostRun) * Max(count, 1));
	uint64		i;

	for (i = 0; i < count; i++)
	{
		rows[i].run_id = tc_get_int64(i, 1);
		rows[i].token = tc_get_int64(i, 2);
		rows[i].executor_id = tc_get_int64(i, 3);
		rows[i].lost = tc_get_int32(i, 4);
		rows[i].max_lost = tc_get_int32(i, 5);
		rows[i].fail = tc_get_bool(i, 6);
		rows[i].definition_id = tc_get_int64(i, 7);
	}
	*lost = rows;
	return (int) count;
}

/* The rows are allocated before SPI is entered, so they outlive the frame. */
static int
find_lost(Statement *statement, const Bindings *bindings, LostRun **lost)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	uint64		found;
	int			count;

	tc_store_begin(&frame);
	found = tc_run_bound(statement, bindings);
	inside = MemoryContextSwitchTo(outside);
	count = read_lost(found, lost);
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return count;
}

int
tc_runs_find_lost(const int64 *living, int living_count, LostRun **lost)
{
	Bindings	bindings = {0};

	tc_bind_datum(&bindings, bigint_array(living, living_count), false);
	return find_lost(&statements[STATEMENT_FIND_LOST], &bindings, lost);
}

int
tc_runs_of_executor(int64 executor_id, LostRun **lost)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, executor_id);
	return find_lost(&statements[STATEMENT_OF_EXECUTOR], &bindings, lost);
}

static int
compare_tokens(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

int
tc_runs_hold(LostRun *runs, int count)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int64	   *run_ids = palloc(sizeof(int64) * Max(count, 1));
	int64	   *tokens = palloc(sizeof(int64) * Max(count, 1));
	int			held;
	int			kept = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		run_ids[i] = runs[i].run_id;
		tokens[i] = runs[i].token;
	}
	tc_bind_datum(&bindings, bigint_array(run_ids, count), false);
	tc_bind_datum(&bindings, bigint_array(tokens, count), false);
	tc_store_begin(&frame);
	held = (int) tc_run_bound(&statements[STATEMENT_HOLD], &bindings);
	for (i = 0; i < held; i++)
		tokens[i] = tc_get_int64(i, 1);
	tc_store_end(&frame);
	qsort(tokens, held, sizeof(int64), compare_tokens);
	for (i = 0; i < count; i++)
	{
		if (bsearch(&runs[i].token, tokens, held, sizeof(int64), compare_tokens))
			runs[kept++] = runs[i];
	}
	return kept;
}

int64
tc_runs_last_chances(Oid role, int64 queue_id, int32 priority, int64 gate, bool locked,
					 int64 *running)
{
	StoreFrame	frame;
	Bindings	nothing = {0};
	Bindings	bindings = {0};
	int64		waiting;

	tc_bind_int64(&bindings, role);
	tc_bind_int64(&bindings, queue_id);
	tc_bind_int32(&bindings, priority);
	tc_bind_int64(&bindings, gate);
	tc_store_begin(&frame);
	if (locked)
		tc_run_bound(&statements[STATEMENT_LOCK_LAST_CHANCES], &nothing);
	tc_run_bound(&statements[STATEMENT_LAST_CHANCES], &bindings);
	waiting = tc_get_int64(0, 1);
	*running = tc_get_int64(0, 2);
	tc_store_end(&frame);
	return waiting;
}

void
tc_runs_each_lane(LaneCallback callback)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	uint64		count;
	uint64		i;

	tc_store_begin(&frame);
	count = tc_run_bound(&statements[STATEMENT_LANES], &bindings);
	for (i = 0; i < count; i++)
		callback((Oid) tc_get_int64(i, 1), tc_get_int64(i, 2), tc_get_int32(i, 3),
				 tc_get_int64(i, 4), tc_get_timestamptz(i, 5), tc_get_int64(i, 6));
	tc_store_end(&frame);
}

int64
tc_runs_next_executor_id(void)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int64		id;

	tc_store_begin(&frame);
	tc_run_bound(&statements[STATEMENT_EXECUTOR_ID], &bindings);
	id = tc_get_int64(0, 1);
	tc_store_end(&frame);
	return id;
}
