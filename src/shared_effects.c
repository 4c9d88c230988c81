/*-------------------------------------------------------------------------
 *
 * shared_effects.c
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
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "shared_pending_internal.h"

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
	memset(&tc_pending, 0, offsetof(Pending, lanes));
	tc_work_forget();
	tc_metrics_forget();
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
	for (int i = 0; i < tc_pending.lane_count; i++)
	{
		if (committed || tc_pending.lanes[i].passed_by)
			apply_lane(&tc_pending.lanes[i], now);
	}
	if (tc_pending.all_lanes)
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
		if (tc_pending.finishes[i].queue_id == tc_pending.finishes[finish].queue_id &&
			tc_pending.finishes[i].task_id == tc_pending.finishes[finish].task_id)
			return true;
	}
	return false;
}

/* Is it a run that somebody waits for? */
static bool
is_finished(int64 run_id)
{
	if (run_id == 0 || tc_pending.all_finishes)
		return true;
	for (int i = 0; i < tc_pending.finish_count; i++)
	{
		if (tc_pending.finishes[i].run_id == run_id)
			return true;
	}
	return false;
}

static void
apply_finishes(TimestampTz now)
{
	if (tc_pending.finish_count == 0)
		return;
	if (tc_pending.all_finishes)
	{
		tc_lanes_unblock_all(MyDatabaseId, now);
		tc_waiters_wake_for_room(MyDatabaseId, 0);
	}
	else
	{
		for (int i = 0; i < tc_pending.finish_count; i++)
		{
			if (same_place_before(i))
				continue;
			(void) tc_lanes_unblock(MyDatabaseId, tc_pending.finishes[i].queue_id,
									tc_pending.finishes[i].task_id, now);
			tc_waiters_wake_for_room(MyDatabaseId, tc_pending.finishes[i].queue_id);
		}
	}
	tc_waiters_wake(MyDatabaseId, is_finished);
}

static void
apply_schedules(TimestampTz now)
{
	DatabaseSlot *database = tc_shared_database(MyDatabaseId);

	if (!tc_pending.schedules || database == NULL)
		return;
	if (!database->schedules_changed ||
		tc_pending.schedules_earliest < database->schedules_earliest)
		database->schedules_earliest = tc_pending.schedules_earliest;
	database->schedules_changed = true;

	/* A scheduler whose sleep is over may be past its look at the flag. */
	if (tc_pending.schedules_earliest < database->scheduler_sleeps_until ||
		database->scheduler_sleeps_until <= now)
		tc_shared_set_scheduler_latch(MyDatabaseId);
}

static void
apply_control(TimestampTz now)
{
	DatabaseSlot *database = tc_shared_database(MyDatabaseId);

	if (!tc_pending.control || database == NULL)
		return;
	database->control_version++;
	database->guards_altered |= tc_pending.guards;
	tc_lanes_unblock_all(MyDatabaseId, now);
	tc_work_change(database);
	tc_shared_set_scheduler_latch(MyDatabaseId);
}

static void
apply_cancels(TimestampTz now)
{
	ListCell   *cell;

	foreach(cell, tc_pending.cancels)
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
		bool		concerned = tc_pending.all_defaults;

		for (int j = 0; j < tc_pending.defaults_count && !concerned; j++)
			concerned = tc_pending.defaults[j] == database->database;
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
	else if (database->phase == DATABASE_PHASE_RUNNING && !tc_pending.extension_dropped)
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
	bool		extension = tc_pending.extension_made || tc_pending.extension_dropped;

	if (extension && OidIsValid(MyDatabaseId))
		apply_extension();
	if (extension || tc_pending.database_list)
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
	tc_roots_apply();
	tc_letters_apply(now);
	apply_control(now);
	apply_schedules(now);
	apply_cancels(now);
	if (tc_pending.all_defaults || tc_pending.defaults_count > 0)
		apply_defaults();
	apply_databases();
	tc_metrics_apply();
	LWLockRelease(tc_shared->lock);
}

/* ---- callbacks ---- */

static bool
nothing_pending(void)
{
	return !tc_pending.work && !tc_pending.database_list && !tc_pending.all_defaults &&
		tc_pending.defaults_count == 0 && !tc_metrics_noted();
}

static void
apply_abort(void)
{
	if (tc_pending.lane_count == 0 && !tc_pending.all_lanes && !tc_work_is_pending())
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
			if (tc_pending.work)
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
	for (int i = 0; i < tc_pending.lane_count; i++)
	{
		PendingLane *lane = &tc_pending.lanes[i];

		if (tc_shared != NULL && lane->passed_by && lane->deepest >= level)
			apply_lane(lane, now);
		if (lane->level >= level)
			continue;
		lane->deepest = Min(lane->deepest, level - 1);
		tc_pending.lanes[kept++] = *lane;
	}
	tc_pending.lane_count = kept;
	if (tc_shared != NULL)
		LWLockRelease(tc_shared->lock);
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	ListCell   *cell;

	if (event == SUBXACT_EVENT_ABORT_SUB)
		tc_pending.muted = false;
	if (nothing_pending())
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		if (tc_pending.lane_count > 0)
			abort_lanes(level);
		foreach(cell, tc_pending.cancels)
		{
			if (((PendingCancel *) lfirst(cell))->level >= level)
				tc_pending.cancels = foreach_delete_current(tc_pending.cancels, cell);
		}
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = 0; i < tc_pending.lane_count; i++)
		{
			tc_pending.lanes[i].level = Min(tc_pending.lanes[i].level, level - 1);
			tc_pending.lanes[i].deepest = Min(tc_pending.lanes[i].deepest, level - 1);
		}
		foreach(cell, tc_pending.cancels)
		{
			PendingCancel *cancel = lfirst(cell);

			cancel->level = Min(cancel->level, level - 1);
		}
	}
}
