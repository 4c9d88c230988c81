/*-------------------------------------------------------------------------
 *
 * dead_letter.c
 *		Letting the run of a dead letter go again.
 *
 * The run itself goes back to its queue by the one statement that retries
 * runs, which marks the letter: who deletes the finished row has won, and the
 * other finds none.  Where the run is purged a new one is made from what the
 * letter kept, under a lock on the letter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "dead_letter.h"
#include "enqueue.h"
#include "run_retry.h"
#include "statement.h"

static Redrive
refuse(const char *problem, const char *hint)
{
	Redrive		redrive = {0, problem, hint, false};

	return redrive;
}

static const char *
who(const char *role)
{
	return role != NULL ? role : "somebody";
}

static const char *
redriven(const DeadLetter *letter)
{
	return psprintf("It was redriven by %s at %s: run %lld goes again.",
					who(letter->redriven_by), timestamptz_to_str(letter->redriven_at),
					(long long) letter->run_id);
}

const char *
tc_dead_letter_state_problem(const DeadLetter *letter)
{
	if (strcmp(letter->state, "open") == 0)
		return NULL;
	if (strcmp(letter->state, "redriven") == 0)
		return redriven(letter);
	return psprintf("It was %s by %s at %s.", letter->state, who(letter->closed_by),
					timestamptz_to_str(letter->closed_at));
}

/* what the letter has become since it was found; its run may have ended again */
static Redrive
tell_second(const DeadLetter *letter)
{
	DeadLetter	now;
	const char *problem = NULL;

	if (!tc_dead_letter_find(letter->dead_letter_id, false, &now))
		problem = "It is purged.";
	else if (now.redriven_at != letter->redriven_at)
		problem = redriven(&now);
	else
		problem = tc_dead_letter_state_problem(&now);
	return refuse(problem != NULL ? problem : "Its run was changed by somebody else.",
				  "Look at it again; its run may have succeeded meanwhile.");
}

/* The same run, one more attempt. */
static Redrive
retry(const DeadLetter *letter, const TaskRow *task, const RunFacts *run, TimestampTz run_at,
	  bool dry_run, const RunChange *change)
{
	Redrive		redrive = {.run_id = run->run_id,.unfinished = !run->finished};
	RetryTarget target = tc_retry_target(task, run_at);
	ChosenRun	chosen;
	int64	   *moved;

	if (!tc_task_accepts_runs(task))
		return refuse(psprintf("Its task \"%s\" is %s.", task->name, task->state),
					  "Enable or unarchive the task first.");
	if (!run->finished)
	{
		redrive.problem = psprintf("Run %lld is %s already.", (long long) run->run_id, run->status);
		redrive.hint = "Wait for its end.";
		return redrive;
	}
	if (!tc_run_retryable(run->run_id, &chosen))
		return refuse(psprintf("Run %lld is %s.", (long long) run->run_id, run->status),
					  "Call taskcenter.resolve_dead_letter() if nothing is left to do.");
	if (chosen.key_taken)
		return refuse("Another unfinished run of its task has its unique key.",
					  "Leave the work to that run, or cancel it first.");
	if (!dry_run && tc_runs_retry(&target, &run->run_id, 1, change, &moved) == 0)
		return tell_second(letter);
	return redrive;
}

/* A step goes again with the composite that it belongs to, which goes on from there. */
static Redrive
resume(const DeadLetter *letter, TimestampTz run_at, bool dry_run, const RunChange *change)
{
	RunFacts	root;
	TaskRow		task;

	if (!tc_run_find(letter->root_run_id, &root) ||
		!tc_task_find_id(root.task_id, false, &task))
		return refuse("It is a step of a composite whose run is purged.",
					  "Enqueue the composite anew, and resolve the dead letter.");
	if (!tc_access_may(tc_statement_caller(), &task, TASK_RIGHT_OPERATE))
		return refuse("It is a step of a composite that is not yours to operate.",
					  "Ask the owner of the composite.");
	return retry(letter, &task, &root, run_at, dry_run, change);
}

static int64
make_again(const DeadLetter *letter, const TaskRow *task, TimestampTz run_at,
		   const RunChange *change)
{
	EnqueueRequest request = {0};
	RunOrigin	origin;

	request.params = letter->params;
	request.run_at = run_at;
	request.has_priority = true;
	request.priority = letter->priority;
	request.trace_id = letter->trace_id;
	origin.now = change->now;
	origin.created_by = GetUserNameFromId(change->role, false);
	origin.actor = change->actor;
	origin.reason = psprintf("redriven from dead letter %lld of run %lld",
							 (long long) letter->dead_letter_id, (long long) letter->run_id);
	return tc_enqueue(task, &request, &origin).run_id;
}

/* A new run for the one that is purged. */
static Redrive
replace(const DeadLetter *letter, const TaskRow *task, TimestampTz run_at, bool dry_run,
		const RunChange *change)
{
	LetterChange made = {change->actor, change->reason, change->now};
	Redrive		redrive = {.run_id = letter->run_id};
	DeadLetter	now;

	if (!tc_task_accepts_runs(task))
		return refuse(psprintf("Its task \"%s\" is %s.", task->name, task->state),
					  "Enable or unarchive the task first.");
	if (letter->params_redacted)
		return refuse("Its run is purged, and its params held secrets, which are not kept.",
					  "Call taskcenter.enqueue_task() with its params, and resolve the dead letter.");
	if (dry_run)
		return redrive;
	if (!tc_dead_letter_find(letter->dead_letter_id, true, &now) ||
		strcmp(now.state, "open") != 0 || now.run_id != letter->run_id)
		return tell_second(letter);
	redrive.run_id = make_again(letter, task, run_at, change);
	tc_dead_letter_give_run(letter->dead_letter_id, redrive.run_id, run_at, &made);
	return redrive;
}

Redrive
tc_dead_letter_redrive(const DeadLetter *letter, const TaskRow *task, TimestampTz run_at,
					   bool dry_run, const RunChange *change)
{
	const char *problem = tc_dead_letter_state_problem(letter);
	RunFacts	run;

	if (problem != NULL)
		return refuse(problem, "Only open dead letters are redriven.");
	if (letter->root_run_id != 0)
		return resume(letter, run_at, dry_run, change);
	if (!tc_run_find(letter->run_id, &run))
		return replace(letter, task, run_at, dry_run, change);
	return retry(letter, task, &run, run_at, dry_run, change);
}
