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

#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "current_run.h"
#include "execute.h"
#include "fire_store.h"
#include "message_capture.h"
#include "retry_rules.h"
#include "run_timer.h"
#include "run_transaction.h"
#include "schedule.h"
#include "session_scrub.h"
#include "shared_state.h"
#include "worker_process.h"

#define MAX_COLLISIONS 5		/* repeated at once, uncounted */
#define MAX_ERROR_LENGTH 8192
#define MAX_REASON_LENGTH 200
#define MAX_OUTPUT_ROWS 1000
#define MAX_OUTPUT_BYTES (1024 * 1024)

/* one attempt at one run while it lasts */
typedef struct Attempt
{
	RunRow	   *run;
	CachedTask *task;
	CurrentRun	facts;
	ResultCapture *capture;
	TimestampTz started_at;
	TimestampTz finished_at;
	ErrorData  *error;			/* NULL: it succeeded */
	bool		timed_out;
	bool		cancelled;
	char	   *cancel_reason;
	char	   *cancel_actor;
	LogRow	   *logs;			/* of a batched run, taken at its end */
	int			log_count;
} Attempt;

void
tc_execute_init(void)
{
	tc_user_command_init();
	tc_message_capture_init();
	tc_run_timer_init();
	tc_session_scrub_init();
}

static int
elevel_of(const char *log_level)
{
	static const struct
	{
		const char *label;
		int			elevel;
	}			levels[] = {
		{"debug", DEBUG1}, {"info", INFO}, {"notice", NOTICE}, {"warning", WARNING},
		{"error", ERROR}
	};
	int			i;

	for (i = 0; i < (int) lengthof(levels); i++)
		if (strcmp(log_level, levels[i].label) == 0)
			return levels[i].elevel;
	return NOTICE;
}

/* ---- the frame of an attempt ---- */

static void
describe_attempt(Attempt *attempt, const char *queue, MemoryContext context)
{
	RunRow	   *run = attempt->run;
	CurrentRun *facts = &attempt->facts;

	facts->run_id = run->run_id;
	facts->task_id = run->task_id;
	facts->parent_run_id = run->parent_run_id;
	facts->token = run->token;
	facts->attempt = run->attempt;
	facts->max_attempts = run->max_attempts;
	facts->task = attempt->task->definition->name;
	facts->queue = queue;
	facts->step = run->step;
	facts->trace_id = run->trace_id;
	facts->params = run->params;
	facts->scheduled_for = run->scheduled_for;
	facts->catchup_from = run->catchup_from;
	facts->catchup_count = run->catchup_count;
	facts->is_catchup = run->is_catchup;
	facts->log_level = elevel_of(attempt->task->definition->log_level);
	facts->context = context;
}

static void
open_attempt(Attempt *attempt)
{
	const TaskDefinition *task = attempt->task->definition;
	ClaimedRun	shared = {attempt->run->run_id, attempt->run->token,
	attempt->run->task_id, attempt->run->attempt};

	attempt->started_at = GetCurrentTimestamp();
	attempt->error = NULL;
	attempt->timed_out = attempt->cancelled = false;
	tc_message_capture_start(elevel_of(task->log_level));
	tc_current_run_begin(&attempt->facts);
	tc_shared_run_begin(&shared, attempt->started_at,
						task->timeout > 0 ? attempt->started_at + task->timeout : DT_NOEND);
	pgstat_report_activity(STATE_RUNNING, task->command);
	/* a limit below a millisecond is still a limit */
	tc_run_timer_start(task->timeout > 0 ? Max(task->timeout / 1000, 1) : 0);
}

/* Learn whether somebody asked for this attempt's end, before it is forgotten. */
static void
take_cancel_request(Attempt *attempt)
{
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	if (tc_my_executor->cancel_token == attempt->run->token)
	{
		attempt->cancelled = true;
		attempt->cancel_reason = pstrdup(tc_my_executor->cancel_reason);
		attempt->cancel_actor = pstrdup(tc_my_executor->cancel_actor);
	}
	LWLockRelease(tc_shared->lock);
}

/* After this neither limit nor cancellation can strike any more. */
static void
close_attempt(Attempt *attempt)
{
	tc_run_timer_stop();
	if (attempt->error != NULL)
		take_cancel_request(attempt);
	tc_shared_run_end();
	tc_run_timer_settle();
	attempt->timed_out = tc_run_timer_fired();
	tc_message_capture_stop();
	tc_current_run_end(&attempt->facts);
	attempt->finished_at = GetCurrentTimestamp();
	tc_cache_note_duration(attempt->run->task_id,
						   (attempt->finished_at - attempt->started_at) / 1000.0);
	if (attempt->error != NULL && attempt->error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		!attempt->timed_out && !attempt->cancelled)
	{
		attempt->cancelled = true;
		attempt->cancel_reason = pstrdup("pg_cancel_backend()");
		attempt->cancel_actor = pstrdup("operator");
	}
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

/* A command that swallowed its time-out does not succeed. */
static void
refuse_late_success(void)
{
	CHECK_FOR_INTERRUPTS();
	if (tc_run_timer_fired())
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("the run went on after its time limit")));
}

/* ---- what an attempt leaves behind ---- */

static int
captured_logs(LogRow **logs)
{
	const CapturedMessage *messages;
	int			count;
	int			i;

	messages = tc_message_capture_take(&count);
	if (count == 0)
		return 0;
	*logs = palloc(sizeof(LogRow) * (count + 1));
	for (i = 0; i < count; i++)
	{
		(*logs)[i].logged_at = messages[i].logged_at;
		(*logs)[i].level = messages[i].level;
		(*logs)[i].message = messages[i].message;
		(*logs)[i].metadata = messages[i].metadata;
	}
	return count;
}

static Jsonb *
output_of(Attempt *attempt)
{
	bool		truncated;

	if (attempt->facts.output != NULL)
		return attempt->facts.output;
	if (attempt->capture == NULL)
		return NULL;
	return tc_result_capture_rows(attempt->capture, &truncated);
}

static RunOutcome
success_of(Attempt *attempt)
{
	RunOutcome	outcome = {0};

	outcome.status = "succeeded";
	outcome.started_at = attempt->started_at;
	outcome.finished_at = GetCurrentTimestamp();
	outcome.output = output_of(attempt);
	outcome.actor = "executor";
	return outcome;
}

/* A fixed-delay schedule counts from the end of its run. */
static void
advance_delay(const Attempt *attempt, TimestampTz ended_at)
{
	DueSchedule *due;
	Schedule   *schedule;
	ScheduleContext context = {0};
	ScheduleError error;
	TimestampTz next;

	if (attempt->run->schedule_id == 0 || !attempt->task->definition->has_delay)
		return;
	due = tc_fire_load(attempt->run->schedule_id);
	if (due == NULL)
		return;
	schedule = tc_schedule_parse(due->schedule, &error);
	context.tz = pg_tzset(due->timezone);
	context.anchor = due->anchor_at;
	context.starts_at = due->starts_at;
	context.ends_at = due->ends_at;
	if (schedule != NULL && context.tz != NULL &&
		tc_schedule_kind(schedule) == SCHEDULE_DELAY &&
		tc_schedule_delay_after(schedule, &context, ended_at, &next))
		tc_fire_after_end(due->schedule_id, next);
}

/* Finish in the command's own transaction; what it left in force is overruled. */
static int
finish_success(Attempt *attempt)
{
	RunOutcome	outcome = success_of(attempt);
	LogRow	   *logs;
	int			log_count = captured_logs(&logs);

	if (log_count > 0)
		tc_run_write_logs(attempt->run, attempt->task->definition->owner_id, logs, log_count,
						  true);
	if (!tc_run_finish(attempt->run, &outcome, true))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the run is no longer this executor's"),
				 errdetail("Its effects are rolled back.")));
	advance_delay(attempt, outcome.finished_at);
	return log_count;
}

/* Lines that came after the finish was written: from deferred triggers, say. */
static void
write_late_logs(Attempt *attempt, int written)
{
	LogRow	   *logs;
	int			count = captured_logs(&logs);

	if (count <= written)
		return;
	tc_worker_begin("write late log lines");
	tc_run_write_logs(attempt->run, attempt->task->definition->owner_id, logs + written,
					  count - written, false);
	tc_worker_commit();
}

static char *
full_error(const ErrorData *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, error->message ? error->message : "error without a message");
	if (error->detail)
		appendStringInfo(&text, "\nDETAIL: %s", error->detail);
	if (error->hint)
		appendStringInfo(&text, "\nHINT: %s", error->hint);
	if (error->context)
		appendStringInfo(&text, "\nCONTEXT: %s", error->context);
	if (text.len > MAX_ERROR_LENGTH)
		text.data[pg_mbcliplen(text.data, text.len, MAX_ERROR_LENGTH)] = '\0';
	return text.data;
}

static char *
clipped(const char *text, int limit)
{
	return pnstrdup(text, pg_mbcliplen(text, strlen(text), limit));
}

/* Which status a failed attempt leads to, and when it is tried again. */
static RunOutcome
failure_of(Attempt *attempt)
{
	const TaskDefinition *task = attempt->task->definition;
	RunOutcome	outcome = {0};
	RetryDecision decision;
	int			max_attempts = attempt->run->max_attempts;

	outcome.started_at = attempt->started_at;
	outcome.finished_at = attempt->finished_at;
	outcome.sqlstate = pstrdup(unpack_sql_state(attempt->error->sqlerrcode));
	outcome.error = clipped(attempt->error->message ? attempt->error->message : "",
							MAX_ERROR_LENGTH);
	outcome.reason = clipped(outcome.error, MAX_REASON_LENGTH);
	outcome.actor = "executor";
	if (attempt->cancelled)
	{
		outcome.status = "cancelled";
		outcome.reason = attempt->cancel_reason;
		outcome.actor = attempt->cancel_actor;
		return outcome;
	}

	decision = tc_retry_decide(task->retry_rules, outcome.sqlstate);
	if (decision.max_attempts > 0)
		max_attempts = decision.max_attempts;
	if (decision.retry && attempt->run->attempt < max_attempts)
	{
		int64		delay = decision.delay;

		if (delay < 0)
			delay = tc_backoff_delay(task->backoff, task->backoff_base, task->backoff_cap,
									 attempt->run->attempt,
									 pg_prng_double(&pg_global_prng_state));
		outcome.status = "retrying";
		outcome.retry_at = attempt->finished_at + delay;
	}
	else
		outcome.status = attempt->timed_out ? "timed_out" : "failed";
	return outcome;
}

static void
record_failure(Attempt *attempt)
{
	RunOutcome	outcome = failure_of(attempt);
	LogRow	   *logs = NULL;
	int			count = attempt->logs != NULL ? attempt->log_count : captured_logs(&logs);
	bool		ours;

	if (attempt->logs != NULL)
		logs = attempt->logs;
	if (count == 0)
		logs = palloc(sizeof(LogRow));
	logs[count].logged_at = attempt->finished_at;
	logs[count].level = "error";
	logs[count].message = full_error(attempt->error);
	logs[count].metadata = NULL;

	tc_worker_begin("record a failed attempt");
	if (strcmp(outcome.status, "retrying") == 0)
		ours = tc_run_retry(attempt->run, &outcome);
	else
	{
		ours = tc_run_finish(attempt->run, &outcome, false);
		advance_delay(attempt, outcome.finished_at);
	}
	if (ours)
		tc_run_write_logs(attempt->run, attempt->task->definition->owner_id, logs, count + 1,
						  false);
	tc_worker_commit();
}

/* ---- attempts ---- */

static void
prepare_capture(Attempt *attempt, MemoryContext context)
{
	if (!attempt->task->definition->capture_output)
		return;
	attempt->capture = tc_result_capture_create(context, MAX_OUTPUT_ROWS, MAX_OUTPUT_BYTES);
}

static void
run_atomic(Attempt *attempt, MemoryContext context)
{
	const TaskDefinition *task = attempt->task->definition;
	int			log_count = 0;

	open_attempt(attempt);
	PG_TRY();
	{
		tc_run_transaction_begin();
		MemoryContextSwitchTo(context);
		tc_run_settings_apply(task->settings, true);
		tc_user_command_execute_atomic(tc_cache_command(attempt->task), attempt->capture);
		refuse_late_success();
		tc_run_cancel_hold();
		log_count = finish_success(attempt);
		tc_run_cancel_release();
		tc_user_command_end_atomic();
		tc_run_transaction_commit(task->synchronous_commit);
	}
	PG_CATCH();
	{
		keep_error(attempt, context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	close_attempt(attempt);
	if (attempt->error == NULL)
		write_late_logs(attempt, log_count);
}

static void
run_autonomous(Attempt *attempt, MemoryContext context)
{
	open_attempt(attempt);
	PG_TRY();
	{
		tc_run_settings_apply(attempt->task->definition->settings, false);
		tc_user_command_execute_autonomous(tc_cache_command(attempt->task), attempt->capture);
		refuse_late_success();
	}
	PG_CATCH();
	{
		keep_error(attempt, context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	close_attempt(attempt);
}

static void
record_autonomous_success(Attempt *attempt)
{
	tc_worker_begin("finish an autonomous run");
	(void) finish_success(attempt);
	tc_worker_commit();
}

static bool
is_collision(const Attempt *attempt)
{
	return attempt->error != NULL && !attempt->cancelled && !attempt->timed_out &&
		tc_error_is_collision(unpack_sql_state(attempt->error->sqlerrcode));
}

/* auto mode: does the command have to run outside a transaction block? */
static bool
must_be_autonomous(const Attempt *attempt)
{
	return attempt->error != NULL && !attempt->cancelled && !attempt->timed_out &&
		attempt->task->definition->mode == TRANSACTION_MODE_AUTO &&
		tc_user_command_needs_autonomous(attempt->error);
}

static void
learn_autonomous(const Attempt *attempt)
{
	tc_worker_begin("learn that a task is autonomous");
	tc_definition_learn_autonomous(attempt->run->task_id);
	tc_worker_commit();
}

static void
attempt_run(Attempt *attempt, MemoryContext context)
{
	bool		autonomous = attempt->task->definition->mode == TRANSACTION_MODE_AUTONOMOUS;
	int			collisions = 0;

	prepare_capture(attempt, context);
	if (!autonomous)
	{
		do
		{
			run_atomic(attempt, context);
		} while (is_collision(attempt) && collisions++ < MAX_COLLISIONS);
		if (!must_be_autonomous(attempt))
			return;
		/* recorded first: from its start on a crash must not repeat it */
		learn_autonomous(attempt);
		tc_session_scrub();
	}
	run_autonomous(attempt, context);
	if (attempt->error == NULL)
		record_autonomous_success(attempt);
}

void
tc_execute_run(RunRow *run, const char *queue, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Attempt    *attempt = palloc0(sizeof(Attempt));

	attempt->run = run;
	attempt->task = tc_cache_peek(run->task_id);
	describe_attempt(attempt, queue, context);
	attempt_run(attempt, context);
	if (attempt->error != NULL)
		record_failure(attempt);
	debug_query_string = NULL;
	tc_session_scrub();
	MemoryContextSwitchTo(old);
}

/* ---- batches ---- */

/* One run of a batch: an error costs its own savepoint only. */
static void
run_in_batch(Attempt *attempt, MemoryContext context)
{
	RunSavepoint savepoint;

	open_attempt(attempt);
	tc_run_savepoint_begin(&savepoint);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		tc_run_settings_apply(attempt->task->definition->settings, true);
		tc_user_command_execute_atomic(tc_cache_command(attempt->task), attempt->capture);
		refuse_late_success();
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
	close_attempt(attempt);
	attempt->log_count = captured_logs(&attempt->logs);
	if (attempt->log_count > 0)
	{
		int			i;

		/* the capture is emptied by the next run */
		for (i = 0; i < attempt->log_count; i++)
			attempt->logs[i].message = pstrdup(attempt->logs[i].message);
	}
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
		outcomes[succeeded] = success_of(&attempts[i]);
		outcomes[succeeded].finished_at = attempts[i].finished_at;
		succeeded++;
		if (attempts[i].log_count > 0)
			tc_run_write_logs(attempts[i].run, attempts[i].task->definition->owner_id,
							  attempts[i].logs, attempts[i].log_count, true);
	}
	if (succeeded > 0 && tc_runs_finish_batch(runs, outcomes, succeeded) != succeeded)
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
		tc_run_transaction_commit(attempts[0].task->definition->synchronous_commit);
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
tc_execute_batch(RunRow **runs, int count, const char *queue, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Attempt    *attempts = palloc0(sizeof(Attempt) * count);
	bool		done;
	int			i;

	for (i = 0; i < count; i++)
	{
		attempts[i].run = runs[i];
		attempts[i].task = tc_cache_peek(runs[i]->task_id);
		describe_attempt(&attempts[i], queue, context);
		prepare_capture(&attempts[i], context);
	}
	done = try_batch(attempts, count, context);
	tc_session_scrub();
	for (i = 0; i < count; i++)
	{
		if (!done)
			tc_execute_run(runs[i], queue, context);
		else if (attempts[i].error != NULL)
			record_failure(&attempts[i]);
	}
	debug_query_string = NULL;
	MemoryContextSwitchTo(old);
}
