/*-------------------------------------------------------------------------
 *
 * graph_walk.c
 *		How a graph goes on when steps have ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph_walk.h"

void
tc_walk_begin(GraphWalk *walk, const Graph *graph, char *state, bool stopping)
{
	int			size = Max(graph->count, 1);

	MemSet(walk, 0, sizeof(GraphWalk));
	walk->graph = graph;
	walk->state = state;
	walk->stopping = stopping;
	walk->starts = palloc(sizeof(int) * size);
	walk->skips = palloc(sizeof(SkippedStep) * size);
	walk->wave = palloc(sizeof(int) * size);
	walk->next = palloc(sizeof(int) * size);
	walk->seen = palloc0(sizeof(uint32) * size);
}

StepState
tc_walk_outcome(const char *status)
{
	if (strcmp(status, "succeeded") == 0)
		return STEP_STATE_SUCCEEDED;
	if (strcmp(status, "skipped") == 0)
		return STEP_STATE_SKIPPED;
	return STEP_STATE_FAILED;
}

static StepArrivals
arrivals_at(const GraphWalk *walk, const GraphStep *step)
{
	StepArrivals arrivals = {0};
	int			i;

	arrivals.total = step->before_count;
	for (i = 0; i < step->before_count; i++)
	{
		switch ((StepState) walk->state[step->before[i]])
		{
			case STEP_STATE_SUCCEEDED:
				arrivals.succeeded++;
				break;
			case STEP_STATE_FAILED:
				arrivals.failed++;
				break;
			case STEP_STATE_SKIPPED:
				arrivals.skipped++;
				break;
			case STEP_STATE_PENDING:
			case STEP_STATE_STARTED:
				break;
		}
	}
	return arrivals;
}

/* Does the rule ask for successes?  Such a step does not start once the graph stops. */
static bool
wants_success(StepRule rule)
{
	switch (rule)
	{
		case STEP_RULE_ALL_DONE:
		case STEP_RULE_ALL_FAILED:
		case STEP_RULE_ONE_FAILED:
			return false;
		case STEP_RULE_ALL_SUCCESS:
		case STEP_RULE_ONE_SUCCESS:
		case STEP_RULE_NONE_FAILED:
		case STEP_RULE_NONE_SKIPPED:
		case STEP_RULE_K_OF_N:
			return true;
	}
	return true;
}

static void
skip(GraphWalk *walk, int step, const char *reason)
{
	walk->state[step] = STEP_STATE_SKIPPED;
	walk->skips[walk->skip_count].step = step;
	walk->skips[walk->skip_count].reason = reason;
	walk->skip_count++;
	walk->next[walk->wave_count++] = step;
}

/* the next wave is collected in walk->next, counted by walk->wave_count */
static void
look_at(GraphWalk *walk, int number)
{
	const GraphStep *step = &walk->graph->steps[number];
	StepArrivals arrivals = arrivals_at(walk, step);

	switch (tc_step_verdict(step->rule, step->k, &arrivals))
	{
		case STEP_VERDICT_WAIT:
			break;
		case STEP_VERDICT_START:
			if (walk->stopping && wants_success(step->rule))
				skip(walk, number, walk->stopped_by == NULL ? "the graph stopped" :
					 psprintf("the graph stopped: step \"%s\" failed", walk->stopped_by));
			else
			{
				walk->state[number] = STEP_STATE_STARTED;
				walk->starts[walk->start_count++] = number;
			}
			break;
		case STEP_VERDICT_SKIP:
			skip(walk, number, psprintf("rule %s: of %d before it %d succeeded, %d failed, %d skipped",
										tc_step_rule_label(step->rule), arrivals.total,
										arrivals.succeeded, arrivals.failed, arrivals.skipped));
			break;
	}
}

void
tc_walk_open(GraphWalk *walk)
{
	int			i;

	for (i = 0; i < walk->graph->count; i++)
	{
		if (walk->state[i] != STEP_STATE_PENDING)
			continue;
		if (walk->graph->steps[i].before_count == 0)
		{
			walk->state[i] = STEP_STATE_STARTED;
			walk->starts[walk->start_count++] = i;
		}
	}
}

void
tc_walk_resume(GraphWalk *walk)
{
	int			i;

	for (i = 0; i < walk->graph->count; i++)
	{
		if (walk->state[i] != STEP_STATE_PENDING)
			walk->wave[walk->wave_count++] = i;
	}
	tc_walk_open(walk);
	tc_walk_settle(walk);
}

bool
tc_walk_arrive(GraphWalk *walk, int step, StepState outcome)
{
	if (walk->state[step] != STEP_STATE_STARTED)
		return false;
	walk->state[step] = outcome;
	walk->wave[walk->wave_count++] = step;
	if (outcome == STEP_STATE_FAILED && !walk->graph->steps[step].goes_on)
	{
		walk->stopping = true;
		if (walk->stopped_by == NULL)
			walk->stopped_by = walk->graph->steps[step].name;
	}
	return true;
}

void
tc_walk_settle(GraphWalk *walk)
{
	while (walk->wave_count > 0)
	{
		int			count = walk->wave_count;
		int		   *done = walk->wave;
		int			i;
		int			j;

		walk->round++;
		walk->wave_count = 0;
		for (i = 0; i < count; i++)
		{
			const GraphStep *step = &walk->graph->steps[done[i]];

			for (j = 0; j < step->after_count; j++)
			{
				int			after = step->after[j];

				if (walk->state[after] != STEP_STATE_PENDING ||
					walk->seen[after] == walk->round)
					continue;
				walk->seen[after] = walk->round;
				look_at(walk, after);
			}
		}
		walk->wave = walk->next;
		walk->next = done;
	}
}

int
tc_walk_count(const GraphWalk *walk, StepState state)
{
	int			count = 0;
	int			i;

	for (i = 0; i < walk->graph->count; i++)
		count += walk->state[i] == (char) state;
	return count;
}
