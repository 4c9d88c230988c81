/*-------------------------------------------------------------------------
 *
 * granted.c
 *		What grants give a role, beyond what it owns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "compat.h"
#include "granted.h"
#include "ids.h"
#include "role_check.h"
#include "role_set.h"

bool
tc_grant_is_valid(const GrantRow *grant)
{
	if (OidIsValid(grant->role_id) && tc_role_is_renamed(grant->role_id, grant->role))
		return false;
	if (grant->under != 0 &&
		(grant->under_role == NULL ||
		 tc_role_is_renamed(grant->under_role_id, grant->under_role)))
		return false;
	return !tc_role_is_renamed(grant->owner_id, grant->owner);
}

/* grants to the role, to roles whose privileges it has, and to everybody */
static int
find_grants(Oid role, const GrantScope *scope, GrantRow **grants)
{
	int64	   *held;
	int			count = tc_roles_held_by(role, &held);

	held = repalloc(held, sizeof(int64) * (count + 1));
	held[count++] = InvalidOid;
	return tc_grants_find(held, count, scope, grants);
}

static bool
gives(const GrantRow *grant, TaskRight right)
{
	return tc_access_level_has(grant->level, right) && tc_grant_is_valid(grant);
}

static GrantScope
scope_of_task(const TaskRow *task)
{
	GrantScope	scope;

	scope.task_id = task->task_id;
	scope.application = tc_task_text(task, TASK_APPLICATION);
	scope.queue = tc_task_text(task, TASK_QUEUE);
	return scope;
}

static bool
find_grant(Oid role, const TaskRow *task, TaskRight right, GrantRow *grant)
{
	GrantScope	scope = scope_of_task(task);
	GrantRow   *grants;
	int			count = find_grants(role, &scope, &grants);
	int			i;

	for (i = 0; i < count; i++)
	{
		if (!gives(&grants[i], right) ||
			!has_privs_of_role(grants[i].owner_id, task->owner_id))
			continue;
		*grant = grants[i];
		return true;
	}
	return false;
}

bool
tc_granted(Oid role, const TaskRow *task, TaskRight right)
{
	GrantRow	grant;

	return find_grant(role, task, right, &grant);
}

bool
tc_granted_admin(Oid role, const TaskRow *task, GrantRow *grant)
{
	return find_grant(role, task, TASK_RIGHT_MANAGE, grant);
}

bool
tc_granted_queue(Oid role, const char *queue, TaskRight right)
{
	GrantScope	scope = {0};
	GrantRow   *grants;
	int			count;
	int			i;

	scope.queue = queue;
	count = find_grants(role, &scope, &grants);
	for (i = 0; i < count; i++)
	{
		if (gives(&grants[i], right) &&
			tc_owns_database(MyDatabaseId, grants[i].owner_id))
			return true;
	}
	return false;
}

bool
tc_granted_in_queue(Oid role, const char *queue, TaskRight right)
{
	GrantScope	scope = {0};
	GrantRow   *grants;
	int			count;
	int			i;

	scope.queue = queue;
	count = find_grants(role, &scope, &grants);
	for (i = 0; i < count; i++)
	{
		if (gives(&grants[i], right))
			return true;
	}
	return false;
}

bool
tc_granted_admin_of_scope(Oid role, const GrantScope *scope, Oid owner, GrantRow *grant)
{
	GrantRow   *grants;
	int			count = find_grants(role, scope, &grants);
	int			i;

	for (i = 0; i < count; i++)
	{
		if (grants[i].owner_id != owner || !gives(&grants[i], TASK_RIGHT_MANAGE))
			continue;
		*grant = grants[i];
		return true;
	}
	return false;
}

TimestampTz
tc_granted_since(Oid role, TaskRight right)
{
	GrantRow   *grants;
	int			count = find_grants(role, NULL, &grants);
	TimestampTz since = DT_NOEND;
	int			i;

	for (i = 0; i < count; i++)
		if (gives(&grants[i], right))
			since = Min(since, grants[i].granted_at);
	return since;
}

/* ---- all tasks ---- */

static int
compare_owners(const void *a, const void *b)
{
	Oid			left = ((const GrantRow *) a)->owner_id;
	Oid			right = ((const GrantRow *) b)->owner_id;

	return left < right ? -1 : left > right;
}

/* append what grants of one owner hold; returns the new count */
static int
add_tasks(const GrantRow *grants, int grant_count, int64 **ids, int count)
{
	Oid			owner = grants[0].owner_id;
	int64	   *owners;
	int64	   *found;
	int			owner_count = tc_roles_held_by(owner, &owners);
	int			found_count;

	found_count = tc_grants_tasks(grants, grant_count, superuser_arg(owner), owners,
								  owner_count, &found);
	*ids = repalloc_huge(*ids, sizeof(int64) * (count + found_count + 1));
	memcpy(*ids + count, found, sizeof(int64) * found_count);
	return count + found_count;
}

int
tc_granted_tasks(Oid role, TaskRight right, int64 **task_ids)
{
	GrantRow   *grants;
	int			grant_count = find_grants(role, NULL, &grants);
	int			kept = 0;
	int			count = 0;
	int			first = 0;
	int			i;

	for (i = 0; i < grant_count; i++)
		if (gives(&grants[i], right))
			grants[kept++] = grants[i];
	qsort(grants, kept, sizeof(GrantRow), compare_owners);

	*task_ids = palloc(sizeof(int64));
	for (i = 1; i <= kept; i++)
	{
		if (i < kept && grants[i].owner_id == grants[first].owner_id)
			continue;
		count = add_tasks(&grants[first], i - first, task_ids, count);
		first = i;
	}
	return tc_ids_sort(*task_ids, count);
}
