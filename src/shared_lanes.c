/*-------------------------------------------------------------------------
 *
 * shared_lanes.c
 *		Where claimable runs lie, as far as it is known.
 *
 * The race that must not lose work: a claim copies a lane, takes a snapshot
 * and looks; meanwhile a commit makes an earlier run visible and lowers the
 * lane.  Lowering comes after visibility and gives the lane a new version, so
 * a claim whose copy is older may not call the lane empty, and may raise the
 * bound only up to the lowest position that came since.
 *
 * The other race: a run changes between a claim's snapshot and its locks.  The
 * claim then locks the new row without taking it, until it commits, and others
 * pass the row by; so it lowers the lane once more when it has let go.
 *
 * A lane that is not there has no runs that anybody knows of, or has no place:
 * then the database's lanes_left_out says when the table must be asked for it.
 * When all places are taken, a lane that is empty makes room, else one that
 * nobody can claim from now, else one of a role that has more of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "shared_internal.h"

#define RECENT_MS 100			/* width of one of Lane.recent[] */
#define BOUND_RESET_MS 60000	/* how long a bound stands unverified */

static bool
is_before(TimestampTz at, int64 run, TimestampTz other_at, int64 other_run)
{
	return at < other_at || (at == other_at && run < other_run);
}

static Lane *
find_lane(const LaneKey *key)
{
	for (int i = 0; i < tc_shared->lane_count; i++)
	{
		Lane	   *lane = &tc_shared->lanes[i];

		if (lane->used && memcmp(&lane->key, key, sizeof(LaneKey)) == 0)
			return lane;
	}
	return NULL;
}

static void
forget_recent(Lane *lane, TimestampTz now)
{
	lane->recent[1] = lane->recent[0];
	lane->recent[0].base = lane->version;
	lane->recent[0].at = DT_NOEND;
	lane->recent[0].run = PG_INT64_MAX;
	lane->recent_since = now;
}

/* ---- places ---- */

static void
leave_out(const LaneKey *key, TimestampTz due)
{
	DatabaseSlot *database = tc_shared_database(key->database);

	if (database != NULL && due < database->lanes_left_out)
	{
		database->lanes_left_out = due;
		tc_lane_due_later(key->database, due);
	}
}

/* When somebody can claim from the lane; a blocked one waits for others. */
static TimestampTz
claimable_at(const Lane *lane)
{
	return lane->blocked ? DT_NOEND : lane->next_due;
}

static int
count_lanes(const LaneKey *key)
{
	int			count = 0;

	for (int i = 0; i < tc_shared->lane_count; i++)
	{
		const Lane *lane = &tc_shared->lanes[i];

		count += lane->used && lane->key.role == key->role &&
			lane->key.database == key->database;
	}
	return count;
}

/* Any of them, of a role that has more than this one; NULL: chance found none. */
static Lane *
take_from_richer(const LaneKey *key)
{
	Lane	   *lane = &tc_shared->lanes[pg_prng_uint64(&pg_global_prng_state) % TC_MAX_LANES];

	return count_lanes(&lane->key) > count_lanes(key) + 1 ? lane : NULL;
}

/* A place for a lane that is due then; NULL: others need them more. */
static Lane *
take_lane(const LaneKey *key, TimestampTz due)
{
	Lane	   *latest = NULL;

	for (int i = 0; i < tc_shared->lane_count; i++)
	{
		Lane	   *lane = &tc_shared->lanes[i];

		if (!lane->used)
			return lane;
		if (latest == NULL || claimable_at(lane) > claimable_at(latest))
			latest = lane;
	}
	if (tc_shared->lane_count < TC_MAX_LANES)
		return &tc_shared->lanes[tc_shared->lane_count++];
	if (claimable_at(latest) <= due)
		latest = take_from_richer(key);
	if (latest != NULL && latest->next_due != DT_NOEND)
		leave_out(&latest->key, latest->next_due);
	return latest;
}

static Lane *
make_lane(const LaneKey *key, TimestampTz due)
{
	TimestampTz now = GetCurrentTimestamp();
	Lane	   *lane;

	/* Without a slot there is no scheduler: it will read all lanes at start. */
	if (tc_shared_database(key->database) == NULL)
		return NULL;
	lane = take_lane(key, due);
	if (lane == NULL)
	{
		leave_out(key, due);
		return NULL;
	}
	MemSet(lane, 0, sizeof(Lane));
	lane->key = *key;
	lane->used = true;
	lane->bound_at = DT_NOBEGIN;
	lane->bound_reset_at = now;
	lane->next_due = DT_NOEND;
	lane->version = ++tc_shared->lane_version;
	forget_recent(lane, now);
	lane->recent[1] = lane->recent[0];
	return lane;
}

static void
lower(Lane *lane, TimestampTz run_at, int64 run_id)
{
	lane->version = ++tc_shared->lane_version;
	if (is_before(run_at, run_id, lane->recent[0].at, lane->recent[0].run))
	{
		lane->recent[0].at = run_at;
		lane->recent[0].run = run_id;
	}
	if (is_before(run_at, run_id, lane->bound_at, lane->bound_run))
	{
		lane->bound_at = run_at;
		lane->bound_run = run_id;
	}
	if (run_at < lane->next_due)
		lane->next_due = run_at;
}

/* The claims to come must look at the whole lane. */
static void
reset_bound(Lane *lane, TimestampTz now)
{
	lower(lane, DT_NOBEGIN, 0);
	lane->bound_reset_at = now;
}

Lane *
tc_lane_lower(const LaneKey *key, TimestampTz run_at, int64 run_id)
{
	Lane	   *lane = find_lane(key);

	if (lane == NULL)
		lane = make_lane(key, run_at);
	if (lane == NULL)
		return NULL;
	lower(lane, run_at, run_id);
	lane->blocked = false;
	return lane;
}

/* Somebody has to wake when a lane is due: the scheduler, if it would sleep on. */
void
tc_lane_due_later(Oid database, TimestampTz due)
{
	DatabaseSlot *slot = tc_shared_database(database);

	if (slot == NULL)
		return;
	slot->later_changed = true;
	if (due < slot->scheduler_sleeps_until)
		tc_shared_set_scheduler_latch(database);
}

bool
tc_lane_is_ready(const Lane *lane, TimestampTz now)
{
	return lane->used && !lane->blocked && lane->next_due <= now;
}

bool
tc_lanes_ready(Oid database, Oid role, TimestampTz now)
{
	for (int i = 0; i < tc_shared->lane_count; i++)
	{
		const Lane *lane = &tc_shared->lanes[i];

		if (lane->key.role == role && lane->key.database == database &&
			tc_lane_is_ready(lane, now))
			return true;
	}
	return false;
}

static bool
unblock(Lane *lane, TimestampTz now)
{
	bool		was_blocked = lane->blocked;

	lane->unblock_version++;
	lane->blocked = false;
	if (was_blocked && tc_lane_is_ready(lane, now))
		tc_wake_role(lane->key.database, lane->key.role);
	return was_blocked;
}

/* Is it a lane of this task alone? */
static bool
is_of_task(const LaneKey *key, int64 task_id)
{
	return key->gate != 0 && key->gate != TC_GATE_SUSPECT &&
		TC_GATE_TASK(key->gate) == task_id;
}

bool
tc_lanes_unblock(Oid database, int64 queue_id, int64 task_id, TimestampTz now)
{
	bool		any = false;

	for (int i = 0; i < tc_shared->lane_count; i++)
	{
		Lane	   *lane = &tc_shared->lanes[i];

		if (lane->used && lane->key.database == database &&
			(lane->key.queue_id == queue_id || is_of_task(&lane->key, task_id)))
			any |= unblock(lane, now);
	}
	return any;
}

void
tc_lanes_unblock_all(Oid database, TimestampTz now)
{
	for (int i = 0; i < tc_shared->lane_count; i++)
	{
		Lane	   *lane = &tc_shared->lanes[i];

		if (!lane->used || lane->key.database != database)
			continue;
		/* its limit may be another */
		if (lane->paced)
		{
			lane->paced = false;
			lane->next_due = DT_NOBEGIN;
			if (tc_lane_is_ready(lane, now))
				tc_wake_role(lane->key.database, lane->key.role);
		}
		(void) unblock(lane, now);
	}
}

void
tc_lanes_forget(Oid database)
{
	for (int i = 0; i < tc_shared->lane_count; i++)
	{
		if (tc_shared->lanes[i].key.database == database)
			MemSet(&tc_shared->lanes[i], 0, sizeof(Lane));
	}
	while (tc_shared->lane_count > 0 &&
		   !tc_shared->lanes[tc_shared->lane_count - 1].used)
		tc_shared->lane_count--;
}

/* ---- the same for callers without the lock ---- */

void
tc_shared_lane_lower(const LaneKey *key, TimestampTz run_at, int64 run_id)
{
	Lane	   *lane;

	if (tc_shared == NULL)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	lane = tc_lane_lower(key, run_at, run_id);
	if (lane != NULL)
		lane->changed_version = lane->version;
	LWLockRelease(tc_shared->lock);
}

int
tc_shared_lanes_due(Oid database, Oid role, TimestampTz now, const LaneKey *also,
					Lane lanes[TC_MAX_LANES])
{
	int			count = 0;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (int i = 0; i < tc_shared->lane_count; i++)
	{
		const Lane *lane = &tc_shared->lanes[i];

		if (lane->key.database == database &&
			(!OidIsValid(role) || lane->key.role == role) &&
			(tc_lane_is_ready(lane, now) ||
			 (also != NULL && memcmp(&lane->key, also, sizeof(LaneKey)) == 0)))
			lanes[count++] = *lane;
	}
	LWLockRelease(tc_shared->lock);
	return count;
}

TimestampTz
tc_shared_lanes_left_out(bool clear)
{
	TimestampTz due = DT_NOEND;
	DatabaseSlot *slot;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
	{
		due = slot->lanes_left_out;
		if (clear)
			slot->lanes_left_out = DT_NOEND;
	}
	LWLockRelease(tc_shared->lock);
	return due;
}

/*
 * How far may a claim that saw an older version of the lane raise the bound?
 * False: not at all.
 */
static bool
raise_limit(const Lane *lane, uint64 seen, TimestampTz *at, int64 *run)
{
	if (seen == lane->version)
	{
		*at = DT_NOEND;
		*run = PG_INT64_MAX;
		return true;
	}
	if (seen < lane->recent[1].base)
		return false;
	*at = lane->recent[0].at;
	*run = lane->recent[0].run;
	if (seen < lane->recent[0].base &&
		is_before(lane->recent[1].at, lane->recent[1].run, *at, *run))
	{
		*at = lane->recent[1].at;
		*run = lane->recent[1].run;
	}
	return true;
}

void
tc_shared_lane_raise(const Lane *seen, TimestampTz bound_at, int64 bound_run)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz limit_at;
	int64		limit_run;
	Lane	   *lane;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	lane = find_lane(&seen->key);
	if (lane != NULL)
	{
		if (raise_limit(lane, seen->version, &limit_at, &limit_run))
		{
			if (is_before(limit_at, limit_run, bound_at, bound_run))
			{
				bound_at = limit_at;
				bound_run = limit_run;
			}
			if (is_before(lane->bound_at, lane->bound_run, bound_at, bound_run))
			{
				lane->bound_at = bound_at;
				lane->bound_run = bound_run;
			}
		}
		if (TimestampDifferenceExceeds(lane->recent_since, now, RECENT_MS))
			forget_recent(lane, now);
	}
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_lane_let_go(const Lane *seen)
{
	TimestampTz at;
	int64		run;
	Lane	   *lane;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	lane = find_lane(&seen->key);
	if (lane != NULL && lane->changed_version > seen->version)
	{
		if (!raise_limit(lane, seen->version, &at, &run))
		{
			at = DT_NOBEGIN;
			run = 0;
		}
		lower(lane, at, run);
		if (tc_lane_is_ready(lane, GetCurrentTimestamp()))
			tc_wake_role(lane->key.database, lane->key.role);
	}
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_lane_drained(const Lane *seen, TimestampTz next_due, bool provisional)
{
	TimestampTz now = GetCurrentTimestamp();
	Lane	   *lane;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	lane = find_lane(&seen->key);
	if (lane != NULL && lane->version == seen->version)
	{
		if (lane->bound_at != DT_NOBEGIN &&
			TimestampDifferenceExceeds(lane->bound_reset_at, now, BOUND_RESET_MS))
			reset_bound(lane, now);
		else
		{
			lane->next_due = next_due;
			lane->paced = false;
			if (next_due > now && !provisional)
				tc_lane_due_later(seen->key.database, next_due);
		}
	}
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_lane_pace(const Lane *seen, TimestampTz until)
{
	Lane	   *lane;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	lane = find_lane(&seen->key);
	if (lane != NULL && lane->version == seen->version &&
		lane->unblock_version == seen->unblock_version)
	{
		lane->next_due = until;
		lane->paced = true;
		tc_lane_due_later(seen->key.database, until);
	}
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_lane_block(const Lane *seen)
{
	Lane	   *lane;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	lane = find_lane(&seen->key);
	if (lane != NULL && lane->version == seen->version &&
		lane->unblock_version == seen->unblock_version)
		lane->blocked = true;
	LWLockRelease(tc_shared->lock);
}

bool
tc_shared_lanes_unblock(Oid database, int64 queue_id, int64 task_id)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		any;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	any = tc_lanes_unblock(database, queue_id, task_id, now);
	LWLockRelease(tc_shared->lock);
	return any;
}

void
tc_shared_lanes_unblock_all(Oid database)
{
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	tc_lanes_unblock_all(database, GetCurrentTimestamp());
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_lanes_reset(Oid database, Oid role)
{
	TimestampTz now = GetCurrentTimestamp();

	bool		needed;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	needed = tc_executor_ended_in_work(database, role);
	for (int i = 0; i < tc_shared->lane_count && needed; i++)
	{
		Lane	   *lane = &tc_shared->lanes[i];

		if (lane->used && lane->key.database == database && lane->key.role == role)
			reset_bound(lane, now);
	}
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_lanes_forget(Oid database)
{
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	tc_lanes_forget(database);
	LWLockRelease(tc_shared->lock);
}

TimestampTz
tc_shared_lanes_next_due(Oid database, TimestampTz now)
{
	TimestampTz earliest = DT_NOEND;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (int i = 0; i < tc_shared->lane_count; i++)
	{
		const Lane *lane = &tc_shared->lanes[i];

		if (lane->used && lane->key.database == database && !lane->blocked &&
			lane->next_due > now && lane->next_due < earliest)
			earliest = lane->next_due;
	}
	LWLockRelease(tc_shared->lock);
	return earliest;
}

bool
tc_shared_lanes_ready(Oid database, Oid role, TimestampTz now)
{
	bool		ready;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	ready = tc_lanes_ready(database, role, now);
	LWLockRelease(tc_shared->lock);
	return ready;
}
