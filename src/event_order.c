/*-------------------------------------------------------------------------
 *
 * event_order.c
 *		The order of events: see event_order.h for what a reader relies on.
 *
 * A transaction takes one lock, whatever it writes: the number is that which
 * came next when it took its first.  It is taken again with each number, since
 * a savepoint that was rolled back lets go of it.  The server keeps it through
 * PREPARE TRANSACTION.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/async.h"
#include "commands/sequence.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "event_order.h"
#include "settings.h"
#include "taskcenter.h"

static int64 first_number = 0;	/* that this transaction may have; 0: it has
								 * none */

static void
forget_number(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		first_number = 0;
}

static void
register_callback(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(forget_number, NULL);
	registered = true;
}

/* 0: none was given yet */
static int64
last_number(Oid sequence)
{
	LOCAL_FCINFO(call, 1);
	Datum		number;

	InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
	call->args[0].value = ObjectIdGetDatum(sequence);
	call->args[0].isnull = false;
	number = pg_sequence_last_value(call);
	return call->isnull ? 0 : DatumGetInt64(number);
}

static void
hold_number(int64 number)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (number >> 32), (uint32) number,
						 TC_EVENT_LOCK);
	(void) LockAcquire(&tag, ShareLock, false, false);
}

int64
tc_event_next_id(void)
{
	Oid			sequence = get_relname_relid("event_ids",
											 get_namespace_oid(TC_SCHEMA, false));

	if (first_number == 0)
	{
		register_callback();
		first_number = last_number(sequence) + 1;
	}
	hold_number(first_number);
	/* the same words each time: they are sent once */
	if (tc_notify_events)
		Async_Notify(TC_EVENT_CHANNEL, psprintf(INT64_FORMAT, first_number));
	return nextval_internal(sequence, false);
}
