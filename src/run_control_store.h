/*-------------------------------------------------------------------------
 *
 * run_control_store.h
 *		The statements of those who steer runs: find one, cancel, retry, list.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().  Each
 * statement that moves a run checks its status itself and writes the history.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_CONTROL_STORE_H
#define TC_RUN_CONTROL_STORE_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "rows.h"
#include "taskcenter.h"
#include "utils/jsonb.h"

/* a run as those see it who wait for it or steer it */
typedef struct RunFacts
{
	int64		run_id;
	int64		task_id;
	int64		parent_run_id;	/* 0: it is no step */
	const char *task;			/* NULL: the task is missing */
	const char *status;
	int32		attempt;
	bool		finished;
	TransactionId written_by;	/* of the row, unless finished */
	Jsonb	   *output;			/* NULL: none */
	const char *error;			/* NULL: none */
	const char *sqlstate;		/* NULL: none */
	TimestampTz finished_at;	/* DT_NOBEGIN: not finished */
	TimestampTz created_at;
	const char *created_by;
	bool		scheduled;		/* a schedule made it */
} RunFacts;

/* who does what, when */
typedef struct RunChange
{
	const char *actor;
	const char *reason;			/* NULL: none */
	TimestampTz now;
	Oid			role;			/* of who calls */
} RunChange;

/* one of many, as it was before */
typedef struct ChosenRun
{
	int64		run_id;
	int64		task_id;
	const char *task;
	const char *status;
	int32		attempt;
	bool		key_taken;		/* another unfinished run has its key, or will */
} ChosenRun;

/* what retried runs take from their task as it is now */
typedef struct RetryTarget
{
	int64		task_id;
	int64		run_as_id;
	int64		owner_id;
	int64		gate;
	int32		retention_class;	/* of history and logs */
	TimestampTz run_at;
} RetryTarget;

/* false: there is no such run */
extern bool tc_run_find(int64 run_id, RunFacts *run);

/* the same, but for the 42704 */
extern void tc_run_require(int64 run_id, RunFacts *run);
tc_noreturn extern void tc_run_report_missing(int64 run_id);

/* lock it for the transaction, waiting for nobody; false: held, or not one to cancel */
extern bool tc_run_hold_waiting(int64 run_id);

/* false: it is not, or not any more, waiting, queued or retrying */
extern bool tc_run_cancel(int64 run_id, const RunChange *change);

/* the same for all that match; running ones are left alone */
extern int	tc_runs_cancel(const RunFilter *filter, const RunChange *change, ChosenRun **runs);

/* running ones that match */
extern int	tc_runs_running(const RunFilter *filter, ChosenRun **runs);

/* finished runs that match and could be retried, by task, newest first */
extern int	tc_runs_retryable(const RunFilter *filter, ChosenRun **runs);

/* the same for one run; false: it is not in a status to retry */
extern bool tc_run_retryable(int64 run_id, ChosenRun *run);

/*
 * Make runs of one task queued again; those that somebody else moved are left
 * alone.  The ids that were moved come back in ascending order.
 */
extern int	tc_runs_retry(const RetryTarget *target, const int64 *run_ids, int count,
						  const RunChange *change, int64 **moved);

#endif							/* TC_RUN_CONTROL_STORE_H */
