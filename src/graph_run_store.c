/*-------------------------------------------------------------------------
 *
 * graph_run_store.c
 *		The runs of graphs and of their steps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"

#include "bindings.h"
#include "graph_run_store.h"
#include "run_columns.h"
#include "statement.h"

enum
{
	STATEMENT_ROOT_READ,
	STATEMENT_ROOT_START,
	STATEMENT_ROOT_END,
	STATEMENT_STEPS_LIVE,
	STATEMENT_STEPS_OLD,
	STATEMENT_STEPS_AGAIN,
	STATEMENT_STEPS_CANCEL,
	STATEMENT_STEP_OUTPUT,
	STATEMENT_ITEMS_OUTPUT,
	STATEMENT_STEPS_SUCCEEDED,
	STATEMENT_STEPS_COUNT,
	STATEMENT_STEP_FIND
};

static Statement statements[] = {
	[STATEMENT_ROOT_READ] = {
		.label = "look at a run of steps",
		.text =
		"SELECT r.run_id, r.task_id, r.parent_run_id, r.definition_id, r.queue_id,"
		"   r.graph_version, r.priority, r.item, r.created_at - interval '1 day', r.step,"
		"   r.created_by, r.trace_id, r.params"
		" FROM taskcenter.live_runs AS r WHERE r.run_id = $1",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_ROOT_START] = {
		.label = "start a graph",
		.text =
		"UPDATE taskcenter.live_runs AS r SET executor_id = NULL, graph_version = nullif($3, 0),"
		"   started_at = coalesce(r.started_at, $4), error = NULL, sqlstate = NULL"
		" WHERE r.run_id = $1 AND r.token = $2 AND r.status = 'running'",
		.nargs = 4,
		.types = {INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID}
	},
	[STATEMENT_ROOT_END] = {
		.label = "end a graph",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.live_runs AS r"
		" WHERE r.run_id = $1 AND r.status = 'running' AND r.executor_id IS NULL"
		" RETURNING r.*, greatest($6, clock_timestamp()) AS moved_at),"
		" kept AS ("
		TC_FINISH_GONE
		"   g.started_at, g.moved_at,"
		"   CASE WHEN g.retention_class = 1 AND $5 IS NOT NULL THEN 2 ELSE g.retention_class END,"
		"   g.lost, $2, $3, $4, $5, CASE WHEN $2 = 'timed_out' THEN '57014' END, NULL, NULL, NULL"
		" FROM gone AS g)"
		TC_NOTE_GONE("g.moved_at")
		"   'running', $2, $4, 'graph' FROM gone AS g",
		.nargs = 6,
		.types = {INT8OID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	},
	[STATEMENT_STEPS_LIVE] = {
		.label = "list the unfinished steps of a graph",
		.text =
		"SELECT r.run_id, r.attempt, r.status = 'running',"
		"   NOT coalesce(r.step_state ? 'unasked', true)"
		" FROM taskcenter.live_runs AS r WHERE r.parent_run_id = $1 ORDER BY r.run_id",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_STEPS_OLD] = {
		.label = "list the steps that an earlier go has ended",
		.text =
		"SELECT r.run_id, r.step, r.item, r.status,"
		"   r.graph_version IS NOT NULL OR EXISTS (SELECT FROM taskcenter.finished_runs AS c"
		"     WHERE c.parent_run_id = r.run_id AND c.finished_at >= $2), r.attempt"
		" FROM taskcenter.finished_runs AS r"
		" WHERE r.parent_run_id = $1 AND r.finished_at >= $2 ORDER BY r.run_id",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}
	},
	[STATEMENT_STEPS_AGAIN] = {
		.label = "queue steps again",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.finished_runs AS r"
		" WHERE r.run_id = ANY ($1) AND r.parent_run_id = $2 AND r.finished_at >= $3"
		"   AND r.status = ANY (ARRAY['failed', 'timed_out', 'cancelled', 'skipped'])"
		" RETURNING r.*),"
		" back AS ("
		" INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id,"
		"   gate, parent_run_id, run_at, created_at, priority, attempt, max_attempts, status,"
		"   params, step, reason, trace_id, created_by, retention_class, definition_id,"
		"   graph_version, item)"
		" SELECT g.run_id, g.task_id, t.run_as_id, t.owner_id, g.queue_id,"
		"   CASE WHEN g.definition_id IS NULL AND t.gated THEN t.task_id ELSE 0 END,"
		"   g.parent_run_id, $4, g.created_at, g.priority, g.attempt,"
		"   greatest(g.max_attempts, g.attempt + 1), 'queued', g.params, g.step,"
		"   'its graph goes on', g.trace_id, g.created_by, t.retention_class, g.definition_id,"
		"   g.graph_version, g.item"
		" FROM gone AS g JOIN taskcenter.tasks AS t ON t.task_id = g.task_id"
		" RETURNING run_id, retention_class)"
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
		" SELECT g.run_id, greatest($4, clock_timestamp()), g.owner_id, g.task_id,"
		"   b.retention_class, g.attempt, s.old, s.new, 'its graph goes on', 'graph'"
		" FROM gone AS g JOIN back AS b ON b.run_id = g.run_id, LATERAL (SELECT g.status, CASE WHEN g.status = 'skipped'"
		"     THEN 'waiting' ELSE 'queued' END"
		"   UNION ALL SELECT 'waiting', 'queued' WHERE g.status = 'skipped') AS s (old, new)",
		.nargs = 4,
		.types = {INT8ARRAYOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	},
	[STATEMENT_STEPS_CANCEL] = {
		.label = "cancel the steps of a graph",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.live_runs AS r WHERE r.run_id = ANY (ARRAY("
		"   SELECT l.run_id FROM taskcenter.live_runs AS l WHERE l.parent_run_id = $1"
		"     AND l.status = ANY (ARRAY['waiting', 'queued', 'retrying'])"
		"     AND ($2 = 0 OR l.run_id <= $2 AND NOT coalesce(l.step_state ? 'unasked', true))"
		"   FOR UPDATE SKIP LOCKED))"
		" RETURNING r.*, greatest($5, clock_timestamp()) AS moved_at),"
		" kept AS ("
		TC_FINISH_GONE
		"   g.started_at, g.moved_at, g.retention_class, g.lost, 'cancelled', NULL, $3, g.error,"
		"   g.sqlstate, NULL, NULL, NULL FROM gone AS g)"
		TC_NOTE_GONE("g.moved_at")
		"   g.status, 'cancelled', $3, $4 FROM gone AS g",
		.nargs = 5,
		.types = {INT8OID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	},
	[STATEMENT_STEP_OUTPUT] = {
		.label = "read the output of a step",
		.text =
		"SELECT r.output FROM taskcenter.finished_runs AS r"
		" WHERE r.parent_run_id = $1 AND r.step = $2 AND r.finished_at >= $3"
		"   AND r.item IS NULL AND r.status = 'succeeded'"
		" ORDER BY r.run_id DESC LIMIT 1",
		.nargs = 3,
		.types = {INT8OID, TEXTOID, TIMESTAMPTZOID}
	},
	[STATEMENT_ITEMS_OUTPUT] = {
		.label = "read the outputs of items",
		.text =
		"SELECT jsonb_agg(r.output ORDER BY r.item) FROM taskcenter.finished_runs AS r"
		" WHERE r.parent_run_id = $1 AND r.finished_at >= $2 AND r.item IS NOT NULL",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}
	},
	[STATEMENT_STEPS_SUCCEEDED] = {
		/* not undone since */
		.label = "list the steps that succeeded",
		.text =
		"SELECT r.step FROM taskcenter.finished_runs AS r"
		" WHERE r.parent_run_id = $1 AND r.finished_at >= $2 AND r.item IS NULL"
		"   AND r.status = 'succeeded' AND r.step NOT LIKE 'undo:%'"
		"   AND NOT EXISTS (SELECT FROM taskcenter.finished_runs AS u"
		"     WHERE u.parent_run_id = $1 AND u.finished_at >= $2"
		"       AND u.step = 'undo:' || r.step AND u.run_id > r.run_id)"
		" ORDER BY r.finished_at DESC, r.run_id DESC",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}
	},
	[STATEMENT_STEPS_COUNT] = {
		.label = "count steps that have ended",
		.text =
		"SELECT count(*) FROM taskcenter.finished_runs AS r"
		" WHERE r.parent_run_id = $1 AND r.step LIKE $3 AND r.finished_at >= greatest($2,"
		"   (SELECT l.started_at FROM taskcenter.live_runs AS l WHERE l.run_id = $1))"
		"   AND (r.status = 'succeeded') = $4",
		.nargs = 4,
		.types = {INT8OID, TIMESTAMPTZOID, TEXTOID, BOOLOID}
	},
	[STATEMENT_STEP_FIND] = {
		.label = "find the unfinished run of a step",
		.text =
		"SELECT r.run_id FROM taskcenter.live_runs AS r"
		" WHERE r.parent_run_id = $1 AND r.step = $2 AND r.item IS NULL",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}
	}
};

static uint64
run(int statement, const Bindings *bindings)
{
	return tc_run_bound(&statements[statement], bindings);
}

bool
tc_root_read(int64 run_id, RootRow *root)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		found;

	tc_bind_int64(&bindings, run_id);
	tc_store_begin(&frame);
	found = run(STATEMENT_ROOT_READ, &bindings) > 0;
	inside = MemoryContextSwitchTo(outside);
	if (found)
	{
		root->run_id = tc_get_int64(0, 1);
		root->task_id = tc_get_int64(0, 2);
		root->parent_run_id = tc_get_int64(0, 3);
		root->definition_id = tc_get_int64(0, 4);
		root->queue_id = tc_get_int64(0, 5);
		root->graph_version = tc_get_int32(0, 6);
		root->priority = tc_get_int32(0, 7);
		root->item = tc_get_int32(0, 8);
		root->since = tc_get_timestamptz(0, 9);
		root->step = tc_get_text(0, 10);
		root->created_by = tc_get_text(0, 11);
		root->trace_id = tc_get_text(0, 12);
		root->params = tc_get_jsonb(0, 13);
	}
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return found;
}

bool
tc_root_start(int64 run_id, int64 token, int version, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		ours;

	tc_bind_int64(&bindings, run_id);
	tc_bind_int64(&bindings, token);
	tc_bind_int32(&bindings, version);
	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	ours = run(STATEMENT_ROOT_START, &bindings) == 1;
	tc_store_end(&frame);
	return ours;
}

bool
tc_root_end(int64 run_id, const char *status, Jsonb *output, const char *reason,
			const char *error, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		ended;

	tc_bind_int64(&bindings, run_id);
	tc_bind_text(&bindings, status);
	tc_bind_jsonb(&bindings, output);
	tc_bind_redacted(&bindings, reason);
	tc_bind_redacted(&bindings, error);
	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	ended = run(STATEMENT_ROOT_END, &bindings) == 1;
	tc_store_end(&frame);
	return ended;
}

/* ---- steps ---- */

int
tc_steps_live(int64 root_run_id, LiveStep **steps)
{
	MemoryContext outside = CurrentMemoryContext;
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_int64(&bindings, root_run_id);
	tc_store_begin(&frame);
	count = (int) run(STATEMENT_STEPS_LIVE, &bindings);
	*steps = MemoryContextAlloc(outside, sizeof(LiveStep) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*steps)[i].run_id = tc_get_int64(i, 1);
		(*steps)[i].attempt = tc_get_int32(i, 2);
		(*steps)[i].running = tc_get_bool(i, 3);
		(*steps)[i].waits = tc_get_bool(i, 4);
	}
	tc_store_end(&frame);
	return count;
}

int
tc_steps_old(const RootRow *root, OldStep **steps)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_int64(&bindings, root->run_id);
	tc_bind_timestamptz(&bindings, root->since);
	tc_store_begin(&frame);
	count = (int) run(STATEMENT_STEPS_OLD, &bindings);
	inside = MemoryContextSwitchTo(outside);
	*steps = palloc(sizeof(OldStep) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*steps)[i].run_id = tc_get_int64(i, 1);
		(*steps)[i].step = tc_get_text(i, 2);
		(*steps)[i].item = tc_get_int32(i, 3);
		(*steps)[i].status = tc_get_text(i, 4);
		(*steps)[i].is_root = tc_get_bool(i, 5);
		(*steps)[i].attempt = tc_get_int32(i, 6);
	}
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return count;
}

void
tc_steps_again(const int64 *run_ids, int count, const RootRow *root, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	if (count == 0)
		return;
	tc_bind_ids(&bindings, run_ids, count);
	tc_bind_int64(&bindings, root->run_id);
	tc_bind_timestamptz(&bindings, root->since);
	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	(void) run(STATEMENT_STEPS_AGAIN, &bindings);
	tc_store_end(&frame);
}

void
tc_steps_cancel(int64 root_run_id, int64 waiting_up_to, const char *reason,
				const char *actor, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, root_run_id);
	tc_bind_int64(&bindings, waiting_up_to);
	tc_bind_redacted(&bindings, reason);
	tc_bind_redacted(&bindings, actor);
	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	(void) run(STATEMENT_STEPS_CANCEL, &bindings);
	tc_store_end(&frame);
}

static Jsonb *
read_output(int statement, const Bindings *bindings)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Jsonb	   *output = NULL;

	tc_store_begin(&frame);
	if (run(statement, bindings) > 0)
	{
		inside = MemoryContextSwitchTo(outside);
		output = tc_get_jsonb(0, 1);
		MemoryContextSwitchTo(inside);
	}
	tc_store_end(&frame);
	return output;
}

Jsonb *
tc_step_output(const RootRow *root, const char *step)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, root->run_id);
	tc_bind_text(&bindings, step);
	tc_bind_timestamptz(&bindings, root->since);
	return read_output(STATEMENT_STEP_OUTPUT, &bindings);
}

Jsonb *
tc_items_output(const RootRow *root)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, root->run_id);
	tc_bind_timestamptz(&bindings, root->since);
	return read_output(STATEMENT_ITEMS_OUTPUT, &bindings);
}

int
tc_steps_succeeded(const RootRow *root, char ***steps)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_int64(&bindings, root->run_id);
	tc_bind_timestamptz(&bindings, root->since);
	tc_store_begin(&frame);
	count = (int) run(STATEMENT_STEPS_SUCCEEDED, &bindings);
	inside = MemoryContextSwitchTo(outside);
	*steps = palloc(sizeof(char *) * Max(count, 1));
	for (i = 0; i < count; i++)
		(*steps)[i] = tc_get_text(i, 1);
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return count;
}

int
tc_steps_count(const RootRow *root, const char *like, bool succeeded)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;

	tc_bind_int64(&bindings, root->run_id);
	tc_bind_timestamptz(&bindings, root->since);
	tc_bind_text(&bindings, like);
	tc_bind_bool(&bindings, succeeded);
	tc_store_begin(&frame);
	(void) run(STATEMENT_STEPS_COUNT, &bindings);
	count = (int) tc_get_int64(0, 1);
	tc_store_end(&frame);
	return count;
}

int64
tc_step_find(int64 root_run_id, const char *step)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int64		run_id = 0;

	tc_bind_int64(&bindings, root_run_id);
	tc_bind_text(&bindings, step);
	tc_store_begin(&frame);
	if (run(STATEMENT_STEP_FIND, &bindings) > 0)
		run_id = tc_get_int64(0, 1);
	tc_store_end(&frame);
	return run_id;
}
