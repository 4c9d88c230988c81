/*-------------------------------------------------------------------------
 *
 * engine_state.c
 *		Whether anything executes runs in this database now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lwlock.h"

#include "engine_state.h"
#include "settings.h"
#include "shared_state.h"

static void
look_at_executors(EngineState *engine)
{
	int			i;

	for (i = 0; i < TC_MAX_EXECUTORS; i++)
	{
		const ExecutorSlot *slot = &tc_shared->executors[i];

		if (slot->state == EXECUTOR_STATE_FREE)
			continue;
		if (slot->database != MyDatabaseId)
		{
			engine->executors_elsewhere++;
			continue;
		}
		engine->alive[engine->executors++] = slot->executor_id;
		if (slot->state == EXECUTOR_STATE_BUSY)
			engine->busy++;
	}
}

void
tc_engine_look(EngineState *engine)
{
	char		waiting[TC_REASON_LENGTH] = "";
	const DatabaseSlot *slot;
	int			i;

	memset(engine, 0, sizeof(EngineState));
	engine->control = tc_control_load();
	engine->enabled = tc_enabled;
	engine->preloaded = tc_shared_available();
	if (!engine->preloaded)
		return;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	engine->launcher_pid = tc_shared->launcher_pid;
	engine->capacity = tc_shared->executor_capacity;
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
	{
		engine->scheduler_pid = slot->scheduler_pid;
		engine->failures = slot->failures;
		engine->last_cycle_at = slot->last_cycle_at;
		strlcpy(waiting, slot->waiting_reason, sizeof(waiting));
	}
	look_at_executors(engine);
	for (i = 0; i < tc_shared->lane_count; i++)
		engine->lanes += tc_shared->lanes[i].used;
	LWLockRelease(tc_shared->lock);
	if (waiting[0] != '\0')
		engine->waiting_reason = pstrdup(waiting);
}

static bool
report(EngineProblem *problem, const char *reason, const char *detail, const char *hint)
{
	problem->reason = reason;
	problem->detail = detail;
	problem->hint = hint;
	return true;
}

bool
tc_engine_problem(const EngineState *engine, EngineProblem *problem)
{
	const ControlState *control = engine->control;

	if (!engine->preloaded)
		return report(problem, "taskcenter is not preloaded",
					  "This server has no launcher, so nothing is fired or executed.",
					  "Add this to postgresql.conf and restart: shared_preload_libraries = 'taskcenter'");
	if (!engine->enabled)
		return report(problem, "taskcenter is switched off",
					  "The parameter taskcenter.enabled is off.",
					  "Set taskcenter.enabled = on and reload.");
	if (!control->activated)
		return report(problem, "the database is not activated",
					  "Nothing was created here yet, or it was restored from a dump.",
					  "Create a task, or call taskcenter.adopt_database() if this database is to take over.");
	if (!control->adopted)
		return report(problem, "the database is a copy",
					  "It was adopted on another server or as another database.",
					  "Call taskcenter.adopt_database() if this database is to take over.");
	if (engine->launcher_pid == 0)
		return report(problem, "the launcher is not running",
					  "It is restarted by the server within seconds, unless this is a standby.",
					  "See the server log.");
	if (engine->scheduler_pid == 0)
		return report(problem, "the scheduler of this database is not running",
					  engine->failures > 0
					  ? psprintf("Its last %d starts failed.", engine->failures)
					  : "It is being started, or a command keeps it out.",
					  "See the server log; taskcenter.databases and max_worker_processes limit what is started.");
	if (control->barred != NULL)
		return report(problem, "the scheduler refuses to work",
					  psprintf("It found that %s.", control->barred),
					  "Call taskcenter.repair_guards() for the guards; for the version ALTER EXTENSION taskcenter UPDATE, or restart with the library that fits.");
	if (!control->running)
		return report(problem, psprintf("the scheduler is %s", control->state),
					  "It was told so with pause_scheduler(), drain_scheduler() or disable_scheduler().",
					  "Call taskcenter.resume_scheduler().");
	return false;
}
