/*-------------------------------------------------------------------------
 *
 * access.c
 *		Who may do what.
 *
 * A task belongs to its owner: any role that has the owner's privileges may
 * act on it, and grants pass rights on.  The scheduler of a database belongs
 * to who owns the database.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "access.h"
#include "arguments.h"
#include "compat.h"
#include "granted.h"
#include "ids.h"
#include "role_check.h"
#include "role_set.h"
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

void
tc_access_require_monitor(const char *what)
{
	Oid			caller = tc_statement_caller();

	if (has_bypassrls_privilege(caller) || tc_access_is_monitor(caller) ||
		tc_access_is_admin(caller))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s", what),
			 errdetail("Role \"%s\" is neither owner of the database nor member of pg_monitor.",
					   GetUserNameFromId(caller, true)),
			 errhint("Ask the owner of the database.")));
}

bool
tc_access_is_monitor(Oid role)
{
	return has_privs_of_role(role, ROLE_PG_MONITOR);
}

bool
tc_access_may(Oid role, const TaskRow *task, TaskRight right)
{
	/* not for the database's owner: tasks may execute as mightier roles */
	if (has_privs_of_role(role, task->owner_id))
		return true;
	if (right == TASK_RIGHT_VIEW && tc_access_is_monitor(role))
		return true;
	return right != TASK_RIGHT_OWN && tc_granted(role, task, right);
}

void
tc_access_tasks(Oid role, TaskRight right, TaskSet *tasks)
{
	int64	   *owners;
	int64	   *ids;

	memset(tasks, 0, sizeof(TaskSet));
	tasks->all = superuser_arg(role) ||
		(right == TASK_RIGHT_VIEW &&
		 (has_bypassrls_privilege(role) || tc_access_is_monitor(role)));
	if (tasks->all)
		return;
	tasks->owner_count = tc_roles_held_by(role, &owners);
	tasks->owners = owners;
	if (right == TASK_RIGHT_OWN)
		return;
	tasks->id_count = tc_granted_tasks(role, right, &ids);
	tasks->ids = ids;
}

bool
tc_access_has(const TaskSet *tasks, int64 task_id, Oid owner_id)
{
	int			i;

	for (i = 0; i < tasks->owner_count && !tasks->all; i++)
		if (tasks->owners[i] == (int64) owner_id)
			return true;
	return tasks->all || tc_ids_contain(tasks->ids, tasks->id_count, task_id);
}

/* the lowest level that carries the right */
static const char *
level_for(TaskRight right)
{
	int			i;

	for (i = 0; i < ACCESS_LEVEL_COUNT; i++)
	{
		if (tc_access_level_has(i, right))
			return tc_access_level_label(i);
	}
	return NULL;
}

void
tc_access_check_task(const TaskRow *task, TaskRight right)
{
	Oid			caller = tc_statement_caller();
	const char *level = level_for(right);

	if (tc_access_may(caller, task, right))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for task \"%s\"", task->name),
			 level != NULL
			 ? errdetail("Role \"%s\" has neither the privileges of the owner \"%s\" nor a grant of the right to %s.",
						 GetUserNameFromId(caller, true), task->owner,
						 tc_access_right_label(right))
			 : errdetail("Role \"%s\" does not have the privileges of the owner \"%s\".",
						 GetUserNameFromId(caller, true), task->owner),
			 level != NULL
			 ? errhint("Ask the owner for taskcenter.grant_access(%s, '%s', task => %s).",
					   quote_literal_cstr(GetUserNameFromId(caller, false)), level,
					   quote_literal_cstr(task->name))
			 : errhint("Ask the owner of the task, or SET ROLE to it.")));
}

bool
tc_access_made_run(Oid role, const TaskRow *task, const RunFacts *run)
{
	char	   *name = GetUserNameFromId(role, true);

	/* the task_runs view has the same rule */
	return name != NULL && !run->scheduled && strcmp(run->created_by, name) == 0 &&
		tc_access_may(role, task, TASK_RIGHT_ENQUEUE) &&
		run->created_at >= tc_granted_since(role, TASK_RIGHT_ENQUEUE);
}

bool
tc_access_may_run(Oid role, const TaskRow *task, const RunFacts *run, TaskRight right)
{
	return tc_access_may(role, task, right) || tc_access_made_run(role, task, run);
}

void
tc_access_check_run(const TaskRow *task, const RunFacts *run, TaskRight right)
{
	Oid			caller = tc_statement_caller();

	if (tc_access_may_run(caller, task, run, right))
		return;
	if (tc_access_may(caller, task, TASK_RIGHT_VIEW))
		tc_access_check_task(task, right);
	/* ids can be guessed: names are not told to strangers */
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for run %lld", (long long) run->run_id),
			 errdetail("Role \"%s\" has neither the privileges of the owner of its task nor a grant.",
					   GetUserNameFromId(caller, true)),
			 errhint("The view taskcenter.task_runs shows the runs that you may see.")));
}

void
tc_access_require_queue(const char *queue, TaskRight right, const char *what)
{
	if (!tc_access_is_admin(tc_statement_caller()) &&
		!tc_granted_queue(tc_statement_caller(), queue, right))
		tc_access_require_admin(what);
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
tc_access_find_role(const char *argument, const char *name)
{
	Oid			role = get_role_oid(name, true);

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", tc_shorten(name)),
				 errdetail("\"%s\" is \"%s\".", argument, tc_shorten(name)),
				 errhint("Write the role's name in its own letters, without quotes around it.")));
	return role;
}

Oid
tc_access_require_role(const char *argument, const char *name)
{
	Oid			role = tc_access_find_role(argument, name);

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
