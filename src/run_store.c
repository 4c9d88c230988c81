/*-------------------------------------------------------------------------
 *
 * run_store.c
 *		Claim, finish and retry of runs: the statements of the hot path.
 *
 * A claim is one statement: find the due runs of a lane, lock them, mark
 * them, record it.  The lane's bound keeps the scan away from entries that
 * are dead but cannot be vacuumed yet.  A finish moves the row and records it
 * in one statement, and only while the attempt is still the caller's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "bindings.h"
#include "run_columns.h"
#include "run_store.h"
#include "statement.h"

#define LOCK_TRIES 100
#define LOCK_PAUSE_US 1000

enum
{
	STATEMENT_CLAIM,
	STATEMENT_NEXT_DUE,
	STATEMENT_LOCK_QUEUE,
	STATEMENT_LOCK_TASK,
	STATEMENT_COUNT_QUEUE,
	STATEMENT_COUNT_TASK,
	STATEMENT_LOCK_TURN,
	STATEMENT_COUNT_TURN,
	STATEMENT_FINISH,
	STATEMENT_FINISH_BATCH,
	STATEMENT_RETRY,
	STATEMENT_SNOOZE,
	STATEMENT_WRITE_LOGS
};

static Statement statements[] = {
	[STATEMENT_CLAIM] = {
		/*
		 * The rows are found again by their place: joins would cost a copy of
		 * each row for rechecks that locked rows never need.
		 */
		.label = "claim runs",
		.text =
		"WITH due AS ("
		" SELECT r.ctid AS place, r.run_id, r.status FROM taskcenter.live_runs AS r"
		" WHERE r.run_as_id = $1 AND r.queue_id = $2 AND r.priority = $3 AND r.gate = $4"
		"   AND r.status = ANY (ARRAY['queued', 'retrying'])"
		"   AND (r.run_at, r.run_id) >= ($5, $6) AND r.run_at <= $7"
		"   AND (SELECT s.state = 'running' OR $10 FROM taskcenter.scheduler_state AS s)"
		"   AND (SELECT q.state = 'active' FROM taskcenter.queues AS q WHERE q.queue_id = $2)"
		" ORDER BY r.run_at, r.run_id LIMIT $8 FOR UPDATE OF r SKIP LOCKED),"
		" claimed AS ("
		" UPDATE taskcenter.live_runs AS r SET status = 'running', attempt = r.attempt + 1,"
		"   executor_id = $9, token = nextval('taskcenter.token_ids'), claimed_at = $7,"
		"   unique_guard = CASE WHEN r.unique_until = 'started' THEN NULL"
		"     ELSE r.unique_guard END"
		" WHERE r.ctid = ANY (ARRAY(SELECT d.place FROM due AS d))"
		" RETURNING r.run_id, r.token, r.task_id, r.schedule_id, r.parent_run_id, r.queue_id,"
		"   r.attempt, r.max_attempts, r.lost, r.retention_class, r.is_catchup, r.run_at,"
		"   r.scheduled_for, r.catchup_from, r.catchup_count, r.params, r.trace_id, r.step,"
		"   r.definition_id, r.item, r.step_state, r.owner_id),"
		" noted AS ("
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, actor)"
		" SELECT c.run_id, clock_timestamp(), c.owner_id, c.task_id, c.retention_class, c.attempt,"
		"   CASE WHEN c.run_id = ANY (ARRAY(SELECT d.run_id FROM due AS d"
		"     WHERE d.status = 'retrying')) THEN 'retrying' ELSE 'queued' END,"
		"   'running', 'executor' FROM claimed AS c)"
		" SELECT c.* FROM claimed AS c ORDER BY c.run_at, c.run_id",
		.nargs = 10,
		.types = {INT8OID, INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID, INT8OID,
		TIMESTAMPTZOID, INT8OID, INT8OID, BOOLOID}
	},
	[STATEMENT_NEXT_DUE] = {
		.label = "find the next due run of a lane",
		.text =
		"SELECT r.run_at FROM taskcenter.live_runs AS r"
		" WHERE r.run_as_id = $1 AND r.queue_id = $2 AND r.priority = $3 AND r.gate = $4"
		"   AND r.status = ANY (ARRAY['queued', 'retrying'])"
		"   AND (r.run_at, r.run_id) >= ($5, $6) AND r.run_at > $7"
		" ORDER BY r.run_at, r.run_id LIMIT 1",
		.nargs = 7,
		.types = {INT8OID, INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID, INT8OID,
		TIMESTAMPTZOID}
	},
	[STATEMENT_LOCK_QUEUE] = {
		.label = "lock the limit of a queue",
		.text =
		"SELECT q.max_running::bigint FROM taskcenter.queues AS q"
		" WHERE q.queue_id = $1 FOR NO KEY UPDATE SKIP LOCKED",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_LOCK_TASK] = {
		.label = "lock the limit of a task",
		.text =
		"SELECT t.max_running::bigint FROM taskcenter.tasks AS t"
		" WHERE t.task_id = $1 FOR NO KEY UPDATE SKIP LOCKED",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_COUNT_QUEUE] = {
		.label = "count what runs in a queue",
		.text =
		"SELECT count(*) FROM taskcenter.live_runs AS r"
		" WHERE r.status = 'running' AND r.queue_id = $1"
		/* a graph waits for its steps: it takes no room itself */
		"   AND (r.executor_id IS NOT NULL OR r.graph_version IS NULL AND r.definition_id IS NULL)",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_COUNT_TASK] = {
		.label = "count what runs of a task",
		.text =
		"SELECT count(*) FROM taskcenter.live_runs AS r"
		" WHERE r.status = 'running' AND r.task_id = $1"
		"   AND r.definition_id IS NULL",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_LOCK_TURN] = {
		.label = "lock the turn of a task",
		.text =
		"SELECT 1::bigint FROM taskcenter.tasks AS t"
		" WHERE t.task_id = $1 FOR NO KEY UPDATE SKIP LOCKED",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_COUNT_TURN] = {
		.label = "count whose turn it is",
		.text =
		"SELECT count(*) FROM taskcenter.live_runs AS r"
		" WHERE r.status = 'running' AND r.task_id = $1 AND r.schedule_id IS NOT NULL",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_FINISH] = {
		.label = "finish a run",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.live_runs AS r"
		" WHERE r.run_id = $1 AND r.token = $2 AND " TC_IS_RUNNING
		" RETURNING " TC_GONE_COLUMNS "),"
		" kept AS ("
		TC_FINISH_GONE
		"   $4, $5, CASE WHEN g.retention_class = 1 THEN $6 ELSE g.retention_class END, g.lost, $3,"
		"   $7, $8, $9, $10, NULL, NULL, NULL FROM gone AS g)"
		TC_NOTE_GONE("$5")
		"   'running', $3, $8, $11 FROM gone AS g",
		.nargs = 11,
		.types = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID,
		JSONBOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	},
	[STATEMENT_FINISH_BATCH] = {
		/*
		 * No join: it would cost a copy of each row for rechecks.  The runs
		 * come in the order of their ids, so that a row finds its place by
		 * halving.  The executor's id is given to one process only, so what
		 * it holds under a token of this batch is this batch's attempt.
		 */
		.label = "finish a batch of runs",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.live_runs AS r"
		" WHERE r.run_id = ANY ($1) AND r.token BETWEEN $2 AND $3 AND r.executor_id = $4"
		"   AND " TC_IS_RUNNING
		" RETURNING " TC_GONE_COLUMNS ", width_bucket(r.run_id, $1) AS place),"
		" kept AS ("
		TC_FINISH_GONE
		"   ($5)[g.place], ($6)[g.place], g.retention_class, g.lost, 'succeeded', ($7)[g.place],"
		"   NULL, NULL, NULL, NULL, NULL, NULL FROM gone AS g)"
		TC_NOTE_GONE("($6)[g.place]")
		"   'running', 'succeeded', NULL, 'executor' FROM gone AS g",
		.nargs = 7,
		.types = {INT8ARRAYOID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZARRAYOID,
		TIMESTAMPTZARRAYOID, JSONBARRAYOID}
	},
	[STATEMENT_RETRY] = {
		.label = "put a run back for its next attempt",
		.text =
		"WITH back AS ("
		" UPDATE taskcenter.live_runs AS r SET status = 'retrying', run_at = $3,"
		"   executor_id = NULL, token = NULL, claimed_at = NULL, started_at = $4,"
		"   error = $6, sqlstate = $7, reason = $8, step_state = coalesce($9, r.step_state),"
		"   gate = CASE WHEN r.gate < -1 OR r.definition_id IS NOT NULL THEN r.gate WHEN t.gated THEN r.task_id"
		"     WHEN r.gate < 0 THEN r.gate ELSE 0 END"
		" FROM taskcenter.tasks AS t WHERE t.task_id = r.task_id"
		"   AND r.run_id = $1 AND r.token = $2 AND " TC_IS_RUNNING
		" RETURNING r.run_id, r.owner_id, r.task_id, r.retention_class, r.attempt)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
		" SELECT b.run_id, $5, b.owner_id, b.task_id, b.retention_class, b.attempt, 'running',"
		"   'retrying', $8, 'executor' FROM back AS b",
		.nargs = 9,
		.types = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		TEXTOID, TEXTOID, TEXTOID, JSONBOID}
	},
	[STATEMENT_SNOOZE] = {
		.label = "put a step back until its next look",
		.text =
		"WITH back AS ("
		" UPDATE taskcenter.live_runs AS r SET status = 'queued', attempt = r.attempt - 1,"
		"   run_at = $3, executor_id = NULL, token = NULL, claimed_at = NULL, step_state = $4"
		" WHERE r.run_id = $1 AND r.token = $2 AND r.status = 'running'"
		" RETURNING r.run_id, r.owner_id, r.task_id, r.retention_class, r.attempt)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
		" SELECT b.run_id, clock_timestamp(), b.owner_id, b.task_id, b.retention_class, b.attempt,"
		"   'running', 'queued', $5, 'executor' FROM back AS b",
		.nargs = 5,
		.types = {INT8OID, INT8OID, TIMESTAMPTZOID, JSONBOID, TEXTOID}
	},
	[STATEMENT_WRITE_LOGS] = {
		.label = "write the log lines of a run",
		.text =
		"INSERT INTO taskcenter.task_run_logs (run_id, logged_at, owner_id,"
		"   task_id, retention_class, attempt, level, message, metadata)"
		" SELECT $1, l.logged_at, $2, $3, $4, $5, l.level, l.message, l.metadata"
		" FROM unnest($6::timestamptz[], $7::text[], $8::text[], $9::jsonb[])"
		"   AS l (logged_at, level, message, metadata)",
		.nargs = 9,
		.types = {INT8OID, INT8OID, INT8OID, INT4OID, INT4OID, TIMESTAMPTZARRAYOID, TEXTARRAYOID,
		TEXTARRAYOID, JSONBARRAYOID}
	}
};

static void
bind_lane(Bindings *bindings, const ClaimRequest *request)
{
	tc_bind_int64(bindings, request->role);
	tc_bind_int64(bindings, request->queue_id);
	tc_bind_int32(bindings, request->priority);
	tc_bind_int64(bindings, request->gate);
	tc_bind_datum(bindings, TimestampTzGetDatum(request->bound_at), false);
	tc_bind_int64(bindings, request->bound_run);
	tc_bind_datum(bindings, TimestampTzGetDatum(request->now), false);
}

static void
read_run(uint64 row, RunRow *run)
{
	run->run_id = tc_get_int64(row, 1);
	run->token = tc_get_int64(row, 2);
	run->task_id = tc_get_int64(row, 3);
	run->schedule_id = tc_get_int64(row, 4);
	run->parent_run_id = tc_get_int64(row, 5);
	run->queue_id = tc_get_int64(row, 6);
	run->attempt = tc_get_int32(row, 7);
	run->max_attempts = tc_get_int32(row, 8);
	run->lost = tc_get_int32(row, 9);
	run->retention_class = tc_get_int32(row, 10);
	run->is_catchup = tc_get_bool(row, 11);
	run->run_at = tc_get_timestamptz(row, 12);
	run->scheduled_for = tc_get_timestamptz(row, 13);
	run->catchup_from = tc_get_timestamptz(row, 14);
	run->catchup_count = tc_get_int64(row, 15);
	run->params = tc_get_jsonb(row, 16);
	run->trace_id = tc_get_text(row, 17);
	run->step = tc_get_text(row, 18);
	run->definition_id = tc_get_int64(row, 19);
	run->item = tc_get_int32(row, 20);
	run->step_state = tc_get_jsonb(row, 21);
	run->cache_id = run->task_id;
}

int
tc_runs_claim(const ClaimRequest *request, RunRow *rows)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;
	int			i;

	bind_lane(&bindings, request);
	tc_bind_int64(&bindings, request->max_runs);
	tc_bind_int64(&bindings, request->executor_id);
	tc_bind_bool(&bindings, request->control_queue);

	tc_store_begin(&frame);
	count = (int) tc_run_bound(&statements[STATEMENT_CLAIM], &bindings);
	for (i = 0; i < count; i++)
		read_run(i, &rows[i]);
	tc_store_end(&frame);
	return count;
}

TimestampTz
tc_runs_next_due(const ClaimRequest *request)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	TimestampTz next_due = DT_NOEND;

	bind_lane(&bindings, request);
	tc_store_begin(&frame);
	if (tc_run_bound(&statements[STATEMENT_NEXT_DUE], &bindings) > 0)
		next_due = tc_get_timestamptz(0, 1);
	tc_store_end(&frame);
	return next_due;
}

/* Another claim has such a lock for moments, a transaction of the user's for long. */
static bool
lock_soon(Statement *lock, const Bindings *bindings)
{
	int			i;

	for (i = 0; i < LOCK_TRIES; i++)
	{
		if (tc_run_bound(lock, bindings) > 0)
			return true;
		pg_usleep(LOCK_PAUSE_US);
		CHECK_FOR_INTERRUPTS();
	}
	return false;
}

/* How much room one limit leaves; the lock and the count are two statements
 * so that the count sees what the lock waited for. */
static int64
room_under(Statement *lock, Statement *count, int64 id)
{
	Bindings	bindings = {0};
	int64		limit;

	tc_bind_int64(&bindings, id);
	if (!lock_soon(lock, &bindings))
		return TC_ROOM_LOCKED;
	if (tc_is_null(0, 1))
		return TC_MAX_CLAIM;
	limit = tc_get_int64(0, 1);
	tc_run_bound(count, &bindings);
	return Max(limit - tc_get_int64(0, 1), 0);
}

int64
tc_runs_room(int64 queue_id, int64 task_id, int64 task_in_turn)
{
	StoreFrame	frame;
	int64		room = TC_MAX_CLAIM;

	tc_store_begin(&frame);
	/* the queue last: claims of others wait for it */
	if (task_id != 0)
		room = Min(room, room_under(&statements[STATEMENT_LOCK_TASK],
									&statements[STATEMENT_COUNT_TASK], task_id));
	if (task_in_turn != 0 && room > 0)
		room = Min(room, room_under(&statements[STATEMENT_LOCK_TURN],
									&statements[STATEMENT_COUNT_TURN], task_in_turn));
	if (queue_id != 0 && room > 0)
		room = Min(room, room_under(&statements[STATEMENT_LOCK_QUEUE],
									&statements[STATEMENT_COUNT_QUEUE], queue_id));
	tc_store_end(&frame);
	return room;
}

bool
tc_run_finish(const RunRow *run, const RunOutcome *outcome, bool forced)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		ours;
	bool		failed = strcmp(outcome->status, "failed") == 0 ||
	strcmp(outcome->status, "timed_out") == 0;

	tc_bind_int64(&bindings, run->run_id);
	tc_bind_int64(&bindings, run->token);
	tc_bind_text(&bindings, outcome->status);
	tc_bind_timestamptz(&bindings, outcome->started_at);
	tc_bind_timestamptz(&bindings, outcome->finished_at);
	tc_bind_int32(&bindings, failed ? TC_CLASS_FAILED : TC_CLASS_DEFAULT);
	tc_bind_jsonb(&bindings, outcome->output);
	tc_bind_redacted(&bindings, outcome->reason);
	tc_bind_redacted(&bindings, outcome->error);
	tc_bind_text(&bindings, outcome->sqlstate);
	tc_bind_redacted(&bindings, outcome->actor);

	if (forced)
		tc_store_begin_forced(&frame);
	else
		tc_store_begin(&frame);
	ours = tc_run_bound(&statements[STATEMENT_FINISH], &bindings) == 1;
	tc_store_end(&frame);
	return ours;
}

bool
tc_run_retry(const RunRow *run, const RunOutcome *outcome)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		ours;

	tc_bind_int64(&bindings, run->run_id);
	tc_bind_int64(&bindings, run->token);
	tc_bind_timestamptz(&bindings, outcome->retry_at);
	tc_bind_timestamptz(&bindings, outcome->started_at);
	tc_bind_timestamptz(&bindings, outcome->finished_at);
	tc_bind_redacted(&bindings, outcome->error);
	tc_bind_text(&bindings, outcome->sqlstate);
	tc_bind_redacted(&bindings, outcome->reason);
	tc_bind_jsonb(&bindings, outcome->step_state);

	tc_store_begin(&frame);
	ours = tc_run_bound(&statements[STATEMENT_RETRY], &bindings) == 1;
	tc_store_end(&frame);
	return ours;
}

bool
tc_run_snooze(const RunRow *run, TimestampTz until, Jsonb *state, const char *reason)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		ours;

	tc_bind_int64(&bindings, run->run_id);
	tc_bind_int64(&bindings, run->token);
	tc_bind_datum(&bindings, TimestampTzGetDatum(until), false);
	tc_bind_jsonb(&bindings, state);
	tc_bind_text(&bindings, reason);
	tc_store_begin(&frame);
	ours = tc_run_bound(&statements[STATEMENT_SNOOZE], &bindings) == 1;
	tc_store_end(&frame);
	return ours;
}

/* Insertion sort: runs are claimed nearly in this order. */
static void
order_by_run(RunRow *const *runs, int count, int *order)
{
	int			i;
	int			j;

	for (i = 0; i < count; i++)
	{
		for (j = i; j > 0 && runs[order[j - 1]]->run_id > runs[i]->run_id; j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
}

static void
bind_array(Bindings *bindings, Datum *values, int count, Oid type)
{
	tc_bind_datum(bindings, PointerGetDatum(construct_array(values, count, type, 8, true,
															TYPALIGN_DOUBLE)), false);
}

int
tc_runs_finish_batch(RunRow *const *runs, const RunOutcome *outcomes, int count,
					 int64 executor_id)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			order[TC_MAX_CLAIM];
	Datum		columns[4][TC_MAX_CLAIM];
	bool		no_output[TC_MAX_CLAIM];
	int64		first_token = PG_INT64_MAX;
	int64		last_token = 0;
	int			dims[1] = {count};
	int			lower[1] = {1};
	int			i;
	int			ours;

	Assert(count > 0 && count <= TC_MAX_CLAIM);
	order_by_run(runs, count, order);
	for (i = 0; i < count; i++)
	{
		const RunOutcome *outcome = &outcomes[order[i]];

		columns[0][i] = Int64GetDatum(runs[order[i]]->run_id);
		columns[1][i] = TimestampTzGetDatum(outcome->started_at);
		columns[2][i] = TimestampTzGetDatum(outcome->finished_at);
		columns[3][i] = PointerGetDatum(outcome->output);
		no_output[i] = outcome->output == NULL;
		first_token = Min(first_token, runs[i]->token);
		last_token = Max(last_token, runs[i]->token);
	}
	bind_array(&bindings, columns[0], count, INT8OID);
	tc_bind_int64(&bindings, first_token);
	tc_bind_int64(&bindings, last_token);
	tc_bind_int64(&bindings, executor_id);
	bind_array(&bindings, columns[1], count, TIMESTAMPTZOID);
	bind_array(&bindings, columns[2], count, TIMESTAMPTZOID);
	tc_bind_datum(&bindings,
				  PointerGetDatum(construct_md_array(columns[3], no_output, 1, dims, lower,
													 JSONBOID, -1, false, TYPALIGN_INT)),
				  false);

	tc_store_begin_forced(&frame);
	ours = (int) tc_run_bound(&statements[STATEMENT_FINISH_BATCH], &bindings);
	tc_store_end(&frame);
	return ours;
}

void
tc_run_write_logs(const RunRow *run, int64 owner_id, const LogRow *logs, int count, bool forced)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	Datum	   *columns[4];
	bool	   *no_metadata = palloc(sizeof(bool) * count);
	int			dims[1] = {count};
	int			lower[1] = {1};
	int			i;

	for (i = 0; i < 4; i++)
		columns[i] = palloc(sizeof(Datum) * count);
	for (i = 0; i < count; i++)
	{
		columns[0][i] = TimestampTzGetDatum(logs[i].logged_at);
		columns[1][i] = CStringGetTextDatum(logs[i].level);
		columns[2][i] = CStringGetTextDatum(tc_redact_text(logs[i].message));
		columns[3][i] = PointerGetDatum(tc_redact_json(logs[i].metadata));
		no_metadata[i] = logs[i].metadata == NULL;
	}
	tc_bind_int64(&bindings, run->run_id);
	tc_bind_int64(&bindings, owner_id);
	tc_bind_int64(&bindings, run->task_id);
	tc_bind_int32(&bindings, run->retention_class);
	tc_bind_int32(&bindings, run->attempt);
	tc_bind_datum(&bindings, PointerGetDatum(construct_array(columns[0], count, TIMESTAMPTZOID,
															 8, true, TYPALIGN_DOUBLE)), false);
	tc_bind_datum(&bindings, PointerGetDatum(construct_array(columns[1], count, TEXTOID,
															 -1, false, TYPALIGN_INT)), false);
	tc_bind_datum(&bindings, PointerGetDatum(construct_array(columns[2], count, TEXTOID,
															 -1, false, TYPALIGN_INT)), false);
	tc_bind_datum(&bindings,
				  PointerGetDatum(construct_md_array(columns[3], no_metadata, 1, dims, lower,
													 JSONBOID, -1, false, TYPALIGN_INT)),
				  false);

	if (forced)
		tc_store_begin_forced(&frame);
	else
		tc_store_begin(&frame);
	tc_run_bound(&statements[STATEMENT_WRITE_LOGS], &bindings);
	tc_store_end(&frame);
}
