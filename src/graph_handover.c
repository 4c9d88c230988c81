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

#define MAX_ALONE 16
#define MAX_ALONE_PARAMS (64 * 1024)

/* roots whose only step may be one that this executor executes; run_id 0: none */
static struct
{
	Advance		advance;		/* its walk is not used */
	MemoryContext context;
}			alone[MAX_ALONE];

static TimestampTz permitted_until = DT_NOBEGIN;
static int64 permitted_us = 0;

/* what was handed over, and what all since the claim keep their rows in */
static RunRow made;
static bool is_made = false;
static MemoryContext made_context = NULL;

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
tc_handover_begin(void)
{
	(void) emptied(&made_context);
}

void
tc_handover_permit(TimestampTz until, int64 longest)
{
	permitted_until = until;
	permitted_us = longest;
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

/* NULL: it is not known */
static Advance *
find_alone(int64 root_run_id)
{
	int			i;

	for (i = 0; i < MAX_ALONE; i++)
		if (alone[i].advance.root.run_id == root_run_id)
			return &alone[i].advance;
	return NULL;
}

/* A place for it: its own, or that of the one that was noted first. */
static Advance *
new_alone(MemoryContext *context)
{
	static int	next = 0;
	int			place = next;

	next = (next + 1) % MAX_ALONE;
	*context = emptied(&alone[place].context);
	MemSet(&alone[place].advance, 0, sizeof(Advance));
	return &alone[place].advance;
}

/* does it have one step that executes, and nothing else going on? */
static bool
is_alone(const Advance *advance)
{
	const GraphProgress *progress = &advance->progress;

	return advance->graph != NULL && !progress->paused && !progress->exempt &&
		advance->old_count == 0 && progress->gives_up_to == 0 &&
		strcmp(progress->phase, TC_PHASE_RUNNING) == 0 &&
		VARSIZE_ANY(advance->root.params) <= MAX_ALONE_PARAMS &&
		tc_walk_count(&advance->walk, STEP_STATE_STARTED) == 1;
}

void
tc_handover_note(const Advance *advance)
{
	const GraphProgress *progress = &advance->progress;
	Advance    *known = find_alone(advance->root.run_id);
	MemoryContext context;
	MemoryContext old;

	if (tc_my_executor == NULL)
		return;
	if (known != NULL)
		known->root.run_id = 0;
	if (!is_alone(advance))
		return;
	known = new_alone(&context);
	old = MemoryContextSwitchTo(context);
	known->root = advance->root;
	known->root.step = copy(advance->root.step);
	known->root.created_by = copy(advance->root.created_by);
	known->root.trace_id = copy(advance->root.trace_id);
	known->root.params = (Jsonb *) pg_detoast_datum_copy((struct varlena *) advance->root.params);
	known->progress.run_id = progress->run_id;
	known->progress.task_id = progress->task_id;
	known->progress.version = progress->version;
	known->progress.owner_id = progress->owner_id;
	known->progress.state = copy(progress->state);
	known->progress.state_length = progress->state_length;
	MemoryContextSwitchTo(old);
}

/* The root whose only step that is, with its graph; NULL: there is none. */
static Advance *
root_of(const RunRow *run, int *step)
{
	Advance    *root;

	if (run->parent_run_id == 0 || run->step == NULL || run->item != 0)
		return NULL;
	root = find_alone(run->parent_run_id);
	if (root == NULL)
		return NULL;
	root->graph = tc_graph(root->progress.task_id, root->progress.version);
	if (root->graph == NULL || root->graph->graph.count != root->progress.state_length)
		return NULL;
	*step = tc_graph_find(&root->graph->graph, run->step, strlen(run->step));
	if (*step < 0 || root->progress.state[*step] != STEP_STATE_STARTED)
		return NULL;
	return root;
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
describe(Advance *root, const RunRow *run, int step, int next, NewStep *new)
{
	StepRun		ended;

	root->ending = &root->graph->graph.steps[step];
	tc_graph_step_run(root->graph, step, &ended);
	tc_release_describe(root, next, new);
	return new->state == NULL && new->gate == 0 && new->queue_id == run->queue_id &&
		new->priority == (ended.has_priority ? ended.priority : root->root.priority);
}

/* the run as a claim of it would give it */
static void
prepare(const Advance *root, const RunRow *ended, const NewStep *new)
{
	MemoryContext old = MemoryContextSwitchTo(made_context);

	MemSet(&made, 0, sizeof(made));
	made.run_id = tc_append_id("run_ids");
	made.token = tc_append_id("token_ids");
	made.task_id = new->task_id;
	made.parent_run_id = ended->parent_run_id;
	made.queue_id = new->queue_id;
	made.attempt = 1;
	made.max_attempts = new->max_attempts;
	made.retention_class = ended->retention_class;
	made.run_at = root->now;
	made.scheduled_for = made.catchup_from = DT_NOBEGIN;
	made.params = (Jsonb *) pg_detoast_datum_copy((struct varlena *) new->params);
	made.trace_id = copy(root->root.trace_id);
	made.step = copy(new->step);
	made.definition_id = new->definition_id;
	made.cache_id = new->definition_id;
	MemoryContextSwitchTo(old);
}

bool
tc_handover_may(const Attempt *attempt)
{
	TimestampTz now;
	int			step;

	/* most runs are no steps: they shall not pay for the question */
	if (attempt->run->parent_run_id == 0 || is_made)
		return false;

	/*
	 * Where a snapshot is kept, what others have changed since may not be
	 * changed.
	 */
	now = tc_append_time();
	return now < permitted_until && now - attempt->started_at < permitted_us &&
		!IsolationUsesXactSnapshot() && attempt->task->synchronous_commit == NULL &&
		root_of(attempt->run, &step) != NULL;
}

bool
tc_handover_make(const Attempt *attempt)
{
	const RunRow *run = attempt->run;
	Advance    *root;
	GraphWalk	walk;
	NewStep		new;
	char	   *state;
	int			step;
	int			next;

	if (!tc_handover_may(attempt))
		return false;
	root = root_of(run, &step);
	root->now = tc_append_time();
	state = pstrdup(root->progress.state);
	next = successor(root->graph, &walk, step, state);
	if (next < 0 || !is_plain(&root->graph->graph.steps[next]) ||
		!describe(root, run, step, next, &new))
		return false;
	prepare(root, run, &new);
	is_made = tc_step_begin_claimed(&root->root, root->progress.state, state, &new, &made,
									attempt->task, tc_my_executor->executor_id);
	if (is_made)
		memcpy(root->progress.state, state, root->progress.state_length);
	return is_made;
}
