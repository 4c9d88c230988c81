/*-------------------------------------------------------------------------
 *
 * database_hook.c
 *		Commands that our workers must make room for, or learn of: those on
 *		databases, roles and the extension, and those on its triggers.
 *
 * A command of a user who may give it finds the database empty of us:
 *
 * DROP DATABASE, DROP EXTENSION: executing runs have 3 s to end, none with
 * FORCE, then their executors are terminated; atomic runs lose nothing by it.
 * Where other sessions will make DROP DATABASE fail, runs are left alone.
 * RENAME, SET TABLESPACE, TEMPLATE, ALTER EXTENSION UPDATE: the database lives
 * on, so runs are waited for, 4 s, and the server speaks if one is left.
 *
 * The checks of rights repeat the server's own, which come later: nobody can
 * stop the workers of a database by a command that will be refused to him.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "database_hook.h"
#include "shared_state.h"
#include "taskcenter.h"

#define DROP_GRACE_MS 3000
#define CHANGE_GRACE_MS 4000

/* what others must learn when the command's transaction commits */
typedef enum Effect
{
	EFFECT_NONE,
	EFFECT_DATABASE_LIST,
	EFFECT_EXTENSION,
	EFFECT_SESSION_DEFAULTS
} Effect;

static ProcessUtility_hook_type previous_utility = NULL;
static object_access_hook_type previous_object_access = NULL;

/* ---- databases ---- */

static bool
may_create_databases(void)
{
	HeapTuple	tuple;
	bool		allowed = false;

	if (superuser())
		return true;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (HeapTupleIsValid(tuple))
	{
		allowed = ((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
		ReleaseSysCache(tuple);
	}
	return allowed;
}

/* Templates, and databases that nobody may enter, have no workers. */
static bool
is_served(Oid database)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	Form_pg_database form;
	bool		served;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_database) GETSTRUCT(tuple);
	served = !form->datistemplate && form->datallowconn;
	ReleaseSysCache(tuple);
	return served;
}

/* The database if there is one that we serve and this is not its session. */
static Oid
other_served_database(const char *name)
{
	Oid			database = get_database_oid(name, true);

	if (!OidIsValid(database) || database == MyDatabaseId || !is_served(database))
		return InvalidOid;
	return database;
}

static bool
is_forced(const List *options)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		if (strcmp(((DefElem *) lfirst(cell))->defname, "force") == 0)
			return true;
	}
	return false;
}

static void
before_drop_database(const DropdbStmt *statement)
{
	Oid			database = other_served_database(statement->dbname);
	bool		force = is_forced(statement->options);

	if (!OidIsValid(database) || !tc_owns_database(database, GetUserId()))
		return;
	if (force)
		(void) tc_shared_hold(database, HOLD_FIRMLY, 0);
	else if (CountDBConnections(database) > 0)
		(void) tc_shared_hold(database, HOLD_PATIENTLY, 0);
	else
		(void) tc_shared_hold(database, HOLD_FIRMLY, DROP_GRACE_MS);
}

static void
before_change_database(const char *name, bool needs_createdb)
{
	Oid			database = other_served_database(name);

	if (OidIsValid(database) && tc_owns_database(database, GetUserId()) &&
		(!needs_createdb || may_create_databases()))
		(void) tc_shared_hold(database, HOLD_PATIENTLY, CHANGE_GRACE_MS);
}

/* A template that we serve is none by its mark: only its owner may copy it. */
static void
before_create_database(const CreatedbStmt *statement)
{
	ListCell   *cell;

	foreach(cell, statement->options)
	{
		DefElem    *option = lfirst(cell);

		if (strcmp(option->defname, "template") == 0 && option->arg != NULL)
			before_change_database(defGetString(option), true);
	}
}

static bool
moves_tablespace(const AlterDatabaseStmt *statement)
{
	ListCell   *cell;

	foreach(cell, statement->options)
	{
		if (strcmp(((DefElem *) lfirst(cell))->defname, "tablespace") == 0)
			return true;
	}
	return false;
}

/* ---- the extension ---- */

static void
before_extension_change(const char *name, HoldManner manner, int run_grace_ms)
{
	Oid			extension;

	if (strcmp(name, TC_LIBRARY) != 0)
		return;
	extension = get_extension_oid(name, true);
	if (OidIsValid(extension) && tc_owns_extension(extension, GetUserId()))
		(void) tc_shared_hold(MyDatabaseId, manner, run_grace_ms);
}

static void
before_drop(const DropStmt *statement)
{
	ListCell   *cell;

	if (statement->removeType != OBJECT_EXTENSION)
		return;
	foreach(cell, statement->objects)
		before_extension_change(strVal(lfirst(cell)), HOLD_FIRMLY, DROP_GRACE_MS);
}

/* ---- guards ---- */

/* InvalidOid: there is none; sees what this very command made */
static Oid
relation_of_trigger(Oid trigger)
{
	Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			relation = InvalidOid;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(catalog, TriggerOidIndexId, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		relation = ((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid;
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return relation;
}

/* A trigger or a function of ours: the scheduler verifies them after the commit. */
static void
watch_guards(Oid classId, Oid objectId)
{
	Oid			schema = InvalidOid;

	if (!IsUnderPostmaster || !tc_shared_available())
		return;
	if (classId == TriggerRelationId)
		schema = get_rel_namespace(relation_of_trigger(objectId));
	else if (classId == ProcedureRelationId)
		schema = get_func_namespace(objectId);
	if (OidIsValid(schema) && schema == get_namespace_oid(TC_SCHEMA, true))
		tc_shared_touch_guards();
}

/* However the extension is dropped: the launcher learns of it at commit. */
static void
watch_object_access(ObjectAccessType access, Oid classId, Oid objectId,
					int subId, void *arg)
{
	if (previous_object_access)
		previous_object_access(access, classId, objectId, subId, arg);
	if (access == OAT_DROP && classId == ExtensionRelationId)
	{
		char	   *name = get_extension_name(objectId);

		if (name != NULL && strcmp(name, TC_LIBRARY) == 0)
			tc_shared_touch_extension_dropped();
	}
	if (access == OAT_POST_CREATE || access == OAT_POST_ALTER || access == OAT_DROP)
		watch_guards(classId, objectId);
}

/* ---- the hook ---- */

/* Commands that the server refuses inside a transaction block change nothing. */
static bool
will_be_refused(ProcessUtilityContext context)
{
	return IsInTransactionBlock(context == PROCESS_UTILITY_TOPLEVEL);
}

/* Commands on databases: make room; what is there to be learnt afterwards? */
static Effect
prepare_database_command(Node *node, bool refused)
{
	switch (nodeTag(node))
	{
		case T_DropdbStmt:
			if (!refused)
				before_drop_database((DropdbStmt *) node);
			return EFFECT_DATABASE_LIST;
		case T_CreatedbStmt:
			if (!refused)
				before_create_database((CreatedbStmt *) node);
			return EFFECT_DATABASE_LIST;
		case T_AlterDatabaseStmt:
			if (!refused && moves_tablespace((AlterDatabaseStmt *) node))
				before_change_database(((AlterDatabaseStmt *) node)->dbname, false);
			return EFFECT_DATABASE_LIST;
		case T_RenameStmt:
			before_change_database(((RenameStmt *) node)->subname, true);
			return EFFECT_DATABASE_LIST;
		default:
			return EFFECT_NONE;
	}
}

static Effect
prepare_rename(RenameStmt *statement)
{
	if (statement->renameType == OBJECT_DATABASE)
		return prepare_database_command((Node *) statement, false);
	if (statement->renameType == OBJECT_ROLE)
		return EFFECT_SESSION_DEFAULTS;
	return EFFECT_NONE;
}

/*
 * The database whose sessions start with other defaults after the command;
 * InvalidOid: all.
 */
static Oid
concerned_database(Node *node)
{
	const char *name = NULL;

	if (IsA(node, AlterDatabaseSetStmt))
		name = ((AlterDatabaseSetStmt *) node)->dbname;
	else if (IsA(node, AlterRoleSetStmt))
		name = ((AlterRoleSetStmt *) node)->database;
	return name != NULL ? get_database_oid(name, true) : InvalidOid;
}

static Effect
prepare(Node *node, ProcessUtilityContext context)
{
	switch (nodeTag(node))
	{
		case T_DropdbStmt:
		case T_CreatedbStmt:
		case T_AlterDatabaseStmt:
			return prepare_database_command(node, will_be_refused(context));
		case T_RenameStmt:
			return prepare_rename((RenameStmt *) node);
		case T_DropStmt:
			before_drop((DropStmt *) node);
			return EFFECT_NONE;
		case T_AlterExtensionStmt:
			before_extension_change(((AlterExtensionStmt *) node)->extname,
									HOLD_PATIENTLY, CHANGE_GRACE_MS);
			return EFFECT_NONE;
		case T_CreateExtensionStmt:
			return OidIsValid(get_extension_oid(TC_LIBRARY, true)) ?
				EFFECT_NONE : EFFECT_EXTENSION;
		case T_AlterDatabaseSetStmt:
		case T_AlterRoleSetStmt:
		case T_AlterRoleStmt:
		case T_DropRoleStmt:
		case T_GrantRoleStmt:
			return EFFECT_SESSION_DEFAULTS;
		default:
			return EFFECT_NONE;
	}
}

static void
note_effect(Effect effect, Oid database)
{
	switch (effect)
	{
		case EFFECT_NONE:
			break;
		case EFFECT_DATABASE_LIST:
			tc_shared_touch_database_list();
			break;
		case EFFECT_EXTENSION:
			/* CASCADE may have made ours along with another one. */
			if (OidIsValid(get_extension_oid(TC_LIBRARY, true)))
				tc_shared_touch_databases();
			break;
		case EFFECT_SESSION_DEFAULTS:
			tc_shared_touch_session_defaults(database);
			break;
	}
}

static void
watch_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
			  ProcessUtilityContext context, ParamListInfo params,
			  QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	Effect		effect = EFFECT_NONE;
	Oid			database = InvalidOid;

	/* The statement may be gone after its execution: it can commit. */
	if (!RecoveryInProgress())
		effect = prepare(pstmt->utilityStmt, context);
	if (effect == EFFECT_SESSION_DEFAULTS)
		database = concerned_database(pstmt->utilityStmt);

	if (previous_utility)
		previous_utility(pstmt, queryString, readOnlyTree, context, params,
						 queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context, params,
								queryEnv, dest, qc);
	note_effect(effect, database);
}

void
tc_database_hook_install(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = watch_utility;
	previous_object_access = object_access_hook;
	object_access_hook = watch_object_access;
}
