/*-------------------------------------------------------------------------
 *
 * shared_executors.c
 *		The slots of executors: who exists, who is idle, whom to wake.
 *
 * An executor going idle and a commit that makes work take the same lock: the
 * one sees the lane, or the other sees the idle executor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "shared_internal.h"

#define PROMISE_US (1 * USECS_PER_SEC)	/* a freed slot is kept for this long */

ExecutorSlot *tc_my_executor = NULL;

static bool
exists(const ExecutorSlot *slot)
{
	return slot->state != EXECUTOR_STATE_FREE &&
		slot->state != EXECUTOR_STATE_ENDED;
}

bool
tc_executor_serves(const ExecutorSlot *slot, Oid database, Oid role)
{
	return exists(slot) && (!OidIsValid(database) || slot->database == database) &&
		(!OidIsValid(role) || slot->role == role);
}

void
tc_executor_set_state(ExecutorSlot *slot, ExecutorState state, TimestampTz now)
{
	if (slot->state != state)
		slot->state_since = now;
	slot->state = state;
}

/* ---- free slots, and promised ones ---- */

static bool
is_promised_to(const ExecutorSlot *slot, Oid database, Oid role)
{
	return slot->promised_role == role && slot->promised_database == database;
}

static bool
is_available(const ExecutorSlot *slot, Oid database, Oid role, TimestampTz now)
{
	return slot->state == EXECUTOR_STATE_FREE &&
		(!OidIsValid(slot->promised_role) || is_promised_to(slot, database, role) ||
		 slot->promised_until <= now || slot->promised_until > now + PROMISE_US);
}

/* The slot that was promised to the role if there is one, else any; -1: none. */
static int
choose_free(Oid database, Oid role, TimestampTz now)
{
	int			found = -1;

	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		const ExecutorSlot *slot = &tc_shared->executors[i];

		if (!is_available(slot, database, role, now))
			continue;
		if (is_promised_to(slot, database, role))
			return i;
		if (found < 0)
			found = i;
	}
	return found;
}

static void
forget_promises(Oid database, Oid role)
{
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		if (is_promised_to(&tc_shared->executors[i], database, role))
			tc_shared->executors[i].promised_role = InvalidOid;
	}
}

bool
tc_shared_executor_available(Oid database, Oid role, TimestampTz now)
{
	bool		available;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	available = choose_free(database, role, now) >= 0;
	LWLockRelease(tc_shared->lock);
	return available;
}

/* ---- called by the scheduler ---- */

int
tc_shared_executor_reserve(Oid database, Oid role, int64 executor_id,
						   TimestampTz now)
{
	DatabaseSlot *owner;
	int			found = -1;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	owner = tc_shared_database(database);
	if (owner == NULL || owner->stop_requested || owner->holds > 0)
	{
		LWLockRelease(tc_shared->lock);
		return -1;
	}
	found = choose_free(database, role, now);
	owner->executor_wanted = (found < 0);
	if (found >= 0)
	{
		ExecutorSlot *slot = &tc_shared->executors[found];

		slot->database = database;
		slot->role = role;
		slot->executor_id = executor_id;
		slot->state = EXECUTOR_STATE_STARTING;
		slot->state_since = now;
		slot->served_since = now;
		forget_promises(database, role);
		slot->promised_role = InvalidOid;
	}
	LWLockRelease(tc_shared->lock);
	return found;
}

void
tc_executor_free(ExecutorSlot *slot)
{
	pg_atomic_write_u64(&slot->position, 0);
	slot->state = EXECUTOR_STATE_FREE;
	slot->database = InvalidOid;
	slot->role = InvalidOid;
	slot->executor_id = 0;
	slot->pid = 0;
	slot->latch = NULL;
	slot->began = slot->terminated = slot->failed = false;
	slot->ended_clean = false;
	slot->stop_requested = false;
	slot->cut_count = 0;
	slot->current_run = slot->current_task = slot->current_token = 0;
	slot->current_attempt = 0;
	slot->ended_token = 0;
	slot->slow_front = false;
	slot->has_roots = false;
	slot->cancel_token = 0;
	slot->terminate_sent = false;
	if (OidIsValid(slot->promised_role))
		slot->promised_until = GetCurrentTimestamp() + PROMISE_US;
	for (int i = 0; i < TC_MAX_DATABASES; i++)
	{
		DatabaseSlot *database = &tc_shared->databases[i];

		if (!database->executor_wanted)
			continue;
		database->executor_wanted = false;
		if (database->scheduler_latch != NULL)
			SetLatch(database->scheduler_latch);
	}
}

bool
tc_executor_ended_in_work(Oid database, Oid role)
{
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		const ExecutorSlot *slot = &tc_shared->executors[i];

		if (slot->state == EXECUTOR_STATE_ENDED && !slot->ended_clean &&
			slot->database == database && slot->role == role)
			return true;
	}
	return false;
}

void
tc_shared_executor_release(int slot)
{
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	tc_executor_free(&tc_shared->executors[slot]);
	LWLockRelease(tc_shared->lock);
}

int
tc_shared_executor_find(Oid database, ExecutorState state, int after)
{
	int			found = -1;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (int i = after + 1; i < tc_shared->executor_capacity && found < 0; i++)
	{
		if (tc_shared->executors[i].database == database &&
			tc_shared->executors[i].state == state)
			found = i;
	}
	LWLockRelease(tc_shared->lock);
	return found;
}

int
tc_shared_executors_count(Oid database, Oid role)
{
	int			count = 0;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (int i = 0; i < tc_shared->executor_capacity; i++)
		count += tc_executor_serves(&tc_shared->executors[i], database, role);
	LWLockRelease(tc_shared->lock);
	return count;
}

static void
stop(ExecutorSlot *slot)
{
	slot->stop_requested = true;
	if (slot->latch != NULL)
		SetLatch(slot->latch);
}

void
tc_executors_stop(Oid database)
{
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		if (tc_executor_serves(&tc_shared->executors[i], database, InvalidOid))
			stop(&tc_shared->executors[i]);
	}
}

/* The executor that can best be spared: idle for longest, else any. */
static ExecutorSlot *
choose_to_stop(Oid database, Oid role)
{
	ExecutorSlot *best = NULL;

	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];
		bool		idle = slot->state == EXECUTOR_STATE_IDLE;

		if (!tc_executor_serves(slot, database, role) || slot->stop_requested)
			continue;
		if (best == NULL || (idle && best->state != EXECUTOR_STATE_IDLE) ||
			(idle && slot->state_since < best->state_since))
			best = slot;
	}
	return best;
}

void
tc_shared_executors_stop(Oid database, Oid role)
{
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	if (OidIsValid(role))
	{
		ExecutorSlot *slot = choose_to_stop(database, role);

		if (slot != NULL)
			stop(slot);
	}
	else
		tc_executors_stop(database);
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_executor_promise(ExecutorSlot *slot, Oid database, Oid role)
{
	Assert(LWLockHeldByMeInMode(tc_shared->lock, LW_EXCLUSIVE));
	slot->promised_database = database;
	slot->promised_role = role;
	slot->promised_until = DT_NOEND;
	stop(slot);
}

bool
tc_shared_executor_make_room(Oid database, Oid role)
{
	ExecutorSlot *best = NULL;
	DatabaseSlot *owner;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	owner = tc_shared_database(database);
	if (owner != NULL)
		owner->executor_wanted = true;
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];

		if (slot->state != EXECUTOR_STATE_IDLE || slot->stop_requested ||
			tc_executor_serves(slot, database, role))
			continue;
		if (best == NULL || slot->state_since < best->state_since)
			best = slot;
	}
	if (best != NULL)
		tc_shared_executor_promise(best, database, role);
	LWLockRelease(tc_shared->lock);
	return best != NULL;
}

/* ---- called by the executor ---- */

static void
leave_slot(int code, Datum arg)
{
	ExecutorSlot *slot = tc_my_executor;

	if (slot == NULL)
		return;
	tc_my_executor = NULL;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot->pid = 0;
	slot->latch = NULL;
	slot->failed = code != 0 && !slot->began && !slot->terminated;
	slot->ended_clean = code == 0 || slot->state == EXECUTOR_STATE_STARTING ||
		slot->state == EXECUTOR_STATE_IDLE;
	tc_executor_set_state(slot, EXECUTOR_STATE_ENDED, GetCurrentTimestamp());
	tc_shared_set_scheduler_latch(slot->database);
	LWLockRelease(tc_shared->lock);
	ConditionVariableBroadcast(&tc_shared->gone);
}

bool
tc_shared_executor_attach(int slot, int64 executor_id, TimestampTz now)
{
	ExecutorSlot *mine = &tc_shared->executors[slot];
	DatabaseSlot *owner;
	bool		attached;

	if (tc_my_executor != NULL)
		return !tc_my_executor->stop_requested;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	attached = slot >= 0 && slot < tc_shared->executor_capacity &&
		mine->state == EXECUTOR_STATE_STARTING &&
		mine->executor_id == executor_id && mine->pid == 0;
	if (attached)
	{
		mine->pid = MyProcPid;
		mine->latch = MyLatch;
		mine->served_since = now;
		owner = tc_shared_database(mine->database);
		mine->session_defaults = owner != NULL ? owner->session_defaults_version : 0;
		tc_my_executor = mine;
	}
	LWLockRelease(tc_shared->lock);
	if (!attached)
		return false;
	on_shmem_exit(leave_slot, (Datum) 0);
	return !mine->stop_requested;
}

bool
tc_shared_executor_idle(TimestampTz now)
{
	ExecutorSlot *mine = tc_my_executor;
	bool		idle;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	idle = !mine->stop_requested &&
		!tc_lanes_ready(mine->database, mine->role, now);
	tc_executor_set_state(mine, idle ? EXECUTOR_STATE_IDLE : EXECUTOR_STATE_WOKEN, now);
	LWLockRelease(tc_shared->lock);
	return idle;
}

void
tc_shared_executor_look(TimestampTz now)
{
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	tc_executor_set_state(tc_my_executor, EXECUTOR_STATE_WOKEN, now);
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_executor_busy(TimestampTz now)
{
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	tc_executor_set_state(tc_my_executor, EXECUTOR_STATE_BUSY, now);
	LWLockRelease(tc_shared->lock);
}

/* ---- waking ---- */

/*
 * The scheduler can help while a slot is free, can be freed at once, or when
 * nobody serves the role at all.
 */
void
tc_wake_role(Oid database, Oid role)
{
	ExecutorSlot *idle = NULL;
	bool		coming = false;
	bool		served = false;
	bool		room = false;

	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];

		room |= slot->state == EXECUTOR_STATE_FREE ||
			slot->state == EXECUTOR_STATE_ENDED ||
			slot->state == EXECUTOR_STATE_IDLE;
		if (!tc_executor_serves(slot, database, role) || slot->stop_requested)
			continue;
		served = true;
		coming |= slot->state == EXECUTOR_STATE_STARTING ||
			slot->state == EXECUTOR_STATE_WOKEN;
		if (slot->state == EXECUTOR_STATE_IDLE &&
			(idle == NULL || slot->state_since > idle->state_since))
			idle = slot;
	}
	if (idle != NULL)
	{
		tc_executor_set_state(idle, EXECUTOR_STATE_WOKEN, GetCurrentTimestamp());
		SetLatch(idle->latch);
	}
	else if (!coming && (room || !served))
		tc_shared_set_scheduler_latch(database);
}

void
tc_shared_wake_role(Oid database, Oid role)
{
	if (tc_shared == NULL)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	tc_wake_role(database, role);
	LWLockRelease(tc_shared->lock);
}
