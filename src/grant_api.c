/*-------------------------------------------------------------------------
 *
 * grant_api.c
 *		grant_access() and revoke_access().
 *
 * Run in the caller's session and transaction.  A grant stands for its owner:
 * who has the owner's privileges makes it, or an admin by a grant of the same
 * owner, which the new one then depends on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "control_store.h"
#include "granted.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_grant_access);
PG_FUNCTION_INFO_V1(taskcenter_revoke_access);

#define EVERYBODY "public"
#define MAX_GRANTS_OF_OWNER 1000

/* arguments of both */
enum
{
	ARG_ROLE,
	ARG_LEVEL,
	ARG_TASK,
	ARG_APPLICATION,
	ARG_QUEUE,
	ARG_OWNER,
	ARG_REASON
};

/* what a call names */
typedef struct GrantRequest
{
	char	   *role;
	int			level;			/* -1: any */
	char	   *task;			/* NULL: not given, as all that follow */
	char	   *application;
	char	   *queue;
	char	   *owner;
} GrantRequest;

static int
read_level(const char *label)
{
	const char *choices[ACCESS_LEVEL_COUNT + 1];
	int			i;

	for (i = 0; i < ACCESS_LEVEL_COUNT; i++)
		choices[i] = tc_access_level_label(i);
	choices[ACCESS_LEVEL_COUNT] = NULL;
	tc_check_choice("level", label, choices);
	return label == NULL ? -1 : tc_access_level_of(label);
}

static void
read_request(FunctionCallInfo fcinfo, GrantRequest *request)
{
	request->role = tc_arg_required_text(fcinfo, ARG_ROLE, "role");
	request->level = read_level(tc_arg_text(fcinfo, ARG_LEVEL));
	request->task = tc_arg_text(fcinfo, ARG_TASK);
	request->application = tc_arg_text(fcinfo, ARG_APPLICATION);
	request->queue = tc_arg_text(fcinfo, ARG_QUEUE);
	request->owner = tc_arg_text(fcinfo, ARG_OWNER);
	if (request->application != NULL)
		tc_check_name("application", request->application);
}

static int
scopes_given(const GrantRequest *request)
{
	return (request->task != NULL) + (request->application != NULL) + (request->queue != NULL);
}

static void
require_queue(const char *name)
{
	QueueRow	queue;

	if (!tc_queue_find(unconstify(char *, name), false, &queue))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", tc_shorten(name)),
				 errdetail("\"queue\" is \"%s\".", tc_shorten(name)),
				 errhint("Make it with taskcenter.create_queue().")));
}

/* ---- grant ---- */

/* A grant to everybody puts rows into everybody's views. */
static void
check_everybody(const GrantRequest *request)
{
	if (request->level != ACCESS_LEVEL_VIEWER && request->level != ACCESS_LEVEL_ENQUEUER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("level \"%s\" cannot be granted to everybody",
						tc_access_level_label(request->level)),
				 errdetail("\"role\" is \"%s\".", EVERYBODY),
				 errhint("Grant viewer or enqueuer, or name a role.")));
	tc_access_require_admin("grant access to everybody");
}

static void
check_request(const GrantRequest *request)
{
	if (scopes_given(request) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("one of \"task\", \"application\" and \"queue\" must be given"),
				 errdetail("%d of them are given.", scopes_given(request)),
				 errhint("Make a grant for each task, application or queue.")));
	if (request->task != NULL && request->owner != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"owner\" does not go with \"task\""),
				 errdetail("\"owner\" is \"%s\".", tc_shorten(request->owner)),
				 errhint("The grant stands for the owner of the task.")));
}

static void
refuse_grant(Oid caller, const GrantRow *grant, const char *owner)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to grant access to what role \"%s\" owns", owner),
			 errdetail("Role \"%s\" does not have its privileges, and is not granted to hand out level \"%s\" there.",
					   GetUserNameFromId(caller, true), tc_access_level_label(grant->level)),
			 errhint(grant->level == ACCESS_LEVEL_ADMIN
					 ? "Level \"admin\" is granted by owners only."
					 : "Ask the owner, or somebody who was granted level \"admin\".")));
}

/* the scope and owner of a grant on one task; who may not is refused */
static void
scope_by_task(const GrantRequest *request, GrantRow *grant)
{
	Oid			caller = tc_statement_caller();
	TaskRow		task;
	GrantRow	admin;

	tc_access_require_task(request->task, false, TASK_RIGHT_VIEW, &task);
	grant->scope.task_id = task.task_id;
	grant->owner_id = task.owner_id;
	if (has_privs_of_role(caller, task.owner_id))
		return;
	if (grant->level == ACCESS_LEVEL_ADMIN || !tc_granted_admin(caller, &task, &admin))
		refuse_grant(caller, grant, task.owner);
	grant->owner_id = admin.owner_id;
	grant->under = admin.under != 0 ? admin.under : admin.grant_id;
}

/* the same of an application or a queue */
static void
scope_by_label(const GrantRequest *request, GrantRow *grant)
{
	Oid			caller = tc_statement_caller();
	GrantRow	admin;

	grant->scope.application = request->application;
	grant->scope.queue = request->queue;
	if (request->queue != NULL)
		require_queue(request->queue);
	grant->owner_id = request->owner == NULL ? caller : tc_access_find_role("owner", request->owner);
	if (has_privs_of_role(caller, grant->owner_id))
		return;
	if (grant->level == ACCESS_LEVEL_ADMIN ||
		!tc_granted_admin_of_scope(caller, &grant->scope, grant->owner_id, &admin))
		refuse_grant(caller, grant, request->owner);
	grant->under = admin.grant_id;
}

static void
check_number(const GrantRow *grant)
{
	int64		count;

	if (superuser_arg(grant->owner_id))
		return;
	count = tc_grants_count(grant->owner_id);
	if (count <= MAX_GRANTS_OF_OWNER)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("role \"%s\" has granted too much", grant->owner),
			 errdetail("At most %d grants may stand for it.", MAX_GRANTS_OF_OWNER),
			 errhint("Grant to group roles, on applications or queues, and revoke what is not needed.")));
}

Datum
taskcenter_grant_access(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	GrantRequest request;
	GrantRow	grant = {0};
	StoreFrame	frame;
	char	   *reason = tc_arg_reason(fcinfo, ARG_REASON);

	tc_arg_require(fcinfo, ARG_LEVEL, "level");
	read_request(fcinfo, &request);
	check_request(&request);
	grant.role = request.role;
	grant.level = request.level;
	if (strcmp(request.role, EVERYBODY) == 0)
		check_everybody(&request);
	else
		grant.role_id = tc_access_find_role("role", request.role);
	(void) tc_activate_if_fresh(now);

	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	if (request.task != NULL)
		scope_by_task(&request, &grant);
	else
		scope_by_label(&request, &grant);
	grant.owner = GetUserNameFromId(grant.owner_id, false);
	/* whoever revokes the admin's grant meanwhile is waited for */
	if (grant.under != 0 && !tc_grant_hold(grant.under))
		refuse_grant(tc_statement_caller(), &grant, grant.owner);
	grant.grant_id = tc_grant_store(&grant, tc_audit_actor(tc_statement_caller()), now);
	check_number(&grant);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(grant.grant_id);
}

/* ---- revoke ---- */

static bool
same_text(const char *given, const char *value)
{
	return given == NULL || (value != NULL && strcmp(given, value) == 0);
}

static bool
fits(const GrantRow *grant, const GrantRequest *request, int64 task_id)
{
	return (request->level < 0 || request->level == (int) grant->level) &&
		(task_id == 0 || task_id == grant->scope.task_id) &&
		same_text(request->application, grant->scope.application) &&
		same_text(request->queue, grant->scope.queue) &&
		same_text(request->owner, grant->owner);
}

/* the admin's way: lower levels of what he holds himself */
static bool
is_admin_of(Oid caller, const GrantRow *grant)
{
	GrantRow	admin;
	TaskRow		task;

	if (grant->level == ACCESS_LEVEL_ADMIN)
		return false;
	if (grant->scope.task_id != 0)
		return tc_task_find_id(grant->scope.task_id, false, &task) &&
			tc_granted_admin(caller, &task, &admin);
	return tc_granted_admin_of_scope(caller, &grant->scope, grant->owner_id, &admin);
}

static bool
may_revoke(Oid caller, const GrantRow *grant)
{
	return has_privs_of_role(caller, grant->owner_id) || tc_access_is_admin(caller) ||
		(OidIsValid(grant->role_id) && has_privs_of_role(caller, grant->role_id)) ||
		is_admin_of(caller, grant);
}

Datum
taskcenter_revoke_access(PG_FUNCTION_ARGS)
{
	GrantRequest request;
	StoreFrame	frame;
	Oid			caller;
	TaskRow		task;
	int64		task_id = 0;
	GrantRow   *grants;
	int64	   *ids;
	int			count;
	int			chosen = 0;
	int64		removed = 0;
	int			i;

	read_request(fcinfo, &request);
	tc_audit_call_reason(tc_arg_reason(fcinfo, ARG_REASON));
	tc_store_begin(&frame);
	caller = tc_statement_caller();
	if (request.task != NULL)
	{
		tc_access_require_task(request.task, false, TASK_RIGHT_VIEW, &task);
		task_id = task.task_id;
	}
	count = tc_grants_lock(request.role, strcmp(request.role, EVERYBODY) == 0 ? InvalidOid
						   : get_role_oid(request.role, true), &grants);
	ids = palloc(sizeof(int64) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		/* what he may not revoke is none of his business */
		if (fits(&grants[i], &request, task_id) && may_revoke(caller, &grants[i]))
			ids[chosen++] = grants[i].grant_id;
	}
	if (chosen > 0)
		removed = tc_grants_remove(ids, chosen);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT64(removed);
}
