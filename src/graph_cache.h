/*-------------------------------------------------------------------------
 *
 * graph_cache.h
 *		Graphs that this process has read, and the definitions of their steps.
 *
 * Layer 3.5.  A graph never changes, so what was read is kept: the last
 * TC_MAX_CACHED_GRAPHS of them.  A result is valid until so many others have
 * been asked for, or, if this transaction made it, until the transaction
 * ends.  What must be read is read in the caller's transaction, in a frame of
 * its own: results of the caller's last statement are gone then.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_CACHE_H
#define TC_GRAPH_CACHE_H

#include "graph_rules.h"
#include "rows.h"

#define TC_MAX_CACHED_GRAPHS 32

typedef struct CachedGraph
{
	int64		task_id;
	int			version;
	int64		first_definition_id;
	Graph		graph;
	MemoryContext context;		/* of all of it */
	int64	   *queue_ids;		/* of each step; 0: that of the root */
	bool	   *autonomous;		/* of each step: its command surely cannot run
								 * in a transaction */
} CachedGraph;

/* NULL: there is no such version */
extern const CachedGraph *tc_graph(int64 task_id, int version);

/* the graph of a step's definition, and the step; NULL: there is none */
extern const CachedGraph *tc_graph_of_definition(int64 definition_id, int *step);

/* the highest version of a task, as this transaction sees it; 0: none */
extern int	tc_graph_newest(int64 task_id);

/* is the id that of a step's definition, not of a task? */
extern bool tc_is_step_definition(int64 id);

/*
 * By what an executor runs a step that is no task of its own: the command and
 * how it is executed are the step's, roles and state the composite's.  In
 * `context`, but for what belongs to the composite.
 */
extern TaskDefinition *tc_graph_step_definition(const CachedGraph *graph, int step,
												const TaskDefinition *composite,
												MemoryContext context);

/* is an attempt that was lost not to be repeated?  0: it is */
extern bool tc_graph_step_is_not_repeated(int64 definition_id);

/* does what it executes need a lane of its own? */
extern bool tc_graph_step_is_gated(const CachedGraph *graph, int step);

/* what a run of a step gets */
typedef struct StepRun
{
	int64		queue_id;		/* 0: the root's, or that of the task */
	bool		has_priority;	/* false: the root's */
	int32		priority;
	int32		max_attempts;	/* 0: not said: 1, or that of the task */
} StepRun;

extern void tc_graph_step_run(const CachedGraph *graph, int step, StepRun *run);

#endif							/* TC_GRAPH_CACHE_H */
