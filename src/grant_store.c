/*-------------------------------------------------------------------------
 *
 * grant_store.c
 *		The rows of access_grants, and which tasks their scopes hold.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "grant_store.h"

static Statement find_for_task = {
	.label = "find grants to a task",
	.text =
	"SELECT g.grant_id, g.role, g.role_id, g.level, g.task_id, g.application, g.queue,"
	"   g.owner, g.owner_id, g.under_grant_id, u.role, u.role_id, g.granted_at"
	" FROM taskcenter.access_grants AS g"
	" LEFT JOIN taskcenter.access_grants AS u ON u.grant_id = g.under_grant_id"
	" WHERE g.role_id = ANY ($1)"
	"   AND (g.task_id = $2 OR g.application = $3 OR g.queue = $4)",
	.nargs = 4,
	.types = {INT8ARRAYOID, INT8OID, TEXTOID, TEXTOID}
};

static Statement find_all = {
	.label = "find grants",
	.text =
	"SELECT g.grant_id, g.role, g.role_id, g.level, g.task_id, g.application, g.queue,"
	"   g.owner, g.owner_id, g.under_grant_id, u.role, u.role_id, g.granted_at"
	" FROM taskcenter.access_grants AS g"
	" LEFT JOIN taskcenter.access_grants AS u ON u.grant_id = g.under_grant_id"
	" WHERE g.role_id = ANY ($1)",
	.nargs = 1,
	.types = {INT8ARRAYOID}
};

static Statement lock_role = {
	.label = "lock the grants to a role",
	.text =
	"SELECT g.grant_id, g.role, g.role_id, g.level, g.task_id, g.application, g.queue,"
	"   g.owner, g.owner_id, g.under_grant_id, u.role, u.role_id, g.granted_at"
	" FROM taskcenter.access_grants AS g"
	" LEFT JOIN taskcenter.access_grants AS u ON u.grant_id = g.under_grant_id"
	" WHERE g.role = $1 OR g.role_id = $2"
	" ORDER BY g.grant_id FOR UPDATE OF g",
	.nargs = 2,
	.types = {TEXTOID, INT8OID},
	.any_plan = true
};

static Statement find_tasks = {
	.label = "find the tasks of grants",
	.text =
	"SELECT t.task_id FROM taskcenter.tasks AS t"
	" WHERE (t.task_id = ANY ($1) OR t.application = ANY ($2) OR t.queue = ANY ($3))"
	"   AND ($4 OR t.owner_id = ANY ($5))"
	" ORDER BY t.task_id",
	.nargs = 5,
	.types = {INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BOOLOID, INT8ARRAYOID},
	.any_plan = true
};

static Statement count_of_owner = {
	.label = "count the grants of an owner",
	.text = "SELECT count(*) FROM taskcenter.access_grants WHERE owner_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement hold = {
	.label = "hold a grant",
	.text = "SELECT FROM taskcenter.access_grants WHERE grant_id = $1 FOR KEY SHARE",
	.nargs = 1,
	.types = {INT8OID}
};

/*
 * What exists under these names may be about roles that are gone: then it is
 * a new grant.  Else it loses what it depended on if the owner makes it.
 */
static Statement store = {
	.label = "grant access",
	.text =
	"INSERT INTO taskcenter.access_grants AS g (role, role_id, level, task_id, application,"
	"   queue, owner, owner_id, granted_by, granted_at, under_grant_id)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
	" ON CONFLICT (role, level, owner, (coalesce(task_id, 0)), (coalesce(application, '')),"
	"   (coalesce(queue, ''))) DO UPDATE SET role_id = excluded.role_id,"
	"   owner_id = excluded.owner_id,"
	"   granted_by = CASE WHEN g.role_id = excluded.role_id AND g.owner_id = excluded.owner_id"
	"     THEN g.granted_by ELSE excluded.granted_by END,"
	"   granted_at = CASE WHEN g.role_id = excluded.role_id AND g.owner_id = excluded.owner_id"
	"     THEN g.granted_at ELSE excluded.granted_at END,"
	"   under_grant_id = CASE WHEN g.role_id <> excluded.role_id"
	"     OR g.owner_id <> excluded.owner_id OR g.under_grant_id IS NOT NULL"
	"     THEN excluded.under_grant_id END"
	" RETURNING g.grant_id",
	.nargs = 11,
	.types = {TEXTOID, INT8OID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID,
	TIMESTAMPTZOID, INT8OID}
};

static Statement remove_set = {
	.label = "revoke access",
	.text =
	"DELETE FROM taskcenter.access_grants AS g"
	" WHERE g.grant_id = ANY ($1) OR g.under_grant_id = ANY ($1)",
	.nargs = 1,
	.types = {INT8ARRAYOID},
	.any_plan = true
};

static int
read_grants(GrantRow **rows)
{
	int			count = (int) tc_rows();
	int			i;

	*rows = palloc(sizeof(GrantRow) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		GrantRow   *row = &(*rows)[i];

		row->grant_id = tc_get_int64(i, 1);
		row->role = tc_get_text(i, 2);
		row->role_id = (Oid) tc_get_int64(i, 3);
		row->level = tc_access_level_of(tc_get_text(i, 4));
		row->scope.task_id = tc_get_int64(i, 5);
		row->scope.application = tc_get_text(i, 6);
		row->scope.queue = tc_get_text(i, 7);
		row->owner = tc_get_text(i, 8);
		row->owner_id = (Oid) tc_get_int64(i, 9);
		row->under = tc_get_int64(i, 10);
		row->under_role = tc_get_text(i, 11);
		row->under_role_id = (Oid) tc_get_int64(i, 12);
		row->granted_at = tc_get_timestamptz(i, 13);
	}
	return count;
}

int
tc_grants_find(const int64 *roles, int role_count, const GrantScope *task, GrantRow **rows)
{
	Bindings	bindings = {0};

	tc_bind_ids(&bindings, roles, role_count);
	if (task == NULL)
		tc_run_bound(&find_all, &bindings);
	else
	{
		tc_bind_id(&bindings, task->task_id);
		tc_bind_text(&bindings, task->application);
		tc_bind_text(&bindings, task->queue);
		tc_run_bound(&find_for_task, &bindings);
	}
	return read_grants(rows);
}

int
tc_grants_lock(const char *role, Oid role_id, GrantRow **rows)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, role);
	tc_bind_id(&bindings, role_id);
	tc_run_bound(&lock_role, &bindings);
	return read_grants(rows);
}

static void
bind_texts(Bindings *bindings, Datum *values, int count)
{
	tc_bind_datum(bindings, PointerGetDatum(construct_array(values, count, TEXTOID, -1, false,
															TYPALIGN_INT)), false);
}

int
tc_grants_tasks(const GrantRow *grants, int grant_count, bool any_owner, const int64 *owners,
				int owner_count, int64 **task_ids)
{
	Bindings	bindings = {0};
	int64	   *ids = palloc(sizeof(int64) * Max(grant_count, 1));
	Datum	   *applications = palloc(sizeof(Datum) * Max(grant_count, 1));
	Datum	   *queues = palloc(sizeof(Datum) * Max(grant_count, 1));
	int			id_count = 0;
	int			application_count = 0;
	int			queue_count = 0;
	int			count;
	int			i;

	for (i = 0; i < grant_count; i++)
	{
		const GrantScope *scope = &grants[i].scope;

		if (scope->task_id != 0)
			ids[id_count++] = scope->task_id;
		else if (scope->application != NULL)
			applications[application_count++] = CStringGetTextDatum(scope->application);
		else
			queues[queue_count++] = CStringGetTextDatum(scope->queue);
	}
	tc_bind_ids(&bindings, ids, id_count);
	bind_texts(&bindings, applications, application_count);
	bind_texts(&bindings, queues, queue_count);
	tc_bind_bool(&bindings, any_owner);
	tc_bind_ids(&bindings, owners, owner_count);
	count = (int) tc_run_bound(&find_tasks, &bindings);
	*task_ids = palloc(sizeof(int64) * Max(count, 1));
	for (i = 0; i < count; i++)
		(*task_ids)[i] = tc_get_int64(i, 1);
	return count;
}

int64
tc_grants_count(Oid owner_id)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, owner_id);
	tc_run_bound(&count_of_owner, &bindings);
	return tc_get_int64(0, 1);
}

bool
tc_grant_hold(int64 grant_id)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, grant_id);
	return tc_run_bound(&hold, &bindings) > 0;
}

int64
tc_grant_store(const GrantRow *grant, const char *granted_by, TimestampTz now)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, grant->role);
	tc_bind_int64(&bindings, grant->role_id);
	tc_bind_text(&bindings, tc_access_level_label(grant->level));
	tc_bind_id(&bindings, grant->scope.task_id);
	tc_bind_text(&bindings, grant->scope.application);
	tc_bind_text(&bindings, grant->scope.queue);
	tc_bind_text(&bindings, grant->owner);
	tc_bind_int64(&bindings, grant->owner_id);
	tc_bind_text(&bindings, granted_by);
	tc_bind_timestamptz(&bindings, now);
	tc_bind_id(&bindings, grant->under);
	tc_run_bound(&store, &bindings);
	return tc_get_int64(0, 1);
}

int64
tc_grants_remove(const int64 *grant_ids, int count)
{
	Bindings	bindings = {0};

	tc_bind_ids(&bindings, grant_ids, count);
	return (int64) tc_run_bound(&remove_set, &bindings);
}
