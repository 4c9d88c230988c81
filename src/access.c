/*-------------------------------------------------------------------------
 *
 * access.c
 *		Who may do what.
 *
 * A task belongs to its owner: any role that has the owner's privileges may
 * act on it.  The scheduler of a database belongs to who owns the database.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "access.h"
#include "arguments.h"
#include "compat.h"
#include "role_check.h"
#include "statement.h"

bool
tc_access_is_admin(Oid role)
{
	return tc_owns_database(MyDatabaseId, role);
}

void
tc_access_require_admin(const char *what)
{
	Oid			caller = tc_statement_caller();

	if (tc_access_is_admin(caller))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s", what),
			 errdetail("Role \"%s\" is neither superuser nor owner of the database.",
					   GetUserNameFromId(caller, true)),
			 errhint("Ask the owner of the database.")));
}

bool
tc_access_is_monitor(Oid role)
{
	return has_privs_of_role(role, ROLE_PG_MONITOR);
}

bool
tc_access_may(Oid role, Oid owner_id, TaskRight right)
{
	/* not for the database's owner: tasks may execute as mightier roles */
	if (has_privs_of_role(role, owner_id))
		return true;
	switch (right)
	{
		case TASK_RIGHT_VIEW:
			return tc_access_is_monitor(role);
		case TASK_RIGHT_ENQUEUE:
		case TASK_RIGHT_MANAGE:
			break;
	}
	return false;
}

void
tc_access_check_task(const TaskRow *task, TaskRight right)
{
	Oid			caller = tc_statement_caller();

	if (tc_access_may(caller, task->owner_id, right))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for task \"%s\"", task->name),
			 errdetail("Role \"%s\" does not have the privileges of the owner \"%s\".",
					   GetUserNameFromId(caller, true), task->owner),
			 errhint("Ask the owner of the task, or SET ROLE to it.")));
}

void
tc_access_report_missing_task(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("task \"%s\" does not exist", tc_shorten(name)),
			 errdetail("No task of this database has that name and is not archived."),
			 errhint("The view taskcenter.tasks shows the tasks that you may see.")));
}

void
tc_access_require_task(const char *name, bool lock, TaskRight right, TaskRow *task)
{
	if (!tc_task_find(name, false, task))
		tc_access_report_missing_task(name);
	/* nobody waits for the lock of a task that is not his */
	tc_access_check_task(task, right);
	if (!lock)
		return;
	if (!tc_task_find(name, true, task))
		tc_access_report_missing_task(name);
	tc_access_check_task(task, right);
}

Oid
tc_access_require_role(const char *argument, const char *name)
{
	Oid			role = get_role_oid(name, true);

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", tc_shorten(name)),
				 errdetail("\"%s\" is \"%s\".", argument, tc_shorten(name)),
				 errhint("Write the role's name in its own letters, without quotes around it.")));
	tc_access_require_become(argument, role);
	return role;
}

void
tc_access_require_become(const char *argument, Oid role)
{
	Oid			caller = tc_statement_caller();

	if (tc_role_may_set(caller, role))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to let role \"%s\" execute or own a task",
					GetUserNameFromId(role, true)),
			 errdetail("Role \"%s\" cannot become the role in \"%s\".",
					   GetUserNameFromId(caller, true), argument),
			 errhint("Name a role that you could SET ROLE to.")));
}

void
tc_access_require_executable(const char *argument, Oid role)
{
	const char *problem = tc_role_problem(role);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("role \"%s\" cannot execute tasks", GetUserNameFromId(role, true)),
				 errdetail("%s", problem),
				 errhint("Name a role in \"%s\" that can log in to this database.", argument)));
}
