/*-------------------------------------------------------------------------
 *
 * graph_walk.h
 *		How a graph goes on when steps have ended: which steps start now, and
 *		which never will.
 *
 * Layer 1: values in, values out.  A byte per step is all that is kept of a
 * running graph.  Steps are looked at in waves, so that a long chain of skips
 * costs no recursion, and each once per wave, however many of those before it
 * have ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_WALK_H
#define TC_GRAPH_WALK_H

#include "graph_rules.h"

/* of a step, as graph_progress.state has it */
typedef enum StepState
{
	STEP_STATE_PENDING = '.',
	STEP_STATE_STARTED = 'r',
	STEP_STATE_SUCCEEDED = 's',
	STEP_STATE_FAILED = 'f',	/* timed out and cancelled, too */
	STEP_STATE_SKIPPED = 'k'
} StepState;

typedef struct SkippedStep
{
	int			step;
	const char *reason;
} SkippedStep;

typedef struct GraphWalk
{
	const Graph *graph;
	char	   *state;			/* a StepState per step; changed in place */
	bool		stopping;		/* a failure that is the root's has been */
	const char *stopped_by;		/* the step that failed; NULL: none yet */
	int			start_count;
	int		   *starts;			/* now STARTED */
	int			skip_count;
	SkippedStep *skips;			/* now SKIPPED */

	/* private */
	int		   *wave;
	int			wave_count;
	int		   *next;
	uint32	   *seen;
	uint32		round;
} GraphWalk;

/* state is the caller's; everything else lives in CurrentMemoryContext */
extern void tc_walk_begin(GraphWalk *walk, const Graph *graph, char *state, bool stopping);

/* the steps that come after none start */
extern void tc_walk_open(GraphWalk *walk);

/* after the finished steps of an earlier go were set: all that can start does */
extern void tc_walk_resume(GraphWalk *walk);

/* a started step has ended; false: it was not started, nothing changes */
extern bool tc_walk_arrive(GraphWalk *walk, int step, StepState outcome);

/* go on from all that has arrived */
extern void tc_walk_settle(GraphWalk *walk);

/* steps in that state */
extern int	tc_walk_count(const GraphWalk *walk, StepState state);

/* how a run's status looks to the steps after it */
extern StepState tc_walk_outcome(const char *status);

#endif							/* TC_GRAPH_WALK_H */
