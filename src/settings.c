/*-------------------------------------------------------------------------
 *
 * settings.c
 *		Every configuration parameter of taskcenter: see settings.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "settings.h"
#include "taskcenter.h"

#define DEFAULT_EXECUTORS 4
#define DEFAULT_IDLE_TIMEOUT 300	/* s */
#define DEFAULT_MAX_RUNS 1000
#define DEFAULT_MAX_MEMORY 256	/* MB */
#define DEFAULT_CANCEL_GRACE 10 /* s */
#define DEFAULT_STRICT_START 60 /* s */
#define DEFAULT_TURN 1000		/* ms */
#define DEFAULT_PURGE_INTERVAL 3600 /* s */

#define MAX_SECONDS (7 * 24 * 3600)
#define MAX_MEMORY (1024 * 1024)	/* MB */
#define MAX_TURN (10 * 60 * 1000)	/* ms */

bool		tc_enabled = true;
char	   *tc_databases = NULL;
int			tc_max_executors = DEFAULT_EXECUTORS;
int			tc_executor_idle_timeout = DEFAULT_IDLE_TIMEOUT;
int			tc_executor_max_runs = DEFAULT_MAX_RUNS;
int			tc_executor_max_memory = DEFAULT_MAX_MEMORY;
int			tc_cancel_grace = DEFAULT_CANCEL_GRACE;
int			tc_turn = DEFAULT_TURN;
int			tc_strict_start = DEFAULT_STRICT_START;
bool		tc_notify_events = false;
int			tc_purge_interval = DEFAULT_PURGE_INTERVAL;
bool		tc_superuser_tasks = true;
int			tc_log_level = DEBUG1;

static const struct config_enum_entry log_level_options[] = {
	{"debug5", DEBUG5, false},
	{"debug4", DEBUG4, false},
	{"debug3", DEBUG3, false},
	{"debug2", DEBUG2, false},
	{"debug1", DEBUG1, false},
	{"debug", DEBUG2, true},
	{"info", INFO, false},
	{"notice", NOTICE, false},
	{"warning", WARNING, false},
	{"log", LOG, false},
	{NULL, 0, false}
};

/* taskcenter.databases: a list of names as search_path's, or empty */
static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names = NIL;
	bool		valid = SplitIdentifierString(copy, ',', &names);

	if (!valid)
		GUC_check_errdetail("List syntax is invalid.");
	list_free(names);
	pfree(copy);
	return valid;
}

/* The settings of an executor's life. */
static void
define_executor_settings(void)
{
	DefineCustomIntVariable("taskcenter.executor_idle_timeout",
							"Ends an executor that has had nothing to do for this long.",
							"Zero keeps idle executors.",
							&tc_executor_idle_timeout,
							DEFAULT_IDLE_TIMEOUT, 0, MAX_SECONDS,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("taskcenter.executor_max_memory",
							"Ends an executor between two runs when its process has grown beyond this.",
							"Zero sets no limit.",
							&tc_executor_max_memory,
							DEFAULT_MAX_MEMORY, 0, MAX_MEMORY,
							PGC_SIGHUP, GUC_UNIT_MB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("taskcenter.executor_max_runs",
							"Ends an executor after this many runs.",
							"Zero sets no limit.",
							&tc_executor_max_runs,
							DEFAULT_MAX_RUNS, 0, INT_MAX,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);
}

/*
 * A parameter that sizes shared memory cannot be defined once the server is
 * up.  Without preloading it sizes nothing; it is defined all the same, so
 * that a value in the configuration file is not taken for a mistake.
 */
static GucContext
startup_context(void)
{
	return process_shared_preload_libraries_in_progress ?
		PGC_POSTMASTER : PGC_SIGHUP;
}

void
tc_settings_define(void)
{
	DefineCustomIntVariable("taskcenter.cancel_grace",
							"Waits this long after a cancel request before the executor is terminated.",
							"Zero terminates it at once.",
							&tc_cancel_grace,
							DEFAULT_CANCEL_GRACE, 0, MAX_SECONDS,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomStringVariable("taskcenter.databases",
							   "Lists the databases whose tasks are executed.",
							   "An empty list means every database that has the extension.",
							   &tc_databases,
							   "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   check_databases, NULL, NULL);
	DefineCustomBoolVariable("taskcenter.enabled",
							 "Runs the workers of taskcenter.",
							 "When turned off, executing runs end and nothing new is started.",
							 &tc_enabled,
							 true,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	define_executor_settings();
	DefineCustomEnumVariable("taskcenter.log_level",
							 "Sets the level at which starts and stops of workers are logged.",
							 NULL,
							 &tc_log_level,
							 DEBUG1, log_level_options,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("taskcenter.max_executors",
							"Sets how many executors the server runs at most, in all databases.",
							"Each takes one of max_worker_processes.",
							&tc_max_executors,
							DEFAULT_EXECUTORS, 1, TC_MAX_EXECUTORS,
							startup_context(), 0,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("taskcenter.notify_events",
							 "Sends a notification on the channel taskcenter_events when events were written.",
							 "It carries a number below which nothing new is to be read.",
							 &tc_notify_events,
							 false,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("taskcenter.purge_interval",
							"Looks this often for history that is out of policy.",
							"Zero leaves it to those who call purge().",
							&tc_purge_interval,
							DEFAULT_PURGE_INTERVAL, 0, MAX_SECONDS,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("taskcenter.strict_start",
							"Makes every claim durable for this long after a start of the server.",
							"Runs that crash the server are counted as lost while it lasts.",
							&tc_strict_start,
							DEFAULT_STRICT_START, 0, MAX_SECONDS,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("taskcenter.superuser_tasks",
							 "Allows tasks to run as superusers and other powerful roles.",
							 "These are roles with SUPERUSER, REPLICATION, CREATEROLE or BYPASSRLS.",
							 &tc_superuser_tasks,
							 true,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("taskcenter.turn",
							"Sets how long a role keeps its last executors while another role waits.",
							NULL,
							&tc_turn,
							DEFAULT_TURN, 0, MAX_TURN,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved(TC_LIBRARY);
}
