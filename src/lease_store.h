/*-------------------------------------------------------------------------
 *
 * lease_store.h
 *		Attempts of external workers: how they end, and what is said of them.
 *
 * Layer 3.  No function has a frame of its own: they are called between
 * tc_store_begin() and tc_store_end().  Each statement checks run, token and
 * status itself and writes the history of what it moves.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_LEASE_STORE_H
#define TC_LEASE_STORE_H

#include "rows.h"
#include "taskcenter.h"

/* an attempt that a worker has, locked for the transaction */
typedef struct LeaseRow
{
	int64		run_id;
	int64		token;
	int64		task_id;
	int64		owner_id;
	int64		queue_id;
	int64		schedule_id;	/* 0: none */
	int32		retention_class;
	int32		attempt;
	int32		max_attempts;
	int32		lost;
	int32		max_lost;
	bool		fail_if_lost;
	bool		cancel_requested;
	const char *cancel_reason;	/* NULL: none */
	bool		timed_out;		/* at the time that was asked for */
	TimestampTz started_at;
	TimestampTz lease_until;
	Oid			worker_role;
	const char *worker;
} LeaseRow;

/* false: the token is not that of an attempt that goes on */
extern bool tc_lease_hold(int64 run_id, int64 token, TimestampTz now, LeaseRow *lease);

/* the same, without a lock, with the task's level of logs */
extern bool tc_lease_look(int64 run_id, int64 token, LeaseRow *lease, char **log_level);

/* the status to which a worker ended the attempt with this token; NULL: none did */
extern char *tc_lease_ended_as(int64 run_id, int64 token, Oid *worker_role);

/* the params of the run that the token holds; NULL: it holds none */
extern Jsonb *tc_lease_params(int64 run_id, int64 token, Oid *worker_role);

/* the task of the run, if the watchdog took it from the holder of the token; 0: it did not */
extern int64 tc_lease_taken_from(int64 run_id, int64 token);

/* those that ended by now and nobody holds, at most so many */
extern int	tc_leases_expired(TimestampTz now, int max, LeaseRow **leases);

/* when the next lease ends; DT_NOEND: there is none */
extern TimestampTz tc_leases_next_end(void);

/* what ends with its worker: cancelled, or not to be repeated */
extern int	tc_leases_to_end(int64 worker_id, LeaseRow **leases);

/*
 * Runs that succeeded, in one statement.  The array comes back sorted, with
 * what was done, the schedules (0: none), and the workers that held them.
 */
typedef struct Completion
{
	int64		run_id;
	int64		token;
	Jsonb	   *output;			/* NULL: none */
	int			place;			/* among those that were asked for */
	bool		done;
	int64		schedule_id;
	int64		worker_id;
} Completion;

extern int	tc_leases_complete(Completion *runs, int count, const char *actor,
							   TimestampTz now);

/* an attempt that failed: to be tried again, or not */
extern bool tc_lease_retry(const LeaseRow *lease, const RunOutcome *outcome);
extern bool tc_lease_end(const LeaseRow *lease, const RunOutcome *outcome, const char *code);

/* put off, uncounted */
extern bool tc_lease_snooze(const LeaseRow *lease, TimestampTz run_at, const char *actor,
							TimestampTz now);
extern void tc_lease_log(const LeaseRow *lease, const LogRow *log);

/* lines that are kept of the attempt, up to so many, their bytes, and whether one says this */
extern int64 tc_lease_logged(const LeaseRow *lease, const char *said, int most, int64 *bytes,
							 bool *is_said);
extern void tc_lease_progress(const LeaseRow *lease, Jsonb *progress);

/* the worker is to end it; false: no worker has it, or somebody holds it */
extern bool tc_lease_request_cancel(int64 run_id, int32 attempt, const char *reason,
									TimestampTz now);

#endif							/* TC_LEASE_STORE_H */
