/*-------------------------------------------------------------------------
 *
 * shared_runs.c
 *		What an executor has claimed, what it executes, and cancelling that.
 *
 * The executor takes claimed runs without a lock; whoever gives the tail back
 * lowers the limit in the same atomic word.  An executor that published claims
 * passes the wake on while its role has more to do, so that one commit starts
 * as many executors as there is work for.
 *
 * A cancel carries the attempt's token: its signal can come late and then
 * finds another token in place, or none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "shared_internal.h"

#define NEXT_OF(position) ((uint32) ((position) >> 32))
#define LIMIT_OF(position) ((uint32) (position))
#define MAKE_POSITION(next, limit) (((uint64) (next) << 32) | (limit))

/* token of the run that executes now: read by a signal handler */
static volatile int64 my_token = 0;

/* What the scheduler was asked to see to about an attempt; NULL: nothing. */
static CancelRequest *
find_request(Oid database, int64 run_id, int32 attempt)
{
	for (int i = 0; i < TC_MAX_CANCELS && tc_shared->cancel_count > 0; i++)
	{
		CancelRequest *request = &tc_shared->cancels[i];

		if (request->run_id == run_id && request->attempt == attempt &&
			request->database == database)
			return request;
	}
	return NULL;
}

static void
free_request(CancelRequest *request)
{
	request->run_id = 0;
	tc_shared->cancel_count--;
}

/* ---- the claimed list ---- */

static void
put_run(int place, const ClaimedRun *run)
{
	ClaimedRun *mine = &tc_my_executor->runs[place];

	*mine = *run;
	/* it may have been cancelled since the commit that claimed it */
	mine->cancel_requested = find_request(MyDatabaseId, run->run_id, run->attempt) != NULL;
}

void
tc_shared_executor_publish(const ClaimedRun *runs, int count)
{
	ExecutorSlot *mine = tc_my_executor;
	TimestampTz now = GetCurrentTimestamp();

	Assert(count >= 0 && count <= TC_MAX_CLAIM);
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < count; i++)
		put_run(i, &runs[i]);
	mine->slow_front = false;
	mine->began = true;
	pg_write_barrier();
	pg_atomic_write_u64(&mine->position, MAKE_POSITION(0, count));
	tc_executor_set_state(mine, EXECUTOR_STATE_BUSY, now);
	if (tc_lanes_ready(mine->database, mine->role, now))
		tc_wake_role(mine->database, mine->role);
	LWLockRelease(tc_shared->lock);
}

/* With the lock nobody but us changes the list. */
int
tc_shared_executor_append(const ClaimedRun *run)
{
	ExecutorSlot *mine = tc_my_executor;
	uint64		position;
	uint32		next;
	uint32		limit;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	position = pg_atomic_read_u64(&mine->position);
	next = NEXT_OF(position);
	limit = LIMIT_OF(position);
	if (next == limit)
		next = limit = 0;
	Assert(limit < TC_MAX_CLAIM);
	put_run(limit, run);
	pg_write_barrier();
	pg_atomic_write_u64(&mine->position, MAKE_POSITION(next, limit + 1));
	LWLockRelease(tc_shared->lock);
	return limit;
}

bool
tc_shared_executor_has_room(void)
{
	uint64		position = pg_atomic_read_u64(&tc_my_executor->position);

	return NEXT_OF(position) == LIMIT_OF(position) || LIMIT_OF(position) < TC_MAX_CLAIM;
}

bool
tc_shared_executor_has_more(void)
{
	uint64		position = pg_atomic_read_u64(&tc_my_executor->position);

	return NEXT_OF(position) < LIMIT_OF(position);
}

int
tc_shared_executor_take(void)
{
	uint64		position = pg_atomic_read_u64(&tc_my_executor->position);

	while (NEXT_OF(position) < LIMIT_OF(position))
	{
		uint64		taken = MAKE_POSITION(NEXT_OF(position) + 1, LIMIT_OF(position));

		if (pg_atomic_compare_exchange_u64(&tc_my_executor->position,
										   &position, taken))
			return NEXT_OF(taken) - 1;
	}
	return -1;
}

/* The lock keeps the executor from publishing the next list meanwhile. */
static int
cut(ExecutorSlot *executor, ClaimedRun *tail)
{
	uint64		position;
	uint32		next;
	int			count = 0;

	position = pg_atomic_read_u64(&executor->position);
	while (NEXT_OF(position) < LIMIT_OF(position))
	{
		next = NEXT_OF(position);
		count = LIMIT_OF(position) - next;
		if (pg_atomic_compare_exchange_u64(&executor->position, &position,
										   MAKE_POSITION(next, next)))
		{
			memcpy(tail, &executor->runs[next], count * sizeof(ClaimedRun));
			break;
		}
		count = 0;
	}
	return count;
}

int
tc_shared_executor_cut(int slot, ClaimedRun *tail)
{
	int			count;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	count = cut(&tc_shared->executors[slot], tail);
	LWLockRelease(tc_shared->lock);
	return count;
}

int
tc_shared_executor_cut_noted(int slot, ClaimedRun noted[TC_MAX_CUT], int64 *executor_id)
{
	ExecutorSlot *executor = &tc_shared->executors[slot];
	int			count;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	if (executor->cut_count <= TC_MAX_CUT - TC_MAX_CLAIM)
		executor->cut_count += cut(executor, &executor->cut[executor->cut_count]);
	count = executor->cut_count;
	memcpy(noted, executor->cut, count * sizeof(ClaimedRun));
	*executor_id = executor->executor_id;
	LWLockRelease(tc_shared->lock);
	return count;
}

void
tc_shared_executor_cut_left(int slot, const ClaimedRun *left, int count)
{
	ExecutorSlot *executor = &tc_shared->executors[slot];

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	memcpy(executor->cut, left, count * sizeof(ClaimedRun));
	executor->cut_count = count;
	LWLockRelease(tc_shared->lock);
}

/* ---- the run that executes ---- */

static void
note_cancel(ExecutorSlot *slot, const char *reason, const char *actor, TimestampTz now)
{
	slot->cancel_token = slot->current_token;
	slot->cancel_requested_at = now;
	strlcpy(slot->cancel_reason, reason ? reason : "", TC_REASON_LENGTH);
	strlcpy(slot->cancel_actor, actor ? actor : "", NAMEDATALEN);
}

/* The run that begins was cancelled before. */
static void
take_request(const ClaimedRun *run)
{
	CancelRequest *request = find_request(MyDatabaseId, run->run_id, run->attempt);

	if (request == NULL)
	{
		/* more were asked for at once than there is room for */
		note_cancel(tc_my_executor, NULL, NULL, GetCurrentTimestamp());
		return;
	}
	note_cancel(tc_my_executor, request->reason, request->actor, request->requested_at);
	free_request(request);
}

void
tc_shared_run_begin(const ClaimedRun *run, TimestampTz started_at, TimestampTz deadline)
{
	ExecutorSlot *mine = tc_my_executor;
	bool		cancelled = false;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < TC_MAX_CLAIM && run->token != 0; i++)
	{
		if (mine->runs[i].token == run->token && mine->runs[i].cancel_requested)
			cancelled = true;
	}
	mine->began = true;
	mine->current_run = run->run_id;
	mine->current_task = run->task_id;
	mine->current_token = run->token;
	mine->current_attempt = run->attempt;
	mine->current_started_at = started_at;
	mine->current_deadline = deadline;
	mine->terminate_sent = false;
	mine->cancel_token = 0;
	if (cancelled)
		take_request(run);
	mine->progress_done = 0;
	mine->progress_total = -1;
	mine->progress_phase[0] = '\0';
	my_token = run->token;
	LWLockRelease(tc_shared->lock);
	if (cancelled)
		kill(MyProcPid, SIGUSR2);
}

bool
tc_shared_run_end(char reason[TC_REASON_LENGTH], char actor[NAMEDATALEN])
{
	ExecutorSlot *mine = tc_my_executor;
	bool		cancelled;

	my_token = 0;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	cancelled = mine->cancel_token != 0 && mine->cancel_token == mine->current_token;
	if (cancelled)
	{
		strlcpy(reason, mine->cancel_reason, TC_REASON_LENGTH);
		strlcpy(actor, mine->cancel_actor, NAMEDATALEN);
	}
	mine->ended_token = mine->current_token;
	mine->current_run = mine->current_task = mine->current_token = 0;
	mine->current_attempt = 0;
	mine->slow_front = false;
	mine->cancel_token = 0;
	LWLockRelease(tc_shared->lock);
	return cancelled;
}

bool
tc_shared_cancel_wanted(void)
{
	volatile ExecutorSlot *mine = tc_my_executor;

	return mine != NULL && my_token != 0 && mine->cancel_token == my_token;
}

void
tc_shared_progress(int64 done, int64 total, const char *phase)
{
	ExecutorSlot *mine = tc_my_executor;
	int			length = 0;

	if (mine == NULL)
		return;
	if (phase != NULL)
		length = pg_mbcliplen(phase, strlen(phase), TC_PHASE_LENGTH - 1);
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	mine->progress_done = done;
	mine->progress_total = total;
	if (phase != NULL)
	{
		memcpy(mine->progress_phase, phase, length);
		mine->progress_phase[length] = '\0';
	}
	LWLockRelease(tc_shared->lock);
}

/* ---- cancelling ---- */

static bool
signal_attempt(Oid database, int64 run_id, int32 attempt,
			   const char *reason, const char *actor, TimestampTz now)
{
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];

		if (!tc_executor_serves(slot, database, InvalidOid) || slot->pid == 0 ||
			slot->current_run != run_id || slot->current_attempt != attempt)
			continue;
		note_cancel(slot, reason, actor, now);
		kill(slot->pid, SIGUSR2);
		return true;
	}
	return false;
}

/*
 * Mark the attempt wherever it was claimed, whether it was taken or not: it
 * may be about to begin, or to be repeated.  A mark on what has ended already
 * is never looked at.
 */
static void
mark_claimed(Oid database, int64 run_id, int32 attempt)
{
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];

		if (!tc_executor_serves(slot, database, InvalidOid))
			continue;
		for (int j = 0; j < TC_MAX_CLAIM; j++)
		{
			ClaimedRun *run = &slot->runs[j];

			if (run->run_id == run_id && run->attempt == attempt)
				run->cancel_requested = true;
		}
	}
}

static CancelRequest *
make_request(void)
{
	for (int i = 0; i < TC_MAX_CANCELS; i++)
	{
		if (tc_shared->cancels[i].run_id != 0)
			continue;
		tc_shared->cancel_count++;
		return &tc_shared->cancels[i];
	}
	return NULL;
}

/* Whatever status the run is in by now, the scheduler finds it. */
static void
ask_scheduler(Oid database, int64 run_id, int32 attempt,
			  const char *reason, const char *actor, TimestampTz now)
{
	CancelRequest *request = find_request(database, run_id, attempt);

	if (request == NULL)
		request = make_request();
	if (request == NULL)
		return;
	request->database = database;
	request->run_id = run_id;
	request->attempt = attempt;
	request->requested_at = now;
	strlcpy(request->reason, reason ? reason : "", TC_REASON_LENGTH);
	strlcpy(request->actor, actor ? actor : "", NAMEDATALEN);
	tc_shared_set_scheduler_latch(database);
}

void
tc_cancel_attempt(Oid database, int64 run_id, int32 attempt,
				  const char *reason, const char *actor, TimestampTz now)
{
	if (signal_attempt(database, run_id, attempt, reason, actor, now))
		return;
	mark_claimed(database, run_id, attempt);
	ask_scheduler(database, run_id, attempt, reason, actor, now);
}

int
tc_shared_cancels_copy(Oid database, CancelRequest *requests)
{
	int			count = 0;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (int i = 0; i < TC_MAX_CANCELS; i++)
	{
		if (tc_shared->cancels[i].run_id != 0 && tc_shared->cancels[i].database == database)
			requests[count++] = tc_shared->cancels[i];
	}
	LWLockRelease(tc_shared->lock);
	return count;
}

bool
tc_shared_cancel_signal(const CancelRequest *request)
{
	bool		found;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	found = signal_attempt(request->database, request->run_id, request->attempt,
						   request->reason, request->actor, request->requested_at);
	LWLockRelease(tc_shared->lock);
	return found;
}

int
tc_shared_cancel_holder(const CancelRequest *request)
{
	int			holder = -1;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (int i = 0; i < tc_shared->executor_capacity && holder < 0; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];
		uint64		position = pg_atomic_read_u64(&slot->position);

		if (!tc_executor_serves(slot, request->database, InvalidOid))
			continue;
		for (uint32 j = NEXT_OF(position); j < LIMIT_OF(position); j++)
		{
			if (slot->runs[j].run_id == request->run_id)
				holder = i;
		}
	}
	LWLockRelease(tc_shared->lock);
	return holder;
}

void
tc_shared_cancel_done(const CancelRequest *request)
{
	CancelRequest *kept;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	kept = find_request(request->database, request->run_id, request->attempt);
	if (kept != NULL)
		free_request(kept);
	LWLockRelease(tc_shared->lock);
}
