/*-------------------------------------------------------------------------
 *
 * graph_release.c
 *		The runs of steps that start, and of those that never will.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "access.h"
#include "graph_params.h"
#include "graph_release.h"
#include "statement.h"
#include "step_state.h"
#include "task_store.h"

/* A step that cannot start as it was meant says so when it is executed. */
static void
note_problem(NewStep *new, const char *problem)
{
	static const char *const keys[] = {"problem"};

	new->state = tc_state_object(keys, &problem, 1);
}

/* How many graphs the root is nested in: names can come to mean other tasks after a save. */
static int
depth_of(const RootRow *root)
{
	RootRow		outer = *root;
	int			depth = 0;

	while (outer.parent_run_id != 0 && depth < TC_MAX_NESTING &&
		   tc_root_read(outer.parent_run_id, &outer))
		depth += outer.graph_version != 0;
	return depth;
}

/* The task that a step names, if the owner of the graph may have it run. */
void
tc_release_choose_task(const Advance *advance, const char *name, NewStep *new)
{
	StoreFrame	frame;
	TaskRow		task;
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	const char *problem = NULL;

	tc_store_begin(&frame);
	inside = MemoryContextSwitchTo(outside);
	if (!tc_task_find(name, false, &task) ||
		!tc_access_may((Oid) advance->progress.owner_id, &task, TASK_RIGHT_ENQUEUE))
		problem = psprintf("task \"%s\" does not exist, or the owner of the graph may not have it run",
						   name);
	else if (strcmp(task.kind, TC_KIND_COMPOSITE) == 0 &&
			 depth_of(&advance->root) + 1 >= TC_MAX_NESTING)
		problem = psprintf("Task \"%s\" would be nested in %d graphs.", name, TC_MAX_NESTING);
	else if (!tc_task_accepts_runs(&task))
		problem = psprintf("task \"%s\" is %s", name, task.state);
	if (problem != NULL)
		note_problem(new, problem);
	else
	{
		new->task_id = task.task_id;
		new->definition_id = 0;
		new->gate = 0;
	}
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
}

/* The definition's lane, where its runs need one of their own. */
int64
tc_release_gate(const CachedGraph *graph, int step)
{
	if (graph->graph.steps[step].kind != STEP_COMMAND || !tc_graph_step_is_gated(graph, step))
		return 0;
	return graph->first_definition_id + step;
}

/* GraphOutput */
static const Jsonb *
output_of_step(int step, void *argument)
{
	const Advance *advance = argument;

	/* that of an earlier go of it is none */
	if (&advance->graph->graph.steps[step] == advance->ending)
		return NULL;
	return tc_step_output(&advance->root, advance->graph->graph.steps[step].name);
}

static Jsonb *
resolve(const Advance *advance, const Jsonb *given, const char **problem)
{
	char	   *missing = NULL;
	Jsonb	   *resolved = tc_graph_resolve(&advance->graph->graph, given,
											advance->root.params, output_of_step,
											unconstify(Advance *, advance), &missing);

	*problem = missing;
	return resolved;
}

/* What a step without a command waits for, and until when. */
static void
begin_waiting(const Advance *advance, const GraphStep *step, NewStep *new)
{
	static const char *const keys[] = {"signal", "key"};
	const char *values[2] = {NULL, NULL};
	const char *problem = NULL;
	bool		asks_first = step->condition != NULL;	/* it waits if that
														 * holds */

	switch (step->kind)
	{
		case STEP_WAIT:
			if (!asks_first)
				new->run_at = step->wait_until != DT_NOBEGIN
					? Max(step->wait_until, advance->now)
					: tc_state_later(advance->now, step->wait_for);
			new->state = tc_state_object(keys, values, 0);
			break;
		case STEP_APPROVAL:
			if (!asks_first)
				new->run_at = step->approval->expires > 0
					? tc_state_later(advance->now, step->approval->expires) : DT_NOEND;
			new->state = tc_state_object(keys, values, 0);
			break;
		case STEP_SIGNAL:
			values[0] = step->signal;
			if (step->key != NULL)
			{
				Jsonb	   *key = resolve(advance, step->key, &problem);

				if (key != NULL)
				{
					JsonbValue	scalar;

					if (JB_ROOT_IS_SCALAR(key) && JsonbExtractScalar(&key->root, &scalar) &&
						scalar.type == jbvString)
						values[1] = pnstrdup(scalar.val.string.val, scalar.val.string.len);
					else
						values[1] = JsonbToCString(NULL, &key->root, VARSIZE(key));
				}
			}
			new->state = tc_state_object(keys, values, 2);
			if (problem != NULL)
				note_problem(new, problem);
			break;
		case STEP_CHECK:
			new->state = tc_state_object(keys, values, 0);
			break;
		case STEP_COMMAND:
		case STEP_TASK:
			break;
	}
}

void
tc_release_describe(const Advance *advance, int number, NewStep *new)
{
	const CachedGraph *graph = advance->graph;
	const GraphStep *step = &graph->graph.steps[number];
	StepRun		run;
	const char *problem = NULL;

	MemSet(new, 0, sizeof(NewStep));
	tc_graph_step_run(graph, number, &run);
	new->task_id = graph->task_id;
	new->definition_id = graph->first_definition_id + number;
	new->queue_id = run.queue_id;
	new->has_priority = run.has_priority;
	new->priority = run.priority;
	new->max_attempts = run.max_attempts;
	new->run_at = advance->now;
	new->step = step->name;
	/* what was given to the root is no one's reference */
	new->params = step->params != NULL ? resolve(advance, step->params, &problem)
		: advance->root.params;
	if (problem != NULL)
	{
		new->params = advance->root.params;
		note_problem(new, problem);
	}
	else if (step->kind == STEP_TASK && step->for_each == NULL && step->condition == NULL &&
			 step->requires_flag == NULL)
		tc_release_choose_task(advance, step->task, new);
	else
		begin_waiting(advance, step, new);

	/*
	 * of what is executed here the defaults are the root's; a task has its
	 * own
	 */
	if (new->definition_id != 0)
	{
		if (new->queue_id == 0)
			new->queue_id = advance->root.queue_id;
		if (!new->has_priority)
		{
			new->has_priority = true;
			new->priority = advance->root.priority;
		}
		if (new->max_attempts == 0)
			new->max_attempts = 1;
		if (step->for_each == NULL && step->kind == STEP_COMMAND)
			new->gate = tc_release_gate(graph, number);
	}
}

/* Rights can have been taken back since. */
const char *
tc_release_problem(const Advance *advance, const GraphStep *step)
{
	NewStep		new = {0};

	if (step->kind == STEP_TASK)
		tc_release_choose_task(advance, step->task, &new);
	return tc_state_text(new.state, "problem");
}

/* The row of an earlier go that is a root itself, so that it goes on from where it was. */
static int64
root_of_earlier_go(const Advance *advance, const GraphStep *step)
{
	const OldStep *found = NULL;
	int			i;

	for (i = 0; i < advance->old_count; i++)
	{
		if (strcmp(advance->old[i].step, step->name) == 0)
			found = &advance->old[i];	/* the last one */
	}
	if (found == NULL || found->item != 0 || !found->is_root ||
		tc_walk_outcome(found->status) != STEP_STATE_FAILED)
		return 0;
	return found->run_id;
}

static void
insert_starts(Advance *advance)
{
	GraphWalk  *walk = &advance->walk;
	NewStep    *new = palloc(sizeof(NewStep) * Max(walk->start_count, 1));
	int64	   *again = palloc(sizeof(int64) * Max(walk->start_count, 1));
	int			new_count = 0;
	int			again_count = 0;
	int			i;

	for (i = 0; i < walk->start_count; i++)
	{
		int			step = walk->starts[i];
		int64		old = root_of_earlier_go(advance, &walk->graph->steps[step]);

		CHECK_FOR_INTERRUPTS();
		/* one with items asks for itself when it begins, and keeps them */
		if (old != 0 && (walk->graph->steps[step].for_each != NULL ||
						 tc_release_problem(advance, &walk->graph->steps[step]) == NULL))
			again[again_count++] = old;
		else
			tc_release_describe(advance, step, &new[new_count++]);
	}
	tc_steps_insert(&advance->root, new, new_count, advance->progress.exempt, advance->now);
	tc_steps_again(again, again_count, &advance->root, advance->now);
	advance->released += new_count + again_count;
	walk->start_count = 0;
}

static void
insert_skips(Advance *advance)
{
	GraphWalk  *walk = &advance->walk;
	NewStep    *new = palloc0(sizeof(NewStep) * Max(walk->skip_count, 1));
	int			i;

	for (i = 0; i < walk->skip_count; i++)
	{
		int			step = walk->skips[i].step;

		new[i].task_id = advance->graph->task_id;
		new[i].definition_id = advance->graph->first_definition_id + step;
		new[i].step = walk->graph->steps[step].name;
		new[i].reason = walk->skips[i].reason;
	}
	tc_steps_skip(&advance->root, new, walk->skip_count, advance->now);
	walk->skip_count = 0;
}

void
tc_release(Advance *advance)
{
	insert_skips(advance);
	insert_starts(advance);
}
