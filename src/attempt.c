/*-------------------------------------------------------------------------
 *
 * attempt.c
 *		One attempt at one run while it lasts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "backoff.h"
#include "redact.h"
#include "retry_rules.h"
#include "run_timer.h"
#include "shared_state.h"

#define MAX_COLLISIONS 5		/* repeated at once, uncounted */
#define MAX_ERROR_LENGTH 8192
#define MAX_REASON_LENGTH 200

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

void
tc_attempt_describe(Attempt *attempt, const char *queue, MemoryContext context)
{
	RunRow	   *run = attempt->run;
	CurrentRun *facts = &attempt->facts;

	facts->run_id = run->run_id;
	facts->task_id = run->task_id;
	facts->parent_run_id = run->parent_run_id;
	facts->token = run->token;
	facts->attempt = run->attempt;
	facts->max_attempts = run->max_attempts;
	facts->task = attempt->task->name;
	facts->queue = queue;
	facts->step = run->step;
	facts->trace_id = run->trace_id;
	facts->params = run->params;
	facts->scheduled_for = run->scheduled_for;
	facts->catchup_from = run->catchup_from;
	facts->catchup_count = run->catchup_count;
	facts->is_catchup = run->is_catchup;
	facts->log_level = elevel_of(attempt->task->log_level);
	facts->context = context;
}

/* What is left of the time limit; 0: there is none. */
static int64
limit_ms(const Attempt *attempt)
{
	int64		left = attempt->task->timeout;

	if (left <= 0)
		return 0;
	/* the clock may have been set back */
	left = Min(left, attempt->deadline - attempt->started_at);
	/* a limit below a millisecond is still a limit */
	return Max(left / 1000, 1);
}

void
tc_attempt_open(Attempt *attempt)
{
	const TaskDefinition *task = attempt->task;
	ClaimedRun	shared = {attempt->run->run_id, attempt->run->token,
	attempt->run->task_id, attempt->run->attempt};

	attempt->started_at = GetCurrentTimestamp();
	attempt->error = NULL;
	attempt->timed_out = attempt->cancelled = false;
	tc_message_capture_start(elevel_of(task->log_level));
	tc_current_run_begin(&attempt->facts);
	if (attempt->deadline == 0)
		attempt->deadline = task->timeout > 0 ? attempt->started_at + task->timeout : DT_NOEND;
	tc_shared_run_begin(&shared, attempt->started_at, attempt->deadline);
	tc_run_timer_start(limit_ms(attempt));
}

/* It ends for others; whether somebody asked for that is learnt at the same moment. */
static void
end_in_public(Attempt *attempt)
{
	char		reason[TC_REASON_LENGTH];
	char		actor[NAMEDATALEN];

	if (!tc_shared_run_end(reason, actor))
		return;
	attempt->cancelled = true;
	attempt->cancel_reason = pstrdup(reason);
	attempt->cancel_actor = pstrdup(actor);
}

/* After this neither limit nor cancellation can strike any more. */
void
tc_attempt_close(Attempt *attempt)
{
	tc_run_timer_stop();
	end_in_public(attempt);
	tc_run_timer_settle();
	attempt->timed_out = tc_run_timer_fired();
	tc_message_capture_stop();
	tc_current_run_end(&attempt->facts);
	attempt->finished_at = GetCurrentTimestamp();
	if (attempt->timed_out && !attempt->cancelled && attempt->error != NULL &&
		attempt->error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		attempt->error->message =
			psprintf("time limit of " INT64_FORMAT " ms exceeded",
					 Max(attempt->task->timeout / 1000, 1));
	if (attempt->error != NULL && attempt->error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		!attempt->timed_out && !attempt->cancelled && tc_run_cancel_signalled())
	{
		attempt->cancelled = true;
		attempt->cancel_reason = pstrdup("pg_cancel_backend()");
		attempt->cancel_actor = pstrdup("operator");
	}
}

/* A command that swallowed its time-out does not succeed. */
void
tc_attempt_refuse_late(void)
{
	CHECK_FOR_INTERRUPTS();
	if (tc_run_timer_fired())
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("the run went on after its time limit")));
}

bool
tc_attempt_collided(const Attempt *attempt, int *collisions)
{
	double		longest_us;

	if (attempt->error == NULL || attempt->cancelled || attempt->timed_out ||
		!tc_error_is_collision(unpack_sql_state(attempt->error->sqlerrcode)) ||
		(*collisions)++ >= MAX_COLLISIONS)
		return false;

	/* else it takes the locks again for which others are being woken */
	longest_us = 1000.0 * (1 << *collisions);
	pg_usleep((long) (longest_us * pg_prng_double(&pg_global_prng_state)));
	CHECK_FOR_INTERRUPTS();
	return true;
}

int
tc_attempt_logs(LogRow **logs)
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

RunOutcome
tc_attempt_success(Attempt *attempt)
{
	RunOutcome	outcome = {0};

	outcome.status = "succeeded";
	outcome.started_at = attempt->started_at;
	outcome.finished_at = GetCurrentTimestamp();
	outcome.output = output_of(attempt);
	outcome.actor = "executor";
	return outcome;
}

char *
tc_attempt_full_error(const ErrorData *error)
{
	StringInfoData report;

	initStringInfo(&report);
	appendStringInfoString(&report, error->message ? tc_redact_text(error->message)
						   : "error without a message");
	if (error->detail)
		appendStringInfo(&report, "\nDETAIL: %s", tc_redact_text(error->detail));
	if (error->hint)
		appendStringInfo(&report, "\nHINT: %s", tc_redact_text(error->hint));
	if (error->context)
		appendStringInfo(&report, "\nCONTEXT: %s", tc_redact_text(error->context));
	if (report.len > MAX_ERROR_LENGTH)
		report.data[pg_mbcliplen(report.data, report.len, MAX_ERROR_LENGTH)] = '\0';
	return report.data;
}

static char *
clipped(const char *text, int limit)
{
	return pnstrdup(text, pg_mbcliplen(text, strlen(text), limit));
}

/* Which status a failed attempt leads to, and when it is tried again. */
RunOutcome
tc_attempt_failure(Attempt *attempt)
{
	const TaskDefinition *task = attempt->task;
	RunOutcome	outcome = {0};
	RetryDecision decision;
	int			max_attempts = attempt->run->max_attempts;

	outcome.started_at = attempt->started_at;
	outcome.finished_at = attempt->finished_at;
	outcome.sqlstate = pstrdup(unpack_sql_state(attempt->error->sqlerrcode));
	outcome.error = clipped(attempt->error->message ? tc_redact_text(attempt->error->message) : "",
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
		outcome.step_state = attempt->step_state;
	}
	else
		outcome.status = attempt->timed_out ? "timed_out" : "failed";
	return outcome;
}
