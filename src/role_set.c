/*-------------------------------------------------------------------------
 *
 * role_set.c
 *		All roles whose privileges a role has.
 *
 * Walks the grants upwards; has_privs_of_role() has the last word, since a
 * grant or a role may say that privileges are not inherited.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "nodes/pg_list.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

#include "role_set.h"

static List *
add_grants_of(Oid member, List *roles)
{
	CatCList   *grants = SearchSysCacheList1(AUTHMEMMEMROLE, ObjectIdGetDatum(member));
	int			i;

	for (i = 0; i < grants->n_members; i++)
	{
		HeapTuple	tuple = &grants->members[i]->tuple;

		roles = list_append_unique_oid(roles,
									   ((Form_pg_auth_members) GETSTRUCT(tuple))->roleid);
	}
	ReleaseSysCacheList(grants);
	return roles;
}

int
tc_roles_held_by(Oid role, int64 **ids)
{
	List	   *roles = list_make1_oid(role);
	int			count = 0;
	int			i;

	/* the owner of the database has this one without a grant */
	if (has_privs_of_role(role, ROLE_PG_DATABASE_OWNER))
		roles = list_append_unique_oid(roles, ROLE_PG_DATABASE_OWNER);
	for (i = 0; i < list_length(roles); i++)
		roles = add_grants_of(list_nth_oid(roles, i), roles);

	*ids = palloc(sizeof(int64) * list_length(roles));
	for (i = 0; i < list_length(roles); i++)
	{
		if (has_privs_of_role(role, list_nth_oid(roles, i)))
			(*ids)[count++] = list_nth_oid(roles, i);
	}
	list_free(roles);
	return count;
}
