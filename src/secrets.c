/*-------------------------------------------------------------------------
 *
 * secrets.c
 *		Params that name a secret get it when their run starts.
 *
 * Whoever may set the function, the owner of the database, must not gain the
 * rights of the role whose run it is: either the function acts with the rights
 * of its own owner, or that owner has the role's rights anyway.  And it leaves
 * nothing behind in the session: no settings, no role, no temporary objects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "arguments.h"
#include "compat.h"
#include "redact.h"
#include "secrets.h"

/* ---- finding ---- */

/* The name, if the container is {"$secret": "name"}; NULL: it is not. */
static char *
name_of_secret(JsonbContainer *container)
{
	JsonbValue *value;

	if (!JsonContainerIsObject(container) || JsonContainerSize(container) != 1)
		return NULL;
	value = getKeyJsonValueFromContainer(container, TC_SECRET_KEY, strlen(TC_SECRET_KEY), NULL);
	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

bool
tc_secrets_has(const Jsonb *params)
{
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (params == NULL)
		return false;
	iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &params->root));
	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		if (token == WJB_KEY && value.val.string.len == (int) strlen(TC_SECRET_KEY) &&
			memcmp(value.val.string.val, TC_SECRET_KEY, value.val.string.len) == 0)
			return true;
	}
	return false;
}

/* ---- the function ---- */

static void
refuse(const char *problem, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s", problem),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static Oid
find_function(const char *function)
{
	Oid			types[1] = {TEXTOID};
	List	   *name = tc_qualified_name(function);
	Oid			oid;

	if (list_length(name) != 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("setting \"secret_function\" must name a function with its schema"),
				 errdetail("It is \"%s\".", tc_shorten(function)),
				 errhint("Write schema.function, of a function of one text.")));
	oid = LookupFuncName(name, 1, types, true);
	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function \"%s\" does not exist", tc_shorten(function)),
				 errdetail("There is none of that name with one argument of type text."),
				 errhint("Make it, or name another one.")));
	return oid;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

void
tc_secrets_check_function(const char *function)
{
	Oid			type;

	if (function[0] == '\0')
		return;
	type = get_func_rettype(find_function(function));
	if (!is_text(type) && type != JSONBOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function \"%s\" cannot return secrets", tc_shorten(function)),
				 errdetail("It returns \"%s\".", format_type_be(type)),
				 errhint("Name a function that returns text or jsonb.")));
}

static void
check_trust(Oid function, const char *name)
{
	HeapTuple	tuple;
	bool		trusted;

	if (!tc_may_execute(function, GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, name);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	trusted = ((Form_pg_proc) GETSTRUCT(tuple))->prosecdef ||
		has_privs_of_role(((Form_pg_proc) GETSTRUCT(tuple))->proowner, GetUserId());
	ReleaseSysCache(tuple);
	if (!trusted)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" does not call the function \"%s\" for secrets",
						GetUserNameFromId(GetUserId(), false), name),
				 errdetail("Its owner lacks the privileges of the role, and it would act with them."),
				 errhint("Make it SECURITY DEFINER, or give it an owner who has them.")));
}

static Datum
call_function(Oid function, const char *secret, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 1);
	int			nest_level = NewGUCNestLevel();
	FmgrInfo	flinfo;
	Oid			user;
	int			context;
	Datum		result;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(user, context | SECURITY_RESTRICTED_OPERATION);
	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 1, DEFAULT_COLLATION_OID, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(secret);
	fcinfo->args[0].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	*isnull = fcinfo->isnull;
	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, context);
	return result;
}

/* As it is, and as it stands within JSON. */
static void
remember(const char *secret)
{
	StringInfoData quoted;

	tc_redact_remember(secret);
	initStringInfo(&quoted);
	escape_json(&quoted, secret);
	quoted.data[quoted.len - 1] = '\0';
	if (strcmp(quoted.data + 1, secret) != 0)
		tc_redact_remember(quoted.data + 1);
}

/* The secret as a JSON value. */
static void
fetch(const char *name, const char *function, JsonbValue *value)
{
	Oid			oid;
	Datum		secret;
	bool		isnull;
	Jsonb	   *json;

	if (function == NULL || function[0] == '\0')
		refuse("params name a secret, and nothing fetches secrets",
			   psprintf("The name is \"%s\"; the setting \"secret_function\" is empty.",
						tc_shorten(name)),
			   "Ask the owner of the database for set_setting('secret_function', 'schema.function').");
	oid = find_function(function);
	check_trust(oid, function);
	secret = call_function(oid, name, &isnull);
	if (isnull)
		refuse(psprintf("there is no secret \"%s\"", tc_shorten(name)),
			   psprintf("The function \"%s\" returned null.", function),
			   "Look at the name in the params.");
	if (is_text(get_func_rettype(oid)))
	{
		value->type = jbvString;
		value->val.string.val = TextDatumGetCString(secret);
		value->val.string.len = strlen(value->val.string.val);
		remember(value->val.string.val);
		return;
	}
	json = DatumGetJsonbPCopy(secret);
	if (JB_ROOT_IS_SCALAR(json))
		(void) JsonbExtractScalar(&json->root, value);
	else
	{
		value->type = jbvBinary;
		value->val.binary.data = &json->root;
		value->val.binary.len = VARSIZE(json) - VARHDRSZ;
	}
	if (value->type == jbvString)
		remember(pnstrdup(value->val.string.val, value->val.string.len));
}

/* ---- the copy ---- */

static JsonbValue *copy_container(JsonbParseState **state, JsonbContainer *container,
								  const char *function);

static JsonbValue *
copy_value(JsonbParseState **state, JsonbIteratorToken token, JsonbValue *value,
		   const char *function)
{
	JsonbValue	secret;
	char	   *name;

	if (value->type != jbvBinary)
		return pushJsonbValue(state, token, value);
	name = name_of_secret(value->val.binary.data);
	if (name == NULL)
		return copy_container(state, value->val.binary.data, function);
	fetch(name, function, &secret);
	return pushJsonbValue(state, token, &secret);
}

static JsonbValue *
copy_container(JsonbParseState **state, JsonbContainer *container, const char *function)
{
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbValue	value;
	JsonbValue *result = NULL;
	JsonbIteratorToken token;
	bool		inside = false;

	check_stack_depth();
	while ((token = JsonbIteratorNext(&iterator, &value, inside)) != WJB_DONE)
	{
		inside = true;
		if (token == WJB_KEY)
			result = pushJsonbValue(state, token, &value);
		else if (token == WJB_VALUE || token == WJB_ELEM)
			result = copy_value(state, token, &value, function);
		else
			result = pushJsonbValue(state, token, NULL);
	}
	return result;
}

Jsonb *
tc_secrets_resolve(Jsonb *params, const char *function)
{
	JsonbParseState *state = NULL;

	return JsonbValueToJsonb(copy_container(&state, &params->root, function));
}

void
tc_secrets_forget(void)
{
	tc_redact_forget();
}
