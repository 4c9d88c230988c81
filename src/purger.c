/*-------------------------------------------------------------------------
 *
 * purger.c
 *		The process that purges the history of one database, once.
 *
 * Started by the scheduler from time to time; it never runs SQL of the
 * user's.  Between two pieces it rests as long as the piece took, and ends
 * when it is not wanted any more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "activation.h"
#include "compat.h"
#include "purge.h"
#include "shared_state.h"
#include "taskcenter.h"
#include "worker_process.h"

#define LABEL "purge history"
#define MAX_REST_US (1 * USECS_PER_SEC)

extern PGDLLEXPORT void taskcenter_purger_main(Datum main_arg);

static uint32 wait_event;
static TimestampTz piece_began_at;

/* not in a transaction; does not return if we have to go */
static void
rest(int64 microseconds)
{
	TimestampTz until = GetCurrentTimestamp() + microseconds;

	do
	{
		if (!tc_shared_purger_wanted())
			proc_exit(0);
		tc_worker_wait(until, wait_event);
	} while (GetCurrentTimestamp() < until);
}

static void
next_piece(void)
{
	tc_worker_commit();
	rest(Min(GetCurrentTimestamp() - piece_began_at, MAX_REST_US));
	piece_began_at = GetCurrentTimestamp();
	tc_worker_begin(LABEL);
}

static void
pause_purge(int milliseconds)
{
	tc_worker_commit();
	rest(milliseconds * INT64CONST(1000));
	tc_worker_begin(LABEL);
}

/* the rest goes on */
static void
report_error(ErrorData *error)
{
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("taskcenter could not purge a part of the history: %s", error->message),
			 errdetail("It tries again at the next purge.")));
}

void
taskcenter_purger_main(Datum main_arg)
{
	PurgeHost	host = {next_piece, pause_purge, report_error, NULL, NULL};
	PurgeTotals totals = {0};

	tc_worker_init(tc_worker_arguments()->database, InvalidOid, false);
	host.context = AllocSetContextCreate(TopMemoryContext, "taskcenter purger",
										 ALLOCSET_DEFAULT_SIZES);
	wait_event = tc_wait_event_new("TaskcenterPurgerMain");
	piece_began_at = GetCurrentTimestamp();
	tc_worker_begin(LABEL);
	if (OidIsValid(get_extension_oid(TC_LIBRARY, true)) &&
		tc_activation_status(NULL) == ACTIVATION_OWN)
		tc_purge(&host, piece_began_at, &totals);
	tc_worker_commit();
	if (totals.busy > 0)
		tc_shared_purger_again();
	proc_exit(0);
}
