/*-------------------------------------------------------------------------
 *
 * graph_start.c
 *		Graphs begin, or go on after a failure; and are steered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "definition_store.h"
#include "graph_advance.h"
#include "graph_end.h"
#include "graph_start.h"
#include "shared_roots.h"
#include "shared_state.h"
#include "step_state.h"
#include "task_cache.h"

int64
tc_graph_cache_id(const RunRow *run)
{
	const CachedGraph *graph;
	int			step;

	if (run->definition_id == 0)
		return run->task_id;
	if (run->step != NULL && strncmp(run->step, TC_UNDO_PREFIX, strlen(TC_UNDO_PREFIX)) == 0)
		return run->definition_id | TC_CACHE_UNDO;
	graph = tc_graph_of_definition(run->definition_id, &step);
	if (graph != NULL && run->item == 0 &&
		(graph->graph.steps[step].for_each != NULL || graph->graph.steps[step].kind == STEP_TASK))
		return run->definition_id | TC_CACHE_NODE;
	return run->definition_id;
}

static bool
all_kept(const char *state, const GraphStep *step)
{
	int			i;

	for (i = 0; i < step->before_count; i++)
	{
		if (state[step->before[i]] == STEP_STATE_PENDING)
			return false;
	}
	return true;
}

/*
 * What an earlier go has done counts, unless it undid it, or something before
 * it runs again.  So do conditions that were not true.
 */
static void
keep_what_counts(Advance *advance)
{
	const Graph *graph = &advance->graph->graph;
	char	   *state = advance->walk.state;
	char	   *earlier = palloc(graph->count + 1);
	char	  **succeeded;
	int			count = tc_steps_succeeded(&advance->root, &succeeded);
	int			i;

	memset(earlier, STEP_STATE_PENDING, graph->count);
	for (i = 0; i < count; i++)
	{
		int			step = tc_graph_find(graph, succeeded[i], strlen(succeeded[i]));

		if (step >= 0)
			earlier[step] = STEP_STATE_SUCCEEDED;
	}
	for (i = 0; i < advance->old_count; i++)
	{
		const OldStep *old = &advance->old[i];
		int			step = tc_graph_find(graph, old->step, strlen(old->step));

		if (step >= 0 && earlier[step] == STEP_STATE_PENDING && old->attempt > 0 &&
			strcmp(old->status, "skipped") == 0)
			earlier[step] = STEP_STATE_SKIPPED;
	}
	for (i = 0; i < graph->count; i++)
	{
		int			step = graph->order[i];

		if (earlier[step] != STEP_STATE_PENDING && all_kept(state, &graph->steps[step]))
			state[step] = earlier[step];
	}
}

/* Its time limit counts from now, and is kept by the scheduler. */
static void
set_deadline(GraphProgress *progress, int64 timeout, TimestampTz now)
{
	if (timeout <= 0)
		return;
	progress->deadline = tc_state_later(now, timeout);
	tc_shared_touch_deadline(progress->deadline);
}

const char *
tc_graph_start(const RunRow *run, int64 timeout, TimestampTz now)
{
	Advance		advance = {0};
	GraphProgress *progress = &advance.progress;
	int			version;

	advance.now = now;
	if (!tc_root_read(run->run_id, &advance.root))
		return NULL;
	version = advance.root.graph_version;
	if (version == 0)
		version = tc_graph_newest(run->task_id);
	advance.graph = tc_graph(run->task_id, version);
	if (advance.graph == NULL)
		return "The task has no graph; save one by taskcenter.save_graph().";
	if (!tc_root_start(run->run_id, run->token, version, now))
		return NULL;

	progress->run_id = run->run_id;
	progress->task_id = run->task_id;
	progress->version = version;
	progress->phase = TC_PHASE_RUNNING;
	progress->items = -1;
	progress->state_length = advance.graph->graph.count;
	progress->state = palloc(progress->state_length + 1);
	memset(progress->state, STEP_STATE_PENDING, progress->state_length);
	set_deadline(progress, timeout, now);
	tc_progress_insert(progress);
	if (!tc_progress_lock(run->run_id, progress))
		return NULL;
	tc_walk_begin(&advance.walk, &advance.graph->graph, progress->state, false);
	if (advance.root.graph_version != 0)
	{
		advance.old_count = tc_steps_old(&advance.root, &advance.old);
		keep_what_counts(&advance);
	}
	tc_walk_resume(&advance.walk);
	tc_graph_go_on(&advance);
	return NULL;
}

/* The items of an earlier go that failed run again, the others are kept. */
static bool
resume_items(Advance *advance)
{
	int64	   *again;
	int			again_count = 0;
	int			kept = 0;
	int			i;

	advance->old_count = tc_steps_old(&advance->root, &advance->old);
	again = palloc(sizeof(int64) * Max(advance->old_count, 1));
	for (i = 0; i < advance->old_count; i++)
	{
		if (tc_walk_outcome(advance->old[i].status) == STEP_STATE_SUCCEEDED)
			kept++;
		else
			again[again_count++] = advance->old[i].run_id;
	}
	if (advance->old_count == 0)
		return false;
	advance->progress.items = kept + again_count;
	advance->progress.items_succeeded = kept;
	tc_progress_insert(&advance->progress);
	tc_progress_update(&advance->progress);
	if (again_count == 0)
		tc_graph_end(advance, "succeeded", tc_items_output(&advance->root), NULL);
	else
		tc_steps_again(again, again_count, &advance->root, advance->now);
	return true;
}

const char *
tc_graph_start_items(const RunRow *run, const CachedGraph *graph, int number,
					 const Jsonb *rows, TimestampTz now)
{
	Advance		advance = {0};
	GraphProgress *progress = &advance.progress;
	const GraphStep *step = &graph->graph.steps[number];
	NewStep    *new;
	int			count = rows != NULL ? JB_ROOT_COUNT(rows) : 0;
	const char *problem;
	int			i;

	advance.now = now;
	advance.graph = graph;
	if (!tc_root_read(run->run_id, &advance.root))
		return NULL;
	progress->run_id = run->run_id;
	progress->task_id = run->task_id;
	progress->owner_id = tc_definition_load(run->task_id)->owner_id;
	problem = tc_release_problem(&advance, step);
	if (problem != NULL || !tc_root_start(run->run_id, run->token, 0, now))
		return problem;
	progress->phase = TC_PHASE_RUNNING;
	progress->state = "";
	if (run->attempt > 1 && resume_items(&advance))
		return NULL;
	progress->items = count;
	tc_progress_insert(progress);
	if (!tc_progress_lock(run->run_id, progress))
		return NULL;
	if (count == 0)
	{
		tc_graph_end(&advance, "succeeded", tc_items_output(&advance.root), NULL);
		return NULL;
	}
	new = palloc(sizeof(NewStep) * count);
	for (i = 0; i < count; i++)
	{
		JsonbValue *row = getIthJsonbValueFromContainer(&unconstify(Jsonb *, rows)->root, i);

		if (i == 0)
		{
			tc_release_describe(&advance, number, &new[0]);
			new[0].state = NULL;
			if (step->kind == STEP_TASK)
				tc_release_choose_task(&advance, step->task, &new[0]);
			else
				new[0].gate = tc_release_gate(graph, number);
		}
		else
			new[i] = new[0];
		new[i].item = i + 1;
		new[i].params = tc_params_over(run->params, "item", JsonbValueToJsonb(row));
	}
	tc_steps_insert(&advance.root, new, count, progress->exempt, now);
	return NULL;
}

/* ---- steering ---- */

EarlyEnd
tc_graph_cancel(int64 run_id, const char *reason, const char *actor,
				AskToEnd ask, const void *argument, TimestampTz now)
{
	return tc_graph_end_early(run_id, NULL, reason, actor, ask, argument, now);
}

/*
 * Its progress is locked.  What is left below it executes, or somebody holds
 * it: the scheduler, which waits for nobody, sees to that.
 */
static void
cancel_below(GraphProgress *progress, const char *reason, const char *actor,
			 AskToEnd ask, const void *argument, TimestampTz now)
{
	int64		run_id = progress->run_id;
	LiveStep   *steps;
	int			count;
	int			i;

	check_stack_depth();
	tc_shared_touch_root(run_id);
	if (strcmp(progress->phase, TC_PHASE_COMPENSATING) == 0)
		return;
	progress->phase = TC_PHASE_CANCELLING;
	tc_progress_update(progress);
	tc_steps_cancel(run_id, 0, reason, actor, now);
	count = tc_steps_live(run_id, &steps);
	for (i = 0; i < count; i++)
	{
		GraphProgress below;

		if (steps[i].running && tc_progress_lock_soon(steps[i].run_id, true, &below) == PROGRESS_LOCKED)
		{
			if (below.end_status == NULL)
				below.reason = reason != NULL ? reason : "cancelled";
			cancel_below(&below, reason, actor, ask, argument, now);
		}
		else
			ask(steps[i].run_id, steps[i].attempt, argument);
	}
}

EarlyEnd
tc_graph_end_early(int64 run_id, const char *status, const char *reason, const char *actor,
				   AskToEnd ask, const void *argument, TimestampTz now)
{
	GraphProgress progress;

	if (!tc_progress_lock(run_id, &progress))
		return NOT_A_ROOT;
	if (strcmp(progress.phase, TC_PHASE_COMPENSATING) == 0)
		return ROOT_UNDOES;
	if (progress.end_status == NULL)
	{
		progress.end_status = status;
		progress.reason = reason != NULL ? reason : "cancelled";
	}
	cancel_below(&progress, reason, actor, ask, argument, now);
	return ROOT_ENDS;
}

bool
tc_graph_pause(int64 run_id, bool paused, TimestampTz now)
{
	Advance		advance = {0};

	advance.now = now;
	/* items of for_each are not steps: they cannot be kept from starting */
	if (!tc_progress_lock(run_id, &advance.progress) || advance.progress.items >= 0 ||
		!tc_graph_open(&advance))
		return false;
	tc_shared_touch_root(run_id);
	advance.progress.paused = paused;
	tc_progress_update(&advance.progress);
	if (paused)
		return true;
	tc_walk_begin(&advance.walk, &advance.graph->graph, advance.progress.state,
				  !tc_graph_in_phase(&advance, TC_PHASE_RUNNING));
	if (tc_graph_in_phase(&advance, TC_PHASE_RUNNING) || tc_graph_in_phase(&advance, TC_PHASE_STOPPING))
	{
		(void) tc_graph_take_arrivals(&advance);
		tc_walk_settle(&advance.walk);
		tc_walk_resume(&advance.walk);
		tc_graph_go_on(&advance);
	}
	return true;
}

void
tc_graph_exempt(int64 run_id)
{
	RootRow		root;

	while (run_id != 0 && tc_root_read(run_id, &root))
	{
		tc_progress_exempt(run_id);
		run_id = root.parent_run_id;
	}
}
