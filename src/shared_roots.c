/*-------------------------------------------------------------------------
 *
 * shared_roots.c
 *		Graphs whose steps have ended: who looks at them next.
 *
 * An executor notes them for its own next claim, and says in its slot that it
 * has some; for anybody else the scheduler is called.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "shared_pending_internal.h"
#include "shared_roots.h"

/* of an executor: roots that its commits have noted since it looked */
static int64 my_roots[TC_MAX_ROOTS];
static int	my_root_count = 0;

int
tc_roots_add(int64 *roots, int count, int64 root)
{
	for (int i = 0; i < count; i++)
	{
		if (roots[i] == root)
			return count;
	}
	roots[count] = root;
	return count + 1;
}

void
tc_shared_touch_root(int64 root_run_id)
{
	tc_wake_note_work();
	if (tc_pending.root_count < TC_MAX_ROOTS)
		tc_pending.root_count = tc_roots_add(tc_pending.roots, tc_pending.root_count, root_run_id);
	else
		tc_pending.roots_full = true;
}

void
tc_arrivals_mute(void)
{
	tc_shared_wake_init();
	tc_pending.muted = true;
}

void
tc_arrivals_hear(void)
{
	tc_pending.muted = false;
}

bool
tc_arrivals_muted(void)
{
	return tc_pending.muted;
}

void
tc_shared_touch_signals(void)
{
	tc_wake_note_work();
	tc_pending.signals = true;
}

void
tc_shared_touch_deadline(TimestampTz deadline)
{
	tc_wake_note_work();
	if (tc_pending.deadline == 0 || deadline < tc_pending.deadline)
		tc_pending.deadline = deadline;
}

static void
apply_deadline(DatabaseSlot *database)
{
	if (tc_pending.deadline == 0 || database == NULL)
		return;
	database->deadlines_earliest = Min(database->deadlines_earliest, tc_pending.deadline);
	tc_shared_set_scheduler_latch(MyDatabaseId);
}

/* The lock is held. */
void
tc_roots_apply(void)
{
	DatabaseSlot *database = tc_shared_database(MyDatabaseId);
	bool		full = tc_pending.roots_full;

	apply_deadline(database);

	if (tc_my_executor != NULL)
	{
		for (int i = 0; i < tc_pending.root_count; i++)
		{
			if (my_root_count < TC_MAX_ROOTS)
				my_root_count = tc_roots_add(my_roots, my_root_count, tc_pending.roots[i]);
			else
				full = true;
		}
		tc_my_executor->has_roots = my_root_count > 0;
	}
	if (database != NULL && tc_pending.signals)
	{
		database->signals_waiting = true;
		tc_shared_set_scheduler_latch(MyDatabaseId);
	}
	if (database == NULL || (!full && (tc_my_executor != NULL || tc_pending.root_count == 0)))
		return;
	database->roots_waiting = true;
	tc_shared_set_scheduler_latch(MyDatabaseId);
}

static int
compare_roots(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

int
tc_shared_take_roots(int64 roots[TC_MAX_ROOTS])
{
	int			count = my_root_count;

	memcpy(roots, my_roots, sizeof(int64) * count);
	qsort(roots, count, sizeof(int64), compare_roots);
	my_root_count = 0;
	return count;
}

void
tc_shared_keep_root(int64 root_run_id)
{
	if (my_root_count < TC_MAX_ROOTS)
		my_root_count = tc_roots_add(my_roots, my_root_count, root_run_id);
	else
		tc_shared_call_for_roots();
}

/*
 * Its slot says so until what was taken is committed: should the process end
 * before, the scheduler goes on.
 */
bool
tc_shared_has_roots(void)
{
	if (my_root_count == 0 && tc_my_executor != NULL)
		tc_my_executor->has_roots = false;
	return my_root_count > 0;
}

void
tc_shared_call_for_roots(void)
{
	DatabaseSlot *database;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	database = tc_shared_database(MyDatabaseId);
	if (database != NULL)
		database->roots_waiting = true;
	tc_shared_set_scheduler_latch(MyDatabaseId);
	LWLockRelease(tc_shared->lock);
}
