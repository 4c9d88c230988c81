/*-------------------------------------------------------------------------
 *
 * enqueue_store.h
 *		The statements that make runs: one, or a whole set, and the keys that
 *		keep a run from being made twice.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ENQUEUE_STORE_H
#define TC_ENQUEUE_STORE_H

#include "datatype/timestamp.h"
#include "taskcenter.h"
#include "utils/jsonb.h"

/* a run that is to be made; nothing is looked up any more */
typedef struct NewRun
{
	int64		run_id;			/* result of an insert; 0: the key is taken */
	int64		task_id;
	int64		run_as_id;
	int64		owner_id;
	int64		queue_id;
	int64		gate;
	TimestampTz run_at;
	int32		priority;
	int32		max_attempts;
	int32		retention_class;
	Jsonb	   *params;
	const char *unique_key;		/* NULL: none */
	const char *unique_until;	/* NULL without a key */
	const char *trace_id;		/* NULL: none */
	const char *group_key;		/* NULL: the task's */
} NewRun;

/* what all runs of a call share */
typedef struct RunOrigin
{
	TimestampTz now;
	const char *created_by;		/* role */
	const char *actor;
	const char *reason;			/* NULL: none */
} RunOrigin;

/* the run that holds a key */
typedef struct KeyHolder
{
	int64		run_id;
	Jsonb	   *params;
	const char *status;			/* NULL: finished, the key was kept */
} KeyHolder;

/* false: a live run holds the key */
extern bool tc_enqueue_insert(NewRun *run, const RunOrigin *origin);

/* one statement; runs whose key is taken, or kept, are left with run_id 0 */
extern void tc_enqueue_insert_set(NewRun *runs, int count, const RunOrigin *origin);

/* a live run, or a kept key that has not expired */
extern bool tc_enqueue_find_key(int64 task_id, const char *key, TimestampTz now,
								KeyHolder *holder);

/* the same for a set; run_id 0: nobody holds the key any more */
extern void tc_enqueue_find_keys(const NewRun *runs, int count, TimestampTz now,
								 KeyHolder *holders);

/*
 * Keep the run that holds a key from starting until the transaction ends, and
 * say where it waits; false: it has started.
 */
extern bool tc_enqueue_hold_key(int64 task_id, const char *key, NewRun *held);

/* give a run that is not running new params and a new time; false: none is there */
extern bool tc_enqueue_replace(const NewRun *run, const RunOrigin *origin, int64 *run_id);

/* keep the key of a run until expires_at; false: it is kept for another run */
extern bool tc_enqueue_keep_key(const NewRun *run, TimestampTz expires_at, TimestampTz now);

/* 0: no such queue */
extern int64 tc_enqueue_find_queue(const char *queue);

#endif							/* TC_ENQUEUE_STORE_H */
