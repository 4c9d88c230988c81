/*-------------------------------------------------------------------------
 *
 * attempt.h
 *		One attempt at one run while it lasts: what it knows of itself, its
 *		time limit, its messages, and how it ended.
 *
 * Layer 3, executors only; no SQL.  open publishes the attempt to other
 * processes, arms its limit and starts to capture messages; close undoes all
 * of it, so that nothing that was meant for this attempt can reach what
 * follows.  All memory is the caller's current context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ATTEMPT_H
#define TC_ATTEMPT_H

#include "current_run.h"
#include "message_capture.h"
#include "rows.h"
#include "user_command.h"

typedef struct Attempt
{
	RunRow	   *run;
	const TaskDefinition *task;
	CurrentRun	facts;
	ResultCapture *capture;		/* NULL: rows are dropped */
	CommandResult result;
	TimestampTz started_at;
	TimestampTz deadline;		/* of what is repeated at once, too; 0: not
								 * begun; DT_NOEND: no time limit */
	TimestampTz finished_at;
	ErrorData  *error;			/* NULL: it succeeded */
	bool		timed_out;
	bool		cancelled;		/* somebody asked for that, in time or not */
	char	   *cancel_reason;
	char	   *cancel_actor;
	Jsonb	   *step_state;		/* that it notes if it is tried again; NULL:
								 * nothing */
	LogRow	   *logs;			/* of a batched run, taken at its end */
	int			log_count;
} Attempt;

/* fill in what the run may know of itself; context outlives the attempt */
extern void tc_attempt_describe(Attempt *attempt, const char *queue, MemoryContext context);
extern void tc_attempt_open(Attempt *attempt);

/* after this neither limit nor cancellation can strike any more */
extern void tc_attempt_close(Attempt *attempt);

/* a command that swallowed its time-out does not succeed: raises 57014 */
extern void tc_attempt_refuse_late(void);

/*
 * Closed, outside a transaction.  True: it collided with others and is to be
 * repeated at once, uncounted; it has let them go first.  *collisions begins
 * at 0.
 */
extern bool tc_attempt_collided(const Attempt *attempt, int *collisions);

/* the captured messages, with room for one more; returns the count */
extern int	tc_attempt_logs(LogRow **logs);
extern RunOutcome tc_attempt_success(Attempt *attempt);

/* which status a failed attempt leads to, and when it is tried again */
extern RunOutcome tc_attempt_failure(Attempt *attempt);

/* message, detail, hint and context, clipped */
extern char *tc_attempt_full_error(const ErrorData *error);

#endif							/* TC_ATTEMPT_H */
