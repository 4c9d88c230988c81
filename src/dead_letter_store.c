/*-------------------------------------------------------------------------
 *
 * dead_letter_store.c
 *		The rows of dead_letters.
 *
 * A letter is written from the row of the run that has just ended, in the
 * statement of its end; the errors of earlier attempts come from its history,
 * in full where its log still has them.  What makes a run go again (the
 * statement in run_control_store.c) marks its letter itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "bindings.h"
#include "dead_letter_store.h"

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
	"   AND ($11 IS NULL OR coalesce((SELECT c.retryable FROM taskcenter.failure_codes AS c" \
	"     WHERE c.code = d.code), true) = $11)" \
	"   AND ($12 IS NULL OR d.failed_at >= $12) AND ($13 IS NULL OR d.failed_at < $13)" \
	"   AND ($14 IS NULL OR d.dead_letter_id = ANY ($14))" \
	" ORDER BY d.dead_letter_id LIMIT $15"
#define MATCH_TYPES \
	{BOOLOID, INT8ARRAYOID, INT8ARRAYOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, \
	TEXTOID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8ARRAYOID, INT4OID}
#define MATCH_ARGUMENTS 15

enum
{
	STATEMENT_FOLLOW_STEPS,
	STATEMENT_OPEN,
	STATEMENT_SETTLE,
	STATEMENT_SETTLE_STEPS,
	STATEMENT_FIND,
	STATEMENT_FIND_LOCKED,
	STATEMENT_OF_RUN,
	STATEMENT_MATCH,
	STATEMENT_EXPORT,
	STATEMENT_CLOSE,
	STATEMENT_GIVE_RUN,
	STATEMENT_LAST_DUE,
	STATEMENT_STATS,
	STATEMENT_LOOK,
	STATEMENT_FOLLOW_OWNER
};

static Statement statements[] = {
	[STATEMENT_FOLLOW_STEPS] = {
		/* a composite that goes on makes new runs for its steps */
		.label = "let dead letters follow their steps",
		.text =
		"UPDATE taskcenter.dead_letters AS d SET run_id = f.run_id"
		" FROM unnest($1::bigint[], $2::timestamptz[], $3::int[])"
		"   AS e (run_id, finished_at, retention_class)"
		" JOIN taskcenter.finished_runs AS f ON f.run_id = e.run_id"
		"   AND f.finished_at = e.finished_at AND f.retention_class = e.retention_class"
		" WHERE d.parent_run_id = f.parent_run_id AND d.step = f.step"
		"   AND d.item IS NOT DISTINCT FROM f.item AND d.run_id <> f.run_id",
		.nargs = 3,
		.types = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID}
	},
	[STATEMENT_OPEN] = {
		/*
		 * A row that fails again opens its letter again and adds its errors;
		 * a row that was only moved has the letter that it had.  In a
		 * composite the steps that failed have letters; what only fails with
		 * them (it, or the node of their items) has none, nor has a step
		 * whose failure is allowed.
		 */
		.label = "open dead letters",
		.text =
		"WITH ended AS ("
		" SELECT f.*, taskcenter.redact_json(f.params) AS shown,"
		"   coalesce(f.code, taskcenter.failure_code_of(f.sqlstate, f.status)) AS failure,"
		"   coalesce(e.report, f.error, f.reason, '') AS report, c.root_run_id"
		" FROM unnest($1::bigint[], $2::timestamptz[], $3::int[], $4::text[])"
		"   AS e (run_id, finished_at, retention_class, report)"
		" JOIN taskcenter.finished_runs AS f ON f.run_id = e.run_id"
		"   AND f.finished_at = e.finished_at AND f.retention_class = e.retention_class"
		" LEFT JOIN LATERAL (WITH RECURSIVE up AS ("
		"     SELECT f.parent_run_id AS id, 1 AS depth WHERE f.parent_run_id IS NOT NULL"
		"     UNION ALL SELECT r.parent_run_id, u.depth + 1 FROM up AS u"
		"     JOIN taskcenter.live_runs AS r ON r.run_id = u.id"
		"     WHERE r.parent_run_id IS NOT NULL)"
		"   SELECT u.id AS root_run_id FROM up AS u ORDER BY u.depth DESC LIMIT 1) AS c ON true"
		" WHERE e.finished_at > $5 AND (EXISTS (SELECT FROM taskcenter.dead_letters AS d"
		"     WHERE d.run_id = f.run_id)"
		"   OR NOT EXISTS (SELECT FROM taskcenter.dead_letters AS d"
		"       WHERE d.parent_run_id = f.run_id AND d.state = 'open')"
		"     AND NOT (f.graph_version IS NOT NULL"
		"       AND EXISTS (SELECT FROM taskcenter.dead_letters AS d"
		"         WHERE d.root_run_id = coalesce(c.root_run_id, f.run_id) AND d.state = 'open'))"
		"     AND NOT (f.parent_run_id IS NOT NULL AND EXISTS ("
		"       SELECT FROM taskcenter.live_runs AS p"
		"       LEFT JOIN taskcenter.live_runs AS o ON o.run_id = p.parent_run_id"
		"       JOIN taskcenter.graphs AS g ON g.version = coalesce(p.graph_version, o.graph_version)"
		"         AND g.task_id = CASE WHEN p.graph_version IS NULL THEN o.task_id ELSE p.task_id END"
		"       WHERE p.run_id = f.parent_run_id"
		"         AND g.graph #>> ARRAY['steps', f.step, 'on_error'] = 'continue'))))"
		" INSERT INTO taskcenter.dead_letters AS d (run_id, task_id, owner_id, first_run_id,"
		"   queue_id, failed_at, first_failed_at, attempts, max_attempts, lost, priority,"
		"   params_redacted, run_status, code, sqlstate, error, errors, params, created_by,"
		"   parent_run_id, root_run_id, step, item, trace_id)"
		" SELECT f.run_id, f.task_id, f.owner_id, f.run_id, f.queue_id, f.finished_at,"
		"   f.finished_at, f.attempt, f.max_attempts, f.lost, f.priority, f.shown <> f.params,"
		"   f.status, f.failure, f.sqlstate, f.report,"
		"   (SELECT coalesce(jsonb_agg(a.error ORDER BY a.at), '[]')"
		"     FROM (SELECT h.changed_at AS at, jsonb_build_object('attempt', h.attempt,"
		"         'at', h.changed_at, 'status', h.new_status, 'error', left(coalesce("
		"         (SELECT l.message FROM taskcenter.task_run_logs AS l"
		"           WHERE l.run_id = h.run_id AND l.attempt = h.attempt AND l.level = 'error'"
		"             AND l.logged_at >= f.created_at AND l.logged_at <= h.changed_at"
		"           ORDER BY l.logged_at DESC LIMIT 1), h.reason, ''), 2000)) AS error"
		"       FROM taskcenter.task_run_history AS h"
		"       WHERE h.run_id = f.run_id AND h.changed_at >= f.created_at"
		"         AND h.changed_at < f.finished_at AND h.old_status = 'running'"
		"         AND (h.new_status = ANY (ARRAY['retrying', 'failed', 'timed_out'])"
		"           OR h.new_status = 'queued' AND h.reason LIKE 'lost%')"
		"       ORDER BY h.changed_at DESC LIMIT 99) AS a)"
		"     || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('attempt', f.attempt,"
		"       'at', f.finished_at, 'status', f.status, 'error', left(f.report, 2000),"
		"       'code', f.failure, 'sqlstate', f.sqlstate))),"
		"   f.shown, f.created_by, f.parent_run_id, f.root_run_id, f.step,"
		"   f.item, f.trace_id"
		" FROM ended AS f"
		" ON CONFLICT (run_id) DO UPDATE SET state = 'open', failed_at = excluded.failed_at,"
		"   attempts = excluded.attempts, max_attempts = excluded.max_attempts,"
		"   lost = d.lost + excluded.lost, run_status = excluded.run_status,"
		"   code = excluded.code, sqlstate = excluded.sqlstate, error = excluded.error,"
		"   errors = jsonb_path_query_array(d.errors || coalesce((SELECT jsonb_agg(x.error"
		"       ORDER BY x.place) FROM jsonb_array_elements(excluded.errors)"
		"         WITH ORDINALITY AS x (error, place)"
		"       WHERE (x.error ->> 'at')::timestamptz > d.failed_at"
		"         OR x.place = jsonb_array_length(excluded.errors)), '[]'),"
		"     '$[last - 99 to last]'),"
		"   closed_at = NULL, closed_by = NULL"
		" WHERE d.failed_at <> excluded.failed_at",
		.nargs = 5,
		.types = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID}
	},
	[STATEMENT_SETTLE] = {
		.label = "settle dead letters",
		.text =
		"UPDATE taskcenter.dead_letters AS d"
		" SET state = CASE e.status WHEN 'cancelled' THEN 'open' ELSE 'resolved' END,"
		"   closed_at = CASE WHEN e.status <> 'cancelled' THEN e.finished_at END,"
		"   closed_by = CASE WHEN e.status <> 'cancelled' THEN 'taskcenter' END,"
		"   note = concat_ws('; ', d.note, 'its run ' || e.status)"
		" FROM unnest($1::bigint[], $2::timestamptz[], $3::text[])"
		"   AS e (run_id, finished_at, status)"
		" WHERE d.run_id = e.run_id AND (d.state = 'redriven'"
		"   OR d.state = 'open' AND e.status <> 'cancelled')",
		.nargs = 3,
		.types = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID}
	},
	[STATEMENT_SETTLE_STEPS] = {
		/* when a composite that went on has ended */
		.label = "settle the dead letters of steps",
		.text =
		"UPDATE taskcenter.dead_letters AS d"
		" SET state = CASE WHEN c.done THEN 'resolved' ELSE 'open' END,"
		"   closed_at = CASE WHEN c.done THEN c.finished_at END,"
		"   closed_by = CASE WHEN c.done THEN 'taskcenter' END,"
		"   note = CASE WHEN c.done THEN concat_ws('; ', d.note, 'its step succeeded')"
		"     ELSE d.note END"
		" FROM (SELECT x.dead_letter_id, x.state, e.finished_at, e.status = 'succeeded'"
		"     OR EXISTS (SELECT FROM taskcenter.finished_runs AS s"
		"       WHERE s.parent_run_id = x.parent_run_id AND s.step = x.step"
		"         AND s.item IS NOT DISTINCT FROM x.item AND s.status = 'succeeded'"
		"         AND s.finished_at > x.failed_at) AS done"
		"   FROM unnest($1::bigint[], $2::timestamptz[], $3::text[])"
		"     AS e (run_id, finished_at, status)"
		"   JOIN taskcenter.dead_letters AS x ON x.root_run_id = e.run_id"
		"   WHERE x.state = ANY (ARRAY['open', 'redriven'])) AS c"
		" WHERE d.dead_letter_id = c.dead_letter_id AND (c.done OR c.state = 'redriven')",
		.nargs = 3,
		.types = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID}
	},
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
		.text =
		"UPDATE taskcenter.dead_letters AS d SET run_id = $2, due_at = $3, state = 'redriven',"
		"   redrives = d.redrives + 1, redriven_at = $4, redriven_by = $5,"
		"   note = coalesce($6, d.note)"
		" WHERE d.dead_letter_id = $1",
		.nargs = 6,
		.types = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}
	},
	[STATEMENT_LAST_DUE] = {
		.label = "look when the last redriven letter is due",
		.text =
		"SELECT max(d.due_at) FROM taskcenter.dead_letters AS d WHERE d.state = 'redriven'"
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

/* ---- what runs leave ---- */

static void
bind_array(Bindings *arguments, Datum *values, bool *nulls, int count, Oid type)
{
	int			lower_bound = 1;
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	tc_bind_datum(arguments,
				  PointerGetDatum(construct_md_array(values, nulls, 1, &count, &lower_bound,
													 type, length, by_value, align)), false);
}

static void
bind_texts(Bindings *arguments, const EndedRun *runs, int count, bool reports)
{
	Datum	   *values = palloc(sizeof(Datum) * count);
	bool	   *nulls = palloc(sizeof(bool) * count);
	int			i;

	for (i = 0; i < count; i++)
	{
		const char *text = reports ? runs[i].report : runs[i].status;

		nulls[i] = text == NULL;
		values[i] = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
	}
	bind_array(arguments, values, nulls, count, TEXTOID);
}

static void
bind_ended(Bindings *arguments, const EndedRun *runs, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * count);
	int			i;

	for (i = 0; i < count; i++)
		values[i] = Int64GetDatum(runs[i].run_id);
	bind_array(arguments, values, NULL, count, INT8OID);
	for (i = 0; i < count; i++)
		values[i] = TimestampTzGetDatum(runs[i].finished_at);
	bind_array(arguments, values, NULL, count, TIMESTAMPTZOID);
}

static void
bind_classes(Bindings *arguments, const EndedRun *runs, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * count);
	int			i;

	for (i = 0; i < count; i++)
		values[i] = Int32GetDatum(runs[i].retention_class);
	bind_array(arguments, values, NULL, count, INT4OID);
}

static bool
has_step(const EndedRun *runs, int count)
{
	int			i;

	for (i = 0; i < count && !runs[i].is_step; i++)
		;
	return i < count;
}

void
tc_dead_letters_open(const EndedRun *runs, int count, TimestampTz since)
{
	Bindings	steps = {0};
	Bindings	arguments = {0};

	if (has_step(runs, count))
	{
		bind_ended(&steps, runs, count);
		bind_classes(&steps, runs, count);
		tc_run_bound(&statements[STATEMENT_FOLLOW_STEPS], &steps);
	}
	bind_ended(&arguments, runs, count);
	bind_classes(&arguments, runs, count);
	bind_texts(&arguments, runs, count, true);
	tc_bind_timestamptz(&arguments, since);
	tc_run_bound(&statements[STATEMENT_OPEN], &arguments);
}

static void
settle(Statement *statement, const EndedRun *runs, int count)
{
	Bindings	arguments = {0};

	bind_ended(&arguments, runs, count);
	bind_texts(&arguments, runs, count, false);
	tc_run_bound(statement, &arguments);
}

void
tc_dead_letters_settle(const EndedRun *runs, int count)
{
	settle(&statements[STATEMENT_SETTLE], runs, count);
}

void
tc_dead_letters_settle_steps(const EndedRun *runs, int count)
{
	settle(&statements[STATEMENT_SETTLE_STEPS], runs, count);
}

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
bind_filter(Bindings *arguments, const LetterFilter *filter, int max_rows)
{
	tc_bind_bool(arguments, filter->tasks.all);
	tc_bind_ids(arguments, filter->tasks.owners, filter->tasks.owner_count);
	tc_bind_ids(arguments, filter->tasks.ids, filter->tasks.id_count);
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
tc_dead_letters_match(const LetterFilter *filter, int max_rows, DeadLetter **letters)
{
	Bindings	arguments = {0};
	int			count;
	int			i;

	bind_filter(&arguments, filter, max_rows);
	count = (int) tc_run_bound(&statements[STATEMENT_MATCH], &arguments);
	*letters = palloc(sizeof(DeadLetter) * Max(count, 1));
	for (i = 0; i < count; i++)
		read_letter(i, &(*letters)[i]);
	return count;
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
tc_dead_letters_last_due(void)
{
	tc_run(&statements[STATEMENT_LAST_DUE], NULL, NULL);
	return tc_get_timestamptz(0, 1);
}

Jsonb *
tc_dead_letters_stats(const TaskSet *tasks, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_bool(&arguments, tasks->all);
	tc_bind_ids(&arguments, tasks->owners, tasks->owner_count);
	tc_bind_ids(&arguments, tasks->ids, tasks->id_count);
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
