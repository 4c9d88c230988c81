/*-------------------------------------------------------------------------
 *
 * end_at.c
 *		Ends an executor at a chosen point, for tests.
 *
 * Points are the beginnings of statements and of commits, counted from the
 * start of the process.  The first executor that comes to the point named by
 * end_at.point ends there, if a file named end_at.armed lies in the data
 * directory, and removes the file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "access/xact.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

static ExecutorStart_hook_type next_start = NULL;
static int	end_point = 0;
static bool end_hard = false;
static int	points = 0;

static void
count_point(void)
{
	if (MyBgworkerEntry == NULL || strstr(MyBgworkerEntry->bgw_type, "executor") == NULL)
		return;
	if (++points != end_point || unlink("end_at.armed") != 0)
		return;
	if (end_hard)
		kill(getpid(), SIGKILL);
	ereport(FATAL, (errmsg("ended at point %d", points)));
}

static void
count_statement(QueryDesc *query, int flags)
{
	count_point();
	if (next_start != NULL)
		next_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

static void
count_commit(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_PRE_COMMIT)
		count_point();
}

void
_PG_init(void)
{
	DefineCustomIntVariable("end_at.point", "Where an executor ends.", NULL, &end_point,
							0, 0, INT_MAX, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("end_at.hard", "Whether it is killed.", NULL, &end_hard,
							 false, PGC_SIGHUP, 0, NULL, NULL, NULL);
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = count_statement;
	RegisterXactCallback(count_commit, NULL);
}
