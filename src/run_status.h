/*-------------------------------------------------------------------------
 *
 * run_status.h
 *		The statuses of a run and the one table of legal moves.
 *
 * Layer 1: pure.  The guards, the API and the view run_transitions read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_STATUS_H
#define TC_RUN_STATUS_H

typedef enum RunStatus
{
	RUN_STATUS_WAITING,
	RUN_STATUS_QUEUED,
	RUN_STATUS_RUNNING,
	RUN_STATUS_RETRYING,
	RUN_STATUS_SUCCEEDED,
	RUN_STATUS_FAILED,
	RUN_STATUS_TIMED_OUT,
	RUN_STATUS_CANCELLED,
	RUN_STATUS_SKIPPED
} RunStatus;

#define RUN_STATUS_COUNT (RUN_STATUS_SKIPPED + 1)

extern const char *tc_run_status_label(RunStatus status);

/* false: no such status; label need not be terminated */
extern bool tc_run_status_parse(const char *label, int length, RunStatus *status);
extern bool tc_run_status_is_finished(RunStatus status);

/* can a claim take a run of this status? */
extern bool tc_run_status_is_ready(RunStatus status);
extern bool tc_run_status_may_become(RunStatus from, RunStatus to);

#endif							/* TC_RUN_STATUS_H */
