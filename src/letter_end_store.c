/*-------------------------------------------------------------------------
 *
 * letter_end_store.c
 *		What the ends of runs mean for dead letters.
 *
 * A letter is written from the row of the run that has just ended, in the
 * transaction of its end; the errors of earlier attempts come from its history,
 * in full where its log still has them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "bindings.h"
#include "letter_end_store.h"

enum
{
	STATEMENT_FOLLOW_STEPS,
	STATEMENT_OPEN,
	STATEMENT_SETTLE,
	STATEMENT_SETTLE_STEPS
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
		"   parent_run_id, root_run_id, step, item, trace_id, retryable)"
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
		"   f.item, f.trace_id, coalesce((SELECT c.retryable FROM taskcenter.failure_codes AS c"
		"     WHERE c.code = f.failure), true)"
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
		"   closed_at = NULL, closed_by = NULL, retryable = excluded.retryable,"
		"   passed_over_at = NULL"
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
		"   passed_over_at = CASE WHEN e.status = 'cancelled' THEN e.finished_at END,"
		"   note = CASE WHEN strpos(d.note, 'its run ' || e.status) > 0 THEN d.note"
		"     ELSE concat_ws('; ', d.note, 'its run ' || e.status) END"
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
		"   passed_over_at = CASE WHEN c.status = 'cancelled' THEN c.finished_at END,"
		"   note = CASE WHEN c.done THEN concat_ws('; ', d.note, 'its step succeeded')"
		"     ELSE d.note END"
		" FROM (SELECT x.dead_letter_id, x.state, e.status, e.finished_at, e.status = 'succeeded'"
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
	}
};

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
