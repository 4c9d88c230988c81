/*-------------------------------------------------------------------------
 *
 * executor.c
 *		The process that executes SQL runs of one role in one database.
 *
 * Connected as that role, so that nothing a command does, not even at commit,
 * runs with other rights.  Claims, executes, records, and waits on its latch;
 * between runs the session is scrubbed.  It ends by itself when it is asked
 * to, was idle for long, has served enough runs, or cannot be scrubbed clean;
 * any error outside a command ends it too, and the scheduler settles what it
 * held.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "claim.h"
#include "claim_list.h"
#include "compat.h"
#include "execute.h"
#include "graph_advance.h"
#include "graph_handover.h"
#include "recover_store.h"
#include "role_check.h"
#include "run_timer.h"
#include "session_scrub.h"
#include "settings.h"
#include "shared_roots.h"
#include "shared_state.h"
#include "task_cache.h"
#include "worker_process.h"

extern PGDLLEXPORT void taskcenter_executor_main(Datum main_arg);

/* how long roots wait while runs take turns that are shorter */
#define ROOT_PATIENCE_US 2000
#define ROOT_MOST_PATIENCE_US 32000

static TimeoutId slow_front_timeout;
static int64 runs_served = 0;

static void
cancel_signal(SIGNAL_ARGS)
{
	int			saved_errno = errno;

	if (tc_shared_cancel_wanted())
		tc_run_cancel_raise();
	errno = saved_errno;
}

/* Timer: a slow run stands in front of others; the scheduler sees to them. */
static void
slow_front_alarm(void)
{
	DatabaseSlot *slot = tc_shared_database(MyDatabaseId);
	Latch	   *latch;

	/* it can come while the process ends, and its scheduler too */
	if (tc_my_executor == NULL || slot == NULL)
		return;
	tc_my_executor->slow_front = true;
	latch = *(Latch *volatile *) &slot->scheduler_latch;
	if (latch != NULL)
		SetLatch(latch);
}

static uint64
session_defaults_now(void)
{
	DatabaseSlot *slot;
	uint64		version;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	slot = tc_shared_database(MyDatabaseId);
	version = slot != NULL ? slot->session_defaults_version : 0;
	LWLockRelease(tc_shared->lock);
	return version;
}

/* Why this process should end before it claims again; NULL: it need not. */
static const char *
reason_to_end(void)
{
	if (tc_my_executor->stop_requested)
		return "asked to";
	if (!tc_enabled)
		return "taskcenter.enabled is off";
	if (tc_executor_max_runs > 0 && runs_served >= tc_executor_max_runs)
		return "served taskcenter.executor_max_runs runs";
	if (session_defaults_now() != tc_my_executor->session_defaults)
		return "the defaults of roles or databases changed";
	/* a limit below what any process needs shall not keep it from serving */
	if (runs_served == 0)
		return NULL;
	return tc_session_recycle_reason((Size) tc_executor_max_memory * 1024 * 1024);
}

/* Is the queue of the claim still open?  Asked when a commit changed something. */
static bool
queue_is_open(int64 queue_id)
{
	const ControlState *control;
	const QueueState *queue;

	if (!tc_cache_control_is_fresh())
	{
		tc_worker_begin("look at the scheduler's state");
		(void) tc_cache_control();
		tc_worker_commit();
	}
	control = tc_cache_control();
	queue = tc_control_queue(control, queue_id);
	return queue != NULL && queue->active && control->adopted &&
		(control->running || (queue->control && !control->disabled));
}

/*
 * Was the run claimed as runs of its task are to be claimed now?  If not it
 * goes back, into the task's own lane: a limit counts there, a claim lasts
 * before an attempt that is not repeated.
 */
static bool
was_claimed_well(const TaskDefinition *task, const ClaimResult *claim)
{
	return (claim->gated || !task->gated) && (claim->lasting || task->repeatable) &&
		(!claim->batch || task->mode == TRANSACTION_MODE_BATCHED) &&
		(!task->process_isolation || runs_served == 0);
}

/*
 * May the run start, as the definitions are now?  A task that was given to
 * another role takes its runs along when they go back; one whose role was
 * renamed since it was defined is quarantined.
 */
static bool
may_start(const RunRow *run, const ClaimResult *claim)
{
	CachedTask *task;

	tc_cache_refresh();
	if (tc_my_executor->stop_requested || !queue_is_open(run->queue_id))
		return false;
	if (!tc_cache_task_is_fresh(run->cache_id))
	{
		tc_worker_begin("load a task");
		(void) tc_cache_task(run->cache_id);
		tc_worker_commit();
	}
	task = tc_cache_peek(run->cache_id);
	if (task->definition == NULL || !task->definition->runnable ||
		task->definition->run_as_id != tc_worker_arguments()->role ||
		!was_claimed_well(task->definition, claim))
		return false;
	if (task->definition->role_renamed)
	{
		tc_worker_begin("quarantine a task");
		(void) tc_definition_quarantine_task(run->task_id,
											 "The role that it runs as was renamed or replaced.");
		tc_worker_commit();
		return false;
	}
	return true;
}

/* It goes back, but for one that was enqueued while its task was archived. */
static void
give_back_run(const RunRow *run)
{
	const CachedTask *task = tc_cache_peek(run->cache_id);

	tc_worker_begin("give a run back");
	if (task != NULL && task->definition != NULL &&
		strcmp(task->definition->state, "archived") == 0)
		(void) tc_runs_end_lost(&run->run_id, &run->token, 1, "cancelled",
								"its task was archived", "executor", GetCurrentTimestamp());
	else
		(void) tc_runs_give_back(&run->run_id, &run->token, 1, "not startable any more",
								 "executor");
	tc_worker_commit();
	if (run->lost > 0)
		tc_shared_lanes_unblock_all(MyDatabaseId);
}

/* The run that was taken and, in a batch, those behind it: all of one task. */
static int
collect_batch(RunRow *rows, int first, RunRow **batch)
{
	int			count = 0;
	int			next = first;

	do
	{
		batch[count++] = &rows[next];
	} while (count < TC_MAX_BATCH && (next = tc_shared_executor_take()) >= 0);
	return count;
}

static void
serve_one(RunRow *rows, int first, const ClaimResult *claim, MemoryContext context)
{
	TimestampTz begun = GetCurrentTimestamp();
	RunRow	   *batch[TC_MAX_CLAIM];
	int			count = 1;

	if (claim->batch)
	{
		count = collect_batch(rows, first, batch);
		tc_execute_batch(batch, count, claim->queue, begun, context);
	}
	else
		tc_execute_run(&rows[first], claim->queue, begun, context);
	runs_served++;				/* a batch shares a session as it shares a
								 * transaction */
	/* others may have waited for it: see claim.c */
	if (rows[first].lost > 0)
		tc_shared_lanes_unblock_all(MyDatabaseId);
	tc_claim_note_duration((GetCurrentTimestamp() - begun) / 1000.0 / count);
}

/*
 * Steps have ended, and more runs are claimed already: what comes after those
 * steps shall not wait for long, nor each of many quick ones be looked at.
 * Looks that find nothing become rarer.
 */
static void
look_after_roots(void)
{
	static TimestampTz since = 0;
	static int	patience = ROOT_PATIENCE_US;
	TimestampTz now;

	if (!tc_shared_has_roots())
	{
		since = 0;
		patience = ROOT_PATIENCE_US;
		return;
	}
	if (!tc_shared_executor_has_more())
		return;
	now = GetCurrentTimestamp();
	if (since == 0)
		since = now;
	if (now - since < patience)
	{
		if (!get_timeout_active(slow_front_timeout))
			enable_timeout_after(slow_front_timeout, TC_SLOW_FRONT_MS);
		return;
	}
	since = 0;
	tc_worker_begin("advance graphs");
	patience = tc_graph_advance_mine(false, now) ? ROOT_PATIENCE_US :
		Min(2 * patience, ROOT_MOST_PATIENCE_US);
	tc_worker_commit_lazily();
}

/*
 * Steps may be handed over for as long as a claim may take, so that a chain
 * keeps nobody waiting for longer; between other runs only where both are
 * quick, else others do better to take the next one.
 */
static void
permit_handover(const ClaimResult *claim, TimestampTz claimed_at)
{
	bool		may = !claim->batch && tc_shared_executor_has_room() &&
	(tc_executor_max_runs == 0 || runs_served + 1 < tc_executor_max_runs);

	tc_handover_permit(may ? claimed_at + (TimestampTz) (TC_CLAIM_WORK_MS * 1000) : DT_NOBEGIN,
					   tc_shared_executor_has_more() ? ROOT_PATIENCE_US : PG_INT64_MAX);
}

static void
serve_claim(RunRow *rows, const ClaimResult *claim, MemoryContext context)
{
	TimestampTz claimed_at = GetCurrentTimestamp();
	int			next;

	tc_handover_begin();
	if (claim->lane_unknown)
		enable_timeout_after(slow_front_timeout, TC_SLOW_FRONT_MS);
	while ((next = tc_shared_executor_take()) >= 0)
	{
		/* each run can be the one that others have to be called for */
		if ((tc_shared_has_roots() || (tc_shared_executor_has_more() && !claim->batch)) &&
			!get_timeout_active(slow_front_timeout))
			enable_timeout_after(slow_front_timeout, TC_SLOW_FRONT_MS);
		permit_handover(claim, claimed_at);
		if (may_start(&rows[next], claim))
			serve_one(rows, next, claim, context);
		else
			give_back_run(&rows[next]);
		MemoryContextReset(context);
		tc_claim_handed_over(rows);
		look_after_roots();
		CHECK_FOR_INTERRUPTS();
	}
	disable_timeout(slow_front_timeout, false);
}

static TimestampTz
idle_until(TimestampTz since)
{
	if (tc_executor_idle_timeout == 0)
		return DT_NOEND;
	return since + tc_executor_idle_timeout * USECS_PER_SEC;
}

/*
 * Wait for work; false: idle for so long that the process is not needed.  How
 * long that is can change meanwhile.
 */
static bool
wait_for_work(uint32 wait_event)
{
	TimestampTz since = GetCurrentTimestamp();

	while (tc_shared_executor_idle(GetCurrentTimestamp()))
	{
		tc_worker_wait(idle_until(since), wait_event);
		if (tc_my_executor->state != EXECUTOR_STATE_IDLE || reason_to_end() != NULL)
			break;
		if (GetCurrentTimestamp() >= idle_until(since))
			return false;
	}
	tc_shared_executor_busy(GetCurrentTimestamp());
	return true;
}

static void
serve(Oid role, int64 executor_id)
{
	MemoryContext claim_context = AllocSetContextCreate(TopMemoryContext, "taskcenter claim",
														ALLOCSET_DEFAULT_SIZES);
	MemoryContext run_context = AllocSetContextCreate(TopMemoryContext, "taskcenter run",
													  ALLOCSET_DEFAULT_SIZES);
	RunRow	   *rows = MemoryContextAlloc(TopMemoryContext, sizeof(RunRow) * TC_MAX_CLAIM);
	uint32		wait_event = tc_wait_event_new("TaskcenterExecutorMain");

	for (;;)
	{
		const char *reason = reason_to_end();
		ClaimResult claim;

		CHECK_FOR_INTERRUPTS();
		if (reason != NULL)
		{
			elog(DEBUG1, "taskcenter executor ends: %s", reason);
			break;
		}
		tc_shared_executor_look(GetCurrentTimestamp());
		claim = tc_claim_runs(role, executor_id, runs_served == 0, GetCurrentTimestamp(),
							  rows, claim_context);
		if (claim.role_is_gone || claim.needs_fresh_process)
			break;
		if (claim.count > 0)
			serve_claim(rows, &claim, run_context);
		else if (!tc_shared_has_roots() && !wait_for_work(wait_event))
			break;				/* the end of a graph is the end of a step of
								 * another: then it looks once more */
		MemoryContextReset(claim_context);
	}
	tc_claim_give_back("its executor ended");
}

void
taskcenter_executor_main(Datum main_arg)
{
	const WorkerArguments *arguments = tc_worker_arguments();

	if (tc_shared == NULL || arguments->incarnation != tc_shared->incarnation)
		proc_exit(0);
	pqsignal(SIGUSR2, cancel_signal);
	pqsignal(SIGINT, tc_run_cancel_signal);
	tc_worker_init(arguments->database, arguments->role, true);
	if (!tc_shared_executor_attach(arguments->slot, arguments->executor_id,
								   GetCurrentTimestamp()))
		proc_exit(0);
	tc_shared_wake_init();
	tc_execute_init();
	slow_front_timeout = RegisterTimeout(USER_TIMEOUT, slow_front_alarm);
	serve(arguments->role, arguments->executor_id);
	proc_exit(0);
}
