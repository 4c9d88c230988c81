/*-------------------------------------------------------------------------
 *
 * graph_handover.c
 *		The step that comes next in a chain is begun by the end of the one
 *		before it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "append_row.h"
#include "graph_handover.h"
#include "shared_state.h"

/* the root whose only step may be the one that this executor executes */
static Advance alone;			/* run_id 0: none; its walk is not used */
static MemoryContext alone_context = NULL;

static TimestampTz permitted_until = DT_NOBEGIN;

/* what was handed over: in turns, one is executed while the other is made */
static RunRow made;
static bool is_made = false;
static MemoryContext made_contexts[2] = {NULL, NULL};
static int	made_turn = 0;

void
tc_handover_permit(TimestampTz until)
{
	permitted_until = until;
}

void
tc_handover_forget(void)
{
	is_made = false;
}

bool
tc_handover_take(RunRow *run)
{
	if (!is_made)
		return false;
	*run = made;
	is_made = false;
	return true;
}

static char *
copy(const char *text)
{
	return text !=NULL ? pstrdup(text) : NULL;
}

static MemoryContext
emptied(MemoryContext *context)
{
	if (*context == NULL)
		*context = AllocSetContextCreate(TopMemoryContext, "taskcenter handover",
										 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(*context);
	return *context;
}

void
tc_handover_note(const Advance *advance)
{
	const GraphProgress *progress = &advance->progress;
	MemoryContext old;

	if (tc_my_executor == NULL)
		return;
	if (alone.root.run_id == advance->root.run_id)
		alone.root.run_id = 0;
	if (advance->graph == NULL || progress->paused || progress->exempt ||
		advance->old_count > 0 || progress->gives_up_to != 0 || strcmp(progress->phase, TC_PHASE_RUNNING) != 0 ||
		tc_walk_count(&advance->walk, STEP_STATE_STARTED) != 1)
		return;
	old = MemoryContextSwitchTo(emptied(&alone_context));
	MemSet(&alone, 0, sizeof(alone));
	alone.root = advance->root;
	alone.root.step = copy(advance->root.step);
	alone.root.created_by = copy(advance->root.created_by);
	alone.root.trace_id = copy(advance->root.trace_id);
	alone.root.params = (Jsonb *) pg_detoast_datum_copy((struct varlena *) advance->root.params);
	alone.progress.run_id = progress->run_id;
	alone.progress.task_id = progress->task_id;
	alone.progress.version = progress->version;
	alone.progress.owner_id = progress->owner_id;
	alone.progress.state = copy(progress->state);
	alone.progress.state_length = progress->state_length;
	MemoryContextSwitchTo(old);
}

/* The graph of the root whose only step that is; NULL: it is not. */
static const CachedGraph *
graph_of(const RunRow *run, int *step)
{
	const CachedGraph *graph;

	if (alone.root.run_id == 0 || run->parent_run_id != alone.root.run_id ||
		run->step == NULL || run->item != 0)
		return NULL;
	graph = tc_graph(alone.progress.task_id, alone.progress.version);
	if (graph == NULL || graph->graph.count != alone.progress.state_length)
		return NULL;
	*step = tc_graph_find(&graph->graph, run->step, strlen(run->step));
	if (*step < 0 || alone.progress.state[*step] != STEP_STATE_STARTED)
		return NULL;
	return graph;
}

/* The one step that a success lets start; -1: it is not so. */
static int
successor(const CachedGraph *graph, GraphWalk *walk, int step, char *state)
{
	tc_walk_begin(walk, &graph->graph, state, false);
	if (!tc_walk_arrive(walk, step, STEP_STATE_SUCCEEDED))
		return -1;
	tc_walk_settle(walk);
	if (walk->start_count != 1 || walk->skip_count != 0 || walk->stopping ||
		tc_walk_count(walk, STEP_STATE_STARTED) != 1)
		return -1;
	return walk->starts[0];
}

/* nothing but a command */
static bool
is_plain(const GraphStep *step)
{
	return step->kind == STEP_COMMAND && step->condition == NULL && step->for_each == NULL &&
		step->requires_flag == NULL;
}

/*
 * What the run of the next step gets; false: it is for another lane, or wants
 * the output of the one that has not ended yet.
 */
static bool
describe(const CachedGraph *graph, const RunRow *run, int step, int next, NewStep *new)
{
	StepRun		ended;

	alone.graph = graph;
	alone.ending = &graph->graph.steps[step];
	tc_graph_step_run(graph, step, &ended);
	tc_release_describe(&alone, next, new);
	return new->state == NULL && new->gate == 0 && new->queue_id == run->queue_id &&
		new->priority == (ended.has_priority ? ended.priority : alone.root.priority);
}

/* the run as a claim of it would give it */
static void
prepare(const RunRow *ended, const NewStep *new)
{
	MemoryContext old = MemoryContextSwitchTo(emptied(&made_contexts[made_turn]));

	made_turn = 1 - made_turn;
	MemSet(&made, 0, sizeof(made));
	made.run_id = tc_append_id("run_ids");
	made.token = tc_append_id("token_ids");
	made.task_id = new->task_id;
	made.parent_run_id = ended->parent_run_id;
	made.queue_id = new->queue_id;
	made.attempt = 1;
	made.max_attempts = new->max_attempts;
	made.retention_class = ended->retention_class;
	made.run_at = alone.now;
	made.scheduled_for = made.catchup_from = DT_NOBEGIN;
	made.params = (Jsonb *) pg_detoast_datum_copy((struct varlena *) new->params);
	made.trace_id = copy(alone.root.trace_id);
	made.step = copy(new->step);
	made.definition_id = new->definition_id;
	made.cache_id = new->definition_id;
	MemoryContextSwitchTo(old);
}

bool
tc_handover_may(const Attempt *attempt)
{
	int			step;

	/*
	 * Where a snapshot is kept, what others have changed since may not be
	 * changed.
	 */
	return !is_made && tc_append_time() < permitted_until && !IsolationUsesXactSnapshot() &&
		attempt->task->synchronous_commit == NULL && graph_of(attempt->run, &step) != NULL;
}

bool
tc_handover_make(const Attempt *attempt)
{
	const RunRow *run = attempt->run;
	const CachedGraph *graph;
	GraphWalk	walk;
	NewStep		new;
	char	   *state;
	int			step;
	int			next;

	if (!tc_handover_may(attempt))
		return false;
	alone.now = tc_append_time();
	graph = graph_of(run, &step);
	if (graph == NULL)
		return false;
	state = pstrdup(alone.progress.state);
	next = successor(graph, &walk, step, state);
	if (next < 0 || !is_plain(&graph->graph.steps[next]) ||
		!describe(graph, run, step, next, &new))
		return false;
	prepare(run, &new);
	is_made = tc_step_begin_claimed(&alone.root, alone.progress.state, state, &new, &made,
									attempt->task, tc_my_executor->executor_id);
	if (is_made)
		memcpy(alone.progress.state, state, alone.progress.state_length);
	return is_made;
}
