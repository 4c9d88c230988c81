/*-------------------------------------------------------------------------
 *
 * shared_hold.c
 *		Keeping our workers out of a database while a command needs it empty.
 *
 * Runs in the session of the command.  A hold stands until the transaction,
 * or the subtransaction, that took it ends: by then the command is through or
 * failed.  Transaction abort runs also when a backend is terminated; the exit
 * callback is for what ends a process without it.
 *
 * Who is waited for: the scheduler, a purger and every executor that entered its slot,
 * except this process itself; while the hold stands nobody else enters.  They
 * wait on latches, so idle ones are gone within milliseconds; one that does
 * not react is terminated, which costs a transaction that is repeated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "utils/wait_event.h"

#include "shared_internal.h"

#define MAX_HOLDS 8
#define RECHECK_MS 50			/* in case a broadcast was missed */
#define REACTION_MS 700			/* then whoever executes no run is terminated */
#define GIVE_UP_MS 5000			/* after the grace of executing runs */

typedef struct Hold
{
	Oid			database;
	int			level;			/* nest level of the transaction */
} Hold;

/* who is still in a database */
typedef struct Presence
{
	int			others;			/* scheduler, and executors without a run */
	int			executing;
} Presence;

static Hold holds[MAX_HOLDS];
static int	hold_count = 0;

static void
release(Oid database)
{
	DatabaseSlot *slot = tc_shared_database(database);

	if (slot == NULL || slot->holds == 0)
		return;
	slot->holds--;
	if (slot->holds == 0)
		tc_shared_set_launcher_latch();
}

/* Release what was taken at this nest level or deeper. */
static void
release_from(int level)
{
	if (hold_count == 0)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	while (hold_count > 0 && holds[hold_count - 1].level >= level)
		release(holds[--hold_count].database);
	LWLockRelease(tc_shared->lock);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		release_from(0);
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
		release_from(level);
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = 0; i < hold_count; i++)
			holds[i].level = Min(holds[i].level, level - 1);
	}
}

static void
at_exit(int code, Datum arg)
{
	release_from(0);
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	on_shmem_exit(at_exit, (Datum) 0);
	registered = true;
}

/* False: there is no room to note it. */
static bool
take(Oid database)
{
	DatabaseSlot *slot = NULL;

	register_callbacks();
	if (hold_count >= MAX_HOLDS)
		return false;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database_make(database);
	if (slot != NULL)
	{
		slot->holds++;
		tc_shared_database_stop(slot);
		holds[hold_count].database = database;
		holds[hold_count].level = GetCurrentTransactionNestLevel();
		hold_count++;
	}
	LWLockRelease(tc_shared->lock);
	return slot != NULL;
}

/* Count who is there; terminate the ones that should be gone by now. */
static Presence
look(Oid database, bool end_others, bool end_executing)
{
	Presence	present = {0};
	DatabaseSlot *slot;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	slot = tc_shared_database(database);
	if (slot != NULL && slot->scheduler_pid != 0 &&
		slot->scheduler_pid != MyProcPid)
	{
		present.others++;
		if (end_others)
			kill(slot->scheduler_pid, SIGTERM);
	}
	if (slot != NULL && slot->purger_pid != 0)
	{
		present.others++;
		if (end_others)
			kill(slot->purger_pid, SIGTERM);
	}
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *executor = &tc_shared->executors[i];
		bool		executing = executor->current_run != 0;

		if (!tc_executor_serves(executor, database, InvalidOid) ||
			executor->pid == 0 || executor->pid == MyProcPid)
			continue;
		if (executing)
			present.executing++;
		else
			present.others++;
		if (executing ? end_executing : end_others)
			kill(executor->pid, SIGTERM);
	}
	LWLockRelease(tc_shared->lock);
	return present;
}

static int
elapsed_ms(instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return (int) INSTR_TIME_GET_MILLISEC(now);
}

static bool
wait_until_gone(Oid database, HoldManner manner, int run_grace_ms)
{
	bool		others_ended = false;
	bool		executing_ended = false;
	bool		gone = false;
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	ConditionVariablePrepareToSleep(&tc_shared->gone);
	for (;;)
	{
		int			elapsed = elapsed_ms(start);
		bool		end_others = !others_ended && elapsed >= REACTION_MS;
		bool		end_executing = manner == HOLD_FIRMLY && !executing_ended &&
		elapsed >= run_grace_ms;
		Presence	present = look(database, end_others, end_executing);

		others_ended |= end_others;
		executing_ended |= end_executing;
		gone = present.others == 0 && present.executing == 0;
		if (gone || elapsed >= run_grace_ms + GIVE_UP_MS ||
			(manner == HOLD_PATIENTLY && present.others == 0 &&
			 elapsed >= run_grace_ms))
			break;
		(void) ConditionVariableTimedSleep(&tc_shared->gone, RECHECK_MS,
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return gone;
}

bool
tc_shared_hold(Oid database, HoldManner manner, int run_grace_ms)
{
	if (tc_shared == NULL || !take(database))
		return false;
	return wait_until_gone(database, manner, run_grace_ms);
}
