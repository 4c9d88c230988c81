/*-------------------------------------------------------------------------
 *
 * perform.c
 *		Execute a run in the session that asks for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "backoff.h"
#include "current_run.h"
#include "message_capture.h"
#include "perform.h"
#include "redact.h"
#include "retry_rules.h"
#include "run_secrets.h"
#include "run_store.h"
#include "run_transaction.h"
#include "user_command.h"

#define MAX_ERROR_LENGTH 8192
#define MAX_REASON_LENGTH 200
#define MAX_OUTPUT_ROWS 1000
#define MAX_OUTPUT_BYTES (1024 * 1024)

struct Performance
{
	const PerformedRun *run;
	const TaskDefinition *task;
	MemoryContext context;
	CurrentRun	facts;
	UserCommand *command;
	ResultCapture *capture;		/* NULL: the result is not kept */
	TimestampTz started_at;
	bool		impossible;		/* the command needs transactions of its own */
	ErrorData  *error;			/* NULL: it succeeded */
};

static bool initialized = false;

static void
refuse_autonomous(const TaskDefinition *task)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("task \"%s\" cannot be performed in a transaction", task->name),
			 errdetail("Its command runs outside of transaction blocks only."),
			 errhint("Enqueue it, commit, and let an executor do it.")));
}

void
tc_perform_check(const TaskDefinition *task)
{
	if (!task->runnable)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task \"%s\" cannot be performed", task->name),
				 errdetail("Its state is \"%s\".", task->state),
				 errhint("Call taskcenter.enable_task() first.")));
	if (task->command == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("task \"%s\" cannot be performed in a transaction", task->name),
				 errdetail("It has no command of its own."),
				 errhint("Enqueue it, commit, and let executors do its steps.")));
	if (task->mode == TRANSACTION_MODE_AUTONOMOUS)
		refuse_autonomous(task);
}

static int
elevel_of(const char *log_level)
{
	if (strcmp(log_level, "debug") == 0)
		return DEBUG1;
	if (strcmp(log_level, "info") == 0)
		return INFO;
	if (strcmp(log_level, "warning") == 0)
		return WARNING;
	return strcmp(log_level, "error") == 0 ? ERROR : NOTICE;
}

static void
describe(Performance *performance)
{
	const PerformedRun *run = performance->run;
	CurrentRun *facts = &performance->facts;

	facts->run_id = run->run_id;
	facts->task_id = run->task_id;
	facts->parent_run_id = run->parent_run_id;
	facts->token = run->token;
	facts->attempt = run->attempt;
	facts->max_attempts = run->max_attempts;
	facts->task = performance->task->name;
	facts->queue = run->queue;
	facts->step = run->step;
	facts->trace_id = run->trace_id;
	facts->params = run->params;
	facts->scheduled_for = run->scheduled_for;
	facts->catchup_from = run->catchup_from;
	facts->catchup_count = run->catchup_count;
	facts->is_catchup = run->is_catchup;
	facts->performed = true;
	facts->log_level = elevel_of(performance->task->log_level);
	facts->context = performance->context;
}

/* ---- executing ---- */

static void
execute_command(Performance *performance)
{
	const TaskDefinition *task = performance->task;
	CommandResult result;

	tc_run_settings_apply(task->settings, true);
	performance->facts.params = tc_run_params(performance->run->params, performance->context);
	performance->command = tc_user_command_prepare(task->command, performance->context);
	performance->impossible = tc_user_command_surely_autonomous(performance->command);
	if (performance->impossible)
		refuse_autonomous(task);
	tc_user_command_execute_atomic(performance->command,
								   tc_result_capture_receiver(performance->capture), &result);
	if (performance->facts.output == NULL && performance->capture != NULL)
	{
		bool		truncated;
		MemoryContext old = MemoryContextSwitchTo(performance->context);

		performance->facts.output = tc_result_capture_rows(performance->capture, &truncated);
		MemoryContextSwitchTo(old);
	}
}

/* Does the error concern more than the command? */
static bool
is_outer_trouble(const Performance *performance)
{
	return performance->impossible ||
		performance->error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		tc_error_is_collision(unpack_sql_state(performance->error->sqlerrcode));
}

static void
catch_error(Performance *performance, RunSavepoint *savepoint)
{
	MemoryContextSwitchTo(performance->context);
	performance->error = CopyErrorData();
	if (is_outer_trouble(performance))
		PG_RE_THROW();
	FlushErrorState();
	tc_run_savepoint_rollback(savepoint);
	if (performance->task->mode == TRANSACTION_MODE_AUTO &&
		tc_user_command_needs_autonomous(performance->error))
		refuse_autonomous(performance->task);
}

/* On return the command's effects are in the transaction, or its error is known. */
static void
execute_in_savepoint(Performance *performance)
{
	RunSavepoint savepoint;

	tc_run_savepoint_begin(&savepoint);
	PG_TRY();
	{
		execute_command(performance);
		tc_run_savepoint_release(&savepoint);
	}
	PG_CATCH();
	{
		catch_error(performance, &savepoint);
	}
	PG_END_TRY();
}

static void
execute(Performance *performance)
{
	const char *outer_query = debug_query_string;

	tc_current_run_begin(&performance->facts);
	PG_TRY();
	{
		execute_in_savepoint(performance);
	}
	PG_FINALLY();
	{
		tc_current_run_end(&performance->facts);
		if (performance->command != NULL)
			tc_user_command_release(performance->command);
		debug_query_string = outer_query;
	}
	PG_END_TRY();
}

/* ---- recording ---- */

static char *
clipped(const char *text, int limit)
{
	return pnstrdup(text, pg_mbcliplen(text, strlen(text), limit));
}

static RunRow
row_of(const PerformedRun *run)
{
	RunRow		row = {0};

	row.run_id = run->run_id;
	row.token = run->token;
	row.task_id = run->task_id;
	row.attempt = run->attempt;
	row.max_attempts = run->max_attempts;
	row.retention_class = run->retention_class;
	return row;
}

static void
decide_failure(Performance *performance, RunOutcome *outcome)
{
	const TaskDefinition *task = performance->task;
	const PerformedRun *run = performance->run;
	RetryDecision decision;
	int			max_attempts = run->max_attempts;
	int64		delay;

	outcome->sqlstate = pstrdup(unpack_sql_state(performance->error->sqlerrcode));
	outcome->error = clipped(performance->error->message ? tc_redact_text(performance->error->message) : "",
							 MAX_ERROR_LENGTH);
	outcome->reason = clipped(outcome->error, MAX_REASON_LENGTH);
	outcome->status = "failed";
	decision = tc_retry_decide(task->retry_rules, outcome->sqlstate);
	if (decision.max_attempts > 0)
		max_attempts = decision.max_attempts;
	if (!decision.retry || run->attempt >= max_attempts)
		return;
	delay = decision.delay;
	if (delay < 0)
		delay = tc_backoff_delay(task->backoff, task->backoff_base, task->backoff_cap,
								 run->attempt, pg_prng_double(&pg_global_prng_state));
	outcome->status = "retrying";
	outcome->retry_at = outcome->finished_at + delay;
}

static void
write_logs(Performance *performance, const RunRow *row, TimestampTz finished_at)
{
	int			count = list_length(performance->facts.logs);
	LogRow	   *logs = palloc(sizeof(LogRow) * (count + 1));
	ListCell   *cell;
	int			i = 0;

	foreach(cell, performance->facts.logs)
	{
		RunLogLine *line = lfirst(cell);

		logs[i].logged_at = line->logged_at;
		logs[i].level = line->level;
		logs[i].message = line->message;
		logs[i].metadata = line->metadata;
		i++;
	}
	if (performance->error != NULL)
	{
		logs[i].logged_at = finished_at;
		logs[i].level = "error";
		logs[i].message = clipped(performance->error->message ? tc_redact_text(performance->error->message) : "",
								  MAX_ERROR_LENGTH);
		logs[i].metadata = NULL;
		i++;
	}
	if (i > 0)
		tc_run_write_logs(row, performance->task->owner_id, logs, i, false);
}

void
tc_perform_record(Performance *performance, const char *actor, TimestampTz finished_at)
{
	MemoryContext old = MemoryContextSwitchTo(performance->context);
	RunRow		row = row_of(performance->run);
	RunOutcome	outcome = {0};
	bool		ours;

	outcome.started_at = performance->started_at;
	outcome.finished_at = finished_at;
	outcome.actor = actor;
	if (performance->error != NULL)
		decide_failure(performance, &outcome);
	else
	{
		outcome.status = "succeeded";
		outcome.output = performance->facts.output;
	}
	write_logs(performance, &row, finished_at);
	if (strcmp(outcome.status, "retrying") == 0)
		ours = tc_run_retry(&row, &outcome);
	else
		ours = tc_run_finish(&row, &outcome, false);
	if (!ours)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run %lld was ended while it was performed",
						(long long) performance->run->run_id),
				 errdetail("Its command cancelled it, or performed it again."),
				 errhint("Leave the run alone in its own command.")));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(performance->context);
}

Performance *
tc_perform_execute(const PerformedRun *run, const TaskDefinition *task,
				   TimestampTz started_at)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "performed run",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Performance *performance = palloc0(sizeof(Performance));

	check_stack_depth();
	if (!initialized)
		tc_user_command_init();
	initialized = true;

	performance->run = run;
	performance->task = task;
	performance->context = context;
	performance->started_at = started_at;
	if (task->capture_output)
		performance->capture = tc_result_capture_create(context, MAX_OUTPUT_ROWS,
														MAX_OUTPUT_BYTES);
	describe(performance);
	execute(performance);
	MemoryContextSwitchTo(old);
	return performance;
}
