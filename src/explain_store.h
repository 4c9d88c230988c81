/*-------------------------------------------------------------------------
 *
 * explain_store.h
 *		What surrounds one run: the facts from which its state is explained.
 *
 * Layer 3, reading only.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_EXPLAIN_STORE_H
#define TC_EXPLAIN_STORE_H

#include "datatype/timestamp.h"
#include "postgres_ext.h"

typedef struct RunCircumstances
{
	const char *status;
	bool		finished;
	int32		attempt;
	int32		max_attempts;
	int32		lost;
	TimestampTz run_at;
	TimestampTz started_at;		/* DT_NOBEGIN: not started */
	TimestampTz finished_at;	/* DT_NOBEGIN: not finished */
	const char *error;			/* of the last attempt; NULL: none */
	const char *sqlstate;
	const char *reason;
	Oid			run_as_id;
	const char *task_state;		/* NULL: the task is missing */
	const char *task_reason;
	int32		task_limit;		/* -1: none */
	int64		task_running;
	const char *queue;			/* NULL: the queue is missing */
	const char *queue_state;
	const char *queue_reason;
	int32		queue_limit;	/* -1: none */
	int64		queue_running;
	int64		ahead;			/* due runs of its role that go first, at most
								 * TC_MAX_AHEAD */
	const char *changed_by;		/* of the last history row; NULL: none */
	const char *change_reason;
	TimestampTz changed_at;

	/* unless it is finished */
	const char *phase;			/* of a run whose steps run; NULL: it has none */
	bool		paused;
	int32		steps;
	int32		steps_done;
	int64		definition_id;	/* 0: the task's own */
	const char *signal;			/* that it waits for; NULL: none */
	const char *signal_key;		/* NULL: none */
	int32		approved;		/* who approved it so far */
	const char *rate_limit;		/* NULL: none */
	int64		queue_id;
	int64		task_id;
	const char *rate_key;		/* NULL: that of the task */
	const char *requires_flag;	/* NULL: none */
	const char *flag_subject;
	const char *held_by;		/* transactions that locked or changed the
								 * rows of the run, task and queue last */
	const char *task_held_by;
	const char *queue_held_by;
} RunCircumstances;

#define TC_MAX_AHEAD 10000

/* false: there is no such run */
extern bool tc_run_circumstances(int64 run_id, bool finished, TimestampTz now,
								 RunCircumstances *run);

/* the process whose open transaction holds the row; 0: none */
extern int	tc_row_holder(const char *held_by);

#endif							/* TC_EXPLAIN_STORE_H */
