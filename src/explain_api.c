/*-------------------------------------------------------------------------
 *
 * explain_api.c
 *		explain_run(): why a run is not running, or how it ended.
 *
 * Reads in the caller's session; what holds a run up is put in the order in
 * which it would have to be lifted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "dead_letter_store.h"
#include "engine_state.h"
#include "explain_store.h"
#include "flag_check.h"
#include "graph_cache.h"
#include "role_check.h"
#include "run_control_store.h"
#include "shared_state.h"
#include "statement.h"
#include "task_rate.h"
#include "task_store.h"

PG_FUNCTION_INFO_V1(taskcenter_explain_run);

/* where the rows of a call go */
typedef struct Explanation
{
	ReturnSetInfo *result;
	TimestampTz now;
	bool		contents;		/* may errors and reasons be shown? */
} Explanation;

static void
say(const Explanation *to, const char *reason, const char *detail)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = TimestampTzGetDatum(to->now);
	values[1] = CStringGetTextDatum(reason);
	nulls[2] = detail == NULL;
	values[2] = detail == NULL ? (Datum) 0 : CStringGetTextDatum(detail);
	tuplestore_putvalues(to->result->setResult, to->result->setDesc, values, nulls);
}

static const char *
time_text(TimestampTz time)
{
	return timestamptz_to_str(time);
}

static const char *
times(int32 number)
{
	return number == 1 ? "Once." : psprintf("%d times.", number);
}

static bool
is_of_worker(const RunCircumstances *run)
{
	return run->run_as_id == TC_ROLE_WORKERS;
}

/* ---- who holds it up ---- */

static int
holder_of(const char *held_by)
{
	StoreFrame	frame;
	int			pid;

	tc_store_begin(&frame);
	pid = tc_row_holder(held_by);
	tc_store_end(&frame);
	return pid;
}

static void
explain_holder(const Explanation *to, const RunCircumstances *run)
{
	int			pid = holder_of(run->held_by);

	if (pid != 0)
		say(to, psprintf("an open transaction of process %d holds it", pid),
			"What it does to the run counts when it ends; see pg_stat_activity.");
}

/* ---- what ended ---- */

static void
explain_end(const Explanation *to, const RunCircumstances *run)
{
	const char *by = run->changed_by != NULL ? run->changed_by : "somebody";

	if (strcmp(run->status, "succeeded") == 0)
		say(to, "it succeeded", psprintf("At %s, in attempt %d of %d.",
										 time_text(run->finished_at), run->attempt,
										 run->max_attempts));
	else if (strcmp(run->status, "cancelled") == 0)
		say(to, "it was cancelled", psprintf("By %s at %s%s%s", by, time_text(run->finished_at),
											 run->reason != NULL && to->contents ? ": " : ".",
											 run->reason != NULL && to->contents ? run->reason : ""));
	else if (strcmp(run->status, "skipped") == 0)
		say(to, "it was skipped", to->contents ? run->reason : NULL);
	else
	{
		say(to, strcmp(run->status, "timed_out") == 0 ? "it exceeded its time limit" : "it failed",
			to->contents ? run->error : NULL);
		if (run->sqlstate == NULL)
			;					/* no error of its own: the reason says it all */
		else if (run->attempt >= run->max_attempts)
			say(to, "its attempts are used up", psprintf("%d of %d.", run->attempt,
														 run->max_attempts));
		else
			say(to, "the error is not worth another attempt",
				psprintf("SQLSTATE %s, in attempt %d of %d.", run->sqlstate, run->attempt,
						 run->max_attempts));
	}
	if (run->lost > 0)
		say(to, is_of_worker(run) ? "its worker was lost" : "its executor was lost",
			times(run->lost));
}

/* A run that failed for good waits for somebody. */
static void
explain_letter(const Explanation *to, int64 run_id)
{
	StoreFrame	frame;
	DeadLetter	letter;
	bool		found;

	tc_store_begin(&frame);
	found = tc_dead_letter_of_run(run_id, &letter);
	tc_store_end(&frame);
	if (!found)
		return;
	if (strcmp(letter.state, "open") == 0)
		say(to, psprintf("its dead letter %lld is open", (long long) letter.dead_letter_id),
			psprintf("taskcenter.redrive_dead_letter(%lld) lets it go again.",
					 (long long) letter.dead_letter_id));
	else
		say(to, psprintf("its dead letter %lld is %s", (long long) letter.dead_letter_id,
						 letter.state), to->contents ? letter.note : NULL);
}

/* ---- what runs ---- */

static void
explain_steps(const Explanation *to, int64 run_id, const RunCircumstances *run)
{
	say(to, strcmp(run->phase, "compensating") == 0 ? "what it did is being undone"
		: strcmp(run->phase, "cancelling") == 0 ? "it is being cancelled"
		: "its steps are running",
		psprintf("%d of %d are done; run_tree(%lld) shows them.", run->steps_done, run->steps,
				 (long long) run_id));
	if (run->paused)
		say(to, "it is paused", "No step of it starts until resume_run().");
}

static void
explain_running(const Explanation *to, int64 run_id, const RunCircumstances *run)
{
	ExecutorSlot slot;
	int			pid = 0;
	int			i;

	if (run->run_as_id == TC_ROLE_WORKERS)
	{
		say(to, "a worker holds it", "The view taskcenter.worker_runs shows which, and until when.");
		explain_holder(to, run);
		return;
	}
	if (tc_shared_available())
	{
		LWLockAcquire(tc_shared->lock, LW_SHARED);
		for (i = 0; i < TC_MAX_EXECUTORS && pid == 0; i++)
		{
			slot = tc_shared->executors[i];
			if (slot.database == MyDatabaseId && slot.current_run == run_id &&
				slot.state != EXECUTOR_STATE_FREE)
				pid = slot.pid;
		}
		LWLockRelease(tc_shared->lock);
	}
	if (pid == 0 && run->phase != NULL)
	{
		explain_steps(to, run_id, run);
		return;
	}
	if (pid == 0)
	{
		say(to, "it is claimed by an executor",
			"It starts when the runs before it in the same claim are done.");
		return;
	}
	say(to, "it is running", psprintf("In process %d since %s, attempt %d of %d.", pid,
									  time_text(slot.current_started_at), run->attempt,
									  run->max_attempts));
	if (slot.cancel_token != 0 && slot.cancel_token == slot.current_token)
		say(to, "it was asked to end", psprintf("By %s at %s.", slot.cancel_actor,
												time_text(slot.cancel_requested_at)));
}

/* ---- what waits ---- */

/* A step that waits for somebody. */
static void
explain_waiting_step(const Explanation *to, const RunCircumstances *run)
{
	const CachedGraph *graph = NULL;
	int			step;

	if (run->signal != NULL)
		say(to, psprintf("it waits for signal \"%s\"", run->signal),
			run->signal_key == NULL ? "Without a key."
			: to->contents ? psprintf("With key \"%s\".", run->signal_key) : NULL);
	if (run->definition_id != 0)
		graph = tc_graph_of_definition(run->definition_id, &step);
	if (graph != NULL && graph->graph.steps[step].kind == STEP_APPROVAL &&
		run->run_at > to->now)
		say(to, "it waits for a decision",
			psprintf("%d of %d have approved; taskcenter.open_decisions shows it to those who may.",
					 run->approved, graph->graph.steps[step].approval->quorum));
}

static void
explain_due_time(const Explanation *to, const RunCircumstances *run)
{
	explain_waiting_step(to, run);
	if (strcmp(run->status, "waiting") == 0)
		say(to, "it waits for other steps", NULL);
	if (strcmp(run->status, "retrying") == 0)
		say(to, run->run_at > to->now ? "its next attempt is not due yet" : "its next attempt is due",
			psprintf("At %s; attempt %d of %d failed%s%s", time_text(run->run_at), run->attempt,
					 run->max_attempts, run->error != NULL && to->contents ? ": " : ".",
					 run->error != NULL && to->contents ? run->error : ""));
	else if (run->run_at > to->now && !TIMESTAMP_NOT_FINITE(run->run_at))
		say(to, "it is not due yet", psprintf("Its time is %s.", time_text(run->run_at)));
	if (run->lost > 0)
		say(to, "whoever executed it was lost", times(run->lost));
}

/* Claims pass by a limit that somebody holds, and look again later. */
static void
explain_held_limit(const Explanation *to, const RunCircumstances *run, const char *what,
				   const char *held_by)
{
	int			pid = run->run_at > to->now ? 0 : holder_of(held_by);

	if (pid != 0)
		say(to, psprintf("an open transaction of process %d holds %s", pid, what),
			"If it claims, or changes it, nobody else claims before it ends; see pg_stat_activity.");
}

static void
explain_limits(const Explanation *to, const RunCircumstances *run)
{
	char	   *limit;

	if (run->queue_limit >= 0)
	{
		limit = psprintf("the limit of queue \"%s\"", run->queue);
		if (run->queue_running >= run->queue_limit)
			say(to, psprintf("%s is reached", limit),
				psprintf("%lld of %d are running.", (long long) run->queue_running,
						 run->queue_limit));
		explain_held_limit(to, run, limit, run->queue_held_by);
	}
	if (run->task_limit >= 0)
	{
		if (run->task_running >= run->task_limit)
			say(to, "the limit of its task is reached",
				psprintf("%lld of %d are running.", (long long) run->task_running,
						 run->task_limit));
		explain_held_limit(to, run, "the limit of its task", run->task_held_by);
	}
}

/* returns whether it may start, as far as flags go */
static bool
explain_flag(const Explanation *to, const RunCircumstances *run)
{
	const char *end = strcmp(run->status, "retrying") == 0 ? "cancelled" : "skipped";
	char	   *why;

	if (run->requires_flag == NULL ||
		tc_flag_allows(run->requires_flag, run->flag_subject, &why))
		return true;
	say(to, "its task requires a flag that is off",
		psprintf(run->run_as_id == TC_ROLE_WORKERS
				 ? "Now %s; unless that changes it ends %s when a worker claims."
				 : "Now %s; unless that changes it ends %s when it is due.", why, end));
	return false;
}

static void
explain_definitions(const Explanation *to, const RunCircumstances *run)
{
	const char *problem = is_of_worker(run) ? NULL : tc_role_problem(run->run_as_id);

	if (run->task_state == NULL)
		say(to, "its task is missing", "The row of the task was not restored.");
	else if (strcmp(run->task_state, "active") != 0 && strcmp(run->task_state, "paused") != 0)
		say(to, psprintf("its task is %s", run->task_state), run->task_reason);
	if (problem != NULL)
		say(to, "its role cannot execute tasks", problem);
	if (run->queue == NULL)
		say(to, "its queue is missing", "The row of the queue was not restored.");
	else if (strcmp(run->queue_state, "paused") == 0)
		say(to, psprintf("queue \"%s\" is paused", run->queue), run->queue_reason);
	explain_limits(to, run);
}

static void
explain_rate(const Explanation *to, const RunCircumstances *run)
{
	TaskRate	rate = {run->rate_limit, run->queue_id, run->task_id, run->rate_key};
	TimestampTz next;

	if (run->rate_limit == NULL)
		return;
	next = tc_task_rate_next(&rate, to->now);
	if (next > to->now)
		say(to, "the rate limit of its task is reached",
			psprintf("%s; the next run may begin at %s.", run->rate_limit, time_text(next)));
}

/* returns whether the engine could start it at all */
static bool
explain_engine(const Explanation *to, const EngineState *engine, const RunCircumstances *run)
{
	EngineProblem problem;
	bool		exempt = run->queue != NULL && strcmp(run->queue, "control") == 0 &&
	engine->control->adopted && engine->scheduler_pid != 0;

	if (tc_engine_problem(engine, &problem) && !exempt)
	{
		say(to, problem.reason, psprintf("%s %s", problem.detail, problem.hint));
		return false;
	}
	return true;
}

static void
explain_turn(const Explanation *to, const EngineState *engine, const RunCircumstances *run)
{
	if (run->run_at > to->now)
		return;
	if (run->run_as_id == TC_ROLE_WORKERS)
	{
		say(to, "it waits for a worker",
			"The table taskcenter.workers shows who claims from its queue; rate limits and other tenants can be first.");
		return;
	}
	if (engine->waiting_reason != NULL)
		say(to, "the scheduler cannot start executors", engine->waiting_reason);
	if (engine->busy > 0 && engine->executors + engine->executors_elsewhere >= engine->capacity &&
		engine->busy >= engine->executors)
		say(to, "all executors are busy",
			psprintf("%d here and %d for other databases, of taskcenter.max_executors = %d.",
					 engine->executors, engine->executors_elsewhere, engine->capacity));
	if (run->ahead > 0)
		say(to, "other runs of its role go first",
			psprintf("%s%lld due runs have a better priority or an earlier time.",
					 run->ahead >= TC_MAX_AHEAD ? "At least " : "", (long long) run->ahead));
}

static void
explain_waiting(const Explanation *to, const EngineState *engine, const RunCircumstances *run)
{
	bool		allowed;

	explain_due_time(to, run);
	explain_definitions(to, run);
	explain_rate(to, run);
	if (run->run_at <= to->now)
		explain_holder(to, run);
	allowed = explain_flag(to, run);
	if (explain_engine(to, engine, run) && allowed)
		explain_turn(to, engine, run);
	if (tuplestore_tuple_count(to->result->setResult) == 0)
		say(to, "it is about to start", "It is due, and nothing is in its way.");
}

/* ---- the function ---- */

/* The run, for somebody who may see its task; says whether its contents, too. */
static bool
read_run(int64 run_id, TimestampTz now, RunCircumstances *run)
{
	StoreFrame	frame;
	RunFacts	facts;
	TaskRow		task;
	bool		contents;

	tc_store_begin(&frame);
	tc_run_require(run_id, &facts);
	if (!tc_task_find_id(facts.task_id, false, &task))
		tc_run_report_missing(run_id);
	tc_access_check_run(&task, &facts, TASK_RIGHT_VIEW);
	contents = tc_access_may_run(tc_statement_caller(), &task, &facts, TASK_RIGHT_READ);
	if (!tc_run_circumstances(run_id, facts.finished, now, run) &&
		!tc_run_circumstances(run_id, !facts.finished, now, run))
		tc_run_report_missing(run_id);
	tc_store_end(&frame);
	return contents;
}

Datum
taskcenter_explain_run(PG_FUNCTION_ARGS)
{
	Explanation to;
	RunCircumstances run;
	EngineState engine;
	int64		run_id;

	run_id = tc_arg_id(fcinfo, 0, "run_id");
	to.now = GetCurrentTimestamp();
	to.contents = read_run(run_id, to.now, &run);
	InitMaterializedSRF(fcinfo, 0);
	to.result = (ReturnSetInfo *) fcinfo->resultinfo;

	if (run.finished)
	{
		explain_end(&to, &run);
		explain_letter(&to, run_id);
	}
	else if (strcmp(run.status, "running") == 0)
		explain_running(&to, run_id, &run);
	else
	{
		tc_engine_look(&engine);
		explain_waiting(&to, &engine, &run);
	}
	return (Datum) 0;
}
