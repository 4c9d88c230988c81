/*-------------------------------------------------------------------------
 *
 * progress_store.c
 *		How far graphs have come, and steps that have ended since.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "bindings.h"
#include "progress_store.h"
#include "statement.h"

#define LOCK_TRIES 20
#define LOCK_PAUSE_US 1000

enum
{
	STATEMENT_PROGRESS_INSERT,
	STATEMENT_PROGRESS_LOCK,
	STATEMENT_PROGRESS_TRY,
	STATEMENT_PROGRESS_EXISTS,
	STATEMENT_PROGRESS_UPDATE,
	STATEMENT_PROGRESS_DELETE,
	STATEMENT_PROGRESS_WAITING,
	STATEMENT_PROGRESS_FORGET,
	STATEMENT_PROGRESS_OVERDUE,
	STATEMENT_PROGRESS_NEXT_DEADLINE,
	STATEMENT_ARRIVAL_INSERT,
	STATEMENT_ARRIVALS_TAKE,
	STATEMENT_EXEMPT,
	STATEMENT_STEPS_EXEMPT
};

#define LOCK_PROGRESS \
	"SELECT p.run_id, p.parent_run_id, p.task_id, p.version, p.owner_id, p.state, p.phase," \
	"   p.paused, EXISTS (SELECT FROM taskcenter.graph_exemptions AS e" \
	"     WHERE e.run_id = ANY (ARRAY[p.run_id, p.parent_run_id]))," \
	"   coalesce(p.items, -1), p.items_succeeded, p.items_failed, p.reason, p.end_status," \
	"   coalesce(p.gives_up_to, 0)" \
	" FROM taskcenter.graph_progress AS p WHERE p.run_id = $1 FOR UPDATE OF p"

static Statement statements[] = {
	[STATEMENT_PROGRESS_INSERT] = {
		.label = "begin the progress of a graph",
		.text =
		"INSERT INTO taskcenter.graph_progress (run_id, parent_run_id, task_id, version,"
		"   owner_id, state, phase, items, deadline)"
		" SELECT $1, r.parent_run_id, r.task_id, $2, r.owner_id, $3, $4, $5, $6"
		" FROM taskcenter.live_runs AS r WHERE r.run_id = $1",
		.nargs = 6,
		.types = {INT8OID, INT4OID, TEXTOID, TEXTOID, INT4OID, TIMESTAMPTZOID}
	},
	[STATEMENT_PROGRESS_LOCK] = {
		.label = "lock the progress of a graph",
		.text =
		LOCK_PROGRESS,
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_PROGRESS_TRY] = {
		.label = "lock the progress of a graph, if nobody has",
		.text =
		LOCK_PROGRESS " SKIP LOCKED",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_PROGRESS_EXISTS] = {
		.label = "look for the progress of a graph",
		.text = "SELECT FROM taskcenter.graph_progress AS p WHERE p.run_id = $1",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_PROGRESS_UPDATE] = {
		.label = "note the progress of a graph",
		.text =
		"UPDATE taskcenter.graph_progress AS p SET state = $2, phase = $3, paused = $4,"
		"   items_succeeded = $5, items_failed = $6, reason = $7, end_status = $8,"
		"   gives_up_to = nullif($9, 0),"
		/* what ends anyway has no time limit any more */
		"   deadline = CASE WHEN $3 <> ALL (ARRAY['cancelling', 'compensating'])"
		"     THEN p.deadline END"
		" WHERE p.run_id = $1",
		.nargs = 9,
		.types = {INT8OID, TEXTOID, TEXTOID, BOOLOID, INT4OID, INT4OID, TEXTOID, TEXTOID,
		INT8OID}
	},
	[STATEMENT_PROGRESS_DELETE] = {
		.label = "end the progress of a graph",
		.text =
		"WITH gone AS (DELETE FROM taskcenter.graph_exemptions AS e WHERE e.run_id = $1)"
		" DELETE FROM taskcenter.graph_progress AS p WHERE p.run_id = $1",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_PROGRESS_WAITING] = {
		.label = "find graphs to advance",
		.text =
		"SELECT a.root_run_id FROM taskcenter.arrivals AS a"
		" UNION SELECT p.run_id FROM taskcenter.graph_progress AS p"
		"   WHERE p.phase = 'cancelling' OR p.gives_up_to IS NOT NULL"
		" ORDER BY 1",
		.nargs = 0,
		.any_plan = true
	},
	[STATEMENT_PROGRESS_FORGET] = {
		.label = "forget the progress of what has ended",
		.text =
		"DELETE FROM taskcenter.graph_progress AS p WHERE NOT EXISTS ("
		"   SELECT FROM taskcenter.live_runs AS r"
		"   WHERE r.run_id = p.run_id AND r.status = 'running')",
		.nargs = 0,
		.any_plan = true
	},
	[STATEMENT_PROGRESS_OVERDUE] = {
		.label = "find graphs whose time limit has passed",
		.text = "SELECT p.run_id FROM taskcenter.graph_progress AS p WHERE p.deadline <= $1"
		" ORDER BY p.run_id",
		.nargs = 1,
		.types = {TIMESTAMPTZOID}
	},
	[STATEMENT_PROGRESS_NEXT_DEADLINE] = {
		.label = "find the next time limit of a graph",
		.text = "SELECT p.deadline FROM taskcenter.graph_progress AS p"
		" WHERE p.deadline > $1 ORDER BY p.deadline LIMIT 1",
		.nargs = 1,
		.types = {TIMESTAMPTZOID}
	},
	[STATEMENT_ARRIVAL_INSERT] = {
		.label = "note the end of a step",
		.text =
		"INSERT INTO taskcenter.arrivals (root_run_id, run_id, step, item, outcome, arrived_at)"
		" VALUES ($1, $2, $3, nullif($4, 0), $5, $6)",
		.nargs = 6,
		.types = {INT8OID, INT8OID, TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID}
	},
	[STATEMENT_ARRIVALS_TAKE] = {
		.label = "take the ends of steps",
		.text =
		"DELETE FROM taskcenter.arrivals AS a WHERE a.root_run_id = $1"
		" RETURNING a.run_id, a.step, a.item, a.outcome, a.arrived_at",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_EXEMPT] = {
		.label = "exempt a graph from pauses",
		.text =
		"INSERT INTO taskcenter.graph_exemptions (run_id) VALUES ($1) ON CONFLICT DO NOTHING",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_STEPS_EXEMPT] = {
		.label = "let the steps of a graph go on in spite of a pause",
		.text =
		"UPDATE taskcenter.live_runs AS r SET queue_id = q.queue_id"
		" FROM taskcenter.queues AS q"
		" WHERE q.queue = 'control' AND r.parent_run_id = $1 AND r.queue_id <> q.queue_id"
		"   AND r.status = ANY (ARRAY['waiting', 'queued', 'retrying'])",
		.nargs = 1,
		.types = {INT8OID}
	}
};

static uint64
run(int statement, const Bindings *bindings)
{
	return tc_run_bound(&statements[statement], bindings);
}

/* ---- progress ---- */

static void
bind_state(Bindings *bindings, const GraphProgress *progress)
{
	text	   *state = cstring_to_text_with_len(progress->state, progress->state_length);

	tc_bind_datum(bindings, PointerGetDatum(state), false);
}

void
tc_progress_insert(const GraphProgress *progress)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, progress->run_id);
	tc_bind_int32(&bindings, progress->version);
	bind_state(&bindings, progress);
	tc_bind_text(&bindings, progress->phase);
	tc_bind_datum(&bindings, Int32GetDatum(progress->items), progress->items < 0);
	tc_bind_datum(&bindings, TimestampTzGetDatum(progress->deadline), progress->deadline == 0);
	tc_store_begin(&frame);
	(void) run(STATEMENT_PROGRESS_INSERT, &bindings);
	tc_store_end(&frame);
}

/* what the statement that locks it returned; false: nothing */
static bool
lock_progress(int statement, int64 run_id, GraphProgress *progress)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		found;

	tc_bind_int64(&bindings, run_id);
	tc_store_begin(&frame);
	found = run(statement, &bindings) > 0;
	inside = MemoryContextSwitchTo(outside);
	if (found)
	{
		progress->run_id = tc_get_int64(0, 1);
		progress->parent_run_id = tc_get_int64(0, 2);
		progress->task_id = tc_get_int64(0, 3);
		progress->version = tc_get_int32(0, 4);
		progress->owner_id = tc_get_int64(0, 5);
		progress->state = tc_get_text(0, 6);
		progress->state_length = strlen(progress->state);
		progress->phase = tc_get_text(0, 7);
		progress->paused = tc_get_bool(0, 8);
		progress->exempt = tc_get_bool(0, 9);
		progress->items = tc_get_int32(0, 10);
		progress->items_succeeded = tc_get_int32(0, 11);
		progress->items_failed = tc_get_int32(0, 12);
		progress->reason = tc_get_text(0, 13);
		progress->end_status = tc_get_text(0, 14);
		progress->gives_up_to = tc_get_int64(0, 15);
	}
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return found;
}

bool
tc_progress_lock(int64 run_id, GraphProgress *progress)
{
	return lock_progress(STATEMENT_PROGRESS_LOCK, run_id, progress);
}

ProgressLock
tc_progress_lock_soon(int64 run_id, bool patient, GraphProgress *progress)
{
	int			most = patient ? LOCK_TRIES : 1;
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		exists = true;
	int			tries;

	tc_bind_int64(&bindings, run_id);
	for (tries = 0; tries < most && exists; tries++)
	{
		if (tries > 0)
			pg_usleep(LOCK_PAUSE_US);
		CHECK_FOR_INTERRUPTS();
		if (lock_progress(STATEMENT_PROGRESS_TRY, run_id, progress))
			return PROGRESS_LOCKED;
		tc_store_begin(&frame);
		exists = run(STATEMENT_PROGRESS_EXISTS, &bindings) > 0;
		tc_store_end(&frame);
	}
	return exists ? PROGRESS_BUSY : PROGRESS_GONE;
}

void
tc_progress_update(const GraphProgress *progress)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, progress->run_id);
	bind_state(&bindings, progress);
	tc_bind_text(&bindings, progress->phase);
	tc_bind_bool(&bindings, progress->paused);
	tc_bind_int32(&bindings, progress->items_succeeded);
	tc_bind_int32(&bindings, progress->items_failed);
	tc_bind_redacted(&bindings, progress->reason);
	tc_bind_text(&bindings, progress->end_status);
	tc_bind_int64(&bindings, progress->gives_up_to);
	tc_store_begin(&frame);
	(void) run(STATEMENT_PROGRESS_UPDATE, &bindings);
	tc_store_end(&frame);
}

void
tc_progress_delete(int64 run_id)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_store_begin(&frame);
	(void) run(STATEMENT_PROGRESS_DELETE, &bindings);
	tc_store_end(&frame);
}

static int
find_roots(int statement, const Bindings *bindings, int64 **run_ids)
{
	MemoryContext outside = CurrentMemoryContext;
	StoreFrame	frame;
	int			count;
	int			i;

	tc_store_begin(&frame);
	count = (int) run(statement, bindings);
	*run_ids = MemoryContextAlloc(outside, sizeof(int64) * Max(count, 1));
	for (i = 0; i < count; i++)
		(*run_ids)[i] = tc_get_int64(i, 1);
	tc_store_end(&frame);
	return count;
}

int
tc_progress_waiting(int64 **run_ids)
{
	Bindings	bindings = {0};

	return find_roots(STATEMENT_PROGRESS_WAITING, &bindings, run_ids);
}

int
tc_progress_overdue(TimestampTz now, int64 **run_ids)
{
	Bindings	bindings = {0};

	tc_bind_timestamptz(&bindings, now);
	return find_roots(STATEMENT_PROGRESS_OVERDUE, &bindings, run_ids);
}

TimestampTz
tc_progress_next_deadline(TimestampTz now)
{
	TimestampTz deadline = DT_NOEND;
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	if (run(STATEMENT_PROGRESS_NEXT_DEADLINE, &bindings) > 0)
		deadline = tc_get_timestamptz(0, 1);
	tc_store_end(&frame);
	return deadline;
}

void
tc_progress_forget_ended(void)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_store_begin(&frame);
	(void) run(STATEMENT_PROGRESS_FORGET, &bindings);
	tc_store_end(&frame);
}

/* ---- arrivals ---- */

void
tc_arrival_insert(int64 root_run_id, const Arrival *arrival, TimestampTz now)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, root_run_id);
	tc_bind_int64(&bindings, arrival->run_id);
	tc_bind_text(&bindings, arrival->step);
	tc_bind_int32(&bindings, arrival->item);
	tc_bind_text(&bindings, arrival->outcome);
	tc_bind_timestamptz(&bindings, now);
	tc_store_begin(&frame);
	(void) run(STATEMENT_ARRIVAL_INSERT, &bindings);
	tc_store_end(&frame);
}

int
tc_arrivals_take(int64 root_run_id, Arrival **arrivals)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_int64(&bindings, root_run_id);
	tc_store_begin(&frame);
	count = (int) run(STATEMENT_ARRIVALS_TAKE, &bindings);
	inside = MemoryContextSwitchTo(outside);
	*arrivals = palloc(sizeof(Arrival) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*arrivals)[i].run_id = tc_get_int64(i, 1);
		(*arrivals)[i].step = tc_get_text(i, 2);
		(*arrivals)[i].item = tc_get_int32(i, 3);
		(*arrivals)[i].outcome = tc_get_text(i, 4);
		(*arrivals)[i].arrived_at = tc_get_timestamptz(i, 5);
	}
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return count;
}

/* ---- exemptions ---- */

void
tc_progress_exempt(int64 root_run_id)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, root_run_id);
	tc_store_begin(&frame);
	(void) run(STATEMENT_EXEMPT, &bindings);
	(void) run(STATEMENT_STEPS_EXEMPT, &bindings);
	tc_store_end(&frame);
}
