/*-------------------------------------------------------------------------
 *
 * graph_check.h
 *		Is a document a graph that can be saved?
 *
 * Layer 4.5.  Its form, its SQL, by parsing it, and how its steps are to be
 * executed, by the rules for tasks.  What it names is not looked at: see
 * graph_names.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_CHECK_H
#define TC_GRAPH_CHECK_H

#include "graph_rules.h"

typedef struct CheckedGraph
{
	Graph		graph;
	int			autonomous_count;
	int		   *autonomous;		/* steps whose command surely cannot run in a
								 * transaction, in ascending order */
} CheckedGraph;

/*
 * Raises unless it is one: 22023 with the place in DETAIL, what create_task()
 * raises for how a step is executed, 42601 for SQL that does not parse; the
 * context of these names the place.  Allocates in CurrentMemoryContext.
 */
extern void tc_graph_check(const Jsonb *document, CheckedGraph *checked);

/* raise 22023, as for a fault of the form */
extern void tc_graph_refuse(const GraphFault *fault);

/* while this is the argument of an error context, errors name the place in it */
typedef struct GraphPlace
{
	const char *step;			/* NULL: no step */
	const char *key;
	const char *sql;			/* in which an error has a position; NULL:
								 * none */
} GraphPlace;

extern void tc_graph_show_place(void *place);

#endif							/* TC_GRAPH_CHECK_H */
