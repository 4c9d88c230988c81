/*-------------------------------------------------------------------------
 *
 * graph_advance.c
 *		Graphs go on when steps have ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "graph_advance.h"
#include "graph_end.h"
#include "graph_handover.h"
#include "guarded.h"
#include "shared_roots.h"
#include "shared_state.h"
#include "worker_process.h"

bool
tc_graph_in_phase(const Advance *advance, const char *phase)
{
	return strcmp(advance->progress.phase, phase) == 0;
}

/*
 * What merely waits gives up.  Their cancellations arrive as any other end
 * does.  One that is being looked at, or that somebody holds, is asked to end;
 * should the server end before that is heard, it is cancelled when it waits
 * again.
 */
static void
give_up_waiting(Advance *advance)
{
	GraphProgress *progress = &advance->progress;
	LiveStep   *steps;
	int			count;
	int			i;

	tc_steps_cancel(advance->root.run_id, PG_INT64_MAX, progress->reason, "graph", advance->now);
	count = tc_steps_live(advance->root.run_id, &steps);
	for (i = 0; i < count; i++)
	{
		if (!steps[i].waits)
			continue;
		progress->gives_up_to = Max(progress->gives_up_to, steps[i].run_id);
		tc_shared_cancel_at_commit(steps[i].run_id, steps[i].attempt, progress->reason, "graph");
	}
}

/* Write what the walk has found, and end the graph if nothing is left of it. */
void
tc_graph_go_on(Advance *advance)
{
	GraphProgress *progress = &advance->progress;
	GraphWalk  *walk = &advance->walk;
	bool		stops = walk->stopping && tc_graph_in_phase(advance, TC_PHASE_RUNNING);

	if (stops)
	{
		progress->phase = TC_PHASE_STOPPING;
		progress->reason = psprintf("step \"%s\" failed", walk->stopped_by);
		/* before the release: what follows from the failure waits as ever */
		give_up_waiting(advance);
	}
	tc_release(advance);
	if (tc_walk_count(walk, STEP_STATE_STARTED) > 0 ||
		(progress->paused && tc_walk_count(walk, STEP_STATE_PENDING) > 0))
	{
		tc_progress_update(progress);
		tc_handover_note(advance);
	}
	else
		tc_graph_close(advance, tc_graph_verdict(advance));
}

/* The ends of steps into the state; true: a compensation is among them. */
bool
tc_graph_take_arrivals(Advance *advance)
{
	Arrival    *arrivals;
	int			count = tc_arrivals_take(advance->root.run_id, &arrivals);
	bool		undone = false;
	int			i;

	for (i = 0; i < count; i++)
	{
		StepState	outcome = tc_walk_outcome(arrivals[i].outcome);
		int			step;

		/* what follows from an end is not dated before it */
		advance->now = Max(advance->now, arrivals[i].arrived_at);
		if (advance->graph == NULL)
		{
			if (outcome == STEP_STATE_SUCCEEDED)
				advance->progress.items_succeeded++;
			else
				advance->progress.items_failed++;
			continue;
		}
		if (strncmp(arrivals[i].step, TC_UNDO_PREFIX, strlen(TC_UNDO_PREFIX)) == 0)
		{
			undone = true;
			continue;
		}
		step = tc_graph_find(&advance->graph->graph, arrivals[i].step, strlen(arrivals[i].step));
		if (step >= 0)
			(void) tc_walk_arrive(&advance->walk, step, outcome);
	}
	return undone;
}

/* One that could not go on fails. */
static const char *
cancelled_status(const Advance *advance)
{
	return advance->progress.end_status != NULL ? advance->progress.end_status : "cancelled";
}

/*
 * A step that was executing when its root was cancelled, and has to be executed
 * again, because its server ended say, is not.
 */
static void
cancel_rest(const Advance *advance)
{
	if (tc_graph_in_phase(advance, TC_PHASE_CANCELLING))
		tc_steps_cancel(advance->root.run_id, 0, advance->progress.reason, "graph", advance->now);
}

static void
advance_items(Advance *advance)
{
	GraphProgress *progress = &advance->progress;
	const char *status = "succeeded";

	(void) tc_graph_take_arrivals(advance);
	if (progress->items_succeeded + progress->items_failed < progress->items)
	{
		cancel_rest(advance);
		tc_progress_update(progress);
		return;
	}
	if (tc_graph_in_phase(advance, TC_PHASE_CANCELLING))
		status = cancelled_status(advance);
	else if (progress->items_failed > 0)
	{
		status = "failed";
		progress->reason = psprintf("%d of %d items failed", progress->items_failed,
									progress->items);
	}
	tc_graph_end(advance, status, tc_items_output(&advance->root), progress->reason);
}

static void
advance_graph(Advance *advance)
{
	bool		undone;

	tc_walk_begin(&advance->walk, &advance->graph->graph, advance->progress.state,
				  !tc_graph_in_phase(advance, TC_PHASE_RUNNING));
	undone = tc_graph_take_arrivals(advance);
	if (tc_graph_in_phase(advance, TC_PHASE_COMPENSATING))
	{
		if (undone && !tc_graph_compensate(advance))
			tc_graph_end(advance, advance->progress.end_status, NULL, tc_graph_reason(advance));
	}
	else if (tc_graph_in_phase(advance, TC_PHASE_CANCELLING))
	{
		if (tc_walk_count(&advance->walk, STEP_STATE_STARTED) > 0)
		{
			cancel_rest(advance);
			tc_progress_update(&advance->progress);
		}
		else
			tc_graph_close(advance, cancelled_status(advance));
	}
	else
	{
		if (advance->progress.gives_up_to != 0)
			tc_steps_cancel(advance->root.run_id, advance->progress.gives_up_to,
							advance->progress.reason, "graph", advance->now);
		if (!advance->progress.paused)
			tc_walk_settle(&advance->walk);
		tc_graph_go_on(advance);
	}
}

/* Its progress is locked until the end of the transaction; false: nothing is to be done. */
bool
tc_graph_open(Advance *advance)
{
	int64		run_id = advance->progress.run_id;
	Arrival    *nobodys;

	if (!tc_root_read(run_id, &advance->root))
	{
		tc_progress_delete(run_id);
		(void) tc_arrivals_take(run_id, &nobodys);
		return false;
	}
	if (advance->progress.items >= 0)
		return true;
	advance->graph = tc_graph(advance->progress.task_id, advance->progress.version);
	if (advance->graph != NULL &&
		advance->graph->graph.count == advance->progress.state_length)
		return true;
	(void) tc_arrivals_take(run_id, &nobodys);
	tc_graph_end(advance, "failed", NULL, "its graph is gone");
	return false;
}

typedef enum Advanced
{
	ADVANCE_BUSY,				/* somebody holds it */
	ADVANCE_NOTHING,			/* no step begins */
	ADVANCE_BEGINS
} Advanced;

/* In a transaction.  patient: who holds it is waited for, though not for long. */
static Advanced
advance_root(int64 run_id, bool patient, TimestampTz now)
{
	Advance		advance = {0};
	Arrival    *nobodys;

	advance.now = now;
	switch (tc_progress_lock_soon(run_id, patient, &advance.progress))
	{
		case PROGRESS_BUSY:
			return ADVANCE_BUSY;
		case PROGRESS_GONE:
			(void) tc_arrivals_take(run_id, &nobodys);
			return ADVANCE_NOTHING;
		case PROGRESS_LOCKED:
			break;
	}
	if (!tc_graph_open(&advance))
		return ADVANCE_NOTHING;
	if (advance.graph == NULL)
		advance_items(&advance);
	else
		advance_graph(&advance);
	return advance.released > 0 ? ADVANCE_BEGINS : ADVANCE_NOTHING;
}

bool
tc_graph_advance_mine(bool patient, TimestampTz now)
{
	int64		roots[TC_MAX_ROOTS];
	int			count = tc_shared_take_roots(roots);
	bool		begins = false;
	int			i;

	for (i = 0; i < count; i++)
	{
		Advanced	advanced = advance_root(roots[i], patient, now);

		begins |= advanced == ADVANCE_BEGINS;
		if (advanced == ADVANCE_BUSY && patient)
			tc_shared_call_for_roots();
		else if (advanced == ADVANCE_BUSY)
			tc_shared_keep_root(roots[i]);
	}
	return begins;
}

/* a root to be advanced in a sub-transaction */
typedef struct GuardedAdvance
{
	int64		run_id;
	TimestampTz now;
	bool		done;
} GuardedAdvance;

static void
advance_guarded(void *argument)
{
	GuardedAdvance *guarded = argument;

	guarded->done = advance_root(guarded->run_id, true, guarded->now) != ADVANCE_BUSY;
}

/* AskToEnd, of nobody's own */
static void
ask_to_end(int64 run_id, int32 attempt, const void *reason)
{
	tc_shared_cancel_at_commit(run_id, attempt, reason, "graph");
}

/*
 * It cannot go on: nothing of it starts any more, and it fails when nothing
 * of it runs.
 */
static void
give_up(int64 run_id, const char *problem, TimestampTz now)
{
	char	   *reason = psprintf("the graph cannot go on: %s", problem);
	Advance		advance = {0};
	Arrival    *nobodys;
	LiveStep   *steps;
	int			count;
	int			i;

	advance.now = now;
	if (tc_progress_lock_soon(run_id, true, &advance.progress) != PROGRESS_LOCKED ||
		!tc_root_read(run_id, &advance.root))
		return;
	tc_steps_cancel(run_id, 0, reason, "graph", now);
	count = tc_steps_live(run_id, &steps);
	if (count == 0)
	{
		(void) tc_arrivals_take(run_id, &nobodys);
		tc_graph_end(&advance, "failed", NULL, reason);
		return;
	}
	advance.progress.phase = TC_PHASE_CANCELLING;
	advance.progress.end_status = "failed";
	advance.progress.reason = reason;
	tc_progress_update(&advance.progress);
	for (i = 0; i < count; i++)
		ask_to_end(steps[i].run_id, steps[i].attempt, reason);
}

/* False: somebody holds it for long. */
static bool
sweep_root(int64 run_id, TimestampTz now)
{
	GuardedAdvance guarded = {run_id, now, true};
	char	   *error;

	tc_worker_begin("advance a graph");
	if (!tc_guarded(advance_guarded, &guarded, &error))
	{
		ereport(LOG,
				(errmsg("taskcenter: the graph of run %lld cannot go on", (long long) run_id),
				 errdetail("%s", error)));
		give_up(run_id, error, now);
	}
	tc_worker_commit();
	return guarded.done;
}

bool
tc_graph_sweep(bool thorough, TimestampTz now)
{
	int64	   *roots;
	bool		done = true;
	int			count;
	int			i;

	tc_worker_begin("find graphs to advance");
	if (thorough)
		tc_progress_forget_ended();
	count = tc_progress_waiting(&roots);
	if (count > 0)
	{
		int64	   *kept = MemoryContextAlloc(TopMemoryContext, sizeof(int64) * count);

		memcpy(kept, roots, sizeof(int64) * count);
		roots = kept;
	}
	tc_worker_commit();
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		done &= sweep_root(roots[i], now);
	}
	if (count > 0)
		pfree(roots);
	return done;
}
