/*-------------------------------------------------------------------------
 *
 * install_api.c
 *		What only the install script calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "commands/user.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_node.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "shared_state.h"
#include "taskcenter.h"

PG_FUNCTION_INFO_V1(taskcenter_make_owner_role);

static bool
has_members(Oid role)
{
	CatCList   *members = SearchSysCacheList1(AUTHMEMROLEMEM, ObjectIdGetDatum(role));
	bool		found = members->n_members > 0;

	ReleaseSysCacheList(members);
	return found;
}

/* NULL: the role may own our relations */
static const char *
role_problem(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	Form_pg_authid form;
	const char *problem = NULL;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for role %u", role);
	form = (Form_pg_authid) GETSTRUCT(tuple);
	if (form->rolcanlogin)
		problem = "It can log in.";
	else if (form->rolsuper)
		problem = "It is a superuser.";
	else if (form->rolcreaterole || form->rolcreatedb)
		problem = "It can create roles or databases.";
	else if (form->rolreplication || form->rolbypassrls)
		problem = "It has REPLICATION or BYPASSRLS.";
	ReleaseSysCache(tuple);
	if (problem == NULL && has_members(role))
		problem = "It has members, who could write our relations.";
	return problem;
}

static void
make_role(void)
{
	CreateRoleStmt *statement = makeNode(CreateRoleStmt);

	statement->stmt_type = ROLESTMT_ROLE;
	statement->role = pstrdup(TC_OWNER_ROLE);
	statement->options = NIL;
	(void) CreateRole(make_parsestate(NULL), statement);
}

static void
warn_unless_preloaded(void)
{
	const char *preloaded = GetConfigOption("shared_preload_libraries", true, false);

	if (tc_shared_available() || IsBinaryUpgrade)
		return;
	ereport(WARNING,
			(errmsg("taskcenter is not preloaded: tasks can be defined, nothing executes"),
			 errhint("Add this to postgresql.conf and restart the server: shared_preload_libraries = '%s%s%s'",
					 preloaded != NULL ? preloaded : "",
					 preloaded != NULL && preloaded[0] != '\0' ? "," : "",
					 TC_LIBRARY)));
}

Datum
taskcenter_make_owner_role(PG_FUNCTION_ARGS)
{
	Oid			role = get_role_oid(TC_OWNER_ROLE, true);
	const char *problem;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to prepare the role \"%s\"", TC_OWNER_ROLE),
				 errdetail("The role that installs taskcenter is not superuser."),
				 errhint("Let a superuser run CREATE EXTENSION taskcenter.")));
	if (!OidIsValid(role))
	{
		make_role();
		CommandCounterIncrement();
	}
	else if ((problem = role_problem(role)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("role \"%s\" cannot own the relations of taskcenter", TC_OWNER_ROLE),
				 errdetail("%s", problem),
				 errhint("Drop the role, or take these rights and members from it.")));
	warn_unless_preloaded();
	PG_RETURN_BOOL(true);
}
