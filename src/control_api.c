/*-------------------------------------------------------------------------
 *
 * control_api.c
 *		Functions for queues, for the settings of the database, and for the
 *		audit context of a transaction.
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
#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "control_store.h"
#include "secrets.h"
#include "setting_keys.h"
#include "statement.h"
#include "zone.h"

#define MAX_COUNT 1000000
#define MAX_RUNNING 1000000

PG_FUNCTION_INFO_V1(taskcenter_create_queue);
PG_FUNCTION_INFO_V1(taskcenter_pause_queue);
PG_FUNCTION_INFO_V1(taskcenter_resume_queue);
PG_FUNCTION_INFO_V1(taskcenter_limit_queue);
PG_FUNCTION_INFO_V1(taskcenter_set_setting);
PG_FUNCTION_INFO_V1(taskcenter_get_setting);
PG_FUNCTION_INFO_V1(taskcenter_list_settings);
PG_FUNCTION_INFO_V1(taskcenter_set_context);

/* ---- queues ---- */

/* create_queue(queue, max_running, description, options) */
Datum
taskcenter_create_queue(PG_FUNCTION_ARGS)
{
	static const char *const known[] = {NULL};
	TimestampTz now = GetCurrentTimestamp();
	char	   *queue = tc_arg_required_text(fcinfo, 0, "queue");
	int32		max_running = tc_arg_int32(fcinfo, 1, -1);
	char	   *description = tc_arg_text(fcinfo, 2);
	StoreFrame	frame;
	int64		queue_id;

	tc_check_name("queue", queue);
	if (!PG_ARGISNULL(1))
		tc_check_int("max_running", max_running, 0, MAX_RUNNING);
	tc_check_length("description", description, TC_MAX_DESCRIPTION_LENGTH);
	tc_options_check(tc_arg_object(fcinfo, 3, "options"), known);
	tc_access_require_admin("create a queue");
	(void) tc_activate_if_fresh(now);

	tc_store_begin(&frame);
	queue_id = tc_queue_insert(queue, max_running, description, now);
	if (queue_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists", queue),
				 errdetail("\"queue\" is \"%s\".", queue),
				 errhint("Use taskcenter.limit_queue() to change its limit.")));
	tc_store_end(&frame);
	PG_RETURN_INT64(queue_id);
}

/* the queue of the first argument, locked, within a frame */
static void
require_queue(char *queue, QueueRow *row)
{
	if (!tc_queue_find(queue, true, row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", tc_shorten(queue)),
				 errdetail("\"queue\" is \"%s\".", tc_shorten(queue)),
				 errhint("Make it with taskcenter.create_queue().")));
}

/* before it is locked: nobody waits for what he may not steer */
static void
require_right(const char *queue, TaskRight right, const char *what)
{
	StoreFrame	frame;

	tc_store_begin(&frame);
	tc_access_require_queue(queue, right, what);
	tc_store_end(&frame);
}

static Datum
set_queue_state(FunctionCallInfo fcinfo, const char *state, const char *what)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *queue = tc_arg_required_text(fcinfo, 0, "queue");
	char	   *reason = tc_arg_reason(fcinfo, 1);
	StoreFrame	frame;
	QueueRow	row;

	require_right(queue, TASK_RIGHT_OPERATE, what);
	(void) tc_activate_if_fresh(now);
	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	require_queue(queue, &row);
	if (strcmp(row.state, state) != 0)
	{
		row.state = pstrdup(state);
		row.state_reason = reason;
		tc_queue_update(&row, now);
	}
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text(state));
}

Datum
taskcenter_pause_queue(PG_FUNCTION_ARGS)
{
	return set_queue_state(fcinfo, "paused", "pause a queue");
}

Datum
taskcenter_resume_queue(PG_FUNCTION_ARGS)
{
	return set_queue_state(fcinfo, "active", "resume a queue");
}

/* limit_queue(queue, max_running, reason) */
Datum
taskcenter_limit_queue(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *queue = tc_arg_required_text(fcinfo, 0, "queue");
	int32		max_running = tc_arg_int32(fcinfo, 1, -1);
	StoreFrame	frame;
	QueueRow	row;

	if (!PG_ARGISNULL(1))
		tc_check_int("max_running", max_running, 0, MAX_RUNNING);
	require_right(queue, TASK_RIGHT_MANAGE, "limit a queue");
	(void) tc_activate_if_fresh(now);
	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	tc_store_begin(&frame);
	require_queue(queue, &row);
	if (row.max_running != max_running)
	{
		row.max_running = max_running;
		tc_queue_update(&row, now);
	}
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(row.queue_id);
}

/* ---- settings ---- */

static const SettingKey *
require_key(const char *key)
{
	const SettingKey *setting = tc_setting_key(key);

	if (setting == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("setting \"%s\" does not exist", tc_shorten(key)),
				 errdetail("\"key\" is \"%s\".", tc_shorten(key)),
				 errhint("The view taskcenter.settings shows all settings.")));
	return setting;
}

static char *
check_count(const SettingKey *setting, const char *value)
{
	char	   *end;
	long		count = strtol(value, &end, 10);

	if (end == value || *end != '\0' || count < 0 || count > MAX_COUNT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("setting \"%s\" must be a number from 0 to %d", setting->key, MAX_COUNT),
				 errdetail("\"value\" is \"%s\".", tc_shorten(value)),
				 errhint("Write it in digits.")));
	return psprintf("%ld", count);
}

static void
explain_function(void *argument)
{
	/* what else is wrong with it says so itself */
	if (geterrcode() != ERRCODE_INVALID_NAME)
		return;
	errdetail("\"value\" is \"%s\".", tc_shorten(argument));
	errhint("Write schema.function, of a function of one text.");
}

static void
check_function(char *value)
{
	ErrorContextCallback callback;

	callback.callback = explain_function;
	callback.arg = value;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	tc_secrets_check_function(value);
	error_context_stack = callback.previous;
}

/* the value in its normal form */
static char *
check_value(const SettingKey *setting, char *value)
{
	bool		flag;

	tc_check_length("value", value, 100);
	switch (setting->kind)
	{
		case SETTING_RETENTION:
			(void) tc_parse_retention("value", value);
			break;
		case SETTING_INTERVAL:
			tc_check_interval("value", tc_parse_interval("value", value),
							  USECS_PER_SEC, TC_INTERVAL_MAX);
			break;
		case SETTING_ZONE:
			(void) tc_zone_require(value);
			break;
		case SETTING_SIZE:
			(void) tc_parse_size("value", value);
			break;
		case SETTING_COUNT:
			value = check_count(setting, value);
			break;
		case SETTING_BOOLEAN:
			if (!parse_bool(value, &flag))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("setting \"%s\" must be true or false", setting->key),
						 errdetail("\"value\" is \"%s\".", value),
						 errhint("Write true or false.")));
			return pstrdup(flag ? "true" : "false");
		case SETTING_STEP:
			if (strcmp(value, "never") != 0)
				tc_check_interval("value", tc_parse_interval("value", value),
								  USECS_PER_SEC, TC_INTERVAL_MAX);
			break;
		case SETTING_FUNCTION:
			check_function(value);
			break;
	}
	return value;
}

/* set_setting(key, value, reason); null: back to the default */
Datum
taskcenter_set_setting(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	const SettingKey *setting = require_key(tc_arg_required_text(fcinfo, 0, "key"));
	char	   *value = tc_arg_text(fcinfo, 1);
	StoreFrame	frame;

	value = value == NULL ? pstrdup(setting->default_value) : check_value(setting, value);
	tc_access_require_admin("change a setting");
	(void) tc_activate_if_fresh(now);
	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	tc_store_begin(&frame);
	tc_setting_store(setting->key, value, tc_audit_actor(tc_statement_caller()), now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text(value));
}

Datum
taskcenter_get_setting(PG_FUNCTION_ARGS)
{
	const SettingKey *setting = require_key(tc_arg_required_text(fcinfo, 0, "key"));
	StoreFrame	frame;
	char	   *value;

	tc_store_begin(&frame);
	value = MemoryContextStrdup(frame.results, tc_setting_value(setting->key));
	tc_store_end(&frame);
	PG_RETURN_TEXT_P(cstring_to_text(value));
}

/* (key, value, default_value, description, updated_at, updated_by) */
Datum
taskcenter_list_settings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	const SettingKey *setting;
	StoreFrame	frame;

	InitMaterializedSRF(fcinfo, 0);
	for (setting = tc_setting_keys; setting->key != NULL; setting++)
	{
		Datum		values[6];
		bool		nulls[6] = {false, false, false, false, false, false};
		TimestampTz updated_at = 0;
		char	   *updated_by = NULL;
		char	   *value;

		tc_store_begin(&frame);
		value = MemoryContextStrdup(frame.results, tc_setting_value(setting->key));
		nulls[4] = nulls[5] = !tc_setting_origin(setting->key, &updated_at, &updated_by);
		tc_store_end(&frame);
		values[0] = CStringGetTextDatum(setting->key);
		values[1] = CStringGetTextDatum(value);
		values[2] = CStringGetTextDatum(setting->default_value);
		values[3] = CStringGetTextDatum(setting->description);
		values[4] = TimestampTzGetDatum(updated_at);
		values[5] = updated_by != NULL ? CStringGetTextDatum(updated_by) : (Datum) 0;
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- set_context(actor, reason, trace_id) ---- */

static void
put_text(JsonbParseState **state, const char *key, const char *word)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
	if (word == NULL)
		value.type = jbvNull;
	else
	{
		value.val.string.val = unconstify(char *, word);
		value.val.string.len = strlen(word);
	}
	pushJsonbValue(state, WJB_VALUE, &value);
}

Datum
taskcenter_set_context(PG_FUNCTION_ARGS)
{
	char	   *actor = tc_arg_text(fcinfo, 0);
	char	   *reason = tc_arg_text(fcinfo, 1);
	char	   *trace_id = tc_arg_text(fcinfo, 2);
	JsonbParseState *state = NULL;

	tc_check_length("actor", actor, TC_MAX_NAME_LENGTH);
	tc_check_length("reason", reason, TC_MAX_REASON_LENGTH);
	tc_check_length("trace_id", trace_id, TC_MAX_NAME_LENGTH);
	tc_audit_set(actor, reason, trace_id);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	put_text(&state, "actor", tc_audit_given_actor());
	put_text(&state, "reason", tc_audit_reason());
	put_text(&state, "trace_id", tc_audit_trace_id());
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
