/*-------------------------------------------------------------------------
 *
 * lease_token.c
 *		Does a token hold its run still, and may the caller use it?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"

#include "access.h"
#include "arguments.h"
#include "guarded.h"
#include "lease_token.h"
#include "run_secrets.h"
#include "secrets.h"
#include "shared_state.h"
#include "shared_watchdog.h"
#include "statement.h"
#include "task_store.h"

TokenArgument
tc_token_argument(FunctionCallInfo fcinfo)
{
	TokenArgument argument;

	argument.run_id = tc_arg_id(fcinfo, 0, "run_id");
	argument.token = tc_arg_id(fcinfo, 1, "token");
	return argument;
}

/* ---- secrets ---- */

static void
resolve(void *argument)
{
	(void) tc_run_params(argument, CurrentMemoryContext);
}

/* A copy, if they name secrets; NULL: they do not, or the run is not held. */
static Jsonb *
params_with_secrets(const TokenArgument *argument)
{
	MemoryContext outside = CurrentMemoryContext;
	Jsonb	   *copy = NULL;
	StoreFrame	frame;
	Jsonb	   *params;
	Oid			role;

	tc_store_begin(&frame);
	params = tc_lease_params(argument->run_id, argument->token, &role);
	if (params != NULL)
		tc_token_check_role(role, argument->run_id);
	if (tc_secrets_has(params))
	{
		copy = MemoryContextAlloc(outside, VARSIZE(params));
		memcpy(copy, params, VARSIZE(params));
	}
	tc_store_end(&frame);
	return copy;
}

/* They are looked up again: they were never kept, and it may be another session. */
bool
tc_token_know_secrets(const TokenArgument *argument)
{
	Jsonb	   *params = params_with_secrets(argument);

	return params == NULL || tc_guarded_error(resolve, params) == NULL;
}

/* ---- tokens ---- */

/* Numbers that somebody guesses, and answers that were not heard, are no false alarms. */
void
tc_token_count_late(const TokenArgument *argument)
{
	int64		task_id = tc_lease_taken_from(argument->run_id, argument->token);
	TaskRow		task;

	if (task_id != 0 && tc_task_find_id(task_id, false, &task) &&
		tc_access_may(tc_statement_caller(), &task, TASK_RIGHT_WORK))
		tc_shared_watchdog_count_late(argument->token);
}

void
tc_token_refuse(const TokenArgument *argument, const char *ended_as)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("lease lost"),
			 ended_as == NULL
			 ? errdetail("Token %lld does not hold run %lld, or not any more.",
						 (long long) argument->token, (long long) argument->run_id)
			 : errdetail("With token %lld run %lld was ended already; its status is %s.",
						 (long long) argument->token, (long long) argument->run_id, ended_as),
			 errhint("Stop working on the run and roll back what was written for it.")));
}

void
tc_token_check_role(Oid worker_role, int64 run_id)
{
	Oid			caller = tc_statement_caller();

	if (superuser_arg(caller) ||
		(OidIsValid(worker_role) && has_privs_of_role(caller, worker_role)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for run %lld", (long long) run_id),
			 errdetail("Role \"%s\" does not have the privileges of the role whose worker holds it.",
					   GetUserNameFromId(caller, true)),
			 errhint("Each run is ended by the worker that claimed it.")));
}

bool
tc_token_hold(const TokenArgument *argument, const char *const *same, TimestampTz now,
			  LeaseRow *lease, char **ended_as)
{
	Oid			role = InvalidOid;
	int			i;

	if (tc_lease_hold(argument->run_id, argument->token, now, lease))
	{
		tc_token_check_role(lease->worker_role, argument->run_id);
		return true;
	}
	*ended_as = tc_lease_ended_as(argument->run_id, argument->token, &role);
	if (*ended_as != NULL)
	{
		tc_token_check_role(role, argument->run_id);
		for (i = 0; same[i] != NULL; i++)
		{
			if (strcmp(same[i], *ended_as) == 0)
				return false;
		}
	}
	tc_token_count_late(argument);
	tc_token_refuse(argument, *ended_as);
	return false;
}

void
tc_token_look(const TokenArgument *argument, LeaseRow *lease, char **log_level)
{
	if (!tc_lease_look(argument->run_id, argument->token, lease, log_level))
		tc_token_refuse(argument, NULL);
	tc_token_check_role(lease->worker_role, argument->run_id);
}
