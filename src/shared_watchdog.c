/*-------------------------------------------------------------------------
 *
 * shared_watchdog.c
 *		What the watchdog of a database did: counted at once, whatever becomes of
 *		the transaction, and saved with what metrics count.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "shared_internal.h"
#include "shared_watchdog.h"

void
tc_shared_watchdog_count(WatchdogCounter counter, int64 number)
{
	DatabaseSlot *slot;

	if (!tc_shared_available() || number == 0)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
	{
		slot->metrics.counters[DATABASE_COUNTER_WATCHDOG + counter] += number;
		slot->metrics.changed = true;
	}
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_watchdog_count_late(int64 token)
{
	DatabaseSlot *slot;
	int			i;

	if (!tc_shared_available())
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	for (i = 0; slot != NULL && i < TC_LATE_TOKENS; i++)
	{
		if (slot->late_tokens[i] == token)
			slot = NULL;
	}
	if (slot != NULL)
	{
		slot->late_tokens[slot->late_count++ % TC_LATE_TOKENS] = token;
		slot->metrics.counters[DATABASE_COUNTER_WATCHDOG + WATCHDOG_LATE]++;
		slot->metrics.changed = true;
	}
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_watchdog_read(int64 counters[WATCHDOG_COUNTER_COUNT])
{
	DatabaseSlot *slot;

	memset(counters, 0, sizeof(int64) * WATCHDOG_COUNTER_COUNT);
	if (!tc_shared_available())
		return;
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
		memcpy(counters, &slot->metrics.counters[DATABASE_COUNTER_WATCHDOG],
			   sizeof(int64) * WATCHDOG_COUNTER_COUNT);
	LWLockRelease(tc_shared->lock);
}

bool
tc_shared_executor_lives(int64 executor_id)
{
	bool		lives = false;
	int			i;

	if (!tc_shared_available() || executor_id == 0)
		return false;
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (i = 0; i < tc_shared->executor_capacity && !lives; i++)
	{
		const ExecutorSlot *slot = &tc_shared->executors[i];

		lives = slot->executor_id == executor_id && slot->database == MyDatabaseId &&
			slot->state != EXECUTOR_STATE_FREE && slot->state != EXECUTOR_STATE_ENDED;
	}
	LWLockRelease(tc_shared->lock);
	return lives;
}
