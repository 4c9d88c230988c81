/*-------------------------------------------------------------------------
 *
 * graph_plan.c
 *		What would become of the steps of a graph.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph_params.h"
#include "graph_plan.h"

const char *
tc_plan_outcome_label(PlanOutcome outcome)
{
	switch (outcome)
	{
		case PLAN_STARTS:
			return "starts";
		case PLAN_DEPENDS:
			return "depends";
		case PLAN_SKIPPED:
			return "skipped";
		case PLAN_FAILS:
			return "fails";
	}
	return NULL;
}

static StepArrivals
arrivals_of(const GraphStep *step, const PlannedStep *plan)
{
	StepArrivals arrivals = {step->before_count};
	int			i;

	for (i = 0; i < step->before_count; i++)
	{
		switch (plan[step->before[i]].outcome)
		{
			case PLAN_STARTS:
			case PLAN_DEPENDS:
				arrivals.succeeded++;
				break;
			case PLAN_SKIPPED:
				arrivals.skipped++;
				break;
			case PLAN_FAILS:
				arrivals.failed++;
				break;
		}
	}
	return arrivals;
}

/* the first step before it whose outcome is of this kind; NULL: none */
static const char *
first_before(const Graph *graph, const GraphStep *step, const PlannedStep *plan,
			 PlanOutcome outcome)
{
	int			i;

	for (i = 0; i < step->before_count; i++)
	{
		if (plan[step->before[i]].outcome == outcome)
			return graph->steps[step->before[i]].name;
	}
	return NULL;
}

static char *
why_skipped(const Graph *graph, const GraphStep *step, const PlannedStep *plan)
{
	const char *rule = tc_step_rule_label(step->rule);
	const char *failing = first_before(graph, step, plan, PLAN_FAILS);
	const char *skipped = first_before(graph, step, plan, PLAN_SKIPPED);

	if (failing != NULL && step->rule != STEP_RULE_ALL_FAILED &&
		step->rule != STEP_RULE_ONE_FAILED)
		return psprintf("rule %s: step \"%s\" fails", rule, failing);
	if (skipped != NULL)
		return psprintf("rule %s: step \"%s\" is skipped", rule, skipped);
	return psprintf("rule %s: no step before it fails", rule);
}

/* what only the run decides; NULL: nothing */
static char *
what_decides(const GraphStep *step)
{
	if (step->condition != NULL && step->requires_flag != NULL)
		return psprintf("if flag \"%s\" is on and its condition holds", step->requires_flag);
	if (step->requires_flag != NULL)
		return psprintf("if flag \"%s\" is on", step->requires_flag);
	return step->condition != NULL ? pstrdup("if its condition holds") : NULL;
}

static void
plan_step(const Graph *graph, int at, const Jsonb *root_params, const char *problem,
		  PlannedStep *plan)
{
	const GraphStep *step = &graph->steps[at];
	PlannedStep *planned = &plan[at];
	StepArrivals arrivals = arrivals_of(step, plan);
	char	   *missing = NULL;

	if (tc_step_verdict(step->rule, step->k, &arrivals) != STEP_VERDICT_START)
	{
		planned->outcome = PLAN_SKIPPED;
		planned->reason = why_skipped(graph, step, plan);
		return;
	}
	if (step->params != NULL)
		planned->params = tc_graph_resolve(graph, step->params, root_params, NULL, NULL, &missing);
	if (problem == NULL)
		problem = missing;
	planned->reason = what_decides(step);
	if (problem != NULL)
	{
		planned->outcome = PLAN_FAILS;
		planned->reason = pstrdup(problem);
	}
	else
		planned->outcome = planned->reason != NULL ? PLAN_DEPENDS : PLAN_STARTS;
}

PlannedStep *
tc_graph_plan(const Graph *graph, const Jsonb *root_params, const char *const *problems)
{
	PlannedStep *plan = palloc0(sizeof(PlannedStep) * graph->count);
	int			i;

	for (i = 0; i < graph->count; i++)
	{
		int			at = graph->order[i];

		plan_step(graph, at, root_params, problems[at], plan);
	}
	return plan;
}
