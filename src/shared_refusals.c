/*-------------------------------------------------------------------------
 *
 * shared_refusals.c
 *		Refused plain UPDATEs on their way to the history.
 *
 * A refusal is noted by the transaction that it aborts, and put into shared
 * memory when that transaction has ended: what it names is visible by then,
 * or never will be.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

#include "shared_internal.h"
#include "shared_refusals.h"

/* of one transaction, which may catch the error and go on */
#define MAX_PENDING 32

static List *pending = NIL;		/* Refusal, in TopTransactionContext */
static int64 pending_lost = 0;

/* ---- in the transaction ---- */

void
tc_shared_refusal_text(char *field, int size, const char *text)
{
	int			length = text == NULL ? 0 : strlen(text);

	if (length >= size)
		length = pg_mbcliplen(text, length, size - 1);
	if (length > 0)
		memcpy(field, text, length);
	memset(field + length, 0, size - length);
}

static void
put_into_shared_memory(DatabaseSlot *database, const Refusal *refusal)
{
	Refusal    *place = NULL;

	for (int i = 0; i < TC_MAX_REFUSALS && place == NULL; i++)
	{
		if (tc_shared->refusals[i].number == 0)
			place = &tc_shared->refusals[i];
	}
	if (place == NULL || database->refusals >= TC_REFUSAL_QUOTA)
	{
		database->refusals_lost++;
		return;
	}
	*place = *refusal;
	place->number = ++tc_shared->refusal_number;
	place->database = MyDatabaseId;
	database->refusals++;
}

/* in the middle of a commit or an abort: must not throw */
static void
pass_on(void)
{
	DatabaseSlot *database;
	ListCell   *cell;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	database = tc_shared_database(MyDatabaseId);
	if (database != NULL)
	{
		foreach(cell, pending)
			put_into_shared_memory(database, lfirst(cell));
		database->refusals_lost += pending_lost;
		tc_shared_set_scheduler_latch(MyDatabaseId);
	}
	LWLockRelease(tc_shared->lock);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			if (pending != NIL)
				pass_on();
			pending = NIL;
			pending_lost = 0;
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

void
tc_shared_refusal_note(const Refusal *refusal)
{
	static bool registered = false;
	MemoryContext old;
	Refusal    *copy;

	if (tc_shared == NULL)
		return;
	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
	if (list_length(pending) >= MAX_PENDING)
	{
		pending_lost++;
		return;
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	copy = palloc(sizeof(Refusal));
	*copy = *refusal;
	pending = lappend(pending, copy);
	MemoryContextSwitchTo(old);
}

/* ---- anybody ---- */

void
tc_shared_refusals_count(int64 *waiting, int64 *lost)
{
	DatabaseSlot *database;

	*waiting = *lost = 0;
	if (tc_shared == NULL)
		return;
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	database = tc_shared_database(MyDatabaseId);
	if (database != NULL)
	{
		*waiting = database->refusals;
		*lost = database->refusals_lost;
	}
	LWLockRelease(tc_shared->lock);
}

/* ---- the scheduler ---- */

static int
compare_numbers(const void *a, const void *b)
{
	uint64		one = ((const Refusal *) a)->number;
	uint64		other = ((const Refusal *) b)->number;

	return one < other ? -1 : one > other;
}

int
tc_shared_refusals_copy(Refusal **refusals)
{
	int			count = 0;

	*refusals = palloc(sizeof(Refusal) * TC_REFUSAL_QUOTA);
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	for (int i = 0; i < TC_MAX_REFUSALS && count < TC_REFUSAL_QUOTA; i++)
	{
		if (tc_shared->refusals[i].number != 0 &&
			tc_shared->refusals[i].database == MyDatabaseId)
			(*refusals)[count++] = tc_shared->refusals[i];
	}
	LWLockRelease(tc_shared->lock);
	qsort(*refusals, count, sizeof(Refusal), compare_numbers);
	return count;
}

/* of a database's count, which its slot keeps */
static void
free_refusal(Refusal *refusal, bool lost)
{
	DatabaseSlot *database = tc_shared_database(refusal->database);

	refusal->number = 0;
	if (database == NULL)
		return;
	database->refusals--;
	database->refusals_lost += lost;
}

void
tc_shared_refusal_done(uint64 number, bool lost)
{
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < TC_MAX_REFUSALS; i++)
	{
		if (tc_shared->refusals[i].number == number)
		{
			free_refusal(&tc_shared->refusals[i], lost);
			break;
		}
	}
	LWLockRelease(tc_shared->lock);
}

void
tc_refusals_forget(Oid database)
{
	for (int i = 0; i < TC_MAX_REFUSALS; i++)
	{
		if (tc_shared->refusals[i].database == database)
			tc_shared->refusals[i].number = 0;
	}
}
