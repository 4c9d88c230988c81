/*-------------------------------------------------------------------------
 *
 * lease_store.c
 *		Attempts of external workers: how they end, and what is said of them.
 *
 * The token is kept with what it ended: in last_token of a run that goes on,
 * in token of a finished one.  So a worker that repeats its call, since it did
 * not hear the answer, is answered the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "lease_store.h"
#include "run_columns.h"
#include "statement.h"

enum
{
	STATEMENT_HOLD,
	STATEMENT_LOOK,
	STATEMENT_ENDED_AS,
	STATEMENT_PARAMS,
	STATEMENT_TAKEN_FROM,
	STATEMENT_EXPIRED,
	STATEMENT_NEXT_END,
	STATEMENT_TO_END,
	STATEMENT_COMPLETE,
	STATEMENT_RETRY,
	STATEMENT_END,
	STATEMENT_SNOOZE,
	STATEMENT_LOG,
	STATEMENT_LOGGED,
	STATEMENT_PROGRESS,
	STATEMENT_REQUEST_CANCEL
};

static Statement statements[] = {
	[STATEMENT_HOLD] = {
		.label = "hold an attempt of a worker",
		.text =
		"SELECT r.run_id, r.token, r.task_id, r.owner_id, r.queue_id, r.schedule_id,"
		"   r.retention_class, r.attempt, r.max_attempts, r.lost, t.max_lost,"
		"   t.on_crash = 'fail', r.cancel_requested_at IS NOT NULL, r.reason,"
		"   coalesce(r.claimed_at + t.timeout <= $3, false), r.started_at, r.lease_until,"
		"   w.role_id, w.name"
		" FROM taskcenter.live_runs AS r"
		" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" LEFT JOIN taskcenter.workers AS w ON w.worker_id = r.worker_id"
		" WHERE r.run_id = $1 AND r.token = $2 AND r.status = 'running'"
		"   AND r.worker_id IS NOT NULL FOR UPDATE OF r",
		.nargs = 3,
		.types = {INT8OID, INT8OID, TIMESTAMPTZOID}
	},
	[STATEMENT_LOOK] = {
		.label = "look at an attempt of a worker",
		.text =
		"SELECT r.run_id, r.token, r.task_id, r.owner_id, r.queue_id, r.schedule_id,"
		"   r.retention_class, r.attempt, r.max_attempts, r.lost, t.max_lost,"
		"   t.on_crash = 'fail', r.cancel_requested_at IS NOT NULL, r.reason,"
		"   false, r.started_at, r.lease_until, w.role_id, w.name, t.log_level"
		" FROM taskcenter.live_runs AS r"
		" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" LEFT JOIN taskcenter.workers AS w ON w.worker_id = r.worker_id"
		" WHERE r.run_id = $1 AND r.token = $2 AND r.status = 'running'"
		"   AND r.worker_id IS NOT NULL",
		.nargs = 2,
		.types = {INT8OID, INT8OID}
	},
	[STATEMENT_ENDED_AS] = {
		.label = "look how an attempt of a worker ended",
		.text =
		"SELECT e.status, w.role_id FROM ("
		"   SELECT r.status, r.worker_id FROM taskcenter.live_runs AS r"
		"   WHERE r.run_id = $1 AND r.last_token = $2"
		"   UNION ALL SELECT r.status, r.worker_id FROM taskcenter.finished_runs AS r"
		"   WHERE r.run_id = $1 AND r.token = $2) AS e"
		" LEFT JOIN taskcenter.workers AS w ON w.worker_id = e.worker_id",
		.nargs = 2,
		.types = {INT8OID, INT8OID}
	},
	[STATEMENT_PARAMS] = {
		.label = "read the params of a worker's run",
		.text =
		"SELECT r.params, w.role_id FROM taskcenter.live_runs AS r"
		" LEFT JOIN taskcenter.workers AS w ON w.worker_id = r.worker_id"
		" WHERE r.run_id = $1 AND r.token = $2 AND r.status = 'running'"
		"   AND r.worker_id IS NOT NULL",
		.nargs = 2,
		.types = {INT8OID, INT8OID}
	},
	[STATEMENT_TAKEN_FROM] = {
		/*
		 * lost, to which no token belongs or a later one, or over the time
		 * limit
		 */
		.label = "look whether an attempt was taken from a worker",
		.text =
		"SELECT e.task_id FROM ("
		"   SELECT r.task_id, r.lost, r.token, r.sqlstate FROM taskcenter.live_runs AS r"
		"   WHERE r.run_id = $1"
		"   UNION ALL SELECT r.task_id, r.lost, r.token, r.sqlstate"
		"   FROM taskcenter.finished_runs AS r WHERE r.run_id = $1) AS e"
		" WHERE e.lost > 0 AND coalesce(e.token, $2 + 1) > $2 OR e.sqlstate = '57014'",
		.nargs = 2,
		.types = {INT8OID, INT8OID}
	},
	[STATEMENT_EXPIRED] = {
		.label = "find leases that ended",
		.text =
		"SELECT r.run_id, r.token, r.task_id, r.owner_id, r.queue_id, r.schedule_id,"
		"   r.retention_class, r.attempt, r.max_attempts, r.lost, coalesce(t.max_lost, 3),"
		"   coalesce(t.on_crash = 'fail', false), r.cancel_requested_at IS NOT NULL, r.reason,"
		"   coalesce(r.claimed_at + t.timeout <= $1, false), r.started_at, r.lease_until,"
		"   w.role_id, w.name"
		" FROM taskcenter.live_runs AS r"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" LEFT JOIN taskcenter.workers AS w ON w.worker_id = r.worker_id"
		" WHERE r.lease_until <= $1 AND r.status = 'running'"
		" ORDER BY r.lease_until LIMIT $2 FOR UPDATE OF r SKIP LOCKED",
		.nargs = 2,
		.types = {TIMESTAMPTZOID, INT8OID}
	},
	[STATEMENT_NEXT_END] = {
		.label = "find the next end of a lease",
		.text =
		"SELECT r.lease_until FROM taskcenter.live_runs AS r"
		" WHERE r.lease_until IS NOT NULL ORDER BY r.lease_until LIMIT 1",
		.nargs = 0
	},
	[STATEMENT_TO_END] = {
		.label = "find what ends with its worker",
		.text =
		"SELECT r.run_id, r.token, r.task_id, r.owner_id, r.queue_id, r.schedule_id,"
		"   r.retention_class, r.attempt, r.max_attempts, r.lost, t.max_lost,"
		"   t.on_crash = 'fail', r.cancel_requested_at IS NOT NULL, r.reason,"
		"   false, r.started_at, r.lease_until, w.role_id, w.name"
		" FROM taskcenter.live_runs AS r"
		" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" LEFT JOIN taskcenter.workers AS w ON w.worker_id = r.worker_id"
		" WHERE r.worker_id = $1 AND r.status = 'running'"
		"   AND (r.cancel_requested_at IS NOT NULL OR t.on_crash = 'fail')"
		" FOR UPDATE OF r",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_COMPLETE] = {
		/*
		 * No join: it would cost a copy of each row for rechecks.  The runs
		 * come in the order of their ids, so that a row finds its place by
		 * halving.
		 */
		.label = "complete runs of workers",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.live_runs AS r"
		" WHERE r.run_id = ANY ($1) AND r.token = ($2)[width_bucket(r.run_id, $1)]"
		"   AND r.status = 'running' AND r.worker_id IS NOT NULL"
		" RETURNING " TC_GONE_COLUMNS ", started_at, worker_id, token,"
		"   width_bucket(r.run_id, $1) AS place, greatest($5, r.started_at) AS moved_at),"
		" kept AS ("
		TC_FINISH_GONE
		"   g.started_at, g.moved_at, g.retention_class, g.lost, 'succeeded', ($3)[g.place], NULL,"
		"   NULL, NULL, g.worker_id, g.token, NULL FROM gone AS g),"
		" noted AS ("
		TC_NOTE_GONE("g.moved_at")
		"   'running', 'succeeded', NULL, $4 FROM gone AS g)"
		" SELECT g.run_id, g.token, g.schedule_id, g.worker_id FROM gone AS g"
		" ORDER BY g.run_id",
		.nargs = 5,
		.types = {INT8ARRAYOID, INT8ARRAYOID, JSONBARRAYOID, TEXTOID, TIMESTAMPTZOID}
	},
	[STATEMENT_RETRY] = {
		.label = "put a worker's run back for its next attempt",
		.text =
		"WITH back AS ("
		" UPDATE taskcenter.live_runs AS r SET status = 'retrying', run_at = $3,"
		"   token = NULL, last_token = r.token, lease_until = NULL, claimed_at = NULL,"
		"   error = $5, sqlstate = $6, reason = $7, progress = NULL"
		" WHERE r.run_id = $1 AND r.token = $2 AND r.status = 'running'"
		" RETURNING r.run_id, r.owner_id, r.task_id, r.retention_class, r.attempt)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
		" SELECT b.run_id, $4, b.owner_id, b.task_id, b.retention_class, b.attempt, 'running',"
		"   'retrying', $7, $8 FROM back AS b",
		.nargs = 8,
		.types = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID}
	},
	[STATEMENT_END] = {
		.label = "end a worker's run",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.live_runs AS r"
		" WHERE r.run_id = $1 AND r.token = $2 AND r.status = 'running' RETURNING r.*),"
		" kept AS ("
		TC_FINISH_GONE
		"   g.started_at, $4, CASE WHEN g.retention_class = 1 THEN $5 ELSE g.retention_class END,"
		"   g.lost, $3, NULL, $6, $7, $8, g.worker_id, g.token, $10 FROM gone AS g)"
		TC_NOTE_GONE("$4")
		"   'running', $3, $6, $9 FROM gone AS g",
		.nargs = 10,
		.types = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID, TEXTOID}
	},
	[STATEMENT_SNOOZE] = {
		.label = "put off a worker's run",
		.text =
		"WITH back AS ("
		" UPDATE taskcenter.live_runs AS r SET status = 'queued', run_at = $3,"
		"   attempt = r.attempt - 1, token = NULL, last_token = r.token, lease_until = NULL,"
		"   claimed_at = NULL, progress = NULL"
		" WHERE r.run_id = $1 AND r.token = $2 AND r.status = 'running'"
		" RETURNING r.run_id, r.owner_id, r.task_id, r.retention_class, r.attempt)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
		" SELECT b.run_id, $5, b.owner_id, b.task_id, b.retention_class, b.attempt, 'running',"
		"   'queued', 'put off by its worker', $4 FROM back AS b",
		.nargs = 5,
		.types = {INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID}
	},
	[STATEMENT_LOG] = {
		.label = "write a log line of a worker",
		.text =
		"INSERT INTO taskcenter.task_run_logs (run_id, logged_at, owner_id,"
		"   task_id, retention_class, attempt, level, message, metadata)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		.nargs = 9,
		.types = {INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID, INT4OID, INT4OID, TEXTOID, TEXTOID,
		JSONBOID}
	},
	[STATEMENT_LOGGED] = {
		.label = "count the log lines of a worker",
		.text =
		"SELECT count(*), coalesce(sum(l.bytes), 0)::bigint, coalesce(bool_or(l.is_said), false)"
		" FROM (SELECT octet_length(l.message) + coalesce(pg_column_size(l.metadata), 0) AS bytes,"
		"     l.message = $5 AS is_said"
		"   FROM taskcenter.task_run_logs AS l"
		"   WHERE l.run_id = $1 AND l.retention_class = $2 AND l.attempt = $3"
		"     AND l.logged_at >= $4 LIMIT $6) AS l",
		.nargs = 6,
		.types = {INT8OID, INT4OID, INT4OID, TIMESTAMPTZOID, TEXTOID, INT8OID}
	},
	[STATEMENT_PROGRESS] = {
		.label = "note the progress of a worker's run",
		.text =
		"UPDATE taskcenter.live_runs AS r SET progress = $3"
		" WHERE r.run_id = $1 AND r.token = $2 AND r.status = 'running'",
		.nargs = 3,
		.types = {INT8OID, INT8OID, JSONBOID}
	},
	[STATEMENT_REQUEST_CANCEL] = {
		.label = "ask a worker to end a run",
		.text =
		"UPDATE taskcenter.live_runs AS r SET"
		"   cancel_requested_at = coalesce(r.cancel_requested_at, $4),"
		"   reason = coalesce($3, r.reason)"
		" WHERE r.run_id = ANY (ARRAY(SELECT h.run_id FROM taskcenter.live_runs AS h"
		"   WHERE h.run_id = $1 AND h.attempt = $2 AND h.status = 'running'"
		"     AND h.worker_id IS NOT NULL FOR NO KEY UPDATE SKIP LOCKED))",
		.nargs = 4,
		.types = {INT8OID, INT4OID, TEXTOID, TIMESTAMPTZOID}
	}
};

/* ---- reading ---- */

static void
read_lease(uint64 row, LeaseRow *lease)
{
	lease->run_id = tc_get_int64(row, 1);
	lease->token = tc_get_int64(row, 2);
	lease->task_id = tc_get_int64(row, 3);
	lease->owner_id = tc_get_int64(row, 4);
	lease->queue_id = tc_get_int64(row, 5);
	lease->schedule_id = tc_get_int64(row, 6);
	lease->retention_class = tc_get_int32(row, 7);
	lease->attempt = tc_get_int32(row, 8);
	lease->max_attempts = tc_get_int32(row, 9);
	lease->lost = tc_get_int32(row, 10);
	lease->max_lost = tc_get_int32(row, 11);
	lease->fail_if_lost = tc_get_bool(row, 12);
	lease->cancel_requested = tc_get_bool(row, 13);
	lease->cancel_reason = tc_get_text(row, 14);
	lease->timed_out = tc_get_bool(row, 15);
	lease->started_at = tc_get_timestamptz(row, 16);
	lease->lease_until = tc_get_timestamptz(row, 17);
	lease->worker_role = (Oid) tc_get_int64(row, 18);
	lease->worker = tc_get_text(row, 19);
	if (lease->worker == NULL)
		lease->worker = "?";
}

static int
read_leases(uint64 count, LeaseRow **leases)
{
	uint64		i;

	*leases = palloc(sizeof(LeaseRow) * Max(count, 1));
	for (i = 0; i < count; i++)
		read_lease(i, &(*leases)[i]);
	return (int) count;
}

static void
bind_attempt(Bindings *bindings, int64 run_id, int64 token)
{
	tc_bind_int64(bindings, run_id);
	tc_bind_int64(bindings, token);
}

bool
tc_lease_hold(int64 run_id, int64 token, TimestampTz now, LeaseRow *lease)
{
	Bindings	bindings = {0};

	bind_attempt(&bindings, run_id, token);
	tc_bind_timestamptz(&bindings, now);
	if (tc_run_bound(&statements[STATEMENT_HOLD], &bindings) == 0)
		return false;
	read_lease(0, lease);
	return true;
}

bool
tc_lease_look(int64 run_id, int64 token, LeaseRow *lease, char **log_level)
{
	Bindings	bindings = {0};

	bind_attempt(&bindings, run_id, token);
	if (tc_run_bound(&statements[STATEMENT_LOOK], &bindings) == 0)
		return false;
	read_lease(0, lease);
	*log_level = tc_get_text(0, 20);
	return true;
}

char *
tc_lease_ended_as(int64 run_id, int64 token, Oid *worker_role)
{
	Bindings	bindings = {0};

	bind_attempt(&bindings, run_id, token);
	if (tc_run_bound(&statements[STATEMENT_ENDED_AS], &bindings) == 0)
		return NULL;
	*worker_role = (Oid) tc_get_int64(0, 2);
	return tc_get_text(0, 1);
}

Jsonb *
tc_lease_params(int64 run_id, int64 token, Oid *worker_role)
{
	Bindings	bindings = {0};

	bind_attempt(&bindings, run_id, token);
	if (tc_run_bound(&statements[STATEMENT_PARAMS], &bindings) == 0)
		return NULL;
	*worker_role = (Oid) tc_get_int64(0, 2);
	return tc_get_jsonb(0, 1);
}

int64
tc_lease_taken_from(int64 run_id, int64 token)
{
	Bindings	bindings = {0};

	bind_attempt(&bindings, run_id, token);
	if (tc_run_bound(&statements[STATEMENT_TAKEN_FROM], &bindings) == 0)
		return 0;
	return tc_get_int64(0, 1);
}

int
tc_leases_expired(TimestampTz now, int max, LeaseRow **leases)
{
	Bindings	bindings = {0};

	tc_bind_timestamptz(&bindings, now);
	tc_bind_int64(&bindings, max);
	return read_leases(tc_run_bound(&statements[STATEMENT_EXPIRED], &bindings), leases);
}

TimestampTz
tc_leases_next_end(void)
{
	Bindings	bindings = {0};

	if (tc_run_bound(&statements[STATEMENT_NEXT_END], &bindings) == 0)
		return DT_NOEND;
	return tc_get_timestamptz(0, 1);
}

int
tc_leases_to_end(int64 worker_id, LeaseRow **leases)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, worker_id);
	return read_leases(tc_run_bound(&statements[STATEMENT_TO_END], &bindings), leases);
}

/* ---- ends ---- */

static int
compare_completions(const void *a, const void *b)
{
	const Completion *left = a;
	const Completion *right = b;

	/* of two tokens the newer one is the one that may hold */
	if (left->run_id == right->run_id)
		return left->token < right->token ? -1 : left->token > right->token;
	return left->run_id < right->run_id ? -1 : 1;
}

int
tc_leases_complete(Completion *runs, int count, const char *actor, TimestampTz now)
{
	Bindings	bindings = {0};
	int64	   *ids = palloc(sizeof(int64) * count);
	int64	   *tokens = palloc(sizeof(int64) * count);
	Datum	   *outputs = palloc(sizeof(Datum) * count);
	bool	   *nulls = palloc(sizeof(bool) * count);
	int			dims[1] = {count};
	int			lower[1] = {1};
	uint64		done;
	uint64		next = 0;
	int			i;

	/* in one order, so that two calls never wait for each other */
	qsort(runs, count, sizeof(Completion), compare_completions);
	for (i = 0; i < count; i++)
	{
		ids[i] = runs[i].run_id;
		tokens[i] = runs[i].token;
		outputs[i] = PointerGetDatum(runs[i].output);
		nulls[i] = runs[i].output == NULL;
	}
	tc_bind_ids(&bindings, ids, count);
	tc_bind_ids(&bindings, tokens, count);
	tc_bind_datum(&bindings,
				  PointerGetDatum(construct_md_array(outputs, nulls, 1, dims, lower, JSONBOID,
													 -1, false, TYPALIGN_INT)), false);
	tc_bind_text(&bindings, actor);
	tc_bind_timestamptz(&bindings, now);
	done = tc_run_bound(&statements[STATEMENT_COMPLETE], &bindings);
	for (i = 0; i < count; i++)
	{
		while (next < done && tc_get_int64(next, 1) < runs[i].run_id)
			next++;
		runs[i].done = next < done && tc_get_int64(next, 1) == runs[i].run_id &&
			tc_get_int64(next, 2) == runs[i].token;
		runs[i].schedule_id = runs[i].done ? tc_get_int64(next, 3) : 0;
		runs[i].worker_id = runs[i].done ? tc_get_int64(next, 4) : 0;
	}
	return (int) done;
}

bool
tc_lease_retry(const LeaseRow *lease, const RunOutcome *outcome)
{
	Bindings	bindings = {0};

	bind_attempt(&bindings, lease->run_id, lease->token);
	tc_bind_timestamptz(&bindings, outcome->retry_at);
	tc_bind_timestamptz(&bindings, outcome->finished_at);
	tc_bind_redacted(&bindings, outcome->error);
	tc_bind_text(&bindings, outcome->sqlstate);
	tc_bind_redacted(&bindings, outcome->reason);
	tc_bind_redacted(&bindings, outcome->actor);
	return tc_run_bound(&statements[STATEMENT_RETRY], &bindings) == 1;
}

bool
tc_lease_end(const LeaseRow *lease, const RunOutcome *outcome, const char *code)
{
	Bindings	bindings = {0};
	bool		cancelled = strcmp(outcome->status, "cancelled") == 0;

	bind_attempt(&bindings, lease->run_id, lease->token);
	tc_bind_text(&bindings, outcome->status);
	tc_bind_timestamptz(&bindings, outcome->finished_at);
	tc_bind_int32(&bindings, cancelled ? TC_CLASS_DEFAULT : TC_CLASS_FAILED);
	tc_bind_redacted(&bindings, outcome->reason);
	tc_bind_redacted(&bindings, outcome->error);
	tc_bind_text(&bindings, outcome->sqlstate);
	tc_bind_redacted(&bindings, outcome->actor);
	tc_bind_text(&bindings, code);
	return tc_run_bound(&statements[STATEMENT_END], &bindings) == 1;
}

bool
tc_lease_snooze(const LeaseRow *lease, TimestampTz run_at, const char *actor, TimestampTz now)
{
	Bindings	bindings = {0};

	bind_attempt(&bindings, lease->run_id, lease->token);
	tc_bind_timestamptz(&bindings, run_at);
	tc_bind_text(&bindings, actor);
	tc_bind_timestamptz(&bindings, now);
	return tc_run_bound(&statements[STATEMENT_SNOOZE], &bindings) == 1;
}

/* ---- what is said ---- */

void
tc_lease_log(const LeaseRow *lease, const LogRow *log)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, lease->run_id);
	tc_bind_timestamptz(&bindings, log->logged_at);
	tc_bind_int64(&bindings, lease->owner_id);
	tc_bind_int64(&bindings, lease->task_id);
	tc_bind_int32(&bindings, lease->retention_class);
	tc_bind_int32(&bindings, lease->attempt);
	tc_bind_text(&bindings, log->level);
	tc_bind_redacted(&bindings, log->message);
	tc_bind_redacted_jsonb(&bindings, log->metadata);
	tc_run_bound(&statements[STATEMENT_LOG], &bindings);
}

int64
tc_lease_logged(const LeaseRow *lease, const char *said, int most, int64 *bytes, bool *is_said)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, lease->run_id);
	tc_bind_int32(&bindings, lease->retention_class);
	tc_bind_int32(&bindings, lease->attempt);
	tc_bind_timestamptz(&bindings, lease->started_at);
	tc_bind_text(&bindings, said);
	tc_bind_int64(&bindings, most);
	tc_run_bound(&statements[STATEMENT_LOGGED], &bindings);
	*bytes = tc_get_int64(0, 2);
	*is_said = tc_get_bool(0, 3);
	return tc_get_int64(0, 1);
}

void
tc_lease_progress(const LeaseRow *lease, Jsonb *progress)
{
	Bindings	bindings = {0};

	bind_attempt(&bindings, lease->run_id, lease->token);
	tc_bind_jsonb(&bindings, progress);
	tc_run_bound(&statements[STATEMENT_PROGRESS], &bindings);
}

bool
tc_lease_request_cancel(int64 run_id, int32 attempt, const char *reason, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_bind_int32(&bindings, attempt);
	tc_bind_text(&bindings, reason);
	tc_bind_timestamptz(&bindings, now);
	return tc_run_bound(&statements[STATEMENT_REQUEST_CANCEL], &bindings) > 0;
}
