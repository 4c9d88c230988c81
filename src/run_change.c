/*-------------------------------------------------------------------------
 *
 * run_change.c
 *		Who steers runs by the call that executes, why and when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "arguments.h"
#include "audit_context.h"
#include "run_change.h"

RunChange
tc_run_change(FunctionCallInfo fcinfo, int n, TimestampTz now)
{
	RunChange	change;

	change.reason = tc_arg_reason(fcinfo, n);
	if (change.reason == NULL)
		change.reason = tc_audit_reason();
	change.role = GetUserId();
	change.actor = tc_audit_actor(change.role);
	change.now = now;
	return change;
}
