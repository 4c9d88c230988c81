/*-------------------------------------------------------------------------
 *
 * status_engine.c
 *		The checks of the processes, and of what lets them work.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "postmaster/bgworker_internals.h"
#include "replication/logicallauncher.h"

#include "guard_list_store.h"
#include "settings.h"
#include "shared_refusals.h"
#include "status_engine.h"
#include "taskcenter.h"

/* it looks at the clock every 5 s, if nothing keeps it */
#define SILENT_SCHEDULER_S 60

static void
check_processes(CheckList *list, const EngineState *engine)
{
	tc_check_that(list, "preloaded", engine->preloaded, CHECK_FAIL,
				  engine->preloaded ? "The library is preloaded."
				  : "The library is not preloaded: nothing is fired or executed.",
				  "Add this to postgresql.conf and restart: shared_preload_libraries = 'taskcenter'");
	tc_check_that(list, "enabled", engine->enabled, CHECK_FAIL,
				  psprintf("taskcenter.enabled is %s.", engine->enabled ? "on" : "off"),
				  "Set taskcenter.enabled = on and reload.");
	if (!engine->preloaded)
		return;
	if (engine->launcher_pid == 0 && RecoveryInProgress())
		tc_check_put(list, "launcher", CHECK_OK,
					 "A standby has none; it starts on promotion.", NULL);
	else
		tc_check_that(list, "launcher", engine->launcher_pid != 0, CHECK_FAIL,
					  engine->launcher_pid != 0 ? psprintf("Process %d.", engine->launcher_pid)
					  : "There is no launcher.",
					  "The server starts it again within seconds; see the server log.");
}

static void
check_missing_scheduler(CheckList *list, const EngineState *engine)
{
	tc_check_put(list, "scheduler", engine->control->adopted ? CHECK_FAIL : CHECK_WARN,
				 engine->failures > 0
				 ? psprintf("It is not running; its last %d starts failed.", engine->failures)
				 : "It is not running.",
				 "See the server log; taskcenter.databases and max_worker_processes limit what is started.");
}

static void
check_scheduler(CheckList *list, const EngineState *engine)
{
	int64		silent = tc_check_seconds_since(list, engine->last_cycle_at);

	if (!engine->preloaded)
		return;
	if (RecoveryInProgress())
		tc_check_put(list, "scheduler", CHECK_OK,
					 "A standby has none; it starts on promotion.", NULL);
	else if (engine->scheduler_pid == 0)
		check_missing_scheduler(list, engine);
	else if (engine->last_cycle_at == 0)
		tc_check_put(list, "scheduler", CHECK_OK,
					 psprintf("Process %d; it has just begun.", engine->scheduler_pid), NULL);
	else
		tc_check_that(list, "scheduler", silent <= SILENT_SCHEDULER_S, CHECK_FAIL,
					  psprintf("Process %d; its last tick was %lld s ago.",
							   engine->scheduler_pid, (long long) silent),
					  "Something holds it up, often a lock on our tables: see its wait event in pg_stat_activity, and pg_blocking_pids().");
}

static void
check_executors(CheckList *list, const EngineState *engine, const WorkFacts *work)
{
	/* the scheduler's note of what holds runs up outlives the last of them */
	bool		held_up = engine->waiting_reason != NULL && work->due > 0;

	if (engine->preloaded)
		tc_check_that(list, "executors", !held_up, CHECK_WARN,
					  held_up ? engine->waiting_reason
					  : psprintf("%d are here, %d of them busy; taskcenter.max_executors is %d.",
								 engine->executors, engine->busy, engine->capacity),
					  "Wait, or raise taskcenter.max_executors or max_worker_processes and restart.");
}

/* Workers of ours at once: the launcher, a scheduler here, and all executors. */
static void
check_worker_slots(CheckList *list)
{
	int			needed = 2 + tc_max_executors;

	/* the server's own launcher takes a slot, too */
	int			others = max_logical_replication_workers > 0 ? 1 : 0;

	tc_check_that(list, "worker_slots", needed + others <= max_worker_processes, CHECK_WARN,
				  psprintf("max_worker_processes is %d; taskcenter takes up to %d of them.",
						   max_worker_processes, needed),
				  psprintf("Set max_worker_processes to %d, and one more for each further database, and restart.",
						   max_parallel_workers + needed + others));
}

static void
check_lanes(CheckList *list, const EngineState *engine)
{
	if (engine->preloaded)
		tc_check_that(list, "lanes", engine->lanes <= TC_MAX_LANES * 9 / 10, CHECK_WARN,
					  psprintf("In use: %d of %d lanes of the server.", engine->lanes,
							   TC_MAX_LANES),
					  "Fewer priorities, or fewer tasks with a limit of their own; without a free lane claims take longer.");
}

static void
check_identity(CheckList *list, const ControlState *control)
{
	if (!control->activated)
		tc_check_put(list, "identity", CHECK_WARN, "The database is not activated.",
					 "The first created task does it. If this is a restored copy, call taskcenter.adopt_database().");
	else
		tc_check_that(list, "identity", control->adopted, CHECK_FAIL,
					  control->adopted ? "The database was adopted here."
					  : "The database was adopted on another server or as another database; it does nothing.",
					  "Call taskcenter.adopt_database() if this copy is to take over.");
	if (control->activated)
		tc_check_that(list, "scheduler_state", strcmp(control->state, "running") == 0, CHECK_WARN,
					  psprintf("The scheduler's state is %s.", control->state),
					  "Call taskcenter.resume_scheduler() when it is no longer meant. Runbook \"Pause everything\".");
}

static void
check_version(CheckList *list)
{
	const char *installed = tc_extension_version();

	tc_check_that(list, "version", installed != NULL && strcmp(installed, TC_VERSION) == 0,
				  CHECK_FAIL,
				  psprintf("Library %s, SQL objects %s.", TC_VERSION,
						   installed != NULL ? installed : "not installed"),
				  "Nothing is started meanwhile. ALTER EXTENSION taskcenter UPDATE, or restart with the library that fits.");
}

/* what was refused stays refused, but its record may be incomplete */
static void
check_refusals(CheckList *list, const EngineState *engine)
{
	int64		waiting;
	int64		lost;

	if (!engine->preloaded)
		return;
	tc_shared_refusals_count(&waiting, &lost);
	tc_check_that(list, "refused_updates", lost == 0, CHECK_WARN,
				  psprintf("Refused plain updates that wait to be recorded: %lld; lost since the server started: %lld.",
						   (long long) waiting, (long long) lost),
				  "More were refused at once than are kept; taskcenter.set_task_status() records its refusals itself.");
}

void
tc_status_engine(CheckList *list, const EngineState *engine, const WorkFacts *work)
{
	check_processes(list, engine);
	check_scheduler(list, engine);
	check_executors(list, engine, work);
	check_worker_slots(list);
	check_lanes(list, engine);
	check_identity(list, engine->control);
	check_version(list);
	check_refusals(list, engine);
}
