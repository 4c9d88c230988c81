/*-------------------------------------------------------------------------
 *
 * status_api.c
 *		The rows of the view status: is everything as it should be, and if
 *		not, what is to be done.
 *
 * Anybody may ask; nothing of a task's contents is shown.  Each check yields
 * one row: ok, warn (it works, look at it), or fail (something does not work).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker_internals.h"
#include "replication/logicallauncher.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine_state.h"
#include "guard_list_store.h"
#include "settings.h"
#include "shared_refusals.h"
#include "statement.h"
#include "status_store.h"
#include "taskcenter.h"

PG_FUNCTION_INFO_V1(taskcenter_status_checks);

/* a scheduler that has looked at nothing for so long is stuck */
#define SILENT_SCHEDULER_S 60
#define LATE_RUN_S 300

/* what the check is to be repaired with is a constant, what it saw is not */
typedef struct Checks
{
	ReturnSetInfo *result;
	TimestampTz now;
	EngineState engine;
	StatusFacts facts;
	char	   *broken_guards;	/* NULL: none */
	char	   *foreign_guards; /* NULL: none */
} Checks;

static void
put(const Checks *checks, const char *name, const char *state, const char *detail,
	const char *hint)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(state);
	nulls[2] = detail == NULL;
	values[2] = detail == NULL ? (Datum) 0 : CStringGetTextDatum(detail);
	nulls[3] = hint == NULL;
	values[3] = hint == NULL ? (Datum) 0 : CStringGetTextDatum(hint);
	tuplestore_putvalues(checks->result->setResult, checks->result->setDesc, values, nulls);
}

static void
check_that(const Checks *checks, const char *name, bool ok, const char *otherwise,
		   const char *detail, const char *hint)
{
	put(checks, name, ok ? "ok" : otherwise, detail, ok ? NULL : hint);
}

static int64
seconds_since(const Checks *checks, TimestampTz then)
{
	return (checks->now - then) / USECS_PER_SEC;
}

/* ---- processes ---- */

static void
check_processes(const Checks *checks)
{
	const EngineState *engine = &checks->engine;

	check_that(checks, "preloaded", engine->preloaded, "fail",
			   engine->preloaded ? "The library is preloaded."
			   : "The library is not preloaded: nothing is fired or executed.",
			   "Add this to postgresql.conf and restart: shared_preload_libraries = 'taskcenter'");
	check_that(checks, "enabled", engine->enabled, "fail",
			   psprintf("taskcenter.enabled is %s.", engine->enabled ? "on" : "off"),
			   "Set taskcenter.enabled = on and reload.");
	if (!engine->preloaded)
		return;
	if (engine->launcher_pid == 0 && RecoveryInProgress())
		put(checks, "launcher", "ok", "A standby has none; it starts on promotion.", NULL);
	else
		check_that(checks, "launcher", engine->launcher_pid != 0, "fail",
				   engine->launcher_pid != 0 ? psprintf("Process %d.", engine->launcher_pid)
				   : "There is no launcher.",
				   "The server starts it again within seconds; see the server log.");
}

static void
check_scheduler(const Checks *checks)
{
	const EngineState *engine = &checks->engine;
	const ControlState *control = engine->control;
	int64		silent = engine->last_cycle_at == 0 ? 0
	: seconds_since(checks, engine->last_cycle_at);
	bool		late = checks->facts.due > 0 && silent > SILENT_SCHEDULER_S &&
	control->running;

	if (!engine->preloaded)
		return;
	if (RecoveryInProgress())
		put(checks, "scheduler", "ok", "A standby has none; it starts on promotion.", NULL);
	else if (engine->scheduler_pid == 0)
		put(checks, "scheduler", control->adopted ? "fail" : "warn",
			engine->failures > 0
			? psprintf("It is not running; its last %d starts failed.", engine->failures)
			: "It is not running.",
			"See the server log; taskcenter.databases and max_worker_processes limit what is started.");
	else
		check_that(checks, "scheduler", !late, "warn",
				   engine->last_cycle_at == 0
				   ? psprintf("Process %d.", engine->scheduler_pid)
				   : psprintf("Process %d; its last cycle with work was %lld s ago.",
							  engine->scheduler_pid, (long long) silent),
				   "Runs are due and it does not look at them: see its wait event in pg_stat_activity.");
}

static void
check_executors(const Checks *checks)
{
	const EngineState *engine = &checks->engine;
	bool		late = !TIMESTAMP_NOT_FINITE(checks->facts.due_since) &&
	seconds_since(checks, checks->facts.due_since) > LATE_RUN_S;

	/* the scheduler's note of what holds runs up outlives the last of them */
	bool		held_up = engine->waiting_reason != NULL && checks->facts.due > 0;

	if (engine->preloaded)
		check_that(checks, "executors", !held_up, "warn",
				   held_up ? engine->waiting_reason
				   : psprintf("%d are here, %d of them busy; taskcenter.max_executors is %d.",
							  engine->executors, engine->busy, engine->capacity),
				   "Raise taskcenter.max_executors or max_worker_processes and restart.");
	check_that(checks, "backlog", !late, "warn",
			   checks->facts.due == 0
			   ? psprintf("No run is late; running: %lld.", (long long) checks->facts.running)
			   : psprintf("Runs due: %lld, the oldest for %lld s; running: %lld.",
						  (long long) checks->facts.due,
						  (long long) seconds_since(checks, checks->facts.due_since),
						  (long long) checks->facts.running),
			   "taskcenter.explain_run() says of each run what holds it up.");
}

/* Workers of ours at once: the launcher, a scheduler here, and all executors. */
static void
check_worker_slots(const Checks *checks)
{
	int			needed = 2 + tc_max_executors;

	/* the server's own launcher takes a slot, too */
	int			others = max_logical_replication_workers > 0 ? 1 : 0;

	check_that(checks, "worker_slots", needed + others <= max_worker_processes, "warn",
			   psprintf("max_worker_processes is %d; taskcenter takes up to %d of them.",
						max_worker_processes, needed),
			   psprintf("Set max_worker_processes to %d, and one more for each further database, and restart.",
						max_parallel_workers + needed + others));
}

/* ---- identity and state ---- */

static void
check_identity(const Checks *checks)
{
	const ControlState *control = checks->engine.control;

	if (!control->activated)
		put(checks, "identity", "warn", "The database is not activated.",
			"The first created task does it. If this is a restored copy, call taskcenter.adopt_database().");
	else
		check_that(checks, "identity", control->adopted, "fail",
				   control->adopted ? "The database was adopted here."
				   : "The database was adopted on another server or as another database; it does nothing.",
				   "Call taskcenter.adopt_database() if this copy is to take over.");
	if (control->activated)
		check_that(checks, "scheduler_state", strcmp(control->state, "running") == 0, "warn",
				   psprintf("The scheduler's state is %s.", control->state),
				   "Call taskcenter.resume_scheduler().");
}

static void
check_definitions(const Checks *checks)
{
	const StatusFacts *facts = &checks->facts;
	bool		nothing_held = facts->paused == 0 && facts->disabled == 0 &&
	facts->paused_queues == NULL;

	check_that(checks, "quarantined", facts->quarantined == 0, "fail",
			   facts->quarantined == 0 ? "No task or schedule is quarantined."
			   : psprintf("Tasks and schedules quarantined: %lld.",
						  (long long) facts->quarantined),
			   "state_reason of taskcenter.tasks and taskcenter.schedules says why; repair it and call taskcenter.enable_task() or taskcenter.resume_schedule().");
	check_that(checks, "paused", nothing_held, "warn",
			   nothing_held ? "Nothing is paused or disabled."
			   : psprintf("Paused tasks and schedules: %lld; disabled: %lld; paused queues: %s.",
						  (long long) facts->paused, (long long) facts->disabled,
						  facts->paused_queues == NULL ? "none" : facts->paused_queues),
			   "Call taskcenter.resume_task(), resume_schedule(), enable_task() or resume_queue() when that is no longer meant.");
}

/* ---- the house ---- */

/* While one is not in force the scheduler starts nothing, see lockstep.h. */
static void
check_guards(const Checks *checks)
{
	if (checks->broken_guards != NULL)
		put(checks, "guards", "fail",
			psprintf("Not in force, so that no run is started: %s.", checks->broken_guards),
			"Find out who did that, then call taskcenter.repair_guards().");
	else
		check_that(checks, "guards", checks->foreign_guards == NULL, "warn",
				   checks->foreign_guards == NULL ? "All guards are in force."
				   : psprintf("Others act on our relations: %s.", checks->foreign_guards),
				   "Drop what is not meant; what it does to our rows is not supported.");
}

static void
check_house(const Checks *checks)
{
	const StatusFacts *facts = &checks->facts;
	bool		activated = checks->engine.control->activated;
	bool		same = facts->extension_version != NULL &&
	strcmp(facts->extension_version, TC_VERSION) == 0;
	bool		ahead = facts->partitions_until > checks->now + USECS_PER_DAY;

	check_guards(checks);
	if (activated)
	{
		check_that(checks, "partitions", ahead, "warn",
				   TIMESTAMP_NOT_FINITE(facts->partitions_until)
				   ? "A partitioned table has no partition for a time to come."
				   : psprintf("Partitions exist until %s.",
							  timestamptz_to_str(facts->partitions_until)),
				   "The scheduler makes them ahead; until it does, rows go to the default partitions.");
		check_that(checks, "default_partitions", facts->filled_defaults == NULL, "warn",
				   facts->filled_defaults == NULL ? "The default partitions are empty."
				   : psprintf("These hold rows: %s.", facts->filled_defaults),
				   "The scheduler moves them to partitions of their own.");
	}
	check_that(checks, "owner_role", facts->owner_is_sane, "fail",
			   facts->owner_is_sane ? "Role taskcenter_owner cannot log in and has no members."
			   : "Role taskcenter_owner can log in, is superuser or has members.",
			   "ALTER ROLE taskcenter_owner NOLOGIN NOSUPERUSER, and revoke it from its members.");
	check_that(checks, "version", same, "fail",
			   psprintf("Library %s, SQL objects %s.", TC_VERSION,
						facts->extension_version != NULL ? facts->extension_version : "not installed"),
			   "ALTER EXTENSION taskcenter UPDATE, or install the package of the SQL version.");
}

/* what was refused stays refused, but its record may be incomplete */
static void
check_refusals(const Checks *checks)
{
	int64		waiting;
	int64		lost;

	if (!checks->engine.preloaded)
		return;
	tc_shared_refusals_count(&waiting, &lost);
	check_that(checks, "refused_updates", lost == 0, "warn",
			   psprintf("Refused plain updates that wait to be recorded: %lld; lost since the server started: %lld.",
						(long long) waiting, (long long) lost),
			   "More were refused at once than are kept; taskcenter.set_task_status() records its refusals itself.");
}

Datum
taskcenter_status_checks(PG_FUNCTION_ARGS)
{
	Checks		checks;
	StoreFrame	frame;

	InitMaterializedSRF(fcinfo, 0);
	checks.result = (ReturnSetInfo *) fcinfo->resultinfo;
	checks.now = GetCurrentTimestamp();
	tc_engine_look(&checks.engine);
	tc_store_begin(&frame);
	tc_status_facts(checks.now, &checks.facts);
	checks.broken_guards = tc_guard_list_broken();
	checks.foreign_guards = tc_guard_list_foreign();
	tc_store_end(&frame);

	check_processes(&checks);
	check_scheduler(&checks);
	check_executors(&checks);
	check_worker_slots(&checks);
	check_identity(&checks);
	check_definitions(&checks);
	check_house(&checks);
	check_refusals(&checks);
	return (Datum) 0;
}
