/*-------------------------------------------------------------------------
 *
 * graph_save.h
 *		Giving a composite task a graph.
 *
 * Layer 4.6.  Called between tc_store_begin() and tc_store_end(), with the
 * task's row locked or just made, after the caller was found to have the
 * right to manage it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_SAVE_H
#define TC_GRAPH_SAVE_H

#include "graph_names.h"

typedef struct GraphOrder
{
	const TaskRow *task;
	const Jsonb *document;
	bool		dry_run;		/* only look; the task may be about to be made */
	GraphPromise promise;		/* NULL: nothing else is about to be made */
	void	   *argument;
	TimestampTz now;
} GraphOrder;

typedef struct GraphChange
{
	int			version;		/* that the task has now; 0: dry run */
	bool		changed;
	const Jsonb *before;		/* NULL: there was none */
} GraphChange;

/*
 * Make it the newest version, unless it is.  Raises what tc_graph_check() and
 * tc_graph_check_names() do, 22023 for a task of another kind, 42501 unless
 * the caller may decide what the task's role executes.
 */
extern void tc_graph_save(const GraphOrder *order, GraphChange *change);

/* 22023 unless tasks of this kind have a graph */
extern void tc_graph_check_kind(const TaskRow *task);

/* the newest graph of a task; NULL: none */
extern Jsonb *tc_graph_newest_document(int64 task_id);

#endif							/* TC_GRAPH_SAVE_H */
