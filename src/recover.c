/*-------------------------------------------------------------------------
 *
 * recover.c
 *		Settle what executors left behind.
 *
 * Claimed and never started: back, uncounted.  Started and not finished:
 * lost; put back to be executed again, or ended where the task forbids that
 * or where it was lost too often.  Which is which, shared memory knows while
 * the server lives; after a crash every claimed run counts as started.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "graph_cache.h"
#include "graph_start.h"
#include "progress_store.h"
#include "recover.h"
#include "recover_store.h"
#include "run_cancel.h"
#include "run_control_store.h"
#include "settings.h"
#include "shared_metrics.h"
#include "shared_state.h"
#include "shared_watchdog.h"
#include "statement.h"
#include "worker_process.h"

#define CANCEL_LOOK_US (20 * INT64CONST(1000))	/* at a run that is about to
												 * begin or to end */
#define HELD_LOOK_US (200 * INT64CONST(1000))	/* at a run that somebody
												 * holds */

/* runs that share a fate: parallel arrays for the store */
typedef struct Fate
{
	int64	   *run_ids;
	int64	   *tokens;
	int			count;
} Fate;

/* what shared memory remembers of an executor */
typedef struct Remains
{
	bool		known;			/* false: nothing, the server crashed */
	int64		executing;		/* token, 0: none */
	int64		ended;			/* token of the last one that ended */
	int64		cancelled;		/* token that somebody wanted cancelled, 0:
								 * none */
	bool		over_limit;		/* it was terminated for its time limit */
	char		reason[TC_REASON_LENGTH];
	char		actor[NAMEDATALEN];
} Remains;

static Fate
make_fate(int capacity)
{
	Fate		fate;

	fate.run_ids = palloc(sizeof(int64) * Max(capacity, 1));
	fate.tokens = palloc(sizeof(int64) * Max(capacity, 1));
	fate.count = 0;
	return fate;
}

static void
join_fate(Fate *fate, const LostRun *run)
{
	fate->run_ids[fate->count] = run->run_id;
	fate->tokens[fate->count] = run->token;
	fate->count++;
}

static void
settle(const LostRun *runs, int count, const Remains *remains, const char *what,
	   TimestampTz now)
{
	Fate		unstarted = make_fate(count);
	Fate		again = make_fate(count);
	Fate		failed = make_fate(count);
	Fate		cancelled = make_fate(count);
	Fate		timed_out = make_fate(count);
	int			i;

	for (i = 0; i < count; i++)
	{
		const LostRun *run = &runs[i];

		if (remains->known && run->token != remains->executing &&
			run->token != remains->ended)
			join_fate(&unstarted, run);
		else if (remains->known && run->token == remains->cancelled)
			join_fate(&cancelled, run);
		else if (remains->over_limit && run->token == remains->executing)
			join_fate(&timed_out, run);
		else if (run->fail || tc_graph_step_is_not_repeated(run->definition_id) ||
				 run->lost + 1 >= run->max_lost)
			join_fate(&failed, run);
		else
			join_fate(&again, run);
	}
	if (remains->known && again.count + failed.count + timed_out.count > 0)
		tc_metric_database(DATABASE_COUNTER_LOST_EXECUTORS, 1);
	if (unstarted.count > 0)
		tc_runs_give_back(unstarted.run_ids, unstarted.tokens, unstarted.count,
						  "its executor ended", "scheduler");
	if (again.count > 0)
		tc_runs_requeue_lost(again.run_ids, again.tokens, again.count, what);
	if (failed.count > 0)
		tc_runs_end_lost(failed.run_ids, failed.tokens, failed.count, "failed", what,
						 "scheduler", now);
	if (cancelled.count > 0)
		tc_runs_end_lost(cancelled.run_ids, cancelled.tokens, cancelled.count, "cancelled",
						 remains->reason, remains->actor, now);
	if (timed_out.count > 0)
		tc_runs_end_lost(timed_out.run_ids, timed_out.tokens, timed_out.count, "timed_out",
						 "terminated: it went on after its time limit", "scheduler", now);
	tc_shared_watchdog_count(WATCHDOG_CHECKED, count);
	tc_shared_watchdog_count(WATCHDOG_STUCK, count - unstarted.count);
	tc_shared_watchdog_count(WATCHDOG_MOVED, failed.count + timed_out.count);
}

bool
tc_recover_all(TimestampTz now)
{
	int64		living[TC_MAX_EXECUTORS];
	Remains		nothing = {0};
	LostRun    *lost;
	int			living_count = 0;
	int			found;
	int			count;
	int			i;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (i = 0; i < tc_shared->executor_capacity; i++)
		if (tc_shared->executors[i].state != EXECUTOR_STATE_FREE &&
			tc_shared->executors[i].database == MyDatabaseId)
			living[living_count++] = tc_shared->executors[i].executor_id;
	LWLockRelease(tc_shared->lock);

	tc_worker_begin("settle lost runs");
	found = tc_runs_find_lost(living, living_count, &lost);
	count = tc_runs_hold(lost, found);
	if (count > 0)
	{
		settle(lost, count, &nothing, "lost: the server was restarted", now);
		ereport(LOG,
				(errmsg("taskcenter settled %d runs that were lost with the server in database %u",
						count, MyDatabaseId)));
	}
	tc_worker_commit();
	return count == found;
}

/* False: some of its runs are held, and the slot stays. */
static bool
recover_slot(int index, TimestampTz now)
{
	ExecutorSlot *slot = &tc_shared->executors[index];
	Remains		remains = {.known = true};
	int64		executor_id;
	Oid			role;
	LostRun    *lost;
	bool		holds_nothing;
	int			found;
	int			count;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	holds_nothing = slot->ended_clean && slot->cut_count == 0;
	executor_id = slot->executor_id;
	role = slot->role;
	remains.executing = slot->current_run != 0 ? slot->current_token : 0;
	remains.ended = slot->ended_token;
	remains.cancelled = slot->cancel_token;
	remains.over_limit = slot->terminate_sent && slot->current_deadline < now;
	strlcpy(remains.reason, slot->cancel_reason, sizeof(remains.reason));
	strlcpy(remains.actor, slot->cancel_actor, sizeof(remains.actor));
	LWLockRelease(tc_shared->lock);

	/* it gave back what it had not started, before it ended */
	if (holds_nothing)
	{
		tc_shared_executor_release(index);
		return true;
	}
	tc_worker_begin("settle the runs of an executor");
	found = tc_runs_of_executor(executor_id, &lost);
	count = tc_runs_hold(lost, found);
	if (count > 0)
		settle(lost, count, &remains, "lost: its executor ended", now);
	tc_worker_commit();
	/* it may have died in a claim: what it had locked was passed by */
	tc_shared_lanes_reset(MyDatabaseId, role);
	if (count > 0)
		tc_shared_lanes_unblock_all(MyDatabaseId);
	if (count == found)
		tc_shared_executor_release(index);
	return count == found;
}

TimestampTz
tc_recover_ended(TimestampTz now)
{
	TimestampTz again = DT_NOEND;
	int			index = -1;

	while ((index = tc_shared_executor_find(MyDatabaseId, EXECUTOR_STATE_ENDED, index)) >= 0)
	{
		if (!recover_slot(index, now))
			again = now + HELD_LOOK_US;
	}
	return again;
}

static bool
contains(const LostRun *runs, int count, int64 token)
{
	int			i;

	for (i = 0; i < count && runs[i].token != token; i++)
		;
	return i < count;
}

/* Of what was cut off, what an executor still has: itself, and its runs. */
static int
keep_present(ClaimedRun *cut, int cut_count, LostRun *runs, int count)
{
	int			kept = 0;
	int			i;
	int			j;

	for (i = 0; i < cut_count; i++)
	{
		for (j = kept; j < count && runs[j].token != cut[i].token; j++)
			;
		if (j == count)
			continue;
		runs[j] = runs[kept];
		runs[kept].run_id = cut[i].run_id;
		runs[kept].token = cut[i].token;
		cut[kept++] = cut[i];
	}
	return kept;
}

/*
 * What was cut off stays noted in the slot until it is given back, in case this
 * process ends in between.  False: some are held.
 */
static bool
recover_tail(int index)
{
	ClaimedRun	cut[TC_MAX_CUT];
	Fate		fate = make_fate(TC_MAX_CUT);
	int64		executor_id;
	int			found = tc_shared_executor_cut_noted(index, cut, &executor_id);
	int			left = 0;
	LostRun    *runs;
	int			count;
	int			i;

	if (found == 0)
		return true;
	tc_worker_begin("give runs back");
	count = tc_runs_of_executor(executor_id, &runs);
	found = keep_present(cut, found, runs, count);
	count = tc_runs_hold(runs, found);
	for (i = 0; i < count; i++)
		join_fate(&fate, &runs[i]);
	tc_runs_give_back(fate.run_ids, fate.tokens, count, "behind a slow run", "scheduler");
	for (i = 0; i < found; i++)
	{
		if (!contains(runs, count, cut[i].token))
			cut[left++] = cut[i];
	}
	tc_worker_commit();
	tc_shared_executor_cut_left(index, cut, left);
	return left == 0;
}

TimestampTz
tc_recover_tails(TimestampTz now)
{
	TimestampTz again = DT_NOEND;
	int			i;

	for (i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];

		if (slot->database != MyDatabaseId || (!slot->slow_front && slot->cut_count == 0))
			continue;
		slot->slow_front = false;
		if (!recover_tail(i))
			again = now + HELD_LOOK_US;
	}
	return again;
}

/* AskToEnd */
static void
ask_executor(int64 run_id, int32 attempt, const void *change)
{
	const RunChange *by = change;

	tc_shared_cancel_at_commit(run_id, attempt, by->reason, by->actor);
}

/*
 * A run that became a graph after it was to be cancelled.  Returns when to look
 * again; one that is no graph is about to begin or to end.
 */
static TimestampTz
cancel_graph(int64 run_id, const RunChange *change)
{
	GraphProgress progress;

	switch (tc_progress_lock_soon(run_id, true, &progress))
	{
		case PROGRESS_BUSY:
			return change->now + HELD_LOOK_US;
		case PROGRESS_GONE:
			break;
		case PROGRESS_LOCKED:
			if (tc_graph_cancel(run_id, change->reason, change->actor, ask_executor, change,
								change->now) != NOT_A_ROOT)
				return DT_NOEND;
			break;
	}
	return change->now + CANCEL_LOOK_US;
}

/*
 * In a transaction: cancel the run if it waits for an executor, or is a graph.
 * Returns when to look again; DT_NOEND: nothing is left to do.
 */
static TimestampTz
cancel_waiting(CancelRequest *request, TimestampTz now)
{
	RunChange	change = {request->actor, NULL, now};
	TimestampTz again = DT_NOEND;
	StoreFrame	frame;
	RunFacts	run;

	if (request->reason[0] != '\0')
		change.reason = request->reason;
	tc_store_begin(&frame);
	if (tc_run_find(request->run_id, &run) && !run.finished)
	{
		if (strcmp(run.status, "running") == 0)
			again = tc_run_ask_worker(request->run_id, run.attempt, change.reason, now) ? DT_NOEND
				: cancel_graph(request->run_id, &change);
		else if (!tc_run_hold_waiting(request->run_id))
			again = now + HELD_LOOK_US;
		else
			(void) tc_run_cancel(request->run_id, &change);
		request->attempt = run.attempt;
	}
	tc_store_end(&frame);
	return again;
}

static TimestampTz
see_to_cancel(const CancelRequest *asked, TimestampTz now)
{
	CancelRequest request = *asked;
	int			holder = tc_shared_cancel_holder(asked);
	TimestampTz again;

	if (holder >= 0)
		(void) recover_tail(holder);
	if (tc_shared_cancel_signal(asked))
		return DT_NOEND;
	tc_worker_begin("cancel a run");
	again = cancel_waiting(&request, now);
	tc_worker_commit();
	/* it may be a later attempt by now */
	if (again != DT_NOEND && tc_shared_cancel_signal(&request))
		return DT_NOEND;
	return again;
}

TimestampTz
tc_recover_cancels(TimestampTz now)
{
	static CancelRequest requests[TC_MAX_CANCELS];
	int			count = tc_shared_cancels_copy(MyDatabaseId, requests);
	TimestampTz again = DT_NOEND;
	int			i;

	for (i = 0; i < count; i++)
	{
		TimestampTz look = see_to_cancel(&requests[i], now);

		if (look == DT_NOEND)
			tc_shared_cancel_done(&requests[i]);
		again = Min(again, look);
	}
	return again;
}

/* When this run must be terminated if it goes on; DT_NOEND: it need not. */
static TimestampTz
patience_of(const ExecutorSlot *slot)
{
	TimestampTz patience = DT_NOEND;

	if (slot->current_run == 0 || slot->terminate_sent)
		return DT_NOEND;
	if (slot->current_deadline != DT_NOEND)
		patience = slot->current_deadline;
	if (slot->cancel_token == slot->current_token && slot->cancel_token != 0)
		patience = Min(patience, slot->cancel_requested_at);
	if (patience == DT_NOEND)
		return DT_NOEND;
	return patience + tc_cancel_grace * USECS_PER_SEC;
}

TimestampTz
tc_recover_hung(TimestampTz now)
{
	TimestampTz again = DT_NOEND;
	int			terminated = 0;
	int			i;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];
		TimestampTz patience;

		if (slot->state != EXECUTOR_STATE_BUSY || slot->database != MyDatabaseId)
			continue;
		patience = patience_of(slot);
		if (patience <= now && slot->pid > 0)
		{
			slot->terminate_sent = true;
			kill(slot->pid, SIGTERM);
			terminated++;
		}
		else
			again = Min(again, patience);
	}
	LWLockRelease(tc_shared->lock);
	tc_shared_watchdog_count(WATCHDOG_TERMINATED, terminated);
	return again;
}
