/*-------------------------------------------------------------------------
 *
 * shared_workers.c
 *		What a transaction does to external workers when it ends, and whose
 *		turn it is among their tenants.
 *
 * A commit that makes runs claimable wakes as many of the sessions that wait
 * for runs of their queues; one that gives leases tells the scheduler when the first of
 * them ends.  An abort wakes as well where it had claimed or locked runs:
 * others passed them by.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "shared_internal.h"
#include "shared_workers.h"

#define MAX_PENDING_QUEUES 16

typedef struct PendingQueue
{
	int64		queue_id;
	int			runs;			/* that were touched */
	bool		at_commit;
	bool		at_abort;
} PendingQueue;

static struct
{
	int			queue_count;
	bool		all_queues;		/* more than queues[] holds */
	bool		has_lease;
	TimestampTz lease_until;
	PendingQueue queues[MAX_PENDING_QUEUES];
}			pending;

static uint64 served_here = 0;	/* without shared memory */

/* ---- noting ---- */

static PendingQueue *
note_queue(int64 queue_id)
{
	PendingQueue *queue;

	for (int i = 0; i < pending.queue_count; i++)
	{
		if (pending.queues[i].queue_id == queue_id)
			return &pending.queues[i];
	}
	if (pending.queue_count >= MAX_PENDING_QUEUES)
		return NULL;
	queue = &pending.queues[pending.queue_count++];
	queue->queue_id = queue_id;
	queue->at_commit = queue->at_abort = false;
	queue->runs = 0;
	return queue;
}

void
tc_shared_touch_work(int64 queue_id, LaneTouch touch)
{
	PendingQueue *queue = note_queue(queue_id);

	tc_wake_note_work();
	if (queue == NULL)
	{
		pending.all_queues = true;
		return;
	}
	queue->runs++;
	queue->at_commit |= touch != LANE_TOUCH_CLAIMED;
	queue->at_abort |= touch == LANE_TOUCH_CLAIMED || touch == LANE_TOUCH_LOCKED;
}

void
tc_shared_touch_workers(void)
{
	tc_wake_note_work();
	pending.all_queues = true;
}

void
tc_shared_touch_lease(TimestampTz lease_until)
{
	tc_wake_note_work();
	if (!pending.has_lease || lease_until < pending.lease_until)
		pending.lease_until = lease_until;
	pending.has_lease = true;
}

/* ---- effects; the lock is held ---- */

bool
tc_work_is_pending(void)
{
	return pending.queue_count > 0 || pending.all_queues;
}

static void
apply_lease(TimestampTz now)
{
	DatabaseSlot *database = tc_shared_database(MyDatabaseId);

	if (!pending.has_lease || database == NULL)
		return;
	database->leases_earliest = Min(database->leases_earliest, pending.lease_until);

	/* a scheduler whose sleep is over may be past its look */
	if (pending.lease_until < database->scheduler_sleeps_until ||
		database->scheduler_sleeps_until <= now)
		tc_shared_set_scheduler_latch(MyDatabaseId);
}

void
tc_work_change(DatabaseSlot *database)
{
	database->work_version++;
	tc_waiters_wake_for_work(database->database, 0, TC_MAX_WAITERS);
}

void
tc_work_apply(bool committed, TimestampTz now)
{
	DatabaseSlot *database = tc_shared_database(MyDatabaseId);

	if (database != NULL && tc_work_is_pending())
		database->work_version++;
	for (int i = 0; i < pending.queue_count; i++)
	{
		const PendingQueue *queue = &pending.queues[i];

		if (committed ? queue->at_commit : queue->at_abort)
			tc_waiters_wake_for_work(MyDatabaseId, queue->queue_id, queue->runs);
	}
	if (pending.all_queues)
		tc_waiters_wake_for_work(MyDatabaseId, 0, TC_MAX_WAITERS);
	if (committed)
		apply_lease(now);
}

void
tc_work_forget(void)
{
	pending.queue_count = 0;
	pending.all_queues = pending.has_lease = false;
}

/* ---- turns ---- */

uint64
tc_shared_work_version(void)
{
	uint64		version = 0;
	const DatabaseSlot *database;

	if (tc_shared == NULL)
		return 0;
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	database = tc_shared_database(MyDatabaseId);
	if (database != NULL)
		version = database->work_version + 1;
	LWLockRelease(tc_shared->lock);
	return version;
}

uint64
tc_shared_tenant_served(void)
{
	uint64		tenant = served_here;
	DatabaseSlot *database;

	if (tc_shared == NULL)
		return tenant;
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	database = tc_shared_database(MyDatabaseId);
	if (database != NULL)
		tenant = database->tenant_served;
	LWLockRelease(tc_shared->lock);
	return tenant;
}

void
tc_shared_tenant_serve(uint64 tenant)
{
	DatabaseSlot *database;

	served_here = tenant;
	if (tc_shared == NULL)
		return;
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	database = tc_shared_database(MyDatabaseId);
	if (database != NULL)
		database->tenant_served = tenant;
	LWLockRelease(tc_shared->lock);
}
