/*-------------------------------------------------------------------------
 *
 * user_table_store.c
 *		Statements on a user's table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type_d.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "guarded_table_store.h"
#include "statement.h"
#include "taskcenter.h"
#include "user_table_store.h"

#define SHOWN_OUTSIDERS 5

static const char *
column_name(TupleDesc desc, AttrNumber number)
{
	return quote_identifier(NameStr(TupleDescAttr(desc, number - 1)->attname));
}

/* ---- triggers ---- */

static void
append_change(StringInfo text, TupleDesc desc, AttrNumber number)
{
	const char *name = column_name(desc, number);

	appendStringInfo(text, "OLD.%s IS DISTINCT FROM NEW.%s", name, name);
}

/*
 * The status first, then the key: the guard is read out of this condition.
 * before: in a BEFORE trigger, which does not know generated columns yet.
 */
static void
append_when(StringInfo text, const UserTable *table, bool before)
{
	int			i;

	appendStringInfoString(text, " FOR EACH ROW WHEN (");
	append_change(text, table->desc, table->status);
	for (i = 0; i < table->key_count; i++)
	{
		if (before && TupleDescAttr(table->desc, table->key[i] - 1)->attgenerated)
			continue;
		appendStringInfoString(text, " OR ");
		append_change(text, table->desc, table->key[i]);
	}
	appendStringInfoString(text, ")");
}

static void
add_trigger(const UserTable *table, const char *name, const char *event, const char *when,
			const char *call)
{
	tc_run_utility_as_caller("guard a table",
							 psprintf("CREATE TRIGGER %s %s ON %s%s%s", name, event,
									  table->relation, when, call));
	tc_run_utility_as_caller("guard a table always",
							 psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
									  table->relation, name));
}

void
tc_user_table_add_guard(const UserTable *table, const char *workflow, int64 guarded_table_id)
{
	char	   *call = psprintf(" EXECUTE FUNCTION %s.%s(%s, '" INT64_FORMAT "')",
								quote_identifier(TC_SCHEMA), TC_GUARD_FUNCTION,
								quote_literal_cstr(workflow), guarded_table_id);
	StringInfoData after;
	StringInfoData before;

	initStringInfo(&after);
	append_when(&after, table, false);
	add_trigger(table, TC_TRIGGER_CHANGE, "AFTER UPDATE", after.data, call);
	add_trigger(table, TC_TRIGGER_INSERT, "AFTER INSERT", " FOR EACH ROW", call);
	if (!table->partitioned)
		return;
	initStringInfo(&before);
	append_when(&before, table, true);
	add_trigger(table, TC_TRIGGER_MOVE, "BEFORE UPDATE", before.data, call);
}

void
tc_user_table_drop_trigger(const char *relation, const char *trigger)
{
	tc_run_utility_as_caller("no longer guard a table",
							 psprintf("DROP TRIGGER %s ON %s", quote_identifier(trigger), relation));
}

/* ---- the population ---- */

char *
tc_user_table_outsiders(const UserTable *table, char *const *statuses, int count)
{
	static const Oid types[] = {TEXTARRAYOID};
	Datum	   *words = palloc(sizeof(Datum) * Max(count, 1));
	Datum		known;
	StringInfoData text;
	uint64		rows;
	uint64		i;

	for (i = 0; i < (uint64) count; i++)
		words[i] = CStringGetTextDatum(statuses[i]);
	known = PointerGetDatum(construct_array(words, count, TEXTOID, -1, false, TYPALIGN_INT));
	initStringInfo(&text);
	appendStringInfo(&text,
					 "SELECT s.status, s.rows, pg_catalog.sum(s.rows) OVER ()::pg_catalog.int8"
					 " FROM (SELECT t.%s::pg_catalog.text AS status, pg_catalog.count(*) AS rows"
					 "   FROM %s AS t WHERE t.%s::pg_catalog.text"
					 "     OPERATOR(pg_catalog.<>) ALL ($1) GROUP BY 1) AS s"
					 " ORDER BY s.rows DESC, s.status LIMIT %d",
					 column_name(table->desc, table->status), table->relation,
					 column_name(table->desc, table->status), SHOWN_OUTSIDERS);
	rows = tc_run_on_user_table("look for other statuses", text.data, 1, types, &known);
	if (rows == 0)
		return NULL;
	resetStringInfo(&text);
	for (i = 0; i < rows; i++)
		appendStringInfo(&text, "%s\"%s\" (" INT64_FORMAT ")", i > 0 ? ", " : "",
						 tc_get_text(i, 1), tc_get_int64(i, 2));
	appendStringInfo(&text, "%s; rows in all: " INT64_FORMAT,
					 rows == SHOWN_OUTSIDERS ? ", ..." : "", tc_get_int64(0, 3));
	return text.data;
}

/* ---- one row ---- */

/* the equality that the type's indexes know, whatever the search path is */
static char *
equality_of(const KeyColumn *column)
{
	TypeCacheEntry *type = lookup_type_cache(column->type, TYPECACHE_EQ_OPR);
	HeapTuple	tuple;
	Form_pg_operator form;
	char	   *result;

	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(type->eq_opr));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "type %u has no equality", column->type);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return result;
}

static void
append_where(StringInfo text, TupleDesc desc, const TableGuard *guard)
{
	int			i;

	for (i = 0; i < guard->key.count; i++)
		appendStringInfo(text, "%s t.%s %s $%d", i == 0 ? " WHERE" : " AND",
						 column_name(desc, guard->key.columns[i].number),
						 equality_of(&guard->key.columns[i]), i + 1);
}

static Oid *
types_of(const TableGuard *guard)
{
	Oid		   *types = palloc(sizeof(Oid) * (guard->key.count + 1));
	int			i;

	for (i = 0; i < guard->key.count; i++)
		types[i] = guard->key.columns[i].type;
	types[guard->key.count] = guard->status_type;
	return types;
}

uint64
tc_user_table_find_row(const char *relation, TupleDesc desc, const TableGuard *guard,
					   const Datum *values, bool lock, char **status, Datum *stored)
{
	StringInfoData text;
	uint64		rows;
	int			i;

	initStringInfo(&text);
	appendStringInfo(&text, "SELECT t.%s::pg_catalog.text", column_name(desc, guard->status));
	for (i = 0; i < guard->key.count; i++)
		appendStringInfo(&text, ", t.%s", column_name(desc, guard->key.columns[i].number));
	appendStringInfo(&text, " FROM %s AS t", relation);
	append_where(&text, desc, guard);
	if (lock)
		appendStringInfoString(&text, " FOR NO KEY UPDATE");
	rows = tc_run_on_user_table("look at a row", text.data, guard->key.count,
								types_of(guard), values);
	if (rows == 0)
		return 0;
	*status = tc_get_text(0, 1);
	for (i = 0; i < guard->key.count; i++)
	{
		bool		isnull;

		stored[i] = tc_get_datum(0, i + 2, &isnull);
	}
	return rows;
}

uint64
tc_user_table_set_status(const char *relation, TupleDesc desc, const TableGuard *guard,
						 const Datum *values, Datum status, char **now)
{
	Datum	   *all = palloc(sizeof(Datum) * (guard->key.count + 1));
	StringInfoData text;
	uint64		rows;

	memcpy(all, values, sizeof(Datum) * guard->key.count);
	all[guard->key.count] = status;
	initStringInfo(&text);
	appendStringInfo(&text, "UPDATE %s AS t SET %s = $%d", relation,
					 column_name(desc, guard->status), guard->key.count + 1);
	append_where(&text, desc, guard);
	appendStringInfo(&text, " RETURNING t.%s::pg_catalog.text", column_name(desc, guard->status));
	rows = tc_run_on_user_table("set the status of a row", text.data, guard->key.count + 1,
								types_of(guard), all);
	*now = rows > 0 ? tc_get_text(0, 1) : NULL;
	return rows;
}
