/*-------------------------------------------------------------------------
 *
 * audit.c
 *		A row of the audit: who, how, when and why, besides what changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "audit.h"
#include "audit_context.h"
#include "control_store.h"
#include "current_run.h"
#include "setting_keys.h"

/* of our background workers; a change of theirs is on nobody's behalf */
#define WORKER_TYPE "taskcenter "

static bool
is_set(const char *key)
{
	bool		value = false;

	(void) parse_bool(tc_setting_value(key), &value);
	return value;
}

static const char *
worker_type(void)
{
	if (MyBgworkerEntry == NULL || tc_current_run() != NULL ||
		strncmp(MyBgworkerEntry->bgw_type, WORKER_TYPE, strlen(WORKER_TYPE)) != 0)
		return NULL;
	return MyBgworkerEntry->bgw_type;
}

/* a worker names itself */
static void
require_actor(const char *object_type)
{
	if (strcmp(object_type, "worker") == 0 || tc_audit_given_actor() != NULL ||
		MyBackendType == B_BG_WORKER || !is_set(TC_SETTING_REQUIRE_ACTOR))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a change of a %s needs an actor", object_type),
			 errdetail("The setting \"%s\" is on.", TC_SETTING_REQUIRE_ACTOR),
			 errhint("Call taskcenter.set_context(actor => ...) in this transaction first.")));
}

static bool
was_scheduled(const CurrentRun *run)
{
	return !TIMESTAMP_NOT_FINITE(run->scheduled_for);
}

void
tc_audit_check_scheduled_run(void)
{
	CurrentRun *run = tc_current_run();

	if (run == NULL || !was_scheduled(run) || is_set(TC_SETTING_SCHEDULED_RUNS_MAY_SCHEDULE))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("a scheduled run cannot change schedules"),
			 errdetail("Run %lld of task \"%s\" was made by a schedule.",
					   (long long) run->run_id, run->task),
			 errhint("Change schedules from a session or an enqueued run, or let an administrator set \"%s\" to true.",
					 TC_SETTING_SCHEDULED_RUNS_MAY_SCHEDULE)));
}

/* by which way it is done */
static void
describe_channel(AuditRow *row)
{
	CurrentRun *run = tc_current_run();
	const char *worker = worker_type();

	if (run != NULL)
	{
		row->channel = was_scheduled(run) ? "scheduled_run" : "run";
		row->run_id = run->run_id;
	}
	else
		row->channel = worker != NULL ? worker + strlen(WORKER_TYPE) : "session";
}

static void
describe_writer(AuditRow *row, Oid writer)
{
	CurrentRun *run = tc_current_run();

	row->actor = worker_type();
	if (row->actor == NULL || tc_audit_given_actor() != NULL)
		row->actor = tc_audit_actor(writer);
	row->session_role = GetUserNameFromId(GetSessionUserId(), true);
	row->effective_role = GetUserNameFromId(writer, true);
	if (row->session_role == NULL)
		row->session_role = row->actor;
	if (row->effective_role == NULL)
		row->effective_role = row->actor;
	row->application_name = application_name != NULL && application_name[0] != '\0'
		? application_name : NULL;
	if (row->reason == NULL)
		row->reason = tc_audit_reason();
	row->trace_id = tc_audit_trace_id();
	if (row->trace_id == NULL && run != NULL)
		row->trace_id = run->trace_id;
}

void
tc_audit_record(AuditRow *row, Oid writer, TimestampTz now)
{
	require_actor(row->object_type);
	row->recorded_at = now;
	describe_channel(row);
	describe_writer(row, writer);
	tc_audit_insert(row);
}

Jsonb *
tc_audit_text(const char *key, const char *value)
{
	JsonbParseState *state = NULL;
	JsonbValue text;

	text.		type = jbvString;
	text.		val.string.val = unconstify(char *, key);
	text.		val.string.len = strlen(key);

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	(void) pushJsonbValue(&state, WJB_KEY, &text);
	text.		val.string.val = unconstify(char *, value);
	text.		val.string.len = strlen(value);

	(void) pushJsonbValue(&state, WJB_VALUE, &text);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
