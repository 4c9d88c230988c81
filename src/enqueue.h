/*-------------------------------------------------------------------------
 *
 * enqueue.h
 *		Making runs on request: what the run gets from its task and what from
 *		the caller, and what happens when its key is taken.
 *
 * Layer 4.  Called between tc_store_begin() and tc_store_end(), with a task
 * that the caller is allowed to enqueue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ENQUEUE_H
#define TC_ENQUEUE_H

#include "enqueue_store.h"
#include "task_store.h"
#include "utils/timestamp.h"

typedef enum EnqueueConflict
{
	ENQUEUE_CONFLICT_EXISTING,
	ENQUEUE_CONFLICT_REPLACE,
	ENQUEUE_CONFLICT_ERROR
} EnqueueConflict;

/* what was asked for; checked for itself, not yet against the task */
typedef struct EnqueueRequest
{
	Jsonb	   *params;			/* NULL: those of the task */
	TimestampTz run_at;			/* DT_NOBEGIN: now */
	bool		has_priority;
	int32		priority;
	int32		max_attempts;	/* 0: those of the task */
	const char *queue;			/* NULL: that of the task */
	const char *unique_key;		/* NULL: none */
	bool		until_started;
	EnqueueConflict on_conflict;
	Interval   *unique_for;		/* NULL: the key ends with the run */
	const char *trace_id;		/* NULL: none */
	const char *group_key;		/* NULL: the task's */
} EnqueueRequest;

typedef struct EnqueueResult
{
	int64		run_id;
	bool		added;
} EnqueueResult;

/* 55000 unless the task accepts runs now */
extern void tc_enqueue_check_task(const TaskRow *task);
extern EnqueueResult tc_enqueue(const TaskRow *task, const EnqueueRequest *request,
								const RunOrigin *origin);

/* the same for many, tasks[i] being that of requests[i]; in their order */
extern EnqueueResult *tc_enqueue_set(const TaskRow *const *tasks,
									 const EnqueueRequest *requests, int count,
									 const RunOrigin *origin);

#endif							/* TC_ENQUEUE_H */
