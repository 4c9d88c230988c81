/*-------------------------------------------------------------------------
 *
 * self_test.c
 *		The process behind self_test(): makes tasks, lets them run, fail,
 *		hang, be retried and cancelled, and takes them away again.
 *
 * Started by the session that called self_test(), connected as its role, and
 * with no other rights: each step is a transaction of its own that calls what
 * everybody calls.  What a check is about is made and removed here, under
 * names and in a queue of its own; when the session goes away the tasks are
 * removed all the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/shm_mq.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "activation.h"
#include "compat.h"
#include "engine_state.h"
#include "guarded.h"
#include "self_test_report.h"
#include "self_test_steps.h"
#include "self_test_store.h"
#include "settings.h"
#include "shared_state.h"
#include "statement.h"
#include "worker_process.h"

#define WAIT_SECONDS 10			/* for what takes milliseconds */
#define START_SECONDS 3
#define LOOK_US (20 * INT64CONST(1000))

extern PGDLLEXPORT void taskcenter_self_test_main(Datum main_arg);

typedef enum TestTask
{
	TASK_SUCCEEDS,
	TASK_FAILS,
	TASK_RECOVERS,
	TASK_HANGS,
	TASK_LASTS,
	TASK_SCHEDULED,
	TASK_EXTERNAL
} TestTask;

#define TASK_COUNT (TASK_EXTERNAL + 1)

static SelfTestTask tasks[TASK_COUNT] = {
	[TASK_SUCCEEDS] = {"succeeds",
	"SELECT taskcenter.write_log('notice', 'this run is a self test')", 1, NULL},
	[TASK_FAILS] = {"fails", "SELECT 1 / 0", 1, NULL},
	[TASK_RECOVERS] = {"recovers",
	"SELECT 1 / ((taskcenter.current_run()).attempt - 1)", 2, NULL},
	[TASK_HANGS] = {"hangs", "SELECT pg_catalog.pg_sleep(60)", 1, "300 milliseconds"},
	[TASK_LASTS] = {"lasts", "SELECT pg_catalog.pg_sleep(60)", 1, NULL},
	[TASK_SCHEDULED] = {"scheduled", "SELECT 1", 1, NULL},
	[TASK_EXTERNAL] = {"external", NULL, 1, NULL, "external"}
};

static shm_mq_handle *session;
static uint32 wait_event;
static bool can_run = true;		/* the first run was executed */

/* ---- steps ---- */

static void
lock_test(void *argument)
{
	((Check *) argument)->found = tc_self_test_lock();
}

static void
open_queue(void *argument)
{
	tc_self_test_open_queue();
}

static void
open_task(void *argument)
{
	tc_self_test_open_task(((Check *) argument)->task);
}

static void
enqueue(void *argument)
{
	Check	   *check = argument;

	check->run_id = tc_self_test_enqueue(check->task->name);
}

static void
wait_for_end(void *argument)
{
	Check	   *check = argument;

	check->found = tc_self_test_wait(check->run_id, WAIT_SECONDS, &check->run);
}

static void
look(void *argument)
{
	Check	   *check = argument;

	check->found = tc_self_test_look(check->run_id, &check->run);
}

static void
explain(void *argument)
{
	Check	   *check = argument;

	check->text = tc_self_test_explain(check->run_id);
}

static void
read_history(void *argument)
{
	Check	   *check = argument;

	check->text = tc_self_test_history(check->run_id);
	check->number = tc_self_test_lines(check->run_id);
}

static void
cancel(void *argument)
{
	Check	   *check = argument;

	check->text = tc_self_test_cancel(check->run_id);
}

static void
schedule(void *argument)
{
	tc_self_test_schedule(((Check *) argument)->task->name, "every 1 second");
}

static void
unschedule(void *argument)
{
	tc_self_test_unschedule(((Check *) argument)->task->name);
}

static void
look_for_fires(void *argument)
{
	Check	   *check = argument;

	check->number = tc_self_test_fired(check->task->name, check->since);
}

static void
look_for_dead_letter(void *argument)
{
	Check	   *check = argument;

	check->found = tc_self_test_dead_letter(check->run_id, &check->number, &check->text,
											&check->code);
}

static void
resolve(void *argument)
{
	tc_self_test_resolve(((Check *) argument)->number);
}

static void
discard(void *argument)
{
	((Check *) argument)->number = tc_self_test_discard();
}

static void
close_task(void *argument)
{
	tc_self_test_close_task(((Check *) argument)->task->name);
}

static void
look_for_rest(void *argument)
{
	((Check *) argument)->number = tc_self_test_unfinished();
}

/* ---- checks ---- */

/* until the step finds it, or for so long; false: not found */
static bool
poll(Check *check, const char *label, GuardedCall call, bool (*is_there) (const Check *check))
{
	TimestampTz until = GetCurrentTimestamp() + WAIT_SECONDS * USECS_PER_SEC;

	while (tc_test_step(check, label, call))
	{
		TimestampTz now = GetCurrentTimestamp();

		if (is_there(check))
			return true;
		if (now >= until)
			return false;
		tc_worker_wait(Min(until, now + LOOK_US), wait_event);
	}
	return false;
}

/* Enqueue a run of the task and wait for its end; false: the check has failed. */
static bool
run_task(Check *check, TestTask task)
{
	check->task = &tasks[task];
	if (!tc_test_step(check, "enqueue", enqueue) || !tc_test_step(check, "wait", wait_for_end))
		return false;
	if (check->found && check->run.status != NULL &&
		strcmp(check->run.status, "queued") != 0 && strcmp(check->run.status, "running") != 0 &&
		strcmp(check->run.status, "retrying") != 0)
		return true;
	check->text = NULL;
	if (tc_test_step(check, "explain", explain))
		tc_test_say(check, false, psprintf("run " INT64_FORMAT " did not end within %d s: %s",
										   check->run_id, WAIT_SECONDS,
										   check->text !=NULL ? check->text : "nothing is known of it"));
	return false;
}

/* ended as it had to? */
static bool
has_ended(Check *check, const char *status, const char *sqlstate)
{
	const SelfTestRun *run = &check->run;

	if (strcmp(run->status, status) == 0 &&
		(sqlstate == NULL || (run->sqlstate != NULL && strcmp(run->sqlstate, sqlstate) == 0)))
		return true;
	tc_test_say(check, false, psprintf("run " INT64_FORMAT " is %s%s%s, not %s", check->run_id,
									   run->status, run->error != NULL ? ": " : "",
									   run->error != NULL ? run->error : "", status));
	return false;
}

static void
look_at_engine(void *argument)
{
	Check	   *check = argument;
	EngineState engine;
	EngineProblem problem;

	/* as the first queue would: where nothing was created yet, all is well */
	(void) tc_activate_if_fresh(GetCurrentTimestamp());
	tc_engine_look(&engine);
	check->text = tc_engine_problem(&engine, &problem)
		? psprintf("%s: %s %s", problem.reason, problem.detail, problem.hint) : NULL;
}

/* Is there anybody who would run anything?  It may just be starting. */
static void
check_scheduler(Check *check)
{
	TimestampTz until = GetCurrentTimestamp() + START_SECONDS * USECS_PER_SEC;
	DatabaseSlot *slot;
	bool		running;

	for (;;)
	{
		LWLockAcquire(tc_shared->lock, LW_SHARED);
		slot = tc_shared_database(MyDatabaseId);
		running = slot != NULL && slot->phase == DATABASE_PHASE_RUNNING;
		LWLockRelease(tc_shared->lock);
		if (running || !tc_enabled || GetCurrentTimestamp() >= until)
			break;
		tc_worker_wait(GetCurrentTimestamp() + LOOK_US, wait_event);
	}
	if (!running)
		tc_test_say(check, false, !tc_enabled ? "taskcenter.enabled is off"
					: "it is not running: the view taskcenter.status and the server log say more");
	else if (tc_test_step(check, "look at the engine", look_at_engine))
		tc_test_say(check, check->text == NULL, check->text !=NULL ? check->text : "it is running");
}

static void
check_create(Check *check)
{
	int			i;

	if (!tc_test_step(check, "make a queue", open_queue))
		return;
	for (i = 0; i < TASK_COUNT; i++)
	{
		check->task = &tasks[i];
		if (!tc_test_step(check, "make a task", open_task))
			return;
	}
	tc_test_say(check, true, psprintf("%d tasks in queue %s", TASK_COUNT, TC_SELF_TEST_QUEUE));
}

static void
check_run(Check *check)
{
	if (!run_task(check, TASK_SUCCEEDS))
		can_run = false;
	else if (has_ended(check, "succeeded", NULL))
		tc_test_say(check, true, psprintf("started after %.1f ms, took %.1f ms", check->run.delay_ms,
										  check->run.duration_ms));
}

static void
check_history(Check *check)
{
	if (!run_task(check, TASK_SUCCEEDS) || !has_ended(check, "succeeded", NULL) ||
		!tc_test_step(check, "read the history", read_history))
		return;
	if (check->text == NULL || strcmp(check->text, "queued running succeeded") != 0)
		tc_test_say(check, false, psprintf("its history says: %s",
										   check->text !=NULL ? check->text : "nothing"));
	else if (check->number != 1)
		tc_test_say(check, false, psprintf(INT64_FORMAT " lines in its log, not 1", check->number));
	else
		tc_test_say(check, true, "each status and the line it logged are recorded");
}

static void
check_fail(Check *check)
{
	if (run_task(check, TASK_FAILS) && has_ended(check, "failed", "22012"))
		tc_test_say(check, true, psprintf("failed with SQLSTATE %s, as it had to", check->run.sqlstate));
}

static void
check_dead_letter(Check *check)
{
	if (!run_task(check, TASK_FAILS) || !has_ended(check, "failed", NULL) ||
		!tc_test_step(check, "look for a dead letter", look_for_dead_letter))
		return;
	if (!check->found || strcmp(check->text, "open") != 0)
		tc_test_say(check, false, "the failed run left no open dead letter");
	else if (tc_test_step(check, "resolve it", resolve) &&
			 tc_test_step(check, "look at it", look_for_dead_letter))
		tc_test_say(check, strcmp(check->text, "resolved") == 0,
					psprintf("it is %s, its code %s", check->text, check->code));
}

static void
check_retry(Check *check)
{
	if (!run_task(check, TASK_RECOVERS) || !has_ended(check, "succeeded", NULL))
		return;
	tc_test_say(check, check->run.attempt == 2, psprintf("succeeded at attempt %d", check->run.attempt));
}

static void
check_time_limit(Check *check)
{
	if (run_task(check, TASK_HANGS) && has_ended(check, "timed_out", NULL))
		tc_test_say(check, true, psprintf("ended after %.0f ms, its limit is 300 ms",
										  check->run.duration_ms));
}

static bool
is_running(const Check *check)
{
	return check->found && strcmp(check->run.status, "running") == 0;
}

static void
check_cancel(Check *check)
{
	TimestampTz asked_at;

	check->task = &tasks[TASK_LASTS];
	if (!tc_test_step(check, "enqueue", enqueue))
		return;
	if (!poll(check, "look", look, is_running))
	{
		if (check->detail == NULL)
			tc_test_say(check, false, "it did not begin to run");
		return;
	}
	asked_at = GetCurrentTimestamp();
	if (tc_test_step(check, "cancel", cancel) && tc_test_step(check, "wait", wait_for_end) && check->found &&
		has_ended(check, "cancelled", NULL))
		tc_test_say(check, true, psprintf("ended %.0f ms after it was asked to",
										  (GetCurrentTimestamp() - asked_at) / 1000.0));
}

static bool
has_fired(const Check *check)
{
	return check->number > 0;
}

static void
check_schedule(Check *check)
{
	check->task = &tasks[TASK_SCHEDULED];
	check->since = GetCurrentTimestamp();
	if (!tc_test_step(check, "schedule", schedule))
		return;
	if (poll(check, "look for fires", look_for_fires, has_fired))
		tc_test_say(check, true, psprintf("fired and ran after %.1f s",
										  (GetCurrentTimestamp() - check->since) / 1000000.0));
	else if (check->detail == NULL)
		tc_test_say(check, false, psprintf("did not fire each second, for %d s", WAIT_SECONDS));
	if (check->ok)
		(void) tc_test_step(check, "drop the schedule", unschedule);
}

static void
check_worker(Check *check)
{
	check->task = &tasks[TASK_EXTERNAL];
	if (tc_test_step(check, "enqueue", enqueue))
		tc_test_worker(check);
}

static bool
is_empty(const Check *check)
{
	return check->number == 0;
}

/* Whatever came before. */
static void
check_remove(Check *check)
{
	bool		removed = true;
	int			i;

	for (i = 0; i < TASK_COUNT; i++)
	{
		check->task = &tasks[i];
		removed = tc_test_step(check, "archive a task", close_task) && removed;
	}
	removed = tc_test_step(check, "discard dead letters", discard) && removed;
	if (!removed)
		return;
	if (poll(check, "look for what is left", look_for_rest, is_empty))
		tc_test_say(check, true, "its tasks are archived, no run is left");
	else if (check->detail == NULL)
		tc_test_say(check, false, psprintf(INT64_FORMAT " runs are not finished", check->number));
}

/* ---- the whole ---- */

static void
report(const Check *check, TimestampTz began_at)
{
	SelfTestReport message = {0};
	const char *detail = check->detail != NULL ? check->detail : "";

	strlcpy(message.check_name, check->name, sizeof(message.check_name));
	message.ok = check->ok;
	message.took = GetCurrentTimestamp() - began_at;
	memcpy(message.detail, detail,
		   pg_mbcliplen(detail, strlen(detail), sizeof(message.detail) - 1));
	/* nobody may be listening any more */
	(void) shm_mq_send(session, sizeof(message), &message, false, true);
}

static bool
make_check(const char *name, void (*make) (Check *check))
{
	Check		check = {.name = name};
	TimestampTz began_at = GetCurrentTimestamp();
	MemoryContext old = MemoryContextSwitchTo(tc_test_context);

	make(&check);
	report(&check, began_at);
	MemoryContextSwitchTo(old);
	MemoryContextReset(tc_test_context);
	return check.ok;
}

static void
check_alone(Check *check)
{
	if (tc_test_step(check, "look for another self test", lock_test))
		tc_test_say(check, check->found, check->found ? "no other self test is under way"
					: "another self test is under way in this database");
}

static void
make_checks(void)
{
	static const struct
	{
		const char *name;
		void		(*make) (Check *check);
	}			checks[] = {
		{"run", check_run},
		{"history", check_history},
		{"fail", check_fail},
		{"dead_letter", check_dead_letter},
		{"retry", check_retry},
		{"time_limit", check_time_limit},
		{"cancel", check_cancel},
		{"schedule", check_schedule},
		{"worker", check_worker}
	};
	int			i;

	if (!make_check("alone", check_alone) || !make_check("scheduler", check_scheduler))
		return;
	can_run = make_check("create", check_create);
	/* where nothing runs, each would wait in vain */
	for (i = 0; i < (int) lengthof(checks) && can_run; i++)
		(void) make_check(checks[i].name, checks[i].make);
	(void) make_check("remove", check_remove);
}

/* Tasks of others may have the same names: the role's is part of them. */
static void
name_tasks(Oid role)
{
	int			i;

	tc_worker_begin("name the tasks");
	for (i = 0; i < TASK_COUNT; i++)
		tasks[i].name = MemoryContextStrdup(TopMemoryContext,
											psprintf("self_test %s (%s)", tasks[i].name,
													 GetUserNameFromId(role, false)));
	tc_worker_commit();
}

void
taskcenter_self_test_main(Datum main_arg)
{
	const WorkerArguments *arguments = tc_worker_arguments();
	dsm_segment *segment;
	shm_mq	   *queue;

	if (tc_shared == NULL || arguments->incarnation != tc_shared->incarnation)
		proc_exit(0);
	tc_worker_init(arguments->database, arguments->role, true);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
	tc_shared_wake_init();
	segment = dsm_attach(arguments->segment);
	if (segment == NULL)
		proc_exit(0);			/* who asked is gone */
	queue = dsm_segment_address(segment);
	shm_mq_set_sender(queue, MyProc);
	session = shm_mq_attach(queue, segment, NULL);
	tc_test_context = AllocSetContextCreate(TopMemoryContext, "taskcenter self test",
											ALLOCSET_DEFAULT_SIZES);
	wait_event = tc_wait_event_new("TaskcenterSelfTest");
	name_tasks(arguments->role);
	make_checks();
	dsm_detach(segment);
	proc_exit(0);
}
