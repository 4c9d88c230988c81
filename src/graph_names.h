/*-------------------------------------------------------------------------
 *
 * graph_names.h
 *		What a graph names: tasks, queues, roles.
 *
 * Layer 4.5.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_NAMES_H
#define TC_GRAPH_NAMES_H

#include "graph_rules.h"
#include "task_store.h"

/* is a task of that name about to be made? */
typedef bool (*GraphPromise) (const char *name, void *argument);

/*
 * Raises unless all that it names exists, owner of the composite and caller
 * may run the tasks, and the composites among them do not lead back to this
 * one or too deep.  promise may be NULL.
 */
extern void tc_graph_check_names(const TaskRow *composite, const Graph *graph,
								 GraphPromise promise, void *argument);

#endif							/* TC_GRAPH_NAMES_H */
