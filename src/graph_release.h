/*-------------------------------------------------------------------------
 *
 * graph_release.h
 *		The runs of steps that start, and of those that never will.
 *
 * Layer 4.  In a transaction that holds the progress of the root.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_RELEASE_H
#define TC_GRAPH_RELEASE_H

#include "graph_cache.h"
#include "graph_step_store.h"
#include "graph_walk.h"
#include "progress_store.h"

#define TC_UNDO_PREFIX "undo:"

/* a root that somebody advances */
typedef struct Advance
{
	GraphProgress progress;
	RootRow		root;
	const CachedGraph *graph;	/* NULL: items of for_each */
	GraphWalk	walk;
	OldStep    *old;			/* of an earlier go; NULL: there was none */
	int			old_count;
	int			released;		/* steps that began to wait for an executor */
	TimestampTz now;
	const GraphStep *ending;	/* ends only with this transaction, and has no
								 * output yet; NULL: none does */
} Advance;

/* write what the walk has found, and forget that it did */
extern void tc_release(Advance *advance);

/* what the run of a step gets; where something is wrong it says so when it is executed */
extern void tc_release_describe(const Advance *advance, int number, NewStep *new);

/* the task that a step names, if the owner of the graph may have it run */
extern void tc_release_choose_task(const Advance *advance, const char *name, NewStep *new);

/* why what an earlier go of a step has begun may not go on; NULL: it may */
extern const char *tc_release_problem(const Advance *advance, const GraphStep *step);

/* the lane of a definition whose runs need one of their own; 0: they do not */
extern int64 tc_release_gate(const CachedGraph *graph, int step);

#endif							/* TC_GRAPH_RELEASE_H */
