/*-------------------------------------------------------------------------
 *
 * lease.c
 *		How attempts of external workers end otherwise than well, and how much
 *		they may say.
 *
 * A lease that ends without a beat: the run is lost, goes back to be claimed by
 * another worker, and is counted by max_lost; or it ends where the task forbids
 * that.  A time limit is the end of a lease that no beat prolongs: it spends
 * the attempt, as a failure does, and ends the run where the task forbids that
 * what was begun is repeated.  Whoever comes second finds another token.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "backoff.h"
#include "definition_store.h"
#include "delay.h"
#include "failure_report.h"
#include "lease.h"
#include "message_capture.h"
#include "recover_store.h"
#include "shared_state.h"
#include "shared_watchdog.h"
#include "statement.h"
#include "worker_process.h"

#define BATCH 500				/* leases in one transaction */
#define MAX_REASON 200
#define NOTHING_MORE "more messages were not kept"
#define HELD_LOOK_US (200 * INT64CONST(1000))	/* at one that somebody holds */

/* runs that share a fate: parallel arrays for the store */
typedef struct Fate
{
	int64		run_ids[BATCH];
	int64		tokens[BATCH];
	int64		schedule_ids[BATCH];
	int			count;
} Fate;

static int64
delay_of(const LeaseRow *lease, const LeaseFailure *failure)
{
	TaskDefinition *task;

	if (failure->retry_after >= 0)
		return failure->retry_after;
	task = tc_definition_load(lease->task_id);
	if (task == NULL)
		return 0;
	return tc_backoff_delay(task->backoff, task->backoff_base, task->backoff_cap,
							lease->attempt, pg_prng_double(&pg_global_prng_state));
}

static void
advance_schedule(int64 schedule_id, TimestampTz now)
{
	if (schedule_id != 0)
		tc_delay_after_run(schedule_id, now);
}

const char *
tc_lease_fail(const LeaseRow *lease, const LeaseFailure *failure, TimestampTz now)
{
	RunOutcome	outcome = {0};

	outcome.finished_at = Max(now, lease->started_at);
	outcome.error = failure->error;
	outcome.sqlstate = failure->sqlstate;
	outcome.reason = pnstrdup(failure->error,
							  pg_mbcliplen(failure->error, strlen(failure->error), MAX_REASON));
	outcome.actor = failure->actor;
	if (lease->cancel_requested)
	{
		outcome.status = "cancelled";
		outcome.reason = lease->cancel_reason;
	}
	else if (failure->retryable && lease->attempt < lease->max_attempts)
	{
		outcome.status = "retrying";
		outcome.retry_at = now + delay_of(lease, failure);
		(void) tc_lease_retry(lease, &outcome);
		return outcome.status;
	}
	else
		outcome.status = failure->timed_out ? "timed_out" : "failed";
	if (failure->report != NULL)
		tc_failure_report_note(lease->run_id, failure->report);
	(void) tc_lease_end(lease, &outcome, failure->code);
	tc_failure_report_forget();
	advance_schedule(lease->schedule_id, now);
	return outcome.status;
}

/* ---- what it says ---- */

bool
tc_lease_say(const LeaseRow *lease, const LogRow *log)
{
	LogRow		mark = {.logged_at = log->logged_at,.level = "warning",.message = NOTHING_MORE};
	int64		size = strlen(log->message) + (log->metadata == NULL ? 0 : VARSIZE(log->metadata));
	int64		bytes;
	bool		is_marked;
	int64		lines = tc_lease_logged(lease, NOTHING_MORE, TC_MESSAGE_MAX_COUNT + 1, &bytes,
										&is_marked);

	/* once one is left out all are, so that what is kept has no holes */
	if (is_marked || lines > TC_MESSAGE_MAX_COUNT)
		return false;
	if (lines < TC_MESSAGE_MAX_COUNT && bytes + size <= TC_MESSAGE_MAX_TOTAL)
	{
		tc_lease_log(lease, log);
		return true;
	}
	tc_lease_log(lease, &mark);
	return false;
}

/* ---- a worker leaves ---- */

void
tc_lease_leave(int64 worker_id, const char *actor, TimestampTz now)
{
	LeaseFailure failure = {.error = "its worker left",.retry_after = -1,.actor = actor};
	LeaseRow   *leases;
	int			count = tc_leases_to_end(worker_id, &leases);
	int			i;

	for (i = 0; i < count; i++)
		(void) tc_lease_fail(&leases[i], &failure, now);
}

/* ---- leases that ended ---- */

static void
join_fate(Fate *fate, const LeaseRow *lease)
{
	fate->run_ids[fate->count] = lease->run_id;
	fate->tokens[fate->count] = lease->token;
	fate->schedule_ids[fate->count] = lease->schedule_id;
	fate->count++;
}

static void
settle(const LeaseRow *leases, int count, TimestampTz now)
{
	static const char *const lost = "lost: its worker sent no beat within the lease";
	LeaseFailure over = {.error = "time limit exceeded",.sqlstate = "57014",.timed_out = true,
	.retry_after = -1,.actor = "scheduler"};
	LeaseFailure silent = {.error = lost,.retry_after = -1,.actor = "scheduler"};
	Fate	   *again = palloc(sizeof(Fate));
	Fate	   *failed = palloc(sizeof(Fate));
	int			silent_count = 0;
	int			moved = 0;
	int			i;

	again->count = failed->count = 0;
	for (i = 0; i < count; i++)
	{
		const LeaseRow *lease = &leases[i];

		/* who was not silent was too slow */
		silent_count += !lease->timed_out;
		if (lease->cancel_requested)
			(void) tc_lease_fail(lease, &silent, now);
		else if (lease->timed_out)
		{
			/* nobody knows what its worker still does */
			over.retryable = !lease->fail_if_lost;
			moved += strcmp(tc_lease_fail(lease, &over, now), "timed_out") == 0;
		}
		else if (lease->fail_if_lost || lease->lost + 1 >= lease->max_lost)
			join_fate(failed, lease);
		else
			join_fate(again, lease);
	}
	if (again->count > 0)
		tc_runs_requeue_lost(again->run_ids, again->tokens, again->count, lost);
	if (failed->count > 0)
		tc_runs_end_lost(failed->run_ids, failed->tokens, failed->count, "failed", lost,
						 "scheduler", now);
	tc_shared_watchdog_count(WATCHDOG_CHECKED, count);
	tc_shared_watchdog_count(WATCHDOG_STUCK, silent_count);
	tc_shared_watchdog_count(WATCHDOG_MOVED, failed->count + moved);
	for (i = 0; i < failed->count; i++)
		advance_schedule(failed->schedule_ids[i], now);
}

TimestampTz
tc_leases_settle(TimestampTz now)
{
	TimestampTz next;
	int			count;

	do
	{
		StoreFrame	frame;
		LeaseRow   *leases;

		tc_worker_begin("settle leases that ended");
		tc_store_begin(&frame);
		count = tc_leases_expired(now, BATCH, &leases);
		if (count > 0)
			settle(leases, count, now);
		next = tc_leases_next_end();
		tc_store_end(&frame);
		tc_worker_commit();
	} while (count == BATCH);
	/* what is over, and was not found, is held by somebody */
	return next <= now ? now + HELD_LOOK_US : next;
}
