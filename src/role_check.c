/*-------------------------------------------------------------------------
 *
 * role_check.c
 *		May a role execute tasks in this database, now?
 *
 * Connection limits are not enforced for background workers by the server;
 * the scheduler counts for them (dispatch.c).  LOGIN and CONNECT would be, by
 * a FATAL error in the log each time: so they are looked at here first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "role_check.h"
#include "settings.h"

static bool
is_mighty(Form_pg_authid role)
{
	return role->rolsuper || role->rolreplication || role->rolcreaterole ||
		role->rolbypassrls;
}

const char *
tc_role_problem(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	Form_pg_authid form;
	const char *problem = NULL;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		return psprintf("The role with OID %u does not exist any more.", role);
	form = (Form_pg_authid) GETSTRUCT(tuple);
	name = pstrdup(NameStr(form->rolname));
	if (!form->rolcanlogin)
		problem = psprintf("Role \"%s\" is not permitted to log in.", name);
	else if (is_mighty(form) && !tc_superuser_tasks)
		problem = psprintf("Role \"%s\" is superuser, REPLICATION, CREATEROLE or BYPASSRLS, "
						   "and taskcenter.superuser_tasks is off.", name);
	ReleaseSysCache(tuple);
	if (problem == NULL && !tc_role_may_connect(role, MyDatabaseId))
		problem = psprintf("Role \"%s\" has no CONNECT privilege on the database.", name);
	return problem;
}

bool
tc_role_is_renamed(Oid role, const char *name)
{
	char	   *now = GetUserNameFromId(role, true);

	return now == NULL || strcmp(now, name) != 0;
}
