/*-------------------------------------------------------------------------
 *
 * graph_step_store.c
 *		The runs of steps that are made: queued, skipped, or begun at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "bindings.h"
#include "graph_step_store.h"
#include "shared_roots.h"
#include "statement.h"

#define MAX_STEPS 1000			/* in one statement */
#define MAX_STEPS_BYTES (1024 * 1024)	/* of their params and states */

enum
{
	STATEMENT_STEPS_INSERT,
	STATEMENT_STEP_HAND_OVER,
	STATEMENT_STEP_SKIP
};

static Statement statements[] = {
	[STATEMENT_STEPS_INSERT] = {
		.label = "queue steps",
		.text =
		"WITH made AS ("
		" INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id,"
		"   gate, run_at, created_at, priority, max_attempts, retention_class, status, params,"
		"   parent_run_id, step, item, trace_id, created_by, definition_id, step_state)"
		" SELECT nextval('taskcenter.run_ids'), t.task_id, t.run_as_id, t.owner_id,"
		"   CASE WHEN $14 THEN (SELECT c.queue_id FROM taskcenter.queues AS c"
		"       WHERE c.queue = 'control')"
		"     ELSE coalesce(n.queue_id, (SELECT q.queue_id FROM taskcenter.queues AS q"
		"       WHERE q.queue = t.queue)) END,"
		"   CASE WHEN n.definition_id IS NOT NULL THEN n.gate WHEN t.gated THEN t.task_id ELSE 0 END,"
		"   n.run_at, $15, coalesce(n.priority, t.priority), coalesce(n.max_attempts, t.max_attempts),"
		"   t.retention_class, 'queued', coalesce(n.params, $16), $12, n.step, n.item, $13, $17,"
		"   n.definition_id, n.step_state"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS n (task_id, definition_id,"
		"   queue_id, gate, run_at, priority, max_attempts, params, step, item, step_state)"
		" JOIN taskcenter.tasks AS t ON t.task_id = n.task_id"
		" RETURNING run_id, owner_id, task_id, retention_class)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, new_status, actor)"
		" SELECT m.run_id, $15, m.owner_id, m.task_id, m.retention_class, 0, 'queued', 'graph'"
		" FROM made AS m",
		.nargs = 17,
		.types = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID,
			INT4ARRAYOID, INT4ARRAYOID, JSONBARRAYOID, TEXTARRAYOID, INT4ARRAYOID,
		JSONBARRAYOID, INT8OID, TEXTOID, BOOLOID, TIMESTAMPTZOID, JSONBOID, TEXTOID}
	},
	[STATEMENT_STEP_HAND_OVER] = {
		/*
		 * It waits for nobody: whoever has locked the progress is about to
		 * change it.
		 */
		.label = "hand a graph over to its next step",
		.text =
		"WITH stood AS ("
		" UPDATE taskcenter.graph_progress AS p SET state = $3"
		" WHERE p.ctid = (SELECT l.ctid FROM taskcenter.graph_progress AS l"
		"     WHERE l.run_id = $1 FOR UPDATE SKIP LOCKED)"
		"   AND p.state = $2 AND p.phase = 'running' AND NOT p.paused AND p.gives_up_to IS NULL"
		"   AND NOT EXISTS (SELECT FROM taskcenter.graph_exemptions AS e"
		"     WHERE e.run_id = ANY (ARRAY[p.run_id, p.parent_run_id]))"
		" RETURNING p.task_id),"
		" made AS ("
		" INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id,"
		"   gate, run_at, created_at, priority, attempt, max_attempts, retention_class, status,"
		"   params, parent_run_id, step, trace_id, created_by, definition_id, executor_id, token,"
		"   claimed_at)"
		" SELECT $4, s.task_id, $5, $18, $6, 0, $7, $7, $8, 1, $9, $10, 'running', $11,"
		"   $1, $12, $13, $14, $15, $16, $17, $7 FROM stood AS s)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, actor)"
		" SELECT $4, $7, $18, s.task_id, $10, h.attempt, h.old_status, h.new_status, h.actor"
		" FROM stood AS s, (VALUES (0, NULL::text, 'queued', 'graph'),"
		"   (1, 'queued', 'running', 'executor')) AS h (attempt, old_status, new_status, actor)",
		.nargs = 18,
		.types = {INT8OID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID,
			INT4OID, INT4OID, JSONBOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID,
		INT8OID}
	},
	[STATEMENT_STEP_SKIP] = {
		.label = "skip a step",
		.text =
		"WITH made AS ("
		" INSERT INTO taskcenter.finished_runs (run_id, task_id, run_as_id, owner_id,"
		"   queue_id, parent_run_id, run_at, created_at, finished_at, retention_class, priority,"
		"   attempt, max_attempts, lost, is_catchup, status, params, step, reason, trace_id,"
		"   created_by, definition_id)"
		" SELECT nextval('taskcenter.run_ids'), t.task_id, t.run_as_id, t.owner_id, q.queue_id,"
		"   $3, $4, $4, $4, t.retention_class, t.priority, 0, t.max_attempts, 0, false, 'skipped',"
		"   '{}', $5, $6, $7, $8, nullif($2, 0)"
		" FROM taskcenter.tasks AS t JOIN taskcenter.queues AS q ON q.queue = t.queue"
		" WHERE t.task_id = $1"
		" RETURNING run_id, owner_id, task_id, retention_class)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
		" SELECT m.run_id, $4, m.owner_id, m.task_id, m.retention_class, 0, s.old, s.new,"
		"   CASE WHEN s.new = 'skipped' THEN $6 END, 'graph'"
		" FROM made AS m, (VALUES (NULL::text, 'waiting'), ('waiting', 'skipped')) AS s (old, new)",
		.nargs = 8,
		.types = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	}
};

static uint64
run_statement(int statement, const Bindings *bindings)
{
	return tc_run_bound(&statements[statement], bindings);
}

/* ---- queued ---- */

/* one column of the steps that a statement makes */
typedef struct Column
{
	Datum	   *values;
	bool	   *nulls;
} Column;

enum
{
	COLUMN_TASK_ID,
	COLUMN_DEFINITION_ID,
	COLUMN_QUEUE_ID,
	COLUMN_GATE,
	COLUMN_RUN_AT,
	COLUMN_PRIORITY,
	COLUMN_MAX_ATTEMPTS,
	COLUMN_PARAMS,
	COLUMN_STEP,
	COLUMN_ITEM,
	COLUMN_STATE,
	COLUMN_COUNT
};

static const Oid column_types[COLUMN_COUNT] = {
	INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, INT4OID, JSONBOID, TEXTOID,
	INT4OID, JSONBOID
};

static void
set(Column *column, int row, Datum value, bool isnull)
{
	column->values[row] = value;
	column->nulls[row] = isnull;
}

/* The root's own params are given once. */
static void
set_step(Column *columns, int row, const NewStep *step, const RootRow *root)
{
	set(&columns[COLUMN_TASK_ID], row, Int64GetDatum(step->task_id), false);
	set(&columns[COLUMN_DEFINITION_ID], row, Int64GetDatum(step->definition_id),
		step->definition_id == 0);
	set(&columns[COLUMN_QUEUE_ID], row, Int64GetDatum(step->queue_id), step->queue_id == 0);
	set(&columns[COLUMN_GATE], row, Int64GetDatum(step->gate), false);
	set(&columns[COLUMN_RUN_AT], row, TimestampTzGetDatum(step->run_at), false);
	set(&columns[COLUMN_PRIORITY], row, Int32GetDatum(step->priority), !step->has_priority);
	set(&columns[COLUMN_MAX_ATTEMPTS], row, Int32GetDatum(step->max_attempts),
		step->max_attempts == 0);
	set(&columns[COLUMN_PARAMS], row, PointerGetDatum(step->params), step->params == root->params);
	set(&columns[COLUMN_STEP], row, CStringGetTextDatum(step->step), false);
	set(&columns[COLUMN_ITEM], row, Int32GetDatum(step->item), step->item == 0);
	set(&columns[COLUMN_STATE], row, PointerGetDatum(step->state), step->state == NULL);
}

static void
bind_column(Bindings *bindings, Column *column, int count, Oid type)
{
	int			dims[1] = {count};
	int			lower[1] = {1};
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	tc_bind_datum(bindings,
				  PointerGetDatum(construct_md_array(column->values, column->nulls, 1, dims,
													 lower, type, length, by_value, align)),
				  false);
}

static void
insert_columns(Column *columns, int count, const RootRow *root, bool exempt, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			i;

	for (i = 0; i < COLUMN_COUNT; i++)
		bind_column(&bindings, &columns[i], count, column_types[i]);
	tc_bind_int64(&bindings, root->run_id);
	tc_bind_text(&bindings, root->trace_id);
	tc_bind_bool(&bindings, exempt);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_jsonb(&bindings, root->params);
	tc_bind_text(&bindings, root->created_by);
	tc_store_begin(&frame);
	(void) run_statement(STATEMENT_STEPS_INSERT, &bindings);
	tc_store_end(&frame);
}

void
tc_steps_insert(const RootRow *root, const NewStep *steps, int count, bool exempt,
				TimestampTz now)
{
	Column		columns[COLUMN_COUNT];
	Size		bytes = 0;
	int			row = 0;
	int			i;

	for (i = 0; i < COLUMN_COUNT; i++)
	{
		columns[i].values = palloc(sizeof(Datum) * Min(count, MAX_STEPS));
		columns[i].nulls = palloc(sizeof(bool) * Min(count, MAX_STEPS));
	}
	for (i = 0; i < count; i++)
	{
		set_step(columns, row++, &steps[i], root);
		if (steps[i].params != root->params)
			bytes += VARSIZE(steps[i].params);
		if (steps[i].state != NULL)
			bytes += VARSIZE(steps[i].state);
		if (row < MAX_STEPS && bytes < MAX_STEPS_BYTES && i + 1 < count)
			continue;
		insert_columns(columns, row, root, exempt, now);
		row = 0;
		bytes = 0;
	}
}

/* ---- begun at once ---- */

bool
tc_step_begin_claimed(const RootRow *root, const char *before, const char *after,
					  const NewStep *step, const RunRow *run, const TaskDefinition *task,
					  int64 executor_id)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		stood;

	tc_bind_int64(&bindings, root->run_id);
	tc_bind_text(&bindings, before);
	tc_bind_text(&bindings, after);
	tc_bind_int64(&bindings, run->run_id);
	tc_bind_int64(&bindings, task->run_as_id);
	tc_bind_int64(&bindings, run->queue_id);
	tc_bind_timestamptz(&bindings, run->run_at);
	tc_bind_int32(&bindings, step->priority);
	tc_bind_int32(&bindings, run->max_attempts);
	tc_bind_int32(&bindings, run->retention_class);
	tc_bind_jsonb(&bindings, run->params);
	tc_bind_text(&bindings, run->step);
	tc_bind_text(&bindings, run->trace_id);
	tc_bind_text(&bindings, root->created_by);
	tc_bind_int64(&bindings, run->definition_id);
	tc_bind_int64(&bindings, executor_id);
	tc_bind_int64(&bindings, run->token);
	tc_bind_int64(&bindings, task->owner_id);
	tc_store_begin_forced(&frame);
	stood = run_statement(STATEMENT_STEP_HAND_OVER, &bindings) > 0;
	tc_store_end(&frame);
	return stood;
}

/* ---- skipped ---- */

void
tc_steps_skip(const RootRow *root, const NewStep *steps, int count, TimestampTz now)
{
	StoreFrame	frame;
	int			i;

	tc_arrivals_mute();
	PG_TRY();
	{
		tc_store_begin(&frame);
		for (i = 0; i < count; i++)
		{
			Bindings	bindings = {0};

			tc_bind_int64(&bindings, steps[i].task_id);
			tc_bind_int64(&bindings, steps[i].definition_id);
			tc_bind_int64(&bindings, root->run_id);
			tc_bind_timestamptz(&bindings, now);
			tc_bind_text(&bindings, steps[i].step);
			tc_bind_text(&bindings, steps[i].reason);
			tc_bind_text(&bindings, root->trace_id);
			tc_bind_text(&bindings, root->created_by);
			(void) run_statement(STATEMENT_STEP_SKIP, &bindings);
		}
		tc_store_end(&frame);
	}
	PG_FINALLY();
	{
		tc_arrivals_hear();
	}
	PG_END_TRY();
}
