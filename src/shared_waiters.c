/*-------------------------------------------------------------------------
 *
 * shared_waiters.c
 *		Sessions that wait for runs to finish, and workers that wait for runs.
 *
 * A session waits for one thing at a time.  Its slot is given back when it
 * says so, when its transaction fails, and when the process exits.
 *
 * A run that can be claimed wakes one worker, not all that wait: a hundred who
 * look, claim and find nothing keep the one who works from working.  What a
 * waiter was woken for, and when it meant to look again, goes to another when
 * it leaves, or does not look since its process is stopped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "shared_internal.h"
#include "shared_waiters.h"

#define DEAF_US (2 * USECS_PER_SEC) /* who does not look for so long is deaf */

static int	my_waiter = -1;

void
tc_waiters_wake(Oid database, bool (*is_finished) (int64 run_id))
{
	if (tc_shared->waiter_count == 0)
		return;
	for (int i = 0; i < TC_MAX_WAITERS; i++)
	{
		WaiterSlot *waiter = &tc_shared->waiters[i];

		if (waiter->latch != NULL && waiter->database == database &&
			!waiter->for_work && is_finished(waiter->run_id))
			SetLatch(waiter->latch);
	}
}

static bool
waits_for_queue(const WaiterSlot *waiter, int64 queue_id)
{
	if (queue_id == 0 || waiter->queue_count > TC_WAITER_QUEUES)
		return true;
	for (int i = 0; i < waiter->queue_count; i++)
	{
		if (waiter->queues[i] == queue_id)
			return true;
	}
	return false;
}

static bool
waits_for_work(const WaiterSlot *waiter, Oid database, int64 queue_id)
{
	return waiter->latch != NULL && waiter->database == database && waiter->for_work &&
		waits_for_queue(waiter, queue_id);
}

static void
wake(WaiterSlot *waiter)
{
	if (!waiter->woken)
		waiter->woken_at = GetCurrentTimestamp();
	waiter->woken = true;
	SetLatch(waiter->latch);
}

/* So many of those from there on that are not awake anyway. */
static void
wake_some(Oid database, int64 queue_id, int from, int count)
{
	for (int i = from; i < TC_MAX_WAITERS && count > 0; i++)
	{
		WaiterSlot *waiter = &tc_shared->waiters[i];

		if (waiter->woken || !waits_for_work(waiter, database, queue_id))
			continue;
		wake(waiter);
		count--;
	}
}

void
tc_waiters_wake_for_work(Oid database, int64 queue_id, int runs)
{
	if (tc_shared->waiter_count > 0)
		wake_some(database, queue_id, 0, runs);
}

void
tc_waiters_wake_for_room(Oid database, int64 queue_id)
{
	if (tc_shared->waiter_count == 0)
		return;
	for (int i = 0; i < TC_MAX_WAITERS; i++)
	{
		WaiterSlot *waiter = &tc_shared->waiters[i];

		if (waiter->for_room && waits_for_work(waiter, database, queue_id))
			wake(waiter);
	}
}

/* ---- what a waiter leaves to others ---- */

static int64
queue_of(const WaiterSlot *waiter, int place)
{
	return waiter->queue_count > TC_WAITER_QUEUES ? 0 : waiter->queues[place];
}

static void
wake_others(const WaiterSlot *waiter, int from)
{
	for (int i = 0; i < Min(waiter->queue_count, TC_WAITER_QUEUES); i++)
		wake_some(waiter->database, queue_of(waiter, i), from, 1);
}

static bool
waits_like(const WaiterSlot *waiter, const WaiterSlot *other)
{
	for (int i = 0; i < Min(other->queue_count, TC_WAITER_QUEUES); i++)
	{
		if (waits_for_work(waiter, other->database, queue_of(other, i)))
			return true;
	}
	return false;
}

/* Is somebody woken for its queues who does not look?  The next one asks again later. */
static bool
take_over(const WaiterSlot *mine, TimestampTz now)
{
	for (int i = 0; i < TC_MAX_WAITERS; i++)
	{
		WaiterSlot *waiter = &tc_shared->waiters[i];

		if (waiter == mine || !waiter->woken || !waits_like(waiter, mine))
			continue;
		/* the clock may have been set back */
		if (now - waiter->woken_at < DEAF_US && now >= waiter->woken_at)
			continue;
		waiter->woken_at = now;
		return true;
	}
	return false;
}

/* For each of its queues another one looks then. */
static void
leave_look(const WaiterSlot *leaving)
{
	for (int i = 0; i < Min(leaving->queue_count, TC_WAITER_QUEUES); i++)
	{
		for (int j = 0; j < TC_MAX_WAITERS; j++)
		{
			WaiterSlot *waiter = &tc_shared->waiters[j];

			if (!waits_for_work(waiter, leaving->database, queue_of(leaving, i)))
				continue;
			if (leaving->look_at < waiter->look_at)
			{
				waiter->look_at = leaving->look_at;
				SetLatch(waiter->latch);
			}
			break;
		}
	}
}

bool
tc_shared_wait_look(int waiter)
{
	WaiterSlot *slot;
	bool		woken;

	if (tc_shared == NULL || waiter < 0)
		return false;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = &tc_shared->waiters[waiter];
	woken = slot->woken;
	slot->woken = false;
	slot->looking = true;
	slot->look_at = DT_NOEND;
	LWLockRelease(tc_shared->lock);
	return woken;
}

void
tc_shared_wait_looked(int waiter, TimestampTz look_at)
{
	WaiterSlot *slot;

	if (tc_shared == NULL || waiter < 0)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = &tc_shared->waiters[waiter];
	slot->looking = false;
	slot->look_at = Min(slot->look_at, look_at);
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_wait_pass_on(int waiter)
{
	if (tc_shared == NULL || waiter < 0)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	wake_others(&tc_shared->waiters[waiter], waiter + 1);
	LWLockRelease(tc_shared->lock);
}

bool
tc_shared_wait_must_look(int waiter, TimestampTz *look_at)
{
	WaiterSlot *slot;
	bool		woken;

	*look_at = DT_NOEND;
	if (tc_shared == NULL || waiter < 0)
		return false;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = &tc_shared->waiters[waiter];
	woken = slot->woken || take_over(slot, GetCurrentTimestamp());
	*look_at = slot->look_at;
	LWLockRelease(tc_shared->lock);
	return woken;
}

static void
recount_waiters(Oid database)
{
	DatabaseSlot *slot = tc_shared_database(database);
	bool		any_finish = false;

	for (int i = 0; i < TC_MAX_WAITERS; i++)
	{
		const WaiterSlot *waiter = &tc_shared->waiters[i];

		any_finish |= waiter->latch != NULL && waiter->run_id == 0 &&
			!waiter->for_work && waiter->database == database;
	}
	if (slot != NULL)
		slot->finish_wanted = any_finish;
}

void
tc_waiter_forget(void)
{
	if (my_waiter >= 0)
		tc_shared_wait_end(my_waiter);
}

static void
leave_waiters(int code, Datum arg)
{
	tc_waiter_forget();
}

static int
begin_wait(int64 run_id, bool for_work, const int64 *queue_ids, int count)
{
	static bool exit_registered = false;

	if (tc_shared == NULL)
		return -1;
	tc_waiter_forget();
	tc_shared_wake_init();
	if (!exit_registered)
		on_shmem_exit(leave_waiters, (Datum) 0);
	exit_registered = true;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < TC_MAX_WAITERS && my_waiter < 0; i++)
	{
		WaiterSlot *waiter = &tc_shared->waiters[i];

		if (waiter->latch != NULL)
			continue;
		waiter->latch = MyLatch;
		waiter->database = MyDatabaseId;
		waiter->run_id = run_id;
		waiter->for_work = for_work;
		waiter->for_room = waiter->woken = waiter->looking = false;
		waiter->look_at = DT_NOEND;
		waiter->queue_count = count;
		for (int j = 0; j < Min(count, TC_WAITER_QUEUES); j++)
			waiter->queues[j] = queue_ids[j];
		tc_shared->waiter_count++;
		my_waiter = i;
		recount_waiters(MyDatabaseId);
	}
	LWLockRelease(tc_shared->lock);
	return my_waiter;
}

int
tc_shared_wait_begin(int64 run_id)
{
	return begin_wait(run_id, false, NULL, 0);
}

int
tc_shared_wait_for_work(const int64 *queue_ids, int count)
{
	return begin_wait(0, true, queue_ids, count);
}

void
tc_shared_wait_for_room(int waiter, bool for_room)
{
	if (tc_shared == NULL || waiter < 0)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	tc_shared->waiters[waiter].for_room = for_room;
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_wait_end(int waiter)
{
	WaiterSlot *slot;

	if (tc_shared == NULL || waiter < 0)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = &tc_shared->waiters[waiter];
	if (slot->latch != NULL)
		tc_shared->waiter_count--;
	slot->latch = NULL;
	if (slot->for_work && (slot->woken || slot->looking || slot->for_room))
		wake_others(slot, 0);
	if (slot->for_work && slot->look_at != DT_NOEND)
		leave_look(slot);
	recount_waiters(slot->database);
	LWLockRelease(tc_shared->lock);
	my_waiter = -1;
}
