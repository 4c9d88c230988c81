/*-------------------------------------------------------------------------
 *
 * graph_start.h
 *		Graphs begin, or go on after a failure; and are steered.
 *
 * Layer 4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_START_H
#define TC_GRAPH_START_H

#include "graph_cache.h"
#include "rows.h"

/* by which key task_cache.h knows what a claimed run executes */
extern int64 tc_graph_cache_id(const RunRow *run);

/*
 * Executor, in a transaction: a claimed run of a composite becomes a root
 * whose steps run.  timeout: of all of it, in microseconds; 0: none.  NULL:
 * done; else why it cannot start, to be recorded.
 */
extern const char *tc_graph_start(const RunRow *run, int64 timeout, TimestampTz now);

/* Executor, in a transaction: a step becomes a root of its items, each an object. */
extern const char *tc_graph_start_items(const RunRow *run, const CachedGraph *graph, int step,
										const Jsonb *rows, TimestampTz now);

/* what becomes of a run that is to end early */
typedef enum EarlyEnd
{
	NOT_A_ROOT,
	ROOT_ENDS,
	ROOT_UNDOES					/* it ends already, and goes on undoing */
} EarlyEnd;

/*
 * In a frame: everything below it is to be cancelled, but for what undoes.
 * Runs that execute are asked to end by ask(run_id, attempt, argument).
 */
typedef void (*AskToEnd) (int64 run_id, int32 attempt, const void *argument);
extern EarlyEnd tc_graph_cancel(int64 run_id, const char *reason, const char *actor,
								AskToEnd ask, const void *argument, TimestampTz now);

/* The same, and it ends with that status; NULL: cancelled. */
extern EarlyEnd tc_graph_end_early(int64 run_id, const char *status, const char *reason,
								   const char *actor, AskToEnd ask, const void *argument,
								   TimestampTz now);

/* In a frame: no step starts while it is paused.  False: it is no root. */
extern bool tc_graph_pause(int64 run_id, bool paused, TimestampTz now);

/* In a frame: what belongs to the root of that run goes on while all else is paused. */
extern void tc_graph_exempt(int64 run_id);

#endif							/* TC_GRAPH_START_H */
