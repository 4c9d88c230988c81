/*-------------------------------------------------------------------------
 *
 * worker_run_api.c
 *		What a worker says of one run: complete_run(), fail_run() and the like.
 *
 * Run in the worker's session and transaction.  The token decides: it is that
 * of the attempt that goes on, or that of the one that this worker ended by
 * the same call, or it is stale.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "argument_values.h"
#include "arguments.h"
#include "audit_context.h"
#include "delay.h"
#include "failure_code_store.h"
#include "lease.h"
#include "lease_token.h"
#include "message_capture.h"
#include "redact.h"
#include "redact_json.h"
#include "secrets.h"
#include "shared_state.h"
#include "statement.h"
#include "worker_store.h"

PG_FUNCTION_INFO_V1(taskcenter_complete_run);
PG_FUNCTION_INFO_V1(taskcenter_complete_runs);
PG_FUNCTION_INFO_V1(taskcenter_fail_run);
PG_FUNCTION_INFO_V1(taskcenter_snooze_run);
PG_FUNCTION_INFO_V1(taskcenter_log_run);
PG_FUNCTION_INFO_V1(taskcenter_report_run_progress);

#define MAX_RESULTS 10000
#define MAX_ERROR_LENGTH 8192
#define MAX_CODE_LENGTH 50
#define WITHHELD "withheld: the secrets of the run cannot be had, so they could not be hidden"

static const char *const log_levels[] = {"debug", "info", "notice", "warning", "error", NULL};

static char *
actor_of_worker(void)
{
	return tc_audit_actor(tc_statement_caller());
}

/* ---- complete ---- */

static void
check_output(const Jsonb *output)
{
	if (output != NULL && VARSIZE(output) > TC_MAX_PARAMS_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("output of a run is too large"),
				 errdetail("It takes %u bytes.", (unsigned) VARSIZE(output)),
				 errhint("Use at most %d bytes; keep large results in a table and put out their key.",
						 TC_MAX_PARAMS_SIZE)));
}

/* All in one statement, with what follows each. */
static void
complete(Completion *runs, int count, TimestampTz now)
{
	int64		last_worker = 0;
	int			i;

	(void) tc_leases_complete(runs, count, actor_of_worker(), now);
	for (i = 0; i < count; i++)
	{
		WorkerRow	worker = {0};

		/* who may not is refused, and nothing of this is left */
		if (runs[i].done && runs[i].worker_id != last_worker)
		{
			(void) tc_worker_find(runs[i].worker_id, false, &worker);
			tc_token_check_role(worker.role_id, runs[i].run_id);
			last_worker = runs[i].worker_id;
		}
		if (runs[i].done && runs[i].schedule_id != 0)
			tc_delay_after_run(runs[i].schedule_id, now);
	}
}

Datum
taskcenter_complete_run(PG_FUNCTION_ARGS)
{
	static const char *const same[] = {"succeeded", NULL};
	TimestampTz now = GetCurrentTimestamp();
	TokenArgument argument = tc_token_argument(fcinfo);
	Completion	run = {argument.run_id, argument.token};
	StoreFrame	frame;
	LeaseRow	lease;
	char	   *ended_as;

	run.output = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	check_output(run.output);
	tc_store_begin(&frame);
	complete(&run, 1, now);

	/*
	 * somebody else's, ended before, or stale: refused, unless it was this
	 * call
	 */
	if (!run.done && tc_token_hold(&argument, same, now, &lease, &ended_as))
		elog(ERROR, "run %lld was not completed", (long long) argument.run_id);
	tc_store_end(&frame);
	PG_RETURN_TEXT_P(cstring_to_text("succeeded"));
}

/* ---- complete many ---- */

static int64
number_of(const Jsonb *element, const char *key, int place)
{
	JsonbValue *value = getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &element->root),
													 key, strlen(key), NULL);

	if (value == NULL || value->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key \"%s\" of an element of \"results\" must be a number", key),
				 errdetail("Element %d has none.", place + 1),
				 errhint("Give the \"run_id\" and the \"token\" that claim_runs() returned.")));
	return tc_parse_id(key, value->val.numeric);
}

static void
read_result(JsonbValue *value, int place, Completion *run)
{
	static const char *const known[] = {"output", "run_id", "token", NULL};
	Jsonb	   *element;
	JsonbValue *output;
	char	   *key;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("each element of \"results\" must be a JSON object"),
				 errdetail("Element %d is none.", place + 1),
				 errhint("Write an object such as {\"run_id\": 1, \"token\": 2, \"output\": {}}.")));
	element = JsonbValueToJsonb(value);
	key = tc_unknown_key(element, known);
	if (key != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key \"%s\" of an element of \"results\" is not known", tc_shorten(key)),
				 errdetail("Element %d has it.", place + 1),
				 errhint("Known keys: run_id, token, output.")));
	run->run_id = number_of(element, "run_id", place);
	run->token = number_of(element, "token", place);
	output = getKeyJsonValueFromContainer(&element->root, "output", 6, NULL);
	run->output = output == NULL || output->type == jbvNull ? NULL : JsonbValueToJsonb(output);
	check_output(run->output);
	run->place = place;
}

static Completion *
read_results(Jsonb *results, int *count)
{
	Completion *runs;
	int			i;

	if (!JB_ROOT_IS_ARRAY(results) || JB_ROOT_IS_SCALAR(results))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a JSON array", "results"),
				 errdetail("It is no array."),
				 errhint("Write an array of objects such as {\"run_id\": 1, \"token\": 2}.")));
	*count = JB_ROOT_COUNT(results);
	tc_check_int("number of results", *count, 0, MAX_RESULTS);
	runs = palloc0(sizeof(Completion) * Max(*count, 1));
	for (i = 0; i < *count; i++)
		read_result(getIthJsonbValueFromContainer(&results->root, i), i, &runs[i]);
	return runs;
}

/* Why one was not done; NULL: it was, by an earlier call. */
static const char *
problem_of(Completion *run, bool strict, TimestampTz now)
{
	TokenArgument argument = {run->run_id, run->token};
	LeaseRow	lease;
	Oid			role = InvalidOid;
	char	   *ended_as;

	if (tc_lease_hold(run->run_id, run->token, now, &lease))
	{
		/* another element has another token for the run */
		complete(run, 1, now);
		return NULL;
	}
	ended_as = tc_lease_ended_as(run->run_id, run->token, &role);
	if (ended_as != NULL)
		tc_token_check_role(role, run->run_id);
	if (ended_as != NULL && strcmp(ended_as, "succeeded") == 0)
		return NULL;
	tc_token_count_late(&argument);
	if (strict)
		tc_token_refuse(&argument, ended_as);
	return "lease lost";
}

static int
compare_places(const void *a, const void *b)
{
	return ((const Completion *) a)->place - ((const Completion *) b)->place;
}

Datum
taskcenter_complete_runs(PG_FUNCTION_ARGS)
{
	static const char *const known[] = {"strict", NULL};
	TimestampTz now = GetCurrentTimestamp();
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Jsonb	   *options = tc_arg_object(fcinfo, 1, "options");
	StoreFrame	frame;
	Completion *runs;
	bool		strict = false;
	int			count;
	int			i;

	tc_arg_require(fcinfo, 0, "results");
	tc_options_check(options, known);
	(void) tc_option_bool(options, "strict", &strict);
	runs = read_results(PG_GETARG_JSONB_P(0), &count);
	InitMaterializedSRF(fcinfo, 0);
	if (count == 0)
		return (Datum) 0;
	tc_store_begin(&frame);
	complete(runs, count, now);
	qsort(runs, count, sizeof(Completion), compare_places);
	for (i = 0; i < count; i++)
	{
		const char *problem = runs[i].done ? NULL : problem_of(&runs[i], strict, now);
		Datum		values[3];
		bool		nulls[3] = {false, problem != NULL, problem == NULL};

		values[0] = Int64GetDatum(runs[i].run_id);
		values[1] = problem != NULL ? (Datum) 0 : CStringGetTextDatum("succeeded");
		values[2] = problem == NULL ? (Datum) 0 : CStringGetTextDatum(problem);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	tc_store_end(&frame);
	return (Datum) 0;
}

/* ---- fail ---- */

static int64
delay_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	Interval   *interval = tc_arg_interval(fcinfo, n);
	int64		usecs;

	tc_check_interval(name, interval, 0, TC_INTERVAL_MAX);
	if (interval == NULL || !tc_interval_usecs(interval, &usecs))
		return -1;
	return usecs;
}

static void
log_failure(const LeaseRow *lease, const char *error, Jsonb *detail, TimestampTz now)
{
	LogRow		log = {.logged_at = now,.level = "error",.message = error,.metadata = detail};

	tc_lease_log(lease, &log);
}

/* hidden before it is cut: half a secret is not known any more */
static char *
shown(const char *text, int limit)
{
	char	   *copy = pstrdup(tc_redact_text(text));

	copy[pg_mbcliplen(copy, strlen(copy), limit)] = '\0';
	return copy;
}

static void
check_metadata(const char *name, const Jsonb *metadata)
{
	if (metadata != NULL && VARSIZE(metadata) > TC_MESSAGE_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"%s\" is too large", name),
				 errdetail("It takes %u bytes.", (unsigned) VARSIZE(metadata)),
				 errhint("Use at most %d bytes.", TC_MESSAGE_MAX_BYTES)));
}

/* As codes are written, whatever the worker's language calls its errors; NULL: none. */
static char *
normal_code(const char *given)
{
	char	   *code;
	char	   *at;

	if (given == NULL || given[0] == '\0')
		return NULL;
	code = pnstrdup(given, MAX_CODE_LENGTH);
	for (at = code; *at != '\0'; at++)
	{
		*at = pg_ascii_toupper((unsigned char) *at);
		if (!(*at >= 'A' && *at <= 'Z') && !(*at >= '0' && *at <= '9'))
			*at = '_';
	}
	if (!(code[0] >= 'A' && code[0] <= 'Z'))
		code[0] = 'X';
	return code;
}

/* What the worker says, else what the code says, else yes. */
static bool
is_retryable(const char *code, bool unsaid, bool said)
{
	bool		retryable;

	if (unsaid && code != NULL && tc_failure_code_find(code, &retryable))
		return retryable;
	return said;
}

static const char *
report_of(const char *error, Jsonb *detail)
{
	const char *message = tc_redact_text(error);

	if (detail == NULL)
		return message;
	detail = tc_redact_json(detail);
	return psprintf("%s\nDETAIL: %s", message,
					JsonbToCString(NULL, &detail->root, VARSIZE(detail)));
}

Datum
taskcenter_fail_run(PG_FUNCTION_ARGS)
{
	static const char *const same[] = {"retrying", "failed", "cancelled", NULL};
	TimestampTz now = GetCurrentTimestamp();
	TokenArgument argument = tc_token_argument(fcinfo);
	LeaseFailure failure = {0};
	Jsonb	   *detail = tc_arg_object(fcinfo, 6, "detail");
	StoreFrame	frame;
	LeaseRow	lease;
	char	   *ended_as;
	const char *status;

	failure.error = tc_arg_required_text(fcinfo, 2, "error");
	failure.code = normal_code(tc_arg_text(fcinfo, 3));
	failure.retry_after = delay_argument(fcinfo, 5, "retry_after");
	check_metadata("detail", detail);
	if (!tc_token_know_secrets(&argument))
	{
		failure.error = WITHHELD;
		detail = NULL;
	}
	failure.error = shown(failure.error, MAX_ERROR_LENGTH);
	tc_store_begin(&frame);
	failure.actor = actor_of_worker();
	if (!tc_token_hold(&argument, same, now, &lease, &ended_as))
		status = ended_as;
	else
	{
		failure.retryable = is_retryable(failure.code, PG_ARGISNULL(4), tc_arg_bool(fcinfo, 4, true));
		failure.report = report_of(failure.error, detail);
		log_failure(&lease, failure.error, detail, now);
		status = tc_lease_fail(&lease, &failure, now);
	}
	tc_store_end(&frame);
	tc_secrets_forget();
	PG_RETURN_TEXT_P(cstring_to_text(status));
}

Datum
taskcenter_snooze_run(PG_FUNCTION_ARGS)
{
	static const char *const same[] = {"queued", NULL};
	TimestampTz now = GetCurrentTimestamp();
	TokenArgument argument = tc_token_argument(fcinfo);
	int64		delay;
	StoreFrame	frame;
	LeaseRow	lease;
	char	   *ended_as;
	const char *status = "queued";

	tc_arg_require(fcinfo, 2, "delay");
	delay = delay_argument(fcinfo, 2, "delay");
	tc_store_begin(&frame);
	if (tc_token_hold(&argument, same, now, &lease, &ended_as))
	{
		LeaseFailure ending = {.error = "put off by its worker",.retry_after = -1};

		ending.actor = actor_of_worker();
		/* who wants it to end does not want it later */
		if (lease.cancel_requested)
			status = tc_lease_fail(&lease, &ending, now);
		else
			(void) tc_lease_snooze(&lease, now + delay, ending.actor, now);
	}
	tc_store_end(&frame);
	PG_RETURN_TEXT_P(cstring_to_text(status));
}

/* ---- say ---- */

static int
rank_of(const char *level)
{
	int			i;

	for (i = 0; log_levels[i] != NULL && strcmp(log_levels[i], level) != 0; i++)
		;
	return i;
}

Datum
taskcenter_log_run(PG_FUNCTION_ARGS)
{
	TokenArgument argument = tc_token_argument(fcinfo);
	char	   *level = tc_arg_required_text(fcinfo, 2, "level");
	LogRow		log = {.logged_at = GetCurrentTimestamp(),.level = level};
	StoreFrame	frame;
	LeaseRow	lease;
	char	   *wanted;
	bool		written;

	tc_check_choice("level", level, log_levels);
	log.message = tc_arg_required_text(fcinfo, 3, "message");
	log.metadata = tc_arg_object(fcinfo, 4, "metadata");
	check_metadata("metadata", log.metadata);
	if (!tc_token_know_secrets(&argument))
	{
		log.message = WITHHELD;
		log.metadata = NULL;
	}
	log.message = shown(log.message, TC_MESSAGE_MAX_BYTES);
	tc_store_begin(&frame);
	tc_token_look(&argument, &lease, &wanted);
	/* as in a run: "info" is never left out */
	written = (strcmp(level, "info") == 0 || rank_of(level) >= rank_of(wanted)) &&
		tc_lease_say(&lease, &log);
	tc_store_end(&frame);
	tc_secrets_forget();
	PG_RETURN_BOOL(written);
}

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &value);
}

static void
push_number(JsonbParseState **state, const char *key, int64 number)
{
	JsonbValue	value;

	push_key(state, key);
	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(number);
	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

static Jsonb *
progress_of(int64 done, bool has_total, int64 total, char *phase)
{
	JsonbParseState *state = NULL;
	JsonbValue	value;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_number(&state, "done", done);
	if (has_total)
		push_number(&state, "total", total);
	if (phase != NULL)
	{
		push_key(&state, "phase");
		value.type = jbvString;
		value.val.string.val = phase;
		value.val.string.len = strlen(phase);
		(void) pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Datum
taskcenter_report_run_progress(PG_FUNCTION_ARGS)
{
	TokenArgument argument = tc_token_argument(fcinfo);
	int64		total = tc_arg_int64(fcinfo, 3, 0);
	char	   *phase = tc_arg_text(fcinfo, 4);
	StoreFrame	frame;
	LeaseRow	lease;
	char	   *log_level;

	tc_arg_require(fcinfo, 2, "done");
	tc_check_int("done", PG_GETARG_INT64(2), 0, PG_INT64_MAX);
	tc_check_int("total", total, 0, PG_INT64_MAX);
	if (phase != NULL)
	{
		if (!tc_token_know_secrets(&argument))
			phase = WITHHELD;
		phase = shown(phase, TC_PHASE_LENGTH - 1);
		tc_secrets_forget();
	}
	tc_store_begin(&frame);
	tc_token_look(&argument, &lease, &log_level);
	tc_lease_progress(&lease, progress_of(PG_GETARG_INT64(2), !PG_ARGISNULL(3), total, phase));
	tc_store_end(&frame);
	PG_RETURN_BOOL(lease.cancel_requested);
}
