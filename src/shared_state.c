/*-------------------------------------------------------------------------
 *
 * shared_state.c
 *		The shared memory itself, and its table of databases.
 *
 * Made by the postmaster at its start and again at a crash restart: whatever
 * was known before is gone then, and nobody may rely on it.  A database has a
 * slot while its scheduler is to run or a command holds it; one without the
 * extension has none, the launcher remembers it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>

#include "access/xlog.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "settings.h"
#include "shared_internal.h"

#define TRANCHE "taskcenter"

SharedState *tc_shared = NULL;

static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(SharedState)));
	RequestNamedLWLockTranche(TRANCHE, 1);
}

/* Is the server about to start as a copy that follows another? */
static bool
starts_in_recovery(void)
{
	struct stat info;

	return stat(STANDBY_SIGNAL_FILE, &info) == 0 ||
		stat(RECOVERY_SIGNAL_FILE, &info) == 0;
}

static void
initialize(SharedState *shared)
{
	MemSet(shared, 0, sizeof(SharedState));
	shared->lock = &GetNamedLWLockTranche(TRANCHE)->lock;
	shared->started_at = GetCurrentTimestamp();
	shared->incarnation = (uint64) shared->started_at;
	shared->started_as_standby = starts_in_recovery();
	shared->databases_changed = true;
	shared->executor_capacity = tc_max_executors;
	ConditionVariableInit(&shared->gone);
	for (int i = 0; i < TC_MAX_EXECUTORS; i++)
		pg_atomic_init_u64(&shared->executors[i].position, 0);
}

static void
startup_memory(void)
{
	bool		found;

	if (previous_startup)
		previous_startup();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	tc_shared = ShmemInitStruct("taskcenter", sizeof(SharedState), &found);
	if (!found)
		initialize(tc_shared);
	LWLockRelease(AddinShmemInitLock);
}

void
tc_shared_install_hooks(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup_memory;
}

bool
tc_shared_available(void)
{
	return tc_shared != NULL;
}

/* ---- databases ---- */

DatabaseSlot *
tc_shared_database(Oid database)
{
	if (tc_shared == NULL || !OidIsValid(database))
		return NULL;
	for (int i = 0; i < TC_MAX_DATABASES; i++)
	{
		if (tc_shared->databases[i].database == database)
			return &tc_shared->databases[i];
	}
	return NULL;
}

void
tc_shared_bar(const char *reason)
{
	int			length = 0;
	DatabaseSlot *slot;

	if (reason != NULL)
		length = pg_mbcliplen(reason, strlen(reason), TC_REASON_LENGTH - 1);
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
	{
		if (length > 0)
			memcpy(slot->barred, reason, length);
		slot->barred[length] = '\0';
		slot->control_version++;
		tc_lanes_unblock_all(MyDatabaseId, GetCurrentTimestamp());
	}
	LWLockRelease(tc_shared->lock);
}

char *
tc_shared_barred(Oid database)
{
	char		reason[TC_REASON_LENGTH] = "";
	const DatabaseSlot *slot;

	if (tc_shared == NULL)
		return NULL;
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	slot = tc_shared_database(database);
	if (slot != NULL)
		strlcpy(reason, slot->barred, sizeof(reason));
	LWLockRelease(tc_shared->lock);
	return reason[0] == '\0' ? NULL : pstrdup(reason);
}

DatabaseSlot *
tc_shared_database_make(Oid database)
{
	DatabaseSlot *slot = tc_shared_database(database);

	if (slot != NULL || tc_shared == NULL)
		return slot;
	Assert(LWLockHeldByMeInMode(tc_shared->lock, LW_EXCLUSIVE));
	for (int i = 0; i < TC_MAX_DATABASES; i++)
	{
		slot = &tc_shared->databases[i];
		if (OidIsValid(slot->database))
			continue;
		MemSet(slot, 0, sizeof(DatabaseSlot));
		slot->database = database;
		slot->phase = DATABASE_PHASE_UNKNOWN;
		slot->lanes_unknown = true;
		slot->lanes_left_out = DT_NOEND;
		slot->schedules_earliest = DT_NOEND;
		slot->leases_earliest = DT_NOEND;
		slot->deadlines_earliest = DT_NOEND;
		slot->redrives_earliest = DT_NOEND;
		slot->redrive_after = -1;
		slot->scheduler_sleeps_until = DT_NOEND;
		slot->metrics.since = GetCurrentTimestamp();
		return slot;
	}
	return NULL;
}

void
tc_shared_database_free(DatabaseSlot *slot)
{
	Assert(LWLockHeldByMeInMode(tc_shared->lock, LW_EXCLUSIVE));
	Assert(slot->scheduler_pid == 0 && slot->purger_pid == 0 && slot->holds == 0);
	tc_lanes_forget(slot->database);
	tc_refusals_forget(slot->database);
	tc_metrics_forget_database(slot->database);
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *executor = &tc_shared->executors[i];

		if (executor->database == slot->database &&
			executor->state == EXECUTOR_STATE_ENDED)
			tc_executor_free(executor);
	}
	for (int i = 0; i < TC_MAX_CANCELS; i++)
	{
		if (tc_shared->cancels[i].run_id == 0 ||
			tc_shared->cancels[i].database != slot->database)
			continue;
		tc_shared->cancels[i].run_id = 0;
		tc_shared->cancel_count--;
	}
	MemSet(slot, 0, sizeof(DatabaseSlot));
}

void
tc_shared_database_stop(DatabaseSlot *slot)
{
	Assert(LWLockHeldByMeInMode(tc_shared->lock, LW_EXCLUSIVE));
	slot->stop_requested = true;
	if (slot->scheduler_latch != NULL)
		SetLatch(slot->scheduler_latch);
	if (slot->purger_latch != NULL)
		SetLatch(slot->purger_latch);
	tc_executors_stop(slot->database);
}

/* ---- latches ---- */

void
tc_shared_set_launcher_latch(void)
{
	tc_shared->databases_changed = true;
	if (tc_shared->launcher_latch != NULL)
		SetLatch(tc_shared->launcher_latch);
}

void
tc_shared_wake_launcher(void)
{
	if (tc_shared == NULL)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	tc_shared_set_launcher_latch();
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_set_scheduler_latch(Oid database)
{
	DatabaseSlot *slot = tc_shared_database(database);

	if (slot != NULL && slot->scheduler_latch != NULL)
		SetLatch(slot->scheduler_latch);
}

void
tc_shared_wake_scheduler(Oid database)
{
	if (tc_shared == NULL)
		return;
	if (LWLockHeldByMe(tc_shared->lock))
	{
		tc_shared_set_scheduler_latch(database);
		return;
	}
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	tc_shared_set_scheduler_latch(database);
	LWLockRelease(tc_shared->lock);
}
