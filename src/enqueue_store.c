/*-------------------------------------------------------------------------
 *
 * enqueue_store.c
 *		The statements that make runs.
 *
 * A run and its first history row are one statement.  Sets go over as arrays
 * and come back as the ids that were inserted, in the order of the set, so
 * that nothing is joined to itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "enqueue_store.h"
#include "statement.h"

enum
{
	STATEMENT_INSERT,
	STATEMENT_NEW_IDS,
	STATEMENT_INSERT_SET,
	STATEMENT_FIND_KEY,
	STATEMENT_FIND_KEYS,
	STATEMENT_HOLD_KEY,
	STATEMENT_REPLACE,
	STATEMENT_KEEP_KEY,
	STATEMENT_FIND_QUEUE
};

static Statement statements[] = {
	[STATEMENT_INSERT] = {
		.label = "enqueue a run",
		.text =
		"WITH made AS ("
		" INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id,"
		"   gate, run_at, created_at, priority, max_attempts, retention_class, status,"
		"   params, unique_key, unique_guard, unique_until, trace_id, created_by, group_key)"
		" VALUES (nextval('taskcenter.run_ids'), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
		"   'queued', $11, $12, $12, $13, $14, $15, $18)"
		" ON CONFLICT (task_id, unique_guard) WHERE unique_guard IS NOT NULL DO NOTHING"
		" RETURNING run_id, owner_id, task_id, retention_class),"
		" noted AS ("
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, new_status, reason, actor, event_id)"
		" SELECT m.run_id, $7, m.owner_id, m.task_id, m.retention_class, 0, 'queued', $16, $17,"
		"   NULL"
		" FROM made AS m)"
		" SELECT m.run_id FROM made AS m",
		.nargs = 18,
		.types = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID,
			TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, JSONBOID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	},
	[STATEMENT_NEW_IDS] = {
		.label = "take ids for a set of runs",
		.text =
		"SELECT nextval('taskcenter.run_ids') FROM generate_series(1, $1)",
		.nargs = 1,
		.types = {INT4OID}
	},
	[STATEMENT_INSERT_SET] = {
		.label = "enqueue a set of runs",
		.text =
		"WITH made AS ("
		" INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id,"
		"   gate, run_at, created_at, priority, max_attempts, retention_class, status,"
		"   params, unique_key, unique_guard, unique_until, trace_id, created_by, group_key)"
		" SELECT g.run_id, g.task_id, g.run_as_id, g.owner_id, g.queue_id, g.gate, g.run_at,"
		"   $14, g.priority, g.max_attempts, g.retention_class, 'queued', g.params,"
		"   g.unique_key, g.unique_key, g.unique_until, g.trace_id, $15, g.group_key"
		" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
		"   $6::bigint[], $7::timestamptz[], $8::int[], $9::int[], $10::int[], $11::jsonb[],"
		"   $12::text[], $13::text[], $18::text[], $19::text[])"
		"   AS g (run_id, task_id, run_as_id, owner_id, queue_id, gate, run_at, priority,"
		"   max_attempts, retention_class, params, unique_key, unique_until, trace_id,"
		"   group_key)"
		" WHERE g.unique_key IS NULL OR NOT EXISTS ("
		"   SELECT FROM taskcenter.kept_keys AS k WHERE k.task_id = g.task_id"
		"     AND k.unique_key = g.unique_key AND k.expires_at > $14)"
		" ON CONFLICT (task_id, unique_guard) WHERE unique_guard IS NOT NULL DO NOTHING"
		" RETURNING run_id, owner_id, task_id, retention_class),"
		" noted AS ("
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, new_status, reason, actor, event_id)"
		" SELECT m.run_id, $14, m.owner_id, m.task_id, m.retention_class, 0, 'queued', $16, $17,"
		"   NULL"
		" FROM made AS m)"
		" SELECT m.run_id FROM made AS m",
		.nargs = 19,
		.types = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
			INT8ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID,
			JSONBARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, TEXTOID, TEXTOID,
		TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
	},
	[STATEMENT_FIND_KEY] = {
		.label = "find the run that holds a key",
		.text =
		"SELECT r.run_id, r.params, r.status FROM taskcenter.live_runs AS r"
		" WHERE r.task_id = $1 AND r.unique_guard = $2"
		" UNION ALL"
		" SELECT k.run_id, k.params, NULL FROM taskcenter.kept_keys AS k"
		" WHERE k.task_id = $1 AND k.unique_key = $2 AND k.expires_at > $3"
		" LIMIT 1",
		.nargs = 3,
		.types = {INT8OID, TEXTOID, TIMESTAMPTZOID}
	},
	[STATEMENT_FIND_KEYS] = {
		.label = "find the runs that hold some keys",
		.text =
		"SELECT coalesce(r.run_id, k.run_id), coalesce(r.params, k.params), r.status"
		" FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY"
		"   AS w (task_id, unique_key, place)"
		" LEFT JOIN taskcenter.live_runs AS r"
		"   ON r.task_id = w.task_id AND r.unique_guard = w.unique_key"
		" LEFT JOIN taskcenter.kept_keys AS k"
		"   ON k.task_id = w.task_id AND k.unique_key = w.unique_key AND k.expires_at > $3"
		" ORDER BY w.place",
		.nargs = 3,
		.types = {INT8ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID}
	},
	[STATEMENT_HOLD_KEY] = {
		.label = "hold the run that has a key",
		.text =
		"SELECT r.run_id, r.run_as_id, r.queue_id, r.priority, r.gate, r.run_at"
		" FROM taskcenter.live_runs AS r"
		" WHERE r.task_id = $1 AND r.unique_guard = $2"
		"   AND r.status = ANY (ARRAY['waiting', 'queued', 'retrying']) FOR KEY SHARE",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}
	},
	[STATEMENT_REPLACE] = {
		.label = "replace a run",
		.text =
		"WITH changed AS ("
		" UPDATE taskcenter.live_runs AS r SET params = $3, run_at = $4, priority = $5,"
		"   max_attempts = greatest($6, r.attempt + 1), queue_id = $7,"
		"   trace_id = coalesce($8, r.trace_id)"
		" WHERE r.task_id = $1 AND r.unique_guard = $2"
		"   AND r.status = ANY (ARRAY['waiting', 'queued', 'retrying'])"
		" RETURNING r.run_id, r.owner_id, r.task_id, r.retention_class, r.attempt, r.status),"
		" noted AS ("
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor, event_id)"
		" SELECT c.run_id, $9, c.owner_id, c.task_id, c.retention_class, c.attempt, c.status, c.status,"
		"   coalesce($10, 'replaced'), $11, NULL FROM changed AS c),"
		" kept AS ("
		" UPDATE taskcenter.kept_keys AS k SET params = $3"
		" FROM changed AS c"
		" WHERE k.task_id = $1 AND k.unique_key = $2 AND k.run_id = c.run_id)"
		" SELECT c.run_id FROM changed AS c",
		.nargs = 11,
		.types = {INT8OID, TEXTOID, JSONBOID, TIMESTAMPTZOID, INT4OID, INT4OID, INT8OID,
		TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}
	},
	[STATEMENT_KEEP_KEY] = {
		.label = "keep the key of a run",
		.text =
		"INSERT INTO taskcenter.kept_keys AS k (task_id, unique_key, run_id, params, expires_at)"
		" VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (task_id, unique_key) DO UPDATE SET run_id = excluded.run_id,"
		"   params = excluded.params, expires_at = excluded.expires_at"
		" WHERE k.expires_at <= $6 OR k.run_id = excluded.run_id"
		" RETURNING k.run_id",
		.nargs = 6,
		.types = {INT8OID, TEXTOID, INT8OID, JSONBOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	},
	[STATEMENT_FIND_QUEUE] = {
		.label = "find a queue",
		.text =
		"SELECT q.queue_id FROM taskcenter.queues AS q WHERE q.queue = $1",
		.nargs = 1,
		.types = {TEXTOID}
	}
};

static void
bind_origin(Bindings *bindings, const RunOrigin *origin)
{
	tc_bind_text(bindings, origin->created_by);
	tc_bind_text(bindings, origin->reason);
	tc_bind_text(bindings, origin->actor);
}

bool
tc_enqueue_insert(NewRun *run, const RunOrigin *origin)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run->task_id);
	tc_bind_int64(&bindings, run->run_as_id);
	tc_bind_int64(&bindings, run->owner_id);
	tc_bind_int64(&bindings, run->queue_id);
	tc_bind_int64(&bindings, run->gate);
	tc_bind_timestamptz(&bindings, run->run_at);
	tc_bind_timestamptz(&bindings, origin->now);
	tc_bind_int32(&bindings, run->priority);
	tc_bind_int32(&bindings, run->max_attempts);
	tc_bind_int32(&bindings, run->retention_class);
	tc_bind_jsonb(&bindings, run->params);
	tc_bind_text(&bindings, run->unique_key);
	tc_bind_text(&bindings, run->unique_until);
	tc_bind_text(&bindings, run->trace_id);
	bind_origin(&bindings, origin);
	tc_bind_text(&bindings, run->group_key);
	if (tc_run_bound(&statements[STATEMENT_INSERT], &bindings) == 0)
		return false;
	run->run_id = tc_get_int64(0, 1);
	return true;
}

/* ---- sets ---- */

typedef struct Column
{
	Datum	   *values;
	bool	   *nulls;
} Column;

static void
bind_column(Bindings *bindings, const Column *column, int count, Oid type)
{
	int			dims[1] = {count};
	int			lower[1] = {1};
	bool		wide = type == INT8OID || type == TIMESTAMPTZOID;
	bool		byval = wide || type == INT4OID;

	tc_bind_datum(bindings,
				  PointerGetDatum(construct_md_array(column->values, column->nulls, 1,
													 dims, lower, type,
													 byval ? (wide ? 8 : 4) : -1, byval,
													 wide ? TYPALIGN_DOUBLE : TYPALIGN_INT)),
				  false);
}

static void
set_text(Column *column, int i, const char *value)
{
	column->nulls[i] = value == NULL;
	column->values[i] = value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

static void
fill_columns(Column *columns, const NewRun *runs, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		columns[0].values[i] = Int64GetDatum(runs[i].run_id);
		columns[1].values[i] = Int64GetDatum(runs[i].task_id);
		columns[2].values[i] = Int64GetDatum(runs[i].run_as_id);
		columns[3].values[i] = Int64GetDatum(runs[i].owner_id);
		columns[4].values[i] = Int64GetDatum(runs[i].queue_id);
		columns[5].values[i] = Int64GetDatum(runs[i].gate);
		columns[6].values[i] = TimestampTzGetDatum(runs[i].run_at);
		columns[7].values[i] = Int32GetDatum(runs[i].priority);
		columns[8].values[i] = Int32GetDatum(runs[i].max_attempts);
		columns[9].values[i] = Int32GetDatum(runs[i].retention_class);
		columns[10].values[i] = PointerGetDatum(runs[i].params);
		set_text(&columns[11], i, runs[i].unique_key);
		set_text(&columns[12], i, runs[i].unique_until);
		set_text(&columns[13], i, runs[i].trace_id);
		set_text(&columns[14], i, runs[i].group_key);
	}
}

static void
take_ids(NewRun *runs, int count)
{
	Bindings	bindings = {0};
	int			i;

	tc_bind_int32(&bindings, count);
	tc_run_bound(&statements[STATEMENT_NEW_IDS], &bindings);
	for (i = 0; i < count; i++)
		runs[i].run_id = tc_get_int64(i, 1);
}

void
tc_enqueue_insert_set(NewRun *runs, int count, const RunOrigin *origin)
{
	static const Oid types[] = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
	TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, JSONBOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Column		columns[lengthof(types)];
	Bindings	bindings = {0};
	uint64		made;
	uint64		next = 0;
	int			i;

	take_ids(runs, count);
	for (i = 0; i < (int) lengthof(types); i++)
	{
		columns[i].values = palloc(sizeof(Datum) * count);
		columns[i].nulls = palloc0(sizeof(bool) * count);
	}
	fill_columns(columns, runs, count);
	for (i = 0; i < (int) lengthof(types) - 2; i++)
		bind_column(&bindings, &columns[i], count, types[i]);
	tc_bind_timestamptz(&bindings, origin->now);
	bind_origin(&bindings, origin);
	for (; i < (int) lengthof(types); i++)
		bind_column(&bindings, &columns[i], count, types[i]);
	made = tc_run_bound(&statements[STATEMENT_INSERT_SET], &bindings);

	/* ids come back in the order in which they went over */
	for (i = 0; i < count; i++)
	{
		if (next < made && tc_get_int64(next, 1) == runs[i].run_id)
			next++;
		else
			runs[i].run_id = 0;
	}
	if (next != made)
		elog(ERROR, "runs were enqueued out of order");
}

/* ---- keys ---- */

static void
read_holder(uint64 row, KeyHolder *holder)
{
	holder->run_id = tc_get_int64(row, 1);
	holder->params = tc_get_jsonb(row, 2);
	holder->status = tc_get_text(row, 3);
}

bool
tc_enqueue_find_key(int64 task_id, const char *key, TimestampTz now, KeyHolder *holder)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, task_id);
	tc_bind_text(&bindings, key);
	tc_bind_timestamptz(&bindings, now);
	if (tc_run_bound(&statements[STATEMENT_FIND_KEY], &bindings) == 0)
		return false;
	read_holder(0, holder);
	return true;
}

void
tc_enqueue_find_keys(const NewRun *runs, int count, TimestampTz now, KeyHolder *holders)
{
	Column		tasks = {palloc(sizeof(Datum) * count), palloc0(sizeof(bool) * count)};
	Column		keys = {palloc(sizeof(Datum) * count), palloc0(sizeof(bool) * count)};
	Bindings	bindings = {0};
	int			i;

	for (i = 0; i < count; i++)
	{
		tasks.values[i] = Int64GetDatum(runs[i].task_id);
		set_text(&keys, i, runs[i].unique_key);
	}
	bind_column(&bindings, &tasks, count, INT8OID);
	bind_column(&bindings, &keys, count, TEXTOID);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&statements[STATEMENT_FIND_KEYS], &bindings);
	for (i = 0; i < count; i++)
		read_holder(i, &holders[i]);
}

bool
tc_enqueue_hold_key(int64 task_id, const char *key, NewRun *held)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, task_id);
	tc_bind_text(&bindings, key);
	if (tc_run_bound(&statements[STATEMENT_HOLD_KEY], &bindings) == 0)
		return false;
	held->run_id = tc_get_int64(0, 1);
	held->run_as_id = tc_get_int64(0, 2);
	held->queue_id = tc_get_int64(0, 3);
	held->priority = tc_get_int32(0, 4);
	held->gate = tc_get_int64(0, 5);
	held->run_at = tc_get_timestamptz(0, 6);
	return true;
}

bool
tc_enqueue_replace(const NewRun *run, const RunOrigin *origin, int64 *run_id)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run->task_id);
	tc_bind_text(&bindings, run->unique_key);
	tc_bind_jsonb(&bindings, run->params);
	tc_bind_timestamptz(&bindings, run->run_at);
	tc_bind_int32(&bindings, run->priority);
	tc_bind_int32(&bindings, run->max_attempts);
	tc_bind_int64(&bindings, run->queue_id);
	tc_bind_text(&bindings, run->trace_id);
	tc_bind_timestamptz(&bindings, origin->now);
	tc_bind_text(&bindings, origin->reason);
	tc_bind_text(&bindings, origin->actor);
	if (tc_run_bound(&statements[STATEMENT_REPLACE], &bindings) == 0)
		return false;
	*run_id = tc_get_int64(0, 1);
	return true;
}

bool
tc_enqueue_keep_key(const NewRun *run, TimestampTz expires_at, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run->task_id);
	tc_bind_text(&bindings, run->unique_key);
	tc_bind_int64(&bindings, run->run_id);
	tc_bind_jsonb(&bindings, run->params);
	tc_bind_timestamptz(&bindings, expires_at);
	tc_bind_timestamptz(&bindings, now);
	return tc_run_bound(&statements[STATEMENT_KEEP_KEY], &bindings) > 0;
}

int64
tc_enqueue_find_queue(const char *queue)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, queue);
	if (tc_run_bound(&statements[STATEMENT_FIND_QUEUE], &bindings) == 0)
		return 0;
	return tc_get_int64(0, 1);
}
