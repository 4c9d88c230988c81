/*-------------------------------------------------------------------------
 *
 * alias_api.c
 *		create_alias_views() and drop_alias_views().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "alias_store.h"
#include "arguments.h"
#include "compat.h"
#include "taskcenter.h"

PG_FUNCTION_INFO_V1(taskcenter_create_alias_views);
PG_FUNCTION_INFO_V1(taskcenter_drop_alias_views);

/* the schema that the first argument names; the caller may make things in it */
static char *
require_schema(FunctionCallInfo fcinfo, Oid *schema_id)
{
	char	   *schema;

	tc_arg_require(fcinfo, 0, "schema_name");
	schema = pstrdup(NameStr(*PG_GETARG_NAME(0)));
	*schema_id = get_namespace_oid(schema, true);
	if (!OidIsValid(*schema_id))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema \"%s\" does not exist", schema),
				 errdetail("\"schema_name\" is \"%s\".", schema),
				 errhint("Make it with CREATE SCHEMA first.")));
	if (strcmp(schema, TC_SCHEMA) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("alias views cannot lie in the schema of the extension"),
				 errdetail("\"schema_name\" is \"%s\".", schema),
				 errhint("Use a schema of your own, and put it into search_path.")));
	if (!tc_may_create_in_schema(*schema_id, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for schema \"%s\"", schema),
				 errdetail("Role \"%s\" cannot both use the schema and create in it.",
						   GetUserNameFromId(GetUserId(), true)),
				 errhint("Ask the owner of the schema for USAGE and CREATE.")));
	return schema;
}

static void
refuse_foreign(const char *schema, int alias)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_TABLE),
			 errmsg("relation \"%s\" already exists", tc_alias_name(alias)),
			 errdetail("The one in schema \"%s\" is no alias view of taskcenter.", schema),
			 errhint("Use a schema in which the names are free.")));
}

static Datum
name_list(const bool *chosen)
{
	Datum	   *names = palloc(sizeof(Datum) * tc_alias_count());
	int			count = 0;
	int			i;

	for (i = 0; i < tc_alias_count(); i++)
	{
		if (chosen[i])
			names[count++] = CStringGetTextDatum(tc_alias_name(i));
	}
	if (count == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* create_alias_views(schema_name) */
Datum
taskcenter_create_alias_views(PG_FUNCTION_ARGS)
{
	Oid			schema_id;
	char	   *schema = require_schema(fcinfo, &schema_id);
	bool	   *made = palloc0(sizeof(bool) * tc_alias_count());
	int			i;

	for (i = 0; i < tc_alias_count(); i++)
	{
		if (tc_alias_state(schema_id, i) == ALIAS_FOREIGN)
			refuse_foreign(schema, i);
	}
	for (i = 0; i < tc_alias_count(); i++)
	{
		tc_alias_create(schema, i);
		made[i] = true;
	}
	PG_RETURN_DATUM(name_list(made));
}

/* drop_alias_views(schema_name) */
Datum
taskcenter_drop_alias_views(PG_FUNCTION_ARGS)
{
	Oid			schema_id;
	char	   *schema = require_schema(fcinfo, &schema_id);
	bool	   *dropped = palloc0(sizeof(bool) * tc_alias_count());
	int			i;

	for (i = 0; i < tc_alias_count(); i++)
	{
		if (tc_alias_state(schema_id, i) != ALIAS_OURS)
			continue;
		tc_alias_drop(schema, i);
		dropped[i] = true;
	}
	PG_RETURN_DATUM(name_list(dropped));
}
