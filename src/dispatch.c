/*-------------------------------------------------------------------------
 *
 * dispatch.c
 *		Give every role with due work an executor, in turns.
 *
 * Lanes in shared memory say which roles have due work.  A role that has an
 * idle executor gets it woken; else one is started, if a slot is free and the
 * limits on the role's and the database's connections allow it; else the
 * executor that is idle for longest yields, and failing that one of the role
 * that holds most of them, once its turn is over.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "definition_store.h"
#include "dispatch.h"
#include "recover_store.h"
#include "role_check.h"
#include "settings.h"
#include "shared_state.h"
#include "worker_process.h"

#define RETRY_US (1 * USECS_PER_SEC)	/* look again for what cannot be
										 * waited for */
#define QUIET_US (60 * USECS_PER_SEC)	/* between two log lines about the
										 * same */
#define FIRST_DELAY_US (5 * USECS_PER_SEC)	/* after a failed executor,
											 * doubled */
#define MAX_DELAY_US (60 * USECS_PER_SEC)
#define START_TIMEOUT_US (10 * USECS_PER_SEC)

/* roles whose executors fail before they serve: none is started before `until` */
typedef struct FailedRole
{
	Oid			role;
	TimestampTz until;
	int64		delay;			/* the one that ends at `until` */
} FailedRole;

static FailedRole failed_roles[16];

static void
note_lane(Oid role, int64 queue_id, int32 priority, int64 gate, TimestampTz run_at, int64 run_id)
{
	LaneKey		key = {0};

	key.database = MyDatabaseId;
	key.role = role;
	key.queue_id = queue_id;
	key.priority = priority;
	key.gate = gate;
	tc_shared_lane_lower(&key, run_at, run_id);
}

void
tc_dispatch_find_lanes(void)
{
	tc_worker_begin("find the lanes that hold work");
	tc_runs_each_lane(note_lane);
	tc_worker_commit();
}

/* Why work is waiting, for `status`; logged at most once a minute. */
static void
set_waiting_reason(const char *reason, const char *hint, TimestampTz now)
{
	static TimestampTz last_line = 0;
	DatabaseSlot *slot;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
		strlcpy(slot->waiting_reason, reason, sizeof(slot->waiting_reason));
	LWLockRelease(tc_shared->lock);
	if (hint == NULL || now - last_line < QUIET_US)
		return;
	last_line = now;
	ereport(LOG,
			(errmsg("taskcenter: runs are waiting: %s", reason),
			 errhint("%s", hint)));
}

/* When an executor of the role may be started; now: it may. */
static TimestampTz
delayed_until(Oid role, TimestampTz now)
{
	int			i;

	for (i = 0; i < (int) lengthof(failed_roles); i++)
	{
		TimestampTz until = failed_roles[i].until;

		/* later than any delay: the clock was set back */
		if (failed_roles[i].role == role && until <= now + MAX_DELAY_US)
			return Max(until, now);
	}
	return now;
}

/* NULL: its executors have not failed lately */
static FailedRole *
find_failed(Oid role)
{
	int			i;

	for (i = 0; i < (int) lengthof(failed_roles); i++)
		if (failed_roles[i].role == role)
			return &failed_roles[i];
	return NULL;
}

/* An executor serves the role: its next failure is the first again. */
static void
note_service(Oid role)
{
	FailedRole *failed = find_failed(role);

	if (failed != NULL)
		failed->delay = 0;
}

/* A role that fails again soon after its delay waits for twice as long. */
static void
note_failure(Oid role, TimestampTz now)
{
	static int	next = 0;
	FailedRole *failed = find_failed(role);

	if (failed == NULL)
	{
		failed = &failed_roles[next];
		next = (next + 1) % (int) lengthof(failed_roles);
		failed->role = role;
		failed->delay = 0;
	}
	else if (failed->until > now)
		return;
	else if (now - failed->until > MAX_DELAY_US)
		failed->delay = 0;
	failed->delay = failed->delay == 0 ? FIRST_DELAY_US :
		Min(2 * failed->delay, MAX_DELAY_US);
	failed->until = now + failed->delay;
}

/* The server did not make a process that was registered, and says so nowhere. */
static bool
never_came(const ExecutorSlot *slot, TimestampTz now)
{
	return slot->state == EXECUTOR_STATE_STARTING && slot->pid == 0 &&
		now - slot->state_since > START_TIMEOUT_US;
}

TimestampTz
tc_dispatch_note_failures(TimestampTz now)
{
	TimestampTz again = DT_NOEND;
	int			i;

	for (i = 0; i < tc_shared->executor_capacity; i++)
	{
		const ExecutorSlot *slot = &tc_shared->executors[i];
		bool		missing;
		bool		serves;

		if (slot->database != MyDatabaseId)
			continue;
		LWLockAcquire(tc_shared->lock, LW_SHARED);
		serves = slot->began;
		missing = never_came(slot, now);
		if (slot->state == EXECUTOR_STATE_STARTING && !missing)
			again = Min(again, slot->state_since + START_TIMEOUT_US + 1);
		LWLockRelease(tc_shared->lock);
		if (serves)
			note_service(slot->role);
		if (missing || (slot->state == EXECUTOR_STATE_ENDED && slot->failed))
			note_failure(slot->role, now);
		if (missing)
			tc_shared_executor_release(i);
	}
	return again;
}

/*
 * The server does not enforce connection limits for background workers.
 * True if one more executor of the role stays within them.
 */
static bool
limits_allow(Oid role)
{
	HeapTuple	tuple;
	int			role_limit = -1;
	int			database_limit = -1;

	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_authid form = (Form_pg_authid) GETSTRUCT(tuple);

		if (!form->rolsuper)
			role_limit = form->rolconnlimit;
		ReleaseSysCache(tuple);
	}
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	if (HeapTupleIsValid(tuple))
	{
		database_limit = ((Form_pg_database) GETSTRUCT(tuple))->datconnlimit;
		ReleaseSysCache(tuple);
	}
	if (role_limit >= 0 && CountUserBackends(role) +
		tc_shared_executors_count(InvalidOid, role) >= role_limit)
		return false;
	if (database_limit >= 0 && CountDBConnections(MyDatabaseId) +
		tc_shared_executors_count(MyDatabaseId, InvalidOid) >= database_limit)
		return false;
	return true;
}

/* In a transaction: may an executor be started?  A role that never can loses its tasks to quarantine. */
static bool
role_can_start(Oid role, int64 *executor_id, TimestampTz now)
{
	const char *problem = tc_role_problem(role);

	if (problem != NULL)
	{
		tc_definition_quarantine_role(role, problem);
		return false;
	}
	if (!limits_allow(role))
	{
		set_waiting_reason("connection limit of the role or the database",
						   "Raise CONNECTION LIMIT; executors count as connections.", now);
		return false;
	}
	*executor_id = tc_runs_next_executor_id();
	return true;
}

/*
 * Nobody is idle: one executor of the role that holds most of them is asked
 * to end after its run, if its turn is over.
 */
static void
ask_to_yield(Oid role, TimestampTz now)
{
	ExecutorSlot *victim = NULL;
	int			most = 0;
	int			i;
	int			j;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < tc_shared->executor_capacity; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];
		int			count = 0;

		if (slot->state == EXECUTOR_STATE_FREE || slot->state == EXECUTOR_STATE_ENDED)
			continue;
		if (slot->stop_requested)
		{
			victim = NULL;
			break;				/* one is on its way out already */
		}
		if ((slot->role == role && slot->database == MyDatabaseId) ||
			now - slot->served_since < tc_turn * INT64CONST(1000))
			continue;
		for (j = 0; j < tc_shared->executor_capacity; j++)
			if (tc_shared->executors[j].role == slot->role &&
				tc_shared->executors[j].database == slot->database &&
				tc_shared->executors[j].state != EXECUTOR_STATE_FREE)
				count++;
		if (count > most ||
			(count == most && victim != NULL && slot->served_since < victim->served_since))
		{
			most = count;
			victim = slot;
		}
	}
	if (victim != NULL)
		tc_shared_executor_promise(victim, MyDatabaseId, role);
	LWLockRelease(tc_shared->lock);
}

/* All slots are taken: somebody should make room. */
static TimestampTz
wait_for_slot(Oid role, TimestampTz now)
{
	if (!tc_shared_executor_make_room(MyDatabaseId, role) &&
		tc_shared_executors_count(MyDatabaseId, role) == 0)
		ask_to_yield(role, now);
	set_waiting_reason("all executors are busy", NULL, now);
	return now + tc_turn * INT64CONST(1000);
}

/* Start one executor for the role.  Returns when to try again; DT_NOEND: no need. */
static TimestampTz
start_executor(Oid role, TimestampTz now)
{
	WorkerArguments arguments = {0};
	BackgroundWorkerHandle *handle;
	int64		executor_id = 0;
	bool		startable;
	int			index;

	if (delayed_until(role, now) > now)
	{
		set_waiting_reason("executors of a role fail: see the server log", NULL, now);
		return delayed_until(role, now);
	}
	if (!tc_shared_executor_available(MyDatabaseId, role, now))
		return wait_for_slot(role, now);
	tc_worker_begin("number an executor");
	startable = role_can_start(role, &executor_id, now);
	tc_worker_commit();
	if (!startable)
		return now + RETRY_US;

	index = tc_shared_executor_reserve(MyDatabaseId, role, executor_id, now);
	if (index < 0)
		return wait_for_slot(role, now);
	arguments.database = MyDatabaseId;
	arguments.role = role;
	arguments.slot = index;
	arguments.executor_id = executor_id;
	arguments.incarnation = tc_shared->incarnation;
	if (!tc_worker_start_executor(&arguments, MyDatabaseId, role, &handle))
	{
		tc_shared_executor_release(index);
		set_waiting_reason("no background worker slot is free",
						   "Raise max_worker_processes.", now);
		return now + RETRY_US;
	}
	set_waiting_reason("", NULL, now);
	return DT_NOEND;
}

/* Is one of the role's executors idle, or about to look for work? */
static bool
help_is_near(Oid role)
{
	bool		near = false;
	int			i;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < tc_shared->executor_capacity && !near; i++)
	{
		ExecutorSlot *slot = &tc_shared->executors[i];

		if (slot->database != MyDatabaseId || slot->role != role)
			continue;
		if (slot->state == EXECUTOR_STATE_IDLE && slot->latch != NULL)
		{
			slot->state = EXECUTOR_STATE_WOKEN;
			SetLatch(slot->latch);
		}
		near = slot->state == EXECUTOR_STATE_STARTING || slot->state == EXECUTOR_STATE_WOKEN;
	}
	LWLockRelease(tc_shared->lock);
	return near;
}

/* The roles with due work, each once. */
static int
roles_with_work(TimestampTz now, Oid *roles)
{
	static Lane lanes[TC_MAX_LANES];
	int			lane_count = tc_shared_lanes_due(MyDatabaseId, InvalidOid, now, NULL, lanes);
	int			count = 0;
	int			i;
	int			j;

	for (i = 0; i < lane_count; i++)
	{
		for (j = 0; j < count && roles[j] != lanes[i].key.role; j++)
			;
		if (j == count)
			roles[count++] = lanes[i].key.role;
	}
	return count;
}

TimestampTz
tc_dispatch(TimestampTz now)
{
	static int	first = 0;		/* roles take turns at being first */
	static Oid	roles[TC_MAX_LANES];
	TimestampTz again = tc_shared_lanes_next_due(MyDatabaseId, now);
	int			count;
	int			i;

	count = roles_with_work(now, roles);
	if (count == 0)
		set_waiting_reason("", NULL, now);
	for (i = 0; i < count; i++)
	{
		Oid			role = roles[(first + i) % count];

		if (!help_is_near(role))
			again = Min(again, start_executor(role, now));
	}
	first++;
	return again;
}
