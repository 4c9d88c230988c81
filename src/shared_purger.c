/*-------------------------------------------------------------------------
 *
 * shared_purger.c
 *		The place of a database for the one process that purges its history.
 *
 * Started by the scheduler, ended by itself when all is done, and between two
 * pieces when the scheduler or this database has to go.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"

#include "settings.h"
#include "shared_internal.h"

static void
leave(int code, Datum database)
{
	DatabaseSlot *slot;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(DatumGetObjectId(database));
	if (slot != NULL && slot->purger_pid == MyProcPid)
	{
		slot->purger_pid = 0;
		slot->purger_latch = NULL;
		/* the launcher may wait for this, too */
		if (tc_shared->launcher_latch != NULL)
			SetLatch(tc_shared->launcher_latch);
	}
	LWLockRelease(tc_shared->lock);
	ConditionVariableBroadcast(&tc_shared->gone);
}

static bool
is_wanted(const DatabaseSlot *slot)
{
	return slot != NULL && slot->scheduler_pid != 0 && !slot->stop_requested &&
		slot->holds == 0 && slot->barred[0] == '\0' && tc_enabled;
}

bool
tc_shared_purger_enter(Oid database)
{
	DatabaseSlot *slot;
	bool		entered = false;

	on_shmem_exit(leave, ObjectIdGetDatum(database));
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(database);
	if (is_wanted(slot) && slot->purger_pid == 0)
	{
		slot->purger_pid = MyProcPid;
		slot->purger_latch = MyLatch;
		entered = true;
	}
	LWLockRelease(tc_shared->lock);
	return entered;
}

bool
tc_shared_purger_wanted(void)
{
	bool		wanted;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	wanted = is_wanted(tc_shared_database(MyDatabaseId));
	LWLockRelease(tc_shared->lock);
	return wanted;
}

void
tc_shared_purger_again(void)
{
	DatabaseSlot *slot;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
		slot->purge_again = true;
	LWLockRelease(tc_shared->lock);
	tc_shared_wake_scheduler(MyDatabaseId);
}

bool
tc_shared_purger_exists(bool *again)
{
	DatabaseSlot *slot;
	bool		exists = false;

	*again = false;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
	{
		exists = slot->purger_pid != 0;
		*again = slot->purge_again;
		slot->purge_again = false;
	}
	LWLockRelease(tc_shared->lock);
	return exists;
}
