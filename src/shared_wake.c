/*-------------------------------------------------------------------------
 *
 * shared_wake.c
 *		What a transaction notes for its end, when others can see its rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "shared_pending_internal.h"

Pending		tc_pending;

void
tc_wake_note_work(void)
{
	tc_shared_wake_init();
	tc_pending.work = true;
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
	for (int i = 0; i < tc_pending.lane_count && lane == NULL; i++)
	{
		if (memcmp(&tc_pending.lanes[i].key, &key, sizeof(key)) == 0)
			lane = &tc_pending.lanes[i];
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
	else if (tc_pending.lane_count < MAX_PENDING_LANES)
	{
		lane = &tc_pending.lanes[tc_pending.lane_count++];
		lane->key = key;
		lane->run_at = run_at;
		lane->run_id = run_id;
		lane->level = lane->deepest = level;
		lane->passed_by = lane->changed = false;
	}
	else
	{
		tc_pending.all_lanes = true;
		return;
	}
	lane->passed_by |= touch == LANE_TOUCH_LOCKED;
	lane->changed |= touch != LANE_TOUCH_NEW;
}

void
tc_shared_touch_all_lanes(void)
{
	tc_wake_note_work();
	tc_pending.all_lanes = true;
}

void
tc_shared_touch_guards(void)
{
	tc_shared_touch_control();
	tc_pending.guards = true;
}

void
tc_shared_touch_control(void)
{
	tc_wake_note_work();
	tc_pending.control = true;
}

void
tc_shared_touch_schedules(TimestampTz next_run_at)
{
	tc_wake_note_work();
	if (!tc_pending.schedules || next_run_at < tc_pending.schedules_earliest)
		tc_pending.schedules_earliest = next_run_at;
	tc_pending.schedules = true;
}

void
tc_shared_touch_finish(int64 run_id, int64 queue_id, int64 task_id)
{
	PendingFinish *finish;

	tc_wake_note_work();
	if (tc_pending.finish_count >= MAX_PENDING_FINISHES)
	{
		tc_pending.all_finishes = true;
		return;
	}
	finish = &tc_pending.finishes[tc_pending.finish_count++];
	finish->run_id = run_id;
	finish->queue_id = queue_id;
	finish->task_id = task_id;
}

int
tc_shared_touched_lanes(Oid role, TimestampTz now, Lane *lanes, int max)
{
	int			count = 0;

	for (int i = 0; i < tc_pending.lane_count && count < max; i++)
	{
		Lane	   *lane = &lanes[count];

		if (tc_pending.lanes[i].key.role != role || tc_pending.lanes[i].run_at > now)
			continue;
		MemSet(lane, 0, sizeof(Lane));
		lane->key = tc_pending.lanes[i].key;
		lane->used = true;
		lane->bound_at = DT_NOBEGIN;
		lane->next_due = DT_NOBEGIN;
		count++;
	}
	return count;
}

void
tc_shared_touch_databases(void)
{
	tc_wake_note_work();
	tc_pending.extension_made = true;
}

void
tc_shared_touch_extension_dropped(void)
{
	tc_wake_note_work();
	tc_pending.extension_dropped = true;
}

void
tc_shared_touch_database_list(void)
{
	tc_shared_wake_init();
	tc_pending.database_list = true;
}

void
tc_shared_touch_session_defaults(Oid database)
{
	tc_shared_wake_init();
	if (!OidIsValid(database) || tc_pending.defaults_count >= MAX_PENDING_DATABASES)
		tc_pending.all_defaults = true;
	else
		tc_pending.defaults[tc_pending.defaults_count++] = database;
}

static bool
is_to_be_cancelled(int64 run_id, int32 attempt)
{
	ListCell   *cell;

	foreach(cell, tc_pending.cancels)
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
	tc_pending.cancels = lappend(tc_pending.cancels, cancel);
	MemoryContextSwitchTo(old);
}
