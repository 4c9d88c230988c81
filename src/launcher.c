/*-------------------------------------------------------------------------
 *
 * launcher.c
 *		Keeps one scheduler running in every database that has the extension.
 *
 * One process per server, connected to no database.  Who has the extension is
 * found by probing: a scheduler that finds none says so and ends.  The
 * launcher remembers that until a commit of CREATE EXTENSION pokes it.
 *
 * It looks at pg_database when poked and after a reload, and otherwise only at
 * its slots in shared memory.  Schedulers tell it of their end by its latch.
 * What it needs to know of a running scheduler lies in shared memory, so that
 * its successor takes over; its own notes are about pg_database, and about
 * workers that have not entered their slot yet.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "settings.h"
#include "shared_state.h"
#include "worker_process.h"

#define MAX_STARTING 3			/* schedulers on their way at a time */
#define START_TIMEOUT_MS 10000	/* of a worker that a predecessor registered */
#define RETRY_MS 1000			/* while no worker slot is free */
#define TURN_MS 50				/* while others are on their way */
#define FIRST_BACKOFF_S 5
#define MAX_BACKOFF_S 300
#define HEALTHY_MS 60000		/* a scheduler that lived for this long was
								 * well */
#define LOG_EVERY_MS 60000		/* the same trouble, at most */

/* What the launcher knows of a database. */
typedef struct KnownDatabase
{
	Oid			database;		/* hash key */
	NameData	name;
	bool		listed;			/* the last scan found it, and it is to be
								 * served */
	bool		absent;			/* it has no extension */
	BackgroundWorkerHandle *handle; /* of a scheduler that was registered */
	TimestampTz starting_since;
	TimestampTz logged_at;		/* last message about a failure */
	int			failed_delay;	/* message due: restart in so many seconds */
} KnownDatabase;

extern PGDLLEXPORT void taskcenter_launcher_main(Datum main_arg);

static HTAB *known = NULL;
static TimestampTz slots_logged_at = 0;
static TimestampTz databases_logged_at = 0;
static bool worker_slots_missing = false;
static bool database_slots_missing = false;

/* ---- its own place ---- */

static void
leave_place(int code, Datum arg)
{
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	if (tc_shared->launcher_pid == MyProcPid)
	{
		tc_shared->launcher_pid = 0;
		tc_shared->launcher_latch = NULL;
	}
	LWLockRelease(tc_shared->lock);
}

static void
take_place(void)
{
	on_shmem_exit(leave_place, (Datum) 0);
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	tc_shared->launcher_pid = MyProcPid;
	tc_shared->launcher_latch = MyLatch;
	LWLockRelease(tc_shared->lock);
}

/* ---- pg_database ---- */

static bool
name_is_wanted(const char *name, List *wanted)
{
	ListCell   *cell;

	if (wanted == NIL)
		return true;
	foreach(cell, wanted)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

static bool
is_connectable(Form_pg_database form)
{
	return form->datallowconn && !form->datistemplate &&
		form->datconnlimit != DATCONNLIMIT_INVALID_DB;
}

static void
note_database(Form_pg_database form, List *wanted)
{
	bool		found;
	KnownDatabase *entry = hash_search(known, &form->oid, HASH_ENTER, &found);

	if (!found)
		MemSet((char *) entry + sizeof(Oid), 0, sizeof(KnownDatabase) - sizeof(Oid));
	entry->name = form->datname;
	entry->listed = tc_enabled && is_connectable(form) &&
		name_is_wanted(NameStr(form->datname), wanted);
}

static void
forget_unlisted(void)
{
	HASH_SEQ_STATUS scan;
	KnownDatabase *entry;

	hash_seq_init(&scan, known);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (!entry->listed && entry->handle == NULL)
			hash_search(known, &entry->database, HASH_REMOVE, NULL);
	}
}

static void
read_databases(void)
{
	List	   *wanted = NIL;
	HASH_SEQ_STATUS scan;
	KnownDatabase *entry;
	Relation	rel;
	TableScanDesc table_scan;
	HeapTuple	tuple;

	hash_seq_init(&scan, known);
	while ((entry = hash_seq_search(&scan)) != NULL)
		entry->listed = false;

	tc_worker_begin("look at the databases");
	(void) SplitIdentifierString(pstrdup(tc_databases), ',', &wanted);
	rel = table_open(DatabaseRelationId, AccessShareLock);
	table_scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(table_scan, ForwardScanDirection)) != NULL)
		note_database((Form_pg_database) GETSTRUCT(tuple), wanted);
	table_endscan(table_scan);
	table_close(rel, AccessShareLock);
	tc_worker_commit();
	forget_unlisted();
}

/* ---- slots; the lock is held ---- */

/* Will the slot be free soon, because the database may have no extension? */
static bool
is_being_probed(const DatabaseSlot *slot)
{
	return slot->phase == DATABASE_PHASE_UNKNOWN ||
		slot->phase == DATABASE_PHASE_STARTING ||
		slot->phase == DATABASE_PHASE_ABSENT;
}

/* A database that is new to us is probed, as soon as a slot is free for it. */
static void
make_missing_slots(void)
{
	HASH_SEQ_STATUS scan;
	KnownDatabase *entry;
	bool		missing = false;

	hash_seq_init(&scan, known);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->listed && !entry->absent &&
			tc_shared_database_make(entry->database) == NULL)
			missing = true;
	}
	for (int i = 0; i < TC_MAX_DATABASES && missing; i++)
		missing = !is_being_probed(&tc_shared->databases[i]);
	database_slots_missing = missing;
}

static void
drop_handle(KnownDatabase *entry)
{
	if (entry != NULL && entry->handle != NULL)
	{
		pfree(entry->handle);
		entry->handle = NULL;
	}
}

/* A scheduler failed: when shall the next one start? */
static void
decide_restart(DatabaseSlot *slot, KnownDatabase *entry, TimestampTz now)
{
	int			delay;

	if (slot->scheduler_started_at != 0 &&
		TimestampDifferenceExceeds(slot->scheduler_started_at, now, HEALTHY_MS))
		slot->failures = 0;
	delay = Min(MAX_BACKOFF_S, FIRST_BACKOFF_S << Min(slot->failures, 10));
	slot->failures++;
	slot->restart_at = now + delay * USECS_PER_SEC;
	if (entry != NULL &&
		TimestampDifferenceExceeds(entry->logged_at, now, LOG_EVERY_MS))
	{
		entry->logged_at = now;
		entry->failed_delay = delay;
	}
}

/* Did the worker end, or never come, without entering its slot? */
static bool
start_failed(const KnownDatabase *entry, TimestampTz now)
{
	pid_t		pid;

	if (entry == NULL)
		return true;
	if (entry->handle == NULL)
		return TimestampDifferenceExceeds(entry->starting_since, now, START_TIMEOUT_MS);
	return GetBackgroundWorkerPid(entry->handle, &pid) == BGWH_STOPPED;
}

/* Bring the phase of a slot without a scheduler up to date. */
static void
settle_phase(DatabaseSlot *slot, KnownDatabase *entry, TimestampTz now)
{
	switch (slot->phase)
	{
		case DATABASE_PHASE_STARTING:
			if (entry != NULL && entry->starting_since == 0)
				entry->starting_since = now;
			if (start_failed(entry, now))
			{
				drop_handle(entry);
				slot->phase = DATABASE_PHASE_BACKOFF;
				slot->scheduler_started_at = 0;
				decide_restart(slot, entry, now);
			}
			break;
		case DATABASE_PHASE_RUNNING:
			slot->phase = DATABASE_PHASE_BACKOFF;
			decide_restart(slot, entry, now);
			break;
		case DATABASE_PHASE_BACKOFF:
			if (slot->restart_at == DT_NOBEGIN)
				decide_restart(slot, entry, now);
			/* The clock may have been set back. */
			else if (slot->restart_at > now + MAX_BACKOFF_S * USECS_PER_SEC)
				slot->restart_at = now + MAX_BACKOFF_S * USECS_PER_SEC;
			break;
		case DATABASE_PHASE_UNKNOWN:
		case DATABASE_PHASE_ABSENT:
			break;
	}
}

static bool
has_others(const DatabaseSlot *slot)
{
	if (slot->purger_pid != 0)
		return true;
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		if (tc_shared->executors[i].database == slot->database &&
			tc_shared->executors[i].pid != 0)
			return true;
	}
	return false;
}

/*
 * A scheduler that found no extension ends by itself: asked to, it would look
 * as if it were to come back.
 */
static bool
is_to_be_stopped(const DatabaseSlot *slot, bool wanted)
{
	if (slot->stop_requested)
		return false;
	if (slot->scheduler_pid != 0)
		return !wanted;
	return (!wanted || slot->phase == DATABASE_PHASE_ABSENT) &&
		has_others(slot);
}

static bool
may_start_now(const DatabaseSlot *slot, TimestampTz now)
{
	return slot->phase == DATABASE_PHASE_UNKNOWN ||
		(slot->phase == DATABASE_PHASE_BACKOFF && slot->restart_at <= now);
}

/*
 * Look after one slot.  True: its scheduler is to be started; *until is moved
 * to when it may be.
 */
static bool
tend_slot(DatabaseSlot *slot, TimestampTz now, TimestampTz *until)
{
	KnownDatabase *entry = hash_search(known, &slot->database, HASH_FIND, NULL);
	bool		wanted = entry != NULL && entry->listed;

	if (slot->scheduler_pid != 0 && entry != NULL)
	{
		drop_handle(entry);
		entry->absent = false;
	}
	if (is_to_be_stopped(slot, wanted))
		tc_shared_database_stop(slot);
	if (slot->scheduler_pid != 0)
		return false;

	settle_phase(slot, entry, now);
	if (slot->holds > 0 || slot->phase == DATABASE_PHASE_STARTING)
		return false;
	if (!wanted || slot->phase == DATABASE_PHASE_ABSENT)
	{
		drop_handle(entry);
		if (entry != NULL)
			entry->absent = slot->phase == DATABASE_PHASE_ABSENT;
		if (!has_others(slot))
			tc_shared_database_free(slot);
		return false;
	}
	if (!may_start_now(slot, now))
	{
		*until = Min(*until, slot->restart_at);
		return false;
	}
	return true;
}

/* ---- starting ---- */

/* False: no worker slot was free. */
static bool
start_scheduler(DatabaseSlot *slot, Oid database, TimestampTz now)
{
	KnownDatabase *entry = hash_search(known, &database, HASH_FIND, NULL);
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	bool		started;

	/* The phase first: the worker can be quicker than we are. */
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	started = slot->database == database && slot->holds == 0;
	if (started)
	{
		slot->phase = DATABASE_PHASE_STARTING;
		slot->stop_requested = false;
	}
	LWLockRelease(tc_shared->lock);
	if (!started)
		return true;

	drop_handle(entry);
	entry->absent = false;
	entry->starting_since = now;
	started = tc_worker_start_scheduler(database, NameStr(entry->name), &entry->handle);
	MemoryContextSwitchTo(old);
	if (!started)
	{
		entry->handle = NULL;
		LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
		if (slot->phase == DATABASE_PHASE_STARTING)
			slot->phase = DATABASE_PHASE_UNKNOWN;
		LWLockRelease(tc_shared->lock);

		/*
		 * an executor that idles anywhere holds a worker slot that is worth
		 * more here
		 */
		(void) tc_shared_executor_make_room(database, InvalidOid);
	}
	return started;
}

static void
report_trouble(TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	KnownDatabase *entry;

	hash_seq_init(&scan, known);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->failed_delay > 0)
			ereport(WARNING,
					(errmsg("the taskcenter scheduler of database \"%s\" failed and will be started again in %d s",
							NameStr(entry->name), entry->failed_delay)));
		entry->failed_delay = 0;
	}
	if (worker_slots_missing &&
		TimestampDifferenceExceeds(slots_logged_at, now, LOG_EVERY_MS))
	{
		slots_logged_at = now;
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker slot is free for a taskcenter scheduler"),
				 errhint("You might need to increase \"max_worker_processes\".")));
	}
	if (database_slots_missing &&
		TimestampDifferenceExceeds(databases_logged_at, now, LOG_EVERY_MS))
	{
		databases_logged_at = now;
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("taskcenter cannot serve more than %d databases at a time",
						TC_MAX_DATABASES),
				 errhint("List the databases to be served in \"taskcenter.databases\".")));
	}
}

/* Tend all slots and start what is to be started; returns when to look again. */
static TimestampTz
supervise(void)
{
	DatabaseSlot *chosen[MAX_STARTING];
	Oid			databases[MAX_STARTING];
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz until = DT_NOEND;
	int			starting = 0;
	int			waiting = 0;
	int			count = 0;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	make_missing_slots();
	for (int i = 0; i < TC_MAX_DATABASES; i++)
	{
		DatabaseSlot *slot = &tc_shared->databases[i];
		bool		wanted;

		if (!OidIsValid(slot->database))
			continue;
		wanted = tend_slot(slot, now, &until);
		starting += slot->phase == DATABASE_PHASE_STARTING;
		waiting += wanted;
		if (wanted && count < MAX_STARTING)
		{
			databases[count] = slot->database;
			chosen[count++] = slot;
		}
	}
	LWLockRelease(tc_shared->lock);
	if (starting + waiting > MAX_STARTING)
		until = Min(until, now + TURN_MS * INT64CONST(1000));

	worker_slots_missing = false;
	for (int i = 0; i < count && starting + i < MAX_STARTING; i++)
	{
		if (start_scheduler(chosen[i], databases[i], now))
			continue;
		worker_slots_missing = true;
		until = Min(until, now + RETRY_MS * INT64CONST(1000));
		break;
	}
	report_trouble(now);
	return until;
}

static bool
databases_changed(void)
{
	bool		changed;
	bool		probe_all;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	changed = tc_shared->databases_changed;
	probe_all = tc_shared->probe_all;
	tc_shared->databases_changed = tc_shared->probe_all = false;
	LWLockRelease(tc_shared->lock);
	if (probe_all)
	{
		HASH_SEQ_STATUS scan;
		KnownDatabase *entry;

		hash_seq_init(&scan, known);
		while ((entry = hash_seq_search(&scan)) != NULL)
			entry->absent = false;
	}
	return changed;
}

void
taskcenter_launcher_main(Datum main_arg)
{
	uint32		wait_event;
	uint32		reloads = 0;
	bool		first = true;
	HASHCTL		info = {.keysize = sizeof(Oid),.entrysize = sizeof(KnownDatabase)};

	tc_worker_init(InvalidOid, InvalidOid, false);
	take_place();
	wait_event = tc_wait_event_new("TaskcenterLauncherMain");
	known = hash_create("taskcenter databases", TC_MAX_DATABASES, &info,
						HASH_ELEM | HASH_BLOBS);
	for (;;)
	{
		bool		changed = databases_changed();

		if (changed || first || reloads != tc_worker_reloads())
		{
			reloads = tc_worker_reloads();
			first = false;
			read_databases();
		}
		tc_worker_wait(supervise(), wait_event);
	}
}
