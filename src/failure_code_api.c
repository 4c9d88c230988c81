/*-------------------------------------------------------------------------
 *
 * failure_code_api.c
 *		failure_code_of(), set_failure_code().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "audit.h"
#include "audit_context.h"
#include "failure_code.h"
#include "failure_code_store.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_failure_code_of);
PG_FUNCTION_INFO_V1(taskcenter_set_failure_code);

#define MAX_DESCRIPTION_LENGTH 1000

Datum
taskcenter_failure_code_of(PG_FUNCTION_ARGS)
{
	const char *code = tc_failure_code_of(tc_arg_text(fcinfo, 0), tc_arg_text(fcinfo, 1));

	PG_RETURN_TEXT_P(cstring_to_text(code));
}

static void
check_code(const char *code)
{
	if (tc_failure_code_is_valid(code))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a failure code", tc_shorten(code)),
			 errdetail("A code is 1 to 50 capital letters, digits and underscores, and begins with a letter."),
			 errhint("The table taskcenter.failure_codes shows those that there are.")));
}

static const char *
label_of(FailureCodeChange change)
{
	switch (change)
	{
		case FAILURE_CODE_CREATED:
			return "created";
		case FAILURE_CODE_CHANGED:
			return "changed";
		case FAILURE_CODE_UNCHANGED:
			break;
	}
	return "unchanged";
}

static void
audit(const char *code, FailureCodeChange change, bool was, bool retryable, Oid writer,
	  TimestampTz now)
{
	AuditRow	row = {0};

	row.action = change == FAILURE_CODE_CREATED ? "create" : "alter";
	row.object_type = "failure code";
	row.object_name = code;
	if (change == FAILURE_CODE_CHANGED)
		row.old_values = tc_audit_text("retryable", was ? "true" : "false");
	row.new_values = tc_audit_text("retryable", retryable ? "true" : "false");
	tc_audit_record(&row, writer, now);
}

Datum
taskcenter_set_failure_code(PG_FUNCTION_ARGS)
{
	char	   *code = tc_arg_required_text(fcinfo, 0, "code");
	bool		retryable;
	char	   *description = tc_arg_text(fcinfo, 2);
	char	   *reason = tc_arg_reason(fcinfo, 3);
	TimestampTz now = GetCurrentTimestamp();
	Oid			writer = tc_statement_caller();
	StoreFrame	frame;
	FailureCodeChange change;
	bool		was;

	tc_arg_require(fcinfo, 1, "retryable");
	retryable = PG_GETARG_BOOL(1);
	tc_access_require_admin("set a failure code");
	check_code(code);
	if (description != NULL)
		tc_check_length("description", description, MAX_DESCRIPTION_LENGTH);
	(void) tc_activate_if_fresh(now);
	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	change = tc_failure_code_set(code, retryable, description, tc_audit_actor(writer), now, &was);
	if (change != FAILURE_CODE_UNCHANGED)
		audit(code, change, was, retryable, writer, now);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text(label_of(change)));
}
