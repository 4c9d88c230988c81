/*-------------------------------------------------------------------------
 *
 * execute.c
 *		Execute claimed runs, and bring each to its next status.
 *
 * In atomic mode command, logs and finish are one transaction; what fails is
 * recorded in a second one.  The one catch of the executor spans command,
 * finish and commit (deferred constraints fail there).  A time-out or a
 * cancellation can reach nothing but the attempt that it was meant for: the
 * attempt is closed to both before anything else happens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "execute.h"
#include "graph_handover.h"
#include "graph_start.h"
#include "outcome.h"
#include "recover_store.h"
#include "run_secrets.h"
#include "run_timer.h"
#include "run_transaction.h"
#include "secrets.h"
#include "session_scrub.h"
#include "shared_roots.h"
#include "shared_state.h"
#include "step_execute.h"
#include "worker_process.h"

#define MAX_OUTPUT_ROWS 1000
#define MAX_OUTPUT_BYTES (1024 * 1024)

void
tc_execute_init(void)
{
	tc_user_command_init();
	tc_message_capture_init();
	tc_run_timer_init();
	tc_session_scrub_init();
}

/* Parses on first use; raises the user's syntax error. */
static UserCommand *
command_of(const Attempt *attempt)
{
	return tc_cache_command(tc_cache_peek(attempt->run->cache_id));
}

/* In PG_CATCH: keep the error in context, leave the transaction. */
static void
keep_error(Attempt *attempt, MemoryContext context)
{
	MemoryContextSwitchTo(context);
	attempt->error = CopyErrorData();
	FlushErrorState();
	tc_run_transaction_abort();
	MemoryContextSwitchTo(context);
}

/* ---- attempts ---- */

static void
prepare_capture(Attempt *attempt, MemoryContext context)
{
	if (!attempt->task->capture_output)
		return;
	attempt->capture = tc_result_capture_create(context, MAX_OUTPUT_ROWS, MAX_OUTPUT_BYTES);
}

static DestReceiver *
receiver_of(const Attempt *attempt)
{
	if (attempt->capture == NULL)
		return None_Receiver;
	return tc_result_capture_receiver(attempt->capture);
}

static void
run_atomic(Attempt *attempt, MemoryContext context)
{
	const TaskDefinition *task = attempt->task;
	int			log_count = 0;

	tc_attempt_open(attempt);
	PG_TRY();
	{
		bool		hands_over;

		tc_run_transaction_begin();
		MemoryContextSwitchTo(context);
		tc_run_settings_apply(task->settings, true);
		attempt->facts.params = tc_run_params(attempt->run->params, context);
		tc_user_command_execute_atomic(command_of(attempt),
									   receiver_of(attempt), &attempt->result);
		tc_attempt_refuse_late();
		/* it may take long, and the graph is held from the handover on */
		hands_over = tc_handover_may(attempt);
		if (hands_over)
			tc_run_transaction_fire_deferred();
		tc_run_cancel_hold();
		/* what is handed over arrives nowhere */
		if (hands_over && tc_handover_make(attempt))
			tc_arrivals_mute();
		log_count = tc_outcome_success(attempt);
		tc_arrivals_hear();
		tc_run_cancel_release();
		tc_user_command_end_atomic();
		tc_run_transaction_commit(task->synchronous_commit);
	}
	PG_CATCH();
	{
		tc_arrivals_hear();
		tc_handover_forget();
		keep_error(attempt, context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	tc_attempt_close(attempt);
	if (attempt->error == NULL)
		tc_outcome_late_logs(attempt, log_count);
}

/* the secrets of an autonomous run, in a transaction of their own */
static void
resolve_before(Attempt *attempt, MemoryContext context)
{
	if (!tc_secrets_has(attempt->run->params))
		return;
	tc_run_transaction_begin();
	attempt->facts.params = tc_run_params(attempt->run->params, context);
	tc_run_transaction_commit(NULL);
	MemoryContextSwitchTo(context);
}

static void
run_autonomous(Attempt *attempt, MemoryContext context)
{
	tc_attempt_open(attempt);
	PG_TRY();
	{
		tc_run_settings_apply(attempt->task->settings, false);
		resolve_before(attempt, context);
		tc_user_command_execute_autonomous(command_of(attempt),
										   receiver_of(attempt), &attempt->result);
		tc_attempt_refuse_late();
	}
	PG_CATCH();
	{
		keep_error(attempt, context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	tc_attempt_close(attempt);
}

static void
record_autonomous_success(Attempt *attempt)
{
	tc_worker_begin("finish an autonomous run");
	(void) tc_outcome_success(attempt);
	tc_worker_commit();
}

/* auto mode: does the command have to run outside a transaction block? */
static bool
must_be_autonomous(const Attempt *attempt)
{
	return attempt->error != NULL && !attempt->cancelled && !attempt->timed_out &&
		attempt->task->mode == TRANSACTION_MODE_AUTO &&
		tc_user_command_needs_autonomous(attempt->error);
}

/*
 * Recorded before the command is repeated: from its start on a crash must not
 * repeat it.  False: somebody else changed the task meanwhile, and the run went
 * back to be claimed as its task is now.
 */
static bool
learn_autonomous(Attempt *attempt)
{
	const RunRow *run = attempt->run;
	bool		learnt;

	/* a step's definition never changes: it has to say so */
	if (run->definition_id != 0)
		return false;
	tc_worker_begin("learn that a task is autonomous");
	learnt = tc_definition_learn_autonomous(run->task_id);
	if (!learnt)
	{
		(void) tc_runs_give_back(&run->run_id, &run->token, 1, "its task was changed",
								 "executor");
		attempt->error = NULL;
	}
	tc_worker_commit();
	return learnt;
}

static void
attempt_run(Attempt *attempt, MemoryContext context)
{
	bool		autonomous = attempt->task->mode == TRANSACTION_MODE_AUTONOMOUS;
	int			collisions = 0;

	prepare_capture(attempt, context);
	if (!autonomous)
	{
		do
			run_atomic(attempt, context);
		while (tc_attempt_collided(attempt, &collisions));
		if (!must_be_autonomous(attempt))
			return;
		if (!learn_autonomous(attempt))
			return;
		tc_session_scrub();
		attempt->deadline = 0;
	}
	run_autonomous(attempt, context);
	if (attempt->error == NULL)
		record_autonomous_success(attempt);
}

/* A composite: its steps are what is executed. */
static void
start_graph(Attempt *attempt, TimestampTz now, MemoryContext context)
{
	const char *problem;

	attempt->started_at = attempt->finished_at = now;
	tc_worker_begin("start a graph");
	problem = tc_graph_start(attempt->run, attempt->task->timeout, now);
	if (problem != NULL)
		problem = MemoryContextStrdup(context, problem);
	tc_worker_commit();
	if (problem == NULL)
		return;
	PG_TRY();
	{
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the run cannot start"),
				 errdetail("%s", problem)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		attempt->error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
}

void
tc_execute_run(RunRow *run, const char *queue, TimestampTz now, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Attempt    *attempt = palloc0(sizeof(Attempt));

	attempt->run = run;
	attempt->task = tc_cache_peek(run->cache_id)->definition;
	if (run->special && tc_step_execute(run, attempt->task, queue, now, context))
	{
		tc_session_scrub();
		MemoryContextSwitchTo(old);
		return;
	}
	tc_attempt_describe(attempt, queue, context);
	if (attempt->task->composite)
		start_graph(attempt, now, context);
	else
		attempt_run(attempt, context);
	if (attempt->error != NULL)
		tc_outcome_failure(attempt);
	tc_secrets_forget();
	tc_session_scrub();
	MemoryContextSwitchTo(old);
}

/* ---- batches ---- */

/* The capture is emptied by the next run. */
static void
keep_logs(Attempt *attempt)
{
	int			i;

	attempt->log_count = tc_attempt_logs(&attempt->logs);
	for (i = 0; i < attempt->log_count; i++)
	{
		LogRow	   *log = &attempt->logs[i];

		log->level = pstrdup(log->level);
		log->message = pstrdup(log->message);
		if (log->metadata != NULL)
			log->metadata = DatumGetJsonbPCopy(JsonbPGetDatum(log->metadata));
	}
}

/* One run of a batch: an error costs its own savepoint only. */
static void
run_in_batch(Attempt *attempt, MemoryContext context)
{
	RunSavepoint savepoint;

	tc_attempt_open(attempt);
	tc_run_savepoint_begin(&savepoint);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		tc_run_settings_apply(attempt->task->settings, true);
		attempt->facts.params = tc_run_params(attempt->run->params, context);
		tc_user_command_execute_atomic(command_of(attempt),
									   receiver_of(attempt), &attempt->result);
		tc_attempt_refuse_late();
		tc_run_cancel_hold();
		tc_run_savepoint_release(&savepoint);
		tc_run_cancel_release();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		attempt->error = CopyErrorData();
		FlushErrorState();
		tc_run_savepoint_rollback(&savepoint);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	tc_attempt_close(attempt);
	keep_logs(attempt);
}

static void
finish_batch(Attempt *attempts, int count)
{
	RunRow	   *runs[TC_MAX_CLAIM];
	RunOutcome	outcomes[TC_MAX_CLAIM];
	int			succeeded = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		if (attempts[i].error != NULL)
			continue;
		runs[succeeded] = attempts[i].run;
		outcomes[succeeded] = tc_attempt_success(&attempts[i]);
		outcomes[succeeded].finished_at = attempts[i].finished_at;
		succeeded++;
		if (attempts[i].log_count > 0)
			tc_run_write_logs(attempts[i].run, attempts[i].task->owner_id,
							  attempts[i].logs, attempts[i].log_count, true);
	}
	if (succeeded > 0 &&
		tc_runs_finish_batch(runs, outcomes, succeeded,
							 tc_my_executor->executor_id) != succeeded)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a run of the batch is no longer this executor's")));
}

/* All in one transaction; false when it failed as a whole and nothing is left of it. */
static bool
try_batch(Attempt *attempts, int count, MemoryContext context)
{
	volatile bool done = false;
	int			i;

	PG_TRY();
	{
		tc_run_transaction_begin();
		for (i = 0; i < count; i++)
			run_in_batch(&attempts[i], context);
		tc_run_cancel_hold();
		finish_batch(attempts, count);
		tc_run_cancel_release();
		tc_user_command_end_atomic();
		tc_run_transaction_commit(attempts[0].task->synchronous_commit);
		done = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		tc_run_transaction_abort();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return done;
}

void
tc_execute_batch(RunRow **runs, int count, const char *queue, TimestampTz now,
				 MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Attempt    *attempts = palloc0(sizeof(Attempt) * count);
	bool		done;
	int			i;

	for (i = 0; i < count; i++)
	{
		attempts[i].run = runs[i];
		attempts[i].task = tc_cache_peek(runs[i]->cache_id)->definition;
		tc_attempt_describe(&attempts[i], queue, context);
		prepare_capture(&attempts[i], context);
	}
	done = try_batch(attempts, count, context);
	tc_session_scrub();
	for (i = 0; i < count; i++)
	{
		if (!done)
			tc_execute_run(runs[i], queue, now, context);
		else if (attempts[i].error != NULL)
			tc_outcome_failure(&attempts[i]);
	}
	tc_secrets_forget();
	MemoryContextSwitchTo(old);
}
