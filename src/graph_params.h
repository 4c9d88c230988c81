/*-------------------------------------------------------------------------
 *
 * graph_params.h
 *		The params of a step, with what they refer to in place.
 *
 * Layer 1.5.  {"$param": "day"} stands for a value of the root's params,
 * {"$output": "extract.rows"} for one of a step's output; "extract" alone is
 * all of it.  A path leads through objects by keys and through arrays by
 * places, counted from 0.  What is put in place keeps its type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_PARAMS_H
#define TC_GRAPH_PARAMS_H

#include "graph_rules.h"

/* the output of a step; NULL: there is none */
typedef const Jsonb *(*GraphOutput) (int step, void *argument);

/*
 * Params, or the key of a signal, resolved in CurrentMemoryContext.  output
 * NULL: outputs are not known yet, references to them stay.  NULL: *problem
 * says what is missing.
 */
extern Jsonb *tc_graph_resolve(const Graph *graph, const Jsonb *content,
							   const Jsonb *root_params, GraphOutput output,
							   void *argument, char **problem);

#endif							/* TC_GRAPH_PARAMS_H */
