/*-------------------------------------------------------------------------
 *
 * graph_draw.h
 *		A graph as text: a tree, DOT, Mermaid.
 *
 * Layer 1.6: values in, text out.  looks has an entry for each step of the
 * graph, in its order, and says how a run of it stands; NULL draws the
 * definition alone.  Lines of a tree fit 100 columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_DRAW_H
#define TC_GRAPH_DRAW_H

#include "graph_rules.h"

#define TC_DRAW_WIDTH 98		/* columns of a line of a tree: psql adds two */

typedef struct GraphLook
{
	const char *status;			/* NULL: nothing is known of the step */
	const char *detail;			/* such as "3/10" or a duration; NULL: none */
} GraphLook;

/* title: what the first line says, such as the task's name */
extern char *tc_graph_draw_tree(const Graph *graph, const char *title,
								const GraphLook *looks);
extern char *tc_graph_draw_dot(const Graph *graph, const char *title,
							   const GraphLook *looks);
extern char *tc_graph_draw_mermaid(const Graph *graph, const char *title,
								   const GraphLook *looks);

#endif							/* TC_GRAPH_DRAW_H */
