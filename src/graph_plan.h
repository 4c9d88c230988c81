/*-------------------------------------------------------------------------
 *
 * graph_plan.h
 *		What would become of the steps of a graph, as far as it can be told
 *		before a run.
 *
 * Layer 1.6.  A step that starts is taken to succeed, unless it is known to
 * fail; what only the run decides is said to depend on it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_PLAN_H
#define TC_GRAPH_PLAN_H

#include "graph_rules.h"

typedef enum PlanOutcome
{
	PLAN_STARTS,
	PLAN_DEPENDS,				/* starts, unless its condition or flag says
								 * otherwise */
	PLAN_SKIPPED,
	PLAN_FAILS
} PlanOutcome;

typedef struct PlannedStep
{
	PlanOutcome outcome;
	char	   *reason;			/* NULL: nothing is to be said */
	Jsonb	   *params;			/* resolved as far as they are known; NULL:
								 * none */
} PlannedStep;

/*
 * One entry for each step, in the graph's order.  problems: why a step will
 * fail, NULL where nothing is known.
 */
extern PlannedStep *tc_graph_plan(const Graph *graph, const Jsonb *root_params,
								  const char *const *problems);

extern const char *tc_plan_outcome_label(PlanOutcome outcome);

#endif							/* TC_GRAPH_PLAN_H */
