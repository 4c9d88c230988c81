/*-------------------------------------------------------------------------
 *
 * shared_waiters.c
 *		Sessions that wait for runs to finish.
 *
 * A session waits for one thing at a time.  Its slot is given back when it
 * says so, when its transaction fails, and when the process exits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"

#include "shared_internal.h"

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

void
tc_waiters_wake_for_work(Oid database, int64 queue_id, bool room)
{
	if (tc_shared->waiter_count == 0)
		return;
	for (int i = 0; i < TC_MAX_WAITERS; i++)
	{
		WaiterSlot *waiter = &tc_shared->waiters[i];

		if (waiter->latch != NULL && waiter->database == database && waiter->for_work &&
			(!room || waiter->for_room) && waits_for_queue(waiter, queue_id))
			SetLatch(waiter->latch);
	}
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
		waiter->for_room = false;
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
	recount_waiters(slot->database);
	LWLockRelease(tc_shared->lock);
	my_waiter = -1;
}
