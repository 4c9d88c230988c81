/*-------------------------------------------------------------------------
 *
 * dead_letter_store.c
 *		The rows of dead_letters.
 *
 * The end of a run writes its letter (letter_end_store.c); what makes a run go
 * again (the statement in run_control_store.c) marks it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "dead_letter_store.h"
#include "redact.h"

#define ROW_COLUMNS \
	"d.dead_letter_id, d.run_id, d.task_id, d.parent_run_id, t.name, d.state, d.code, q.queue," \
	" d.priority, d.max_attempts, d.params_redacted, d.params, d.trace_id, d.redriven_at," \
	" d.closed_at, d.redriven_by, d.closed_by, d.note, d.root_run_id"
#define ROW_RELATIONS \
	" FROM taskcenter.dead_letters AS d" \
	" JOIN taskcenter.tasks AS t ON t.task_id = d.task_id" \
	" LEFT JOIN taskcenter.queues AS q ON q.queue_id = d.queue_id"

/* what bind_filter() binds */
#define MATCHES \
	" WHERE ($1 OR t.owner_id = ANY ($2) OR t.task_id = ANY ($3))" \
	"   AND ($4 IS NULL OR d.state = $4) AND ($5 = 0 OR d.task_id = $5)" \
	"   AND ($6 IS NULL OR t.application = $6) AND ($7 IS NULL OR q.queue = $7)" \
	"   AND ($8 IS NULL OR d.code = $8) AND ($9 IS NULL OR d.sqlstate = $9)" \
	"   AND ($10 IS NULL OR d.run_status = $10)" \
	"   AND ($11 IS NULL OR d.retryable = $11)" \
	"   AND ($12 IS NULL OR d.failed_at >= $12) AND ($13 IS NULL OR d.failed_at < $13)" \
	"   AND ($14 IS NULL OR d.dead_letter_id = ANY ($14))" \
	" ORDER BY d.dead_letter_id LIMIT $15"
#define MATCH_TYPES \
	{BOOLOID, INT8ARRAYOID, INT8ARRAYOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, \
	TEXTOID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8ARRAYOID, INT4OID}
#define MATCH_ARGUMENTS 15

/*
 * What may go by itself, as the index dead_letters_ripe_idx has it: for each
 * number of redrives below $1 that there is, the oldest letters.  Those that
 * went as often as they may are not looked at.
 */
#define MAY_RIPEN \
	" d.state = 'open' AND d.retryable AND d.passed_over_at IS NULL"
#define OLD_SINCE \
	"greatest(d.failed_at, d.redriven_at, d.looked_at)"
#define NUMBERS_OF_REDRIVES \
	" FROM generate_series(0, least($1 - 1, coalesce((SELECT max(d.redrives)" \
	"   FROM taskcenter.dead_letters AS d WHERE" MAY_RIPEN "), -1))) AS n (redrives)"

enum
{
	STATEMENT_FIND,
	STATEMENT_FIND_LOCKED,
	STATEMENT_OF_RUN,
	STATEMENT_MATCH,
	STATEMENT_TAKE,
	STATEMENT_TAKE_RUN,
	STATEMENT_EXPORT,
	STATEMENT_CLOSE,
	STATEMENT_GIVE_RUN,
	STATEMENT_LAST_DUE,
	STATEMENT_RIPE,
	STATEMENT_NEXT_RIPE,
	STATEMENT_PASS_OVER,
	STATEMENT_PUT_OFF,
	STATEMENT_STATS,
	STATEMENT_LOOK,
	STATEMENT_FOLLOW_OWNER
};

static Statement statements[] = {
	[STATEMENT_FIND] = {
		.label = "find a dead letter",
		.text = "SELECT " ROW_COLUMNS ROW_RELATIONS " WHERE d.dead_letter_id = $1",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_FIND_LOCKED] = {
		.label = "lock a dead letter",
		.text =
		"SELECT " ROW_COLUMNS ROW_RELATIONS " WHERE d.dead_letter_id = $1"
		" FOR NO KEY UPDATE OF d",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_OF_RUN] = {
		.label = "find the dead letter of a run",
		.text = "SELECT " ROW_COLUMNS ROW_RELATIONS " WHERE d.run_id = $1",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_MATCH] = {
		.label = "list dead letters",
		.text = "SELECT " ROW_COLUMNS ROW_RELATIONS MATCHES,
		.nargs = MATCH_ARGUMENTS,
		.types = MATCH_TYPES,
		.any_plan = true
	},
	[STATEMENT_TAKE] = {
		.label = "redrive dead letters",
		.text =
		"SELECT " ROW_COLUMNS ROW_RELATIONS MATCHES " FOR NO KEY UPDATE OF d SKIP LOCKED",
		.nargs = MATCH_ARGUMENTS,
		.types = MATCH_TYPES,
		.any_plan = true
	},
	[STATEMENT_TAKE_RUN] = {
		/* who retries it has its row before he comes to its letter */
		.label = "lock the run of a dead letter",
		.text =
		"SELECT NOT EXISTS (SELECT FROM taskcenter.finished_runs AS f WHERE f.run_id = $1)"
		"   OR EXISTS (SELECT FROM (SELECT f.run_id FROM taskcenter.finished_runs AS f"
		"     WHERE f.run_id = $1 FOR UPDATE SKIP LOCKED) AS x)",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_EXPORT] = {
		.label = "export dead letters",
		.text =
		"SELECT coalesce(jsonb_agg(x.letter ORDER BY x.dead_letter_id), '[]')"
		" FROM (SELECT d.dead_letter_id, to_jsonb(d)"
		"     || jsonb_build_object('task', t.name, 'queue', q.queue) AS letter"
		ROW_RELATIONS MATCHES ") AS x",
		.nargs = MATCH_ARGUMENTS,
		.types = MATCH_TYPES,
		.any_plan = true
	},
	[STATEMENT_CLOSE] = {
		.label = "close a dead letter",
		.text =
		"UPDATE taskcenter.dead_letters AS d SET state = $2, closed_at = $3, closed_by = $4,"
		"   note = coalesce($5, d.note)"
		" WHERE d.dead_letter_id = $1 AND d.state = 'open'",
		.nargs = 5,
		.types = {INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}
	},
	[STATEMENT_GIVE_RUN] = {
		.label = "give a dead letter a new run",

		/*
		 * as one that goes again the run counts as tried, so that its end is
		 * seen
		 */
		.text =
		"WITH tried AS ("
		" UPDATE taskcenter.live_runs AS r SET attempt = 1, max_attempts = r.max_attempts + 1"
		" WHERE r.run_id = $2)"
		" UPDATE taskcenter.dead_letters AS d SET run_id = $2, due_at = $3, state = 'redriven',"
		"   redrives = d.redrives + 1, redriven_at = $4, redriven_by = $5,"
		"   note = coalesce($6, d.note)"
		" WHERE d.dead_letter_id = $1",
		.nargs = 6,
		.types = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}
	},
	[STATEMENT_LAST_DUE] = {
		.label = "look when the last redriven letter is due",
		.text =
		"SELECT max(d.due_at) FROM taskcenter.dead_letters AS d"
		" JOIN taskcenter.tasks AS t ON t.task_id = d.task_id"
		" WHERE d.state = 'redriven' AND ($1 OR t.owner_id = ANY ($2) OR t.task_id = ANY ($3))",
		.nargs = 3,
		.types = {BOOLOID, INT8ARRAYOID, INT8ARRAYOID},
		.any_plan = true
	},
	[STATEMENT_RIPE] = {
		/* what somebody holds is his until he is done */
		.label = "list dead letters to redrive",
		.text =
		"SELECT l.dead_letter_id" NUMBERS_OF_REDRIVES
		" CROSS JOIN LATERAL (SELECT d.dead_letter_id, " OLD_SINCE " AS since"
		"   FROM taskcenter.dead_letters AS d WHERE" MAY_RIPEN " AND d.redrives = n.redrives"
		"     AND " OLD_SINCE " <= $2"
		"   ORDER BY " OLD_SINCE " LIMIT $3 FOR UPDATE SKIP LOCKED) AS l"
		" ORDER BY l.since LIMIT $3",
		.nargs = 3,
		.types = {INT4OID, TIMESTAMPTZOID, INT4OID},
		.any_plan = true
	},
	[STATEMENT_NEXT_RIPE] = {
		.label = "look for the next dead letter to redrive",
		.text =
		"SELECT min(l.since)" NUMBERS_OF_REDRIVES
		" CROSS JOIN LATERAL (SELECT " OLD_SINCE " AS since"
		"   FROM taskcenter.dead_letters AS d WHERE" MAY_RIPEN " AND d.redrives = n.redrives"
		"   ORDER BY " OLD_SINCE " LIMIT 1) AS l",
		.nargs = 1,
		.types = {INT4OID},
		.any_plan = true
	},
	[STATEMENT_PASS_OVER] = {
		.label = "leave a dead letter to people",
		.text =
		"UPDATE taskcenter.dead_letters AS d SET passed_over_at = $2,"
		"   note = CASE WHEN strpos(d.note, 'not redriven automatically: ' || $3) > 0 THEN d.note"
		"     ELSE concat_ws('; ', d.note, 'not redriven automatically: ' || $3) END"
		" WHERE d.dead_letter_id = $1 AND d.state = 'open'",
		.nargs = 3,
		.types = {INT8OID, TIMESTAMPTZOID, TEXTOID}
	},
	[STATEMENT_PUT_OFF] = {
		.label = "look at a dead letter again later",
		.text =
		"UPDATE taskcenter.dead_letters AS d SET looked_at = $2"
		" WHERE d.dead_letter_id = $1 AND d.state = 'open'",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}
	},
	[STATEMENT_STATS] = {
		.label = "count dead letters",
		.text =
		"WITH mine AS (SELECT d.state, d.code, d.failed_at, d.first_failed_at, d.closed_at,"
		"     d.redrives, t.name"
		"   FROM taskcenter.dead_letters AS d"
		"   JOIN taskcenter.tasks AS t ON t.task_id = d.task_id"
		"   WHERE $1 OR t.owner_id = ANY ($2) OR t.task_id = ANY ($3))"
		" SELECT jsonb_build_object('total', count(*),"
		"   'open', count(*) FILTER (WHERE m.state = 'open'),"
		"   'redriven', count(*) FILTER (WHERE m.state = 'redriven'),"
		"   'resolved', count(*) FILTER (WHERE m.state = 'resolved'),"
		"   'discarded', count(*) FILTER (WHERE m.state = 'discarded'),"
		"   'by_code', (SELECT coalesce(jsonb_object_agg(c.code, c.number), '{}')"
		"     FROM (SELECT code, count(*) AS number FROM mine WHERE state = 'open'"
		"       GROUP BY code) AS c),"
		"   'by_task', (SELECT coalesce(jsonb_object_agg(c.name, c.number), '{}')"
		"     FROM (SELECT name, count(*) AS number FROM mine WHERE state = 'open'"
		"       GROUP BY name ORDER BY 2 DESC, 1 LIMIT 10) AS c),"
		"   'oldest_open_at', min(m.failed_at) FILTER (WHERE m.state = 'open'),"
		"   'added_last_hour', count(*) FILTER (WHERE m.first_failed_at > $4 - interval '1 hour'),"
		"   'added_last_day', count(*) FILTER (WHERE m.first_failed_at > $4 - interval '1 day'),"
		"   'discarded_last_day', count(*) FILTER (WHERE m.state = 'discarded'"
		"     AND m.closed_at > $4 - interval '1 day'),"
		"   'redrives', coalesce(sum(m.redrives), 0),"
		"   'redrive_success', round(count(*) FILTER (WHERE m.redrives > 0"
		"       AND m.state = 'resolved')"
		"     / nullif(count(*) FILTER (WHERE m.redrives > 0), 0)::numeric, 3))"
		" FROM mine AS m",
		.nargs = 4,
		.types = {BOOLOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID},
		.any_plan = true
	},
	[STATEMENT_LOOK] = {
		.label = "look at open dead letters",
		.text =
		"SELECT count(*), min(o.failed_at) FROM (SELECT d.failed_at"
		"   FROM taskcenter.dead_letters AS d WHERE d.state = 'open'"
		"   ORDER BY d.failed_at LIMIT $1) AS o",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_FOLLOW_OWNER] = {
		.label = "give dead letters to the owner of their task",
		.text =
		"UPDATE taskcenter.dead_letters AS d SET owner_id = $2"
		" WHERE d.task_id = $1 AND d.owner_id <> $2",
		.nargs = 2,
		.types = {INT8OID, INT8OID}
	}
};

/* ---- reading ---- */

static void
read_letter(uint64 row, DeadLetter *letter)
{
	letter->dead_letter_id = tc_get_int64(row, 1);
	letter->run_id = tc_get_int64(row, 2);
	letter->task_id = tc_get_int64(row, 3);
	letter->parent_run_id = tc_get_int64(row, 4);
	letter->task = tc_get_text(row, 5);
	letter->state = tc_get_text(row, 6);
	letter->code = tc_get_text(row, 7);
	letter->queue = tc_get_text(row, 8);
	letter->priority = tc_get_int32(row, 9);
	letter->max_attempts = tc_get_int32(row, 10);
	letter->params_redacted = tc_get_bool(row, 11);
	letter->params = tc_get_jsonb(row, 12);
	letter->trace_id = tc_get_text(row, 13);
	letter->redriven_at = tc_get_timestamptz(row, 14);
	letter->closed_at = tc_get_timestamptz(row, 15);
	letter->redriven_by = tc_get_text(row, 16);
	letter->closed_by = tc_get_text(row, 17);
	letter->note = tc_get_text(row, 18);
	letter->root_run_id = tc_get_int64(row, 19);
}

static bool
find_by(Statement *statement, int64 id, DeadLetter *letter)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, id);
	if (tc_run_bound(statement, &arguments) == 0)
		return false;
	read_letter(0, letter);
	return true;
}

bool
tc_dead_letter_find(int64 dead_letter_id, bool lock, DeadLetter *letter)
{
	return find_by(&statements[lock ? STATEMENT_FIND_LOCKED : STATEMENT_FIND],
				   dead_letter_id, letter);
}

bool
tc_dead_letter_of_run(int64 run_id, DeadLetter *letter)
{
	return find_by(&statements[STATEMENT_OF_RUN], run_id, letter);
}

static void
bind_tasks(Bindings *arguments, const TaskSet *tasks)
{
	tc_bind_bool(arguments, tasks->all);
	tc_bind_ids(arguments, tasks->owners, tasks->owner_count);
	tc_bind_ids(arguments, tasks->ids, tasks->id_count);
}

static void
bind_filter(Bindings *arguments, const LetterFilter *filter, int max_rows)
{
	bind_tasks(arguments, &filter->tasks);
	tc_bind_text(arguments, filter->state);
	tc_bind_int64(arguments, filter->task_id);
	tc_bind_text(arguments, filter->application);
	tc_bind_text(arguments, filter->queue);
	tc_bind_text(arguments, filter->code);
	tc_bind_text(arguments, filter->sqlstate);
	tc_bind_text(arguments, filter->run_status);
	tc_bind_datum(arguments, BoolGetDatum(filter->retryable), !filter->by_retryable);
	tc_bind_timestamptz(arguments, filter->since);
	tc_bind_timestamptz(arguments, filter->before);
	if (filter->by_ids)
		tc_bind_ids(arguments, filter->ids, filter->id_count);
	else
		tc_bind_null(arguments);
	tc_bind_int32(arguments, max_rows);
}

int
tc_dead_letters_match(const LetterFilter *filter, int max_rows, bool take, DeadLetter **letters)
{
	Bindings	arguments = {0};
	int			count;
	int			i;

	bind_filter(&arguments, filter, max_rows);
	count = (int) tc_run_bound(&statements[take ? STATEMENT_TAKE : STATEMENT_MATCH], &arguments);
	*letters = palloc(sizeof(DeadLetter) * Max(count, 1));
	for (i = 0; i < count; i++)
		read_letter(i, &(*letters)[i]);
	return count;
}

bool
tc_dead_letter_take_run(const DeadLetter *letter)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, letter->root_run_id != 0 ? letter->root_run_id : letter->run_id);
	tc_run_bound(&statements[STATEMENT_TAKE_RUN], &arguments);
	return tc_get_bool(0, 1);
}

Jsonb *
tc_dead_letters_export(const LetterFilter *filter, int max_rows)
{
	Bindings	arguments = {0};

	bind_filter(&arguments, filter, max_rows);
	tc_run_bound(&statements[STATEMENT_EXPORT], &arguments);
	return tc_get_jsonb(0, 1);
}

TimestampTz
tc_dead_letters_last_due(const TaskSet *tasks)
{
	Bindings	arguments = {0};

	bind_tasks(&arguments, tasks);
	tc_run_bound(&statements[STATEMENT_LAST_DUE], &arguments);
	return tc_get_timestamptz(0, 1);
}

Jsonb *
tc_dead_letters_stats(const TaskSet *tasks, TimestampTz now)
{
	Bindings	arguments = {0};

	bind_tasks(&arguments, tasks);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&statements[STATEMENT_STATS], &arguments);
	return tc_get_jsonb(0, 1);
}

int64
tc_dead_letters_look(int64 limit, TimestampTz *oldest)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, limit);
	tc_run_bound(&statements[STATEMENT_LOOK], &arguments);
	*oldest = tc_get_timestamptz(0, 2);
	return tc_get_int64(0, 1);
}

/* ---- what goes by itself ---- */

int
tc_dead_letters_ripe(TimestampTz old_since, int32 redrives, int64 *ids, int max_ids)
{
	Bindings	arguments = {0};
	int			count;
	int			i;

	tc_bind_int32(&arguments, redrives);
	tc_bind_timestamptz(&arguments, old_since);
	tc_bind_int32(&arguments, max_ids);
	count = (int) tc_run_bound(&statements[STATEMENT_RIPE], &arguments);
	for (i = 0; i < count; i++)
		ids[i] = tc_get_int64(i, 1);
	return count;
}

TimestampTz
tc_dead_letters_next_ripe(int32 redrives)
{
	Bindings	arguments = {0};

	tc_bind_int32(&arguments, redrives);
	tc_run_bound(&statements[STATEMENT_NEXT_RIPE], &arguments);
	return tc_is_null(0, 1) ? DT_NOEND : tc_get_timestamptz(0, 1);
}

void
tc_dead_letter_pass_over(int64 dead_letter_id, const char *problem, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, dead_letter_id);
	tc_bind_timestamptz(&arguments, now);
	tc_bind_text(&arguments, tc_redact_text(problem));
	tc_run_bound(&statements[STATEMENT_PASS_OVER], &arguments);
}

void
tc_dead_letter_put_off(int64 dead_letter_id, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, dead_letter_id);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&statements[STATEMENT_PUT_OFF], &arguments);
}

/* ---- what people do ---- */

bool
tc_dead_letter_close(int64 dead_letter_id, const char *state, const LetterChange *change)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, dead_letter_id);
	tc_bind_text(&arguments, state);
	tc_bind_timestamptz(&arguments, change->now);
	tc_bind_text(&arguments, change->actor);
	tc_bind_text(&arguments, change->note);
	return tc_run_bound(&statements[STATEMENT_CLOSE], &arguments) > 0;
}

void
tc_dead_letter_give_run(int64 dead_letter_id, int64 run_id, TimestampTz due_at,
						const LetterChange *change)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, dead_letter_id);
	tc_bind_int64(&arguments, run_id);
	tc_bind_timestamptz(&arguments, due_at);
	tc_bind_timestamptz(&arguments, change->now);
	tc_bind_text(&arguments, change->actor);
	tc_bind_text(&arguments, change->note);
	tc_run_bound(&statements[STATEMENT_GIVE_RUN], &arguments);
}

void
tc_dead_letters_follow_owner(int64 task_id, int64 owner_id)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	tc_bind_int64(&arguments, owner_id);
	tc_run_bound(&statements[STATEMENT_FOLLOW_OWNER], &arguments);
}
