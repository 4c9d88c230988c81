/*-------------------------------------------------------------------------
 *
 * outcome.c
 *		What an attempt leaves behind: its outcome, its log, the next instant
 *		of a schedule that counts from its end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "delay.h"
#include "failure_report.h"
#include "outcome.h"
#include "run_store.h"
#include "shared_state.h"
#include "shared_watchdog.h"
#include "worker_process.h"

/* A fixed-delay schedule counts from the end of its run. */
static void
advance_delay(const Attempt *attempt, TimestampTz ended_at)
{
	if (attempt->run->schedule_id != 0 && attempt->task->has_delay)
		tc_delay_after_run(attempt->run->schedule_id, ended_at);
}

/* Finish in the command's own transaction; what it left in force is overruled. */
int
tc_outcome_success(Attempt *attempt)
{
	RunOutcome	outcome = tc_attempt_success(attempt);
	LogRow	   *logs;
	int			log_count = tc_attempt_logs(&logs);

	if (log_count > 0)
		tc_run_write_logs(attempt->run, attempt->task->owner_id, logs, log_count,
						  true);
	if (!tc_run_finish(attempt->run, &outcome, true))
	{
		tc_shared_watchdog_count(WATCHDOG_LATE, 1);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the run is no longer this executor's"),
				 errdetail("Its effects are rolled back.")));
	}
	advance_delay(attempt, outcome.finished_at);
	return log_count;
}

/* Lines that came after the finish was written: from deferred triggers, say. */
void
tc_outcome_late_logs(Attempt *attempt, int written)
{
	LogRow	   *logs;
	int			count = tc_attempt_logs(&logs);

	if (count <= written)
		return;
	tc_worker_begin("write late log lines");
	tc_run_write_logs(attempt->run, attempt->task->owner_id, logs + written,
					  count - written, false);
	tc_worker_commit();
}

void
tc_outcome_failure(Attempt *attempt)
{
	RunOutcome	outcome = tc_attempt_failure(attempt);
	LogRow	   *logs = NULL;
	int			count = attempt->logs != NULL ? attempt->log_count : tc_attempt_logs(&logs);
	bool		ours;

	if (attempt->logs != NULL)
		logs = attempt->logs;
	if (count == 0)
		logs = palloc(sizeof(LogRow));
	logs[count].logged_at = attempt->finished_at;
	logs[count].level = "error";
	logs[count].message = tc_attempt_full_error(attempt->error);
	logs[count].metadata = NULL;

	/* for its dead letter */
	tc_failure_report_note(attempt->run->run_id, logs[count].message);
	tc_worker_begin("record a failed attempt");
	if (strcmp(outcome.status, "retrying") == 0)
		ours = tc_run_retry(attempt->run, &outcome);
	else
	{
		ours = tc_run_finish(attempt->run, &outcome, false);
		advance_delay(attempt, outcome.finished_at);
	}
	if (ours)
		tc_run_write_logs(attempt->run, attempt->task->owner_id, logs, count + 1,
						  false);
	tc_worker_commit();
	tc_failure_report_forget();
}
