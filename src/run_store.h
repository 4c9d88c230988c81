/*-------------------------------------------------------------------------
 *
 * run_store.h
 *		The statements that executors move runs with: claim, finish, retry.
 *		Each checks status and token itself and writes the history of what it
 *		moves.
 *
 * Layer 3.  Called by executors inside a transaction; each function opens
 * its own frame.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_STORE_H
#define TC_RUN_STORE_H

#include "datatype/timestamp.h"
#include "rows.h"
#include "taskcenter.h"

/* what a claim asks for: one lane, from a bound on */
typedef struct ClaimRequest
{
	Oid			role;
	int64		queue_id;
	int32		priority;
	int64		gate;
	TimestampTz bound_at;		/* DT_NOBEGIN: from the beginning */
	int64		bound_run;
	TimestampTz now;
	int			max_runs;
	int64		executor_id;
	bool		control_queue;	/* exempt from the scheduler's pause */
} ClaimRequest;

/* rows are allocated in CurrentMemoryContext; returns the count */
extern int	tc_runs_claim(const ClaimRequest *request, RunRow *rows);

/* the first due time of the lane after now; DT_NOEND: none */
extern TimestampTz tc_runs_next_due(const ClaimRequest *request);

/*
 * Lock the limits of a queue, a task, and of the scheduled runs of a task that
 * take turns (0: not limited) and count what runs: returns how many more may
 * be claimed in this transaction, or that somebody else holds one for long.
 */
#define TC_ROOM_LOCKED (-1)
extern int64 tc_runs_room(int64 queue_id, int64 task_id, int64 task_in_turn);

/*
 * Finish or retry: false when the attempt is not ours any more.  forced: the
 * transaction may be read only by the command's own wish.
 */
extern bool tc_run_finish(const RunRow *run, const RunOutcome *outcome, bool forced);

/* a step waits on, and has spent no attempt; false: it is not this attempt's any more */
extern bool tc_run_snooze(const RunRow *run, TimestampTz until, Jsonb *state,
						  const char *reason);
extern bool tc_run_retry(const RunRow *run, const RunOutcome *outcome);

/* succeeded runs of one claim in one set; returns how many were ours */
extern int	tc_runs_finish_batch(RunRow *const *runs, const RunOutcome *outcomes, int count,
								 int64 executor_id);
extern void tc_run_write_logs(const RunRow *run, int64 owner_id, const LogRow *logs, int count,
							  bool forced);

#endif							/* TC_RUN_STORE_H */
