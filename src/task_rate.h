/*-------------------------------------------------------------------------
 *
 * task_rate.h
 *		The rate limit of a task whose runs executors claim, and where it stands.
 *
 * Layer 3.8.  In the transaction of the claim: what it does not take is there
 * for the next.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TASK_RATE_H
#define TC_TASK_RATE_H

#include "datatype/timestamp.h"

typedef struct TaskRate
{
	const char *limit;			/* as it was defined; NULL: none */
	int64		queue_id;
	int64		task_id;
	const char *key;			/* of its tenant; NULL: the task's own */
} TaskRate;

/*
 * How many runs may begin now; held for the transaction.  0: *next says when to
 * look again.
 */
extern int64 tc_task_rate_room(const TaskRate *rate, TimestampTz now, TimestampTz *next);

/* so many of them begin */
extern void tc_task_rate_take(const TaskRate *rate, int64 runs, TimestampTz now);

/* the same without holding it: when the next one may begin */
extern TimestampTz tc_task_rate_next(const TaskRate *rate, TimestampTz now);

#endif							/* TC_TASK_RATE_H */
