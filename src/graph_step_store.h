/*-------------------------------------------------------------------------
 *
 * graph_step_store.h
 *		The runs of steps that are made: queued, skipped, or begun at once.
 *
 * Layer 3.  Called inside a transaction by whoever holds the progress of the
 * root; a step that is handed over takes that lock itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_STEP_STORE_H
#define TC_GRAPH_STEP_STORE_H

#include "graph_run_store.h"
#include "rows.h"

/* a run to make */
typedef struct NewStep
{
	int64		task_id;		/* whose roles, retention, and what is not
								 * given here, it gets */
	int64		definition_id;	/* 0: the task's own */
	int64		queue_id;		/* 0: the task's */
	int64		gate;			/* of a definition; else the task says */
	TimestampTz run_at;
	bool		has_priority;
	int			priority;
	int			max_attempts;	/* 0: the task's */
	const Jsonb *params;
	const char *step;
	int			item;			/* 0: none */
	Jsonb	   *state;			/* NULL: none */
	const char *reason;			/* of a skipped one */
} NewStep;

extern void tc_steps_insert(const RootRow *root, const NewStep *steps, int count, bool exempt,
							TimestampTz now);
extern void tc_steps_skip(const RootRow *root, const NewStep *steps, int count,
						  TimestampTz now);

/*
 * In the transaction of the only step of a root that executes: `run`, the next
 * one, is claimed by the same executor, if the root still stands as `before`
 * says and nobody is about to change it.  False: it does not, and nothing is
 * changed.
 */
extern bool tc_step_begin_claimed(const RootRow *root, const char *before, const char *after,
								  const NewStep *step, const RunRow *run,
								  const TaskDefinition *task, int64 executor_id);

#endif							/* TC_GRAPH_STEP_STORE_H */
