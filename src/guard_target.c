/*-------------------------------------------------------------------------
 *
 * guard_target.c
 *		A table that somebody wants to be guarded, or no longer: may he, and
 *		can it be?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "arguments.h"
#include "compat.h"
#include "guard_target.h"
#include "taskcenter.h"

/* ---- the table ---- */

static void
check_owner(Oid relation)
{
	char	   *name = get_rel_name(relation);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation),
				 errdetail("\"relation\" is %u.", relation),
				 errhint("Name a table of this database.")));
	if (!tc_owns_relation(relation, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", name),
				 errdetail("Role \"%s\" does not have the privileges of its owner.",
						   GetUserNameFromId(GetUserId(), true)),
				 errhint("Ask the owner of the table, or SET ROLE to it.")));
}

void
tc_guard_refuse_table(Relation rel, int code, const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("cannot guard \"%s\"", RelationGetRelationName(rel)),
			 errdetail("%s", why),
			 errhint("%s", hint)));
}

static void
check_kind(Relation rel)
{
	if (rel->rd_rel->relkind != RELKIND_RELATION &&
		rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		tc_guard_refuse_table(rel, ERRCODE_WRONG_OBJECT_TYPE, "It is not a table.",
							  "Guard the table that holds the rows.");
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		tc_guard_refuse_table(rel, ERRCODE_FEATURE_NOT_SUPPORTED,
							  "It is a temporary table, and its history would outlive it.",
							  "Guard a table that stays.");
	if (IsCatalogRelation(rel) ||
		RelationGetNamespace(rel) == get_namespace_oid(TC_SCHEMA, true))
		tc_guard_refuse_table(rel, ERRCODE_INSUFFICIENT_PRIVILEGE,
							  "It belongs to the server or to taskcenter.",
							  "Guard a table of your own.");
	if (rel->rd_rel->relkind == RELKIND_RELATION && has_subclass(RelationGetRelid(rel)))
		tc_guard_refuse_table(rel, ERRCODE_FEATURE_NOT_SUPPORTED,
							  "Other tables inherit from it, and its triggers do not fire for their rows.",
							  "Guard each of them, or use partitions.");
}

Relation
tc_guard_open_table(Oid relation)
{
	Relation	rel;

	/* nobody waits for, nor locks, what is not his */
	check_owner(relation);
	LockRelationOid(relation, ShareRowExclusiveLock);
	check_owner(relation);
	rel = relation_open(relation, NoLock);
	check_kind(rel);
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		(void) find_all_inheritors(relation, ShareRowExclusiveLock, NULL);
	return rel;
}

/* ---- its columns ---- */

static AttrNumber
require_column(Relation rel, const char *argument, const char *name)
{
	AttrNumber	number = get_attnum(RelationGetRelid(rel), name);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(rel), name),
				 errdetail("\"%s\" names \"%s\".", argument, name),
				 errhint("Write the column's name in its own letters, without quotes around it.")));
	return number;
}

static AttrNumber
require_status_column(Relation rel, const char *name)
{
	AttrNumber	number = require_column(rel, "status_column", name);
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), number - 1);
	StatusKind	kind;

	if (attribute->attgenerated)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" cannot be guarded", name),
				 errdetail("It is generated from other columns."),
				 errhint("Guard a column that is written.")));
	if (!tc_status_type(attribute->atttypid, &kind))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot be guarded", name),
				 errdetail("Its type is %s.", format_type_be(attribute->atttypid)),
				 errhint("A status is text, varchar, an enum, or a domain over one of these.")));
	return number;
}

static void
check_key_column(Relation rel, AttrNumber number)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), number - 1);
	Oid			base_type;
	KeyKind		kind;

	if (!tc_row_key_type(attribute->atttypid, &base_type, &kind))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot be part of a row's key",
						NameStr(attribute->attname)),
				 errdetail("Its type is %s.", format_type_be(attribute->atttypid)),
				 errhint("A key is made of integers, numeric, text, uuid, boolean, dates and times, network addresses, enums, or domains over these.")));
	if (!attribute->attnotnull)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" cannot be part of a row's key",
						NameStr(attribute->attname)),
				 errdetail("It may be null."),
				 errhint("Use ALTER TABLE ... ALTER COLUMN ... SET NOT NULL.")));
}

static bool
contains(const AttrNumber *numbers, int count, AttrNumber number)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (numbers[i] == number)
			return true;
	}
	return false;
}

/* does an index let no two rows share the key, but for the status? */
static bool
index_identifies(Oid index, const AttrNumber *key, int count, AttrNumber status)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	bool		identifies;
	int			i;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	identifies = form->indisunique && form->indisvalid &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
		heap_attisnull(tuple, Anum_pg_index_indexprs, NULL);
	for (i = 0; i < form->indnkeyatts && identifies; i++)
		identifies = form->indkey.values[i] == status ||
			contains(key, count, form->indkey.values[i]);
	ReleaseSysCache(tuple);
	return identifies;
}

static void
check_key_identifies(Relation rel, const AttrNumber *key, int count, AttrNumber status)
{
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(rel))
	{
		if (index_identifies(lfirst_oid(cell), key, count, status))
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot guard \"%s\" by this key", RelationGetRelationName(rel)),
			 errdetail("No primary key or unique index says that \"key_columns\" identify a row."),
			 errhint("Name the columns of a unique index, or make one.")));
}

/* the primary key without the status, which a partitioned table's key may have to hold */
static int
default_key(Relation rel, AttrNumber status, AttrNumber *key)
{
	Oid			index;
	HeapTuple	tuple;
	Form_pg_index form;
	int			count = 0;
	int			i;

	(void) RelationGetIndexList(rel);
	index = rel->rd_pkindex;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	if (HeapTupleIsValid(tuple))
	{
		form = (Form_pg_index) GETSTRUCT(tuple);
		for (i = 0; i < form->indnkeyatts; i++)
		{
			if (form->indkey.values[i] != status)
				key[count++] = form->indkey.values[i];
		}
		ReleaseSysCache(tuple);
	}
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no primary key to tell its rows apart by",
						RelationGetRelationName(rel)),
				 errdetail("\"key_columns\" is null."),
				 errhint("Give the columns of a unique index in \"key_columns\", or add a primary key.")));
	return count;
}

static int
read_key(Relation rel, char *const *names, int count, AttrNumber status, AttrNumber *key)
{
	int			i;

	if (names == NULL)
		return default_key(rel, status, key);
	tc_check_int("key_columns", count, 1, INDEX_MAX_KEYS);
	for (i = 0; i < count; i++)
	{
		AttrNumber	number = require_column(rel, "key_columns", names[i]);

		if (number == status || contains(key, i, number))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" cannot be part of the row's key", names[i]),
					 errdetail("\"key_columns\" names it twice, or it is the status."),
					 errhint("Name each column once.")));
		key[i] = number;
	}
	check_key_identifies(rel, key, count, status);
	return count;
}

/* ---- as a whole ---- */

char *
tc_guard_qualified_name(Relation rel)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
									  RelationGetRelationName(rel));
}

void
tc_guard_describe_table(Relation rel, const char *status_column, char *const *key_columns,
						int key_count, UserTable *table)
{
	AttrNumber *key = palloc(sizeof(AttrNumber) * INDEX_MAX_KEYS);
	int			i;

	table->relation = tc_guard_qualified_name(rel);
	table->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	table->partitioned = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	table->status = require_status_column(rel, status_column);
	table->key_count = read_key(rel, key_columns, key_count, table->status, key);
	table->key = key;
	for (i = 0; i < table->key_count; i++)
		check_key_column(rel, key[i]);
}
