/*-------------------------------------------------------------------------
 *
 * shared_letters.c
 *		Dead letters that are redriven by themselves: when the scheduler looks.
 *
 * The scheduler says after how long; a commit that opens a letter then says
 * when that is over.  Without it, nobody is woken.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "shared_pending_internal.h"

void
tc_shared_redrive_after(int64 after)
{
	DatabaseSlot *database;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	database = tc_shared_database(MyDatabaseId);
	if (database != NULL)
		database->redrive_after = after;
	LWLockRelease(tc_shared->lock);
}

void
tc_shared_touch_letter(void)
{
	tc_wake_note_work();
	tc_pending.letter = true;
}

void
tc_letters_apply(TimestampTz now)
{
	DatabaseSlot *database = tc_shared_database(MyDatabaseId);
	TimestampTz due;

	if (!tc_pending.letter || database == NULL || database->redrive_after < 0)
		return;
	due = now + database->redrive_after;
	if (due >= database->redrives_earliest)
		return;
	database->redrives_earliest = due;

	/* a scheduler whose sleep is over may be past its look */
	if (due < database->scheduler_sleeps_until || database->scheduler_sleeps_until <= now)
		tc_shared_set_scheduler_latch(MyDatabaseId);
}
