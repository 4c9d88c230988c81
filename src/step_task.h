/*-------------------------------------------------------------------------
 *
 * step_task.h
 *		A step that names a task, and asks before it starts.
 *
 * Layer 4.  Flag and condition are the graph's: its own role asks them, in a
 * run of the composite task.  What lets it start makes that run one of the
 * task that the step names, with that task's roles, queue and limits, for its
 * executors or workers to claim.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STEP_TASK_H
#define TC_STEP_TASK_H

#include "graph_cache.h"
#include "rows.h"

/*
 * In a transaction; owner: of the graph.  NULL: done, or the run is not this
 * attempt's any more; else why the task may not have the run.
 */
extern const char *tc_step_hand_over(const RunRow *run, const CachedGraph *graph, int step,
									 int64 owner_id, TimestampTz now);

#endif							/* TC_STEP_TASK_H */
