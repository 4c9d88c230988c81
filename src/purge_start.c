/*-------------------------------------------------------------------------
 *
 * purge_start.c
 *		When the scheduler has history purged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "purge_start.h"
#include "settings.h"
#include "shared_state.h"
#include "worker_process.h"

#define FIRST_LOOK_US (10 * USECS_PER_MINUTE)	/* after the scheduler's start */
#define RETRY_US (1 * USECS_PER_MINUTE) /* what was locked, or no worker slot */
#define QUIET_US (60 * USECS_PER_MINUTE)	/* between two log lines */

static void
report_no_slot(TimestampTz now)
{
	static TimestampTz last_line = 0;

	if (now - last_line < QUIET_US)
		return;
	last_line = now;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("no background worker slot is free to purge history of taskcenter"),
			 errdetail("It tries again each minute."),
			 errhint("You might need to increase \"max_worker_processes\".")));
}

TimestampTz
tc_purge_start(TimestampTz now)
{
	static TimestampTz next = 0;	/* 0: not decided yet */
	int64		interval = tc_purge_interval * USECS_PER_SEC;
	bool		again;
	bool		exists;

	if (interval == 0)
		return DT_NOEND;
	/* the clock can be set back, and the interval be shortened */
	if (next == 0)
		next = now + Min(interval, FIRST_LOOK_US);
	next = Min(next, now + interval);
	exists = tc_shared_purger_exists(&again);
	if (again)
		next = Min(next, now + Min(interval, RETRY_US));
	if (now < next)
		return next;
	if (exists)
		next = now + Min(interval, RETRY_US);
	else if (tc_worker_start_purger(MyDatabaseId))
		next = now + interval;
	else
	{
		report_no_slot(now);
		next = now + Min(interval, RETRY_US);
	}
	return next;
}
