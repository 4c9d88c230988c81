/*-------------------------------------------------------------------------
 *
 * shared_wake.c
 *		What a transaction does to other processes when it ends.
 *
 * A transaction only notes what it touches; the effect comes at its end, when
 * others can see its rows: at commit everything, in one hold of the lock; at
 * abort only lanes in which the (sub)transaction had locked rows, because
 * claims passed them by.  The notes have a fixed size; what does not fit
 * becomes "look at everything".
 *
 * The callbacks run in the middle of a commit: they must not throw.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "shared_internal.h"

#define MAX_PENDING_LANES 32
#define MAX_PENDING_FINISHES 64
#define MAX_PENDING_DATABASES 8

typedef struct PendingLane
{
	LaneKey		key;
	TimestampTz run_at;
	int64		run_id;
	int			level;			/* outermost subtransaction that touched it */
	int			deepest;		/* innermost one */
	bool		passed_by;		/* one of its rows is locked by us */
	bool		changed;		/* one of its rows was there before */
} PendingLane;

typedef struct PendingFinish
{
	int64		run_id;
	int64		queue_id;
	int64		task_id;
} PendingFinish;

typedef struct PendingCancel
{
	int64		run_id;
	int32		attempt;
	int			level;
	const char *reason;
	const char *actor;
} PendingCancel;

typedef struct Pending
{
	bool		work;			/* anything that PREPARE TRANSACTION would
								 * lose */
	bool		control;
	bool		guards;
	bool		schedules;
	bool		extension_made;
	bool		extension_dropped;
	bool		database_list;
	bool		all_lanes;		/* more than lanes[] holds, or all are
								 * concerned */
	bool		all_finishes;
	bool		all_defaults;
	int			lane_count;
	int			finish_count;
	int			defaults_count;
	TimestampTz schedules_earliest;
	List	   *cancels;		/* PendingCancel, in TopTransactionContext */
	PendingLane lanes[MAX_PENDING_LANES];
	PendingFinish finishes[MAX_PENDING_FINISHES];
	Oid			defaults[MAX_PENDING_DATABASES];
} Pending;

static Pending pending;

static void at_transaction_end(XactEvent event, void *arg);
static void at_subtransaction_end(SubXactEvent event, SubTransactionId subid,
								  SubTransactionId parent, void *arg);

void
tc_shared_wake_init(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	registered = true;
}

/* Only the counts and flags matter; the arrays keep what they hold. */
static void
forget_pending(void)
{
	memset(&pending, 0, offsetof(Pending, lanes));
	tc_work_forget();
}

void
tc_wake_note_work(void)
{
	tc_shared_wake_init();
	pending.work = true;
}

/* ---- noting ---- */

void
tc_shared_touch_lane(Oid role, int64 queue_id, int32 priority, int64 gate,
					 TimestampTz run_at, int64 run_id, LaneTouch touch)
{
	LaneKey		key = {MyDatabaseId, role, queue_id, gate, priority, 0};
	int			level = GetCurrentTransactionNestLevel();
	PendingLane *lane = NULL;

	tc_wake_note_work();
	for (int i = 0; i < pending.lane_count && lane == NULL; i++)
	{
		if (memcmp(&pending.lanes[i].key, &key, sizeof(key)) == 0)
			lane = &pending.lanes[i];
	}
	if (lane != NULL)
	{
		lane->deepest = Max(lane->deepest, level);
		if (run_at < lane->run_at ||
			(run_at == lane->run_at && run_id < lane->run_id))
		{
			lane->run_at = run_at;
			lane->run_id = run_id;
		}
	}
	else if (pending.lane_count < MAX_PENDING_LANES)
	{
		lane = &pending.lanes[pending.lane_count++];
		lane->key = key;
		lane->run_at = run_at;
		lane->run_id = run_id;
		lane->level = lane->deepest = level;
		lane->passed_by = lane->changed = false;
	}
	else
	{
		pending.all_lanes = true;
		return;
	}
	lane->passed_by |= touch == LANE_TOUCH_LOCKED;
	lane->changed |= touch != LANE_TOUCH_NEW;
}

void
tc_shared_touch_all_lanes(void)
{
	tc_wake_note_work();
	pending.all_lanes = true;
}

void
tc_shared_touch_guards(void)
{
	tc_shared_touch_control();
	pending.guards = true;
}

void
tc_shared_touch_control(void)
{
	tc_wake_note_work();
	pending.control = true;
}

void
tc_shared_touch_schedules(TimestampTz next_run_at)
{
	tc_wake_note_work();
	if (!pending.schedules || next_run_at < pending.schedules_earliest)
		pending.schedules_earliest = next_run_at;
	pending.schedules = true;
}

void
tc_shared_touch_finish(int64 run_id, int64 queue_id, int64 task_id)
{
	PendingFinish *finish;

	tc_wake_note_work();
	if (pending.finish_count >= MAX_PENDING_FINISHES)
	{
		pending.all_finishes = true;
		return;
	}
	finish = &pending.finishes[pending.finish_count++];
	finish->run_id = run_id;
	finish->queue_id = queue_id;
	finish->task_id = task_id;
}

void
tc_shared_touch_databases(void)
{
	tc_wake_note_work();
	pending.extension_made = true;
}

void
tc_shared_touch_extension_dropped(void)
{
	tc_wake_note_work();
	pending.extension_dropped = true;
}

void
tc_shared_touch_database_list(void)
{
	tc_shared_wake_init();
	pending.database_list = true;
}

void
tc_shared_touch_session_defaults(Oid database)
{
	tc_shared_wake_init();
	if (!OidIsValid(database) || pending.defaults_count >= MAX_PENDING_DATABASES)
		pending.all_defaults = true;
	else
		pending.defaults[pending.defaults_count++] = database;
}

static bool
is_to_be_cancelled(int64 run_id, int32 attempt)
{
	ListCell   *cell;

	foreach(cell, pending.cancels)
	{
		const PendingCancel *cancel = lfirst(cell);

		if (cancel->run_id == run_id && cancel->attempt == attempt)
			return true;
	}
	return false;
}

/* As much as fits into so many bytes of shared memory; whole characters. */
static char *
clipped(const char *text, int size)
{
	if (text == NULL)
		return pstrdup("");
	return pnstrdup(text, pg_mbcliplen(text, strlen(text), size - 1));
}

void
tc_shared_cancel_at_commit(int64 run_id, int32 attempt,
						   const char *reason, const char *actor)
{
	MemoryContext old;
	PendingCancel *cancel;

	/* however often it is asked for: at commit all others wait for the lock */
	if (is_to_be_cancelled(run_id, attempt))
		return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	cancel = palloc(sizeof(PendingCancel));
	cancel->run_id = run_id;
	cancel->attempt = attempt;
	cancel->level = GetCurrentTransactionNestLevel();
	cancel->reason = clipped(reason, TC_REASON_LENGTH);
	cancel->actor = clipped(actor, NAMEDATALEN);
	tc_wake_note_work();
	pending.cancels = lappend(pending.cancels, cancel);
	MemoryContextSwitchTo(old);
}

/* ---- effects; the lock is held ---- */

static void
apply_lane(const PendingLane *touched, TimestampTz now)
{
	Lane	   *lane = tc_lane_lower(&touched->key, touched->run_at, touched->run_id);

	if (lane == NULL)
		return;					/* left out; the scheduler knows */
	if (touched->changed)
		lane->changed_version = lane->version;
	if (tc_lane_is_ready(lane, now))
		tc_wake_role(touched->key.database, touched->key.role);
	else
		tc_lane_due_later(touched->key.database, touched->run_at);
}

static void
apply_lanes(TimestampTz now, bool committed)
{
	for (int i = 0; i < pending.lane_count; i++)
	{
		if (committed || pending.lanes[i].passed_by)
			apply_lane(&pending.lanes[i], now);
	}
	if (pending.all_lanes)
	{
		DatabaseSlot *database = tc_shared_database(MyDatabaseId);

		if (database != NULL)
			database->lanes_unknown = true;
		tc_shared_set_scheduler_latch(MyDatabaseId);
	}
}

static bool
same_place_before(int finish)
{
	for (int i = 0; i < finish; i++)
	{
		if (pending.finishes[i].queue_id == pending.finishes[finish].queue_id &&
			pending.finishes[i].task_id == pending.finishes[finish].task_id)
			return true;
	}
	return false;
}

/* Is it a run that somebody waits for? */
static bool
is_finished(int64 run_id)
{
	if (run_id == 0 || pending.all_finishes)
		return true;
	for (int i = 0; i < pending.finish_count; i++)
	{
		if (pending.finishes[i].run_id == run_id)
			return true;
	}
	return false;
}

static void
apply_finishes(TimestampTz now)
{
	if (pending.finish_count == 0)
		return;
	if (pending.all_finishes)
	{
		tc_lanes_unblock_all(MyDatabaseId, now);
		tc_waiters_wake_for_work(MyDatabaseId, 0, true);
	}
	else
	{
		for (int i = 0; i < pending.finish_count; i++)
		{
			if (same_place_before(i))
				continue;
			(void) tc_lanes_unblock(MyDatabaseId, pending.finishes[i].queue_id,
									pending.finishes[i].task_id, now);
			tc_waiters_wake_for_work(MyDatabaseId, pending.finishes[i].queue_id, true);
		}
	}
	tc_waiters_wake(MyDatabaseId, is_finished);
}

static void
apply_schedules(TimestampTz now)
{
	DatabaseSlot *database = tc_shared_database(MyDatabaseId);

	if (!pending.schedules || database == NULL)
		return;
	if (!database->schedules_changed ||
		pending.schedules_earliest < database->schedules_earliest)
		database->schedules_earliest = pending.schedules_earliest;
	database->schedules_changed = true;

	/* A scheduler whose sleep is over may be past its look at the flag. */
	if (pending.schedules_earliest < database->scheduler_sleeps_until ||
		database->scheduler_sleeps_until <= now)
		tc_shared_set_scheduler_latch(MyDatabaseId);
}

static void
apply_control(TimestampTz now)
{
	DatabaseSlot *database = tc_shared_database(MyDatabaseId);

	if (!pending.control || database == NULL)
		return;
	database->control_version++;
	database->guards_altered |= pending.guards;
	tc_lanes_unblock_all(MyDatabaseId, now);
	tc_waiters_wake_for_work(MyDatabaseId, 0, false);
	tc_shared_set_scheduler_latch(MyDatabaseId);
}

static void
apply_cancels(TimestampTz now)
{
	ListCell   *cell;

	foreach(cell, pending.cancels)
	{
		PendingCancel *cancel = lfirst(cell);

		tc_cancel_attempt(MyDatabaseId, cancel->run_id, cancel->attempt,
						  cancel->reason, cancel->actor, now);
	}
}

static void
apply_defaults(void)
{
	for (int i = 0; i < TC_MAX_DATABASES; i++)
	{
		DatabaseSlot *database = &tc_shared->databases[i];
		bool		concerned = pending.all_defaults;

		for (int j = 0; j < pending.defaults_count && !concerned; j++)
			concerned = pending.defaults[j] == database->database;
		if (concerned && OidIsValid(database->database))
			database->session_defaults_version++;
	}
}

/*
 * The launcher has to find out anew whether this database has the extension.
 * A scheduler that is starting may have looked before our commit; one that
 * runs only has to learn of a new owner of the database's work.
 */
static void
apply_extension(void)
{
	DatabaseSlot *database = tc_shared_database_make(MyDatabaseId);

	if (database == NULL)
		tc_shared->probe_all = true;
	else if (database->phase == DATABASE_PHASE_RUNNING && !pending.extension_dropped)
	{
		database->control_version++;
		tc_shared_set_scheduler_latch(MyDatabaseId);
	}
	else if (database->scheduler_pid != 0 ||
			 database->phase == DATABASE_PHASE_STARTING)
		tc_shared_database_stop(database);
	else
	{
		database->phase = DATABASE_PHASE_UNKNOWN;
		database->failures = 0;
	}
}

static void
apply_databases(void)
{
	bool		extension = pending.extension_made || pending.extension_dropped;

	if (extension && OidIsValid(MyDatabaseId))
		apply_extension();
	if (extension || pending.database_list)
		tc_shared_set_launcher_latch();
}

static void
apply_commit(void)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	apply_lanes(now, true);
	tc_work_apply(true, now);
	apply_finishes(now);
	apply_control(now);
	apply_schedules(now);
	apply_cancels(now);
	if (pending.all_defaults || pending.defaults_count > 0)
		apply_defaults();
	apply_databases();
	LWLockRelease(tc_shared->lock);
}

/* ---- callbacks ---- */

static bool
nothing_pending(void)
{
	return !pending.work && !pending.database_list && !pending.all_defaults &&
		pending.defaults_count == 0;
}

static void
apply_abort(void)
{
	if (pending.lane_count == 0 && !pending.all_lanes && !tc_work_is_pending())
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	apply_lanes(GetCurrentTimestamp(), false);
	tc_work_apply(false, GetCurrentTimestamp());
	LWLockRelease(tc_shared->lock);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (tc_shared != NULL && !nothing_pending())
				apply_commit();
			forget_pending();
			break;
		case XACT_EVENT_ABORT:
			if (tc_shared != NULL && !nothing_pending())
				apply_abort();
			forget_pending();
			tc_waiter_forget();
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (pending.work)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has created or changed taskcenter work"),
						 errhint("Commit the transaction, or make the work in another one.")));
			break;
		case XACT_EVENT_PREPARE:
			forget_pending();
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

/* Rows that the subtransaction had locked are free now. */
static void
abort_lanes(int level)
{
	TimestampTz now = GetCurrentTimestamp();
	int			kept = 0;

	if (tc_shared != NULL)
		LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < pending.lane_count; i++)
	{
		PendingLane *lane = &pending.lanes[i];

		if (tc_shared != NULL && lane->passed_by && lane->deepest >= level)
			apply_lane(lane, now);
		if (lane->level >= level)
			continue;
		lane->deepest = Min(lane->deepest, level - 1);
		pending.lanes[kept++] = *lane;
	}
	pending.lane_count = kept;
	if (tc_shared != NULL)
		LWLockRelease(tc_shared->lock);
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	ListCell   *cell;

	if (nothing_pending())
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		if (pending.lane_count > 0)
			abort_lanes(level);
		foreach(cell, pending.cancels)
		{
			if (((PendingCancel *) lfirst(cell))->level >= level)
				pending.cancels = foreach_delete_current(pending.cancels, cell);
		}
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = 0; i < pending.lane_count; i++)
		{
			pending.lanes[i].level = Min(pending.lanes[i].level, level - 1);
			pending.lanes[i].deepest = Min(pending.lanes[i].deepest, level - 1);
		}
		foreach(cell, pending.cancels)
		{
			PendingCancel *cancel = lfirst(cell);

			cancel->level = Min(cancel->level, level - 1);
		}
	}
}
