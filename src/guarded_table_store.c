/*-------------------------------------------------------------------------
 *
 * guarded_table_store.c
 *		The rows of guarded_tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "bindings.h"
#include "guarded_table_store.h"
#include "taskcenter.h"

static Statement find_bearer = {
	.label = "look up what bears a guard",
	.text =
	"SELECT c.oid::bigint, format('%I.%I', n.nspname, c.relname),"
	"   c.relowner::bigint, pg_get_userbyid(c.relowner)::text"
	" FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
	" WHERE c.oid = coalesce((SELECT a.relid::oid FROM pg_partition_ancestors($1::oid) AS a (relid)"
	"     WHERE EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = a.relid AND t.tgparentid = 0"
	"       AND t.tgfoid = 'taskcenter.guard_row()'::regprocedure) LIMIT 1), $1::oid)",
	.nargs = 1,
	.types = {OIDOID},
	.any_plan = true
};

/* tgargs holds the workflow and the id, each ended by a zero byte */
static Statement find_row = {
	.label = "read a guarded table",
	.text =
	"SELECT g.guarded_table_id, g.relation, g.relation_id, g.owner, g.owner_id,"
	"   g.status_column, g.key_columns, g.workflow, g.state = 'guarded'"
	" FROM taskcenter.guarded_tables AS g"
	" WHERE g.guarded_table_id = $1"
	"   AND (g.relation_id = $2 OR (g.owner = $3 AND NOT EXISTS (SELECT FROM pg_trigger AS t"
	"     WHERE t.tgrelid = g.relation_id::oid AND t.tgfoid = 'taskcenter.guard_row()'::regprocedure"
	"       AND split_part(encode(t.tgargs, 'escape'), chr(92) || '000', 2) = g.guarded_table_id::text)))",
	.nargs = 3,
	.types = {INT8OID, INT8OID, TEXTOID}
};

static Statement find_former = {
	.label = "read a table that was guarded",
	.text =
	"SELECT g.guarded_table_id, g.relation, g.relation_id, g.owner, g.owner_id,"
	"   g.status_column, g.key_columns, g.workflow, g.state = 'guarded'"
	" FROM taskcenter.guarded_tables AS g"
	" WHERE g.relation_id = $1 AND (g.relation = $2 OR g.owner = $3)"
	" ORDER BY g.guarded_table_id DESC LIMIT 1",
	.nargs = 3,
	.types = {INT8OID, TEXTOID, TEXTOID}
};

static Statement insert_row = {
	.label = "insert a guarded table",
	.text =
	"INSERT INTO taskcenter.guarded_tables (guarded_table_id, relation, relation_id, owner,"
	"   owner_id, status_column, key_columns, workflow, state, guarded_at, guarded_by)"
	" SELECT n.id, CASE WHEN EXISTS (SELECT FROM taskcenter.guarded_tables AS g"
	"     WHERE g.relation = $2) THEN format('%s (%s)', $2, n.id) ELSE $2 END,"
	"   $3, $4, $5, $6, $7, $8, CASE WHEN $9 THEN 'guarded' ELSE 'unguarded' END, $10, $11"
	" FROM (SELECT nextval('taskcenter.guarded_table_ids')) AS n (id)"
	" RETURNING guarded_table_id",
	.nargs = 11,
	.types = {INT8OID, TEXTOID, INT8OID, TEXTOID, INT8OID, TEXTOID, TEXTARRAYOID, TEXTOID,
	BOOLOID, TIMESTAMPTZOID, TEXTOID}
};

/* relation stays: the history knows the table by it */
static Statement update_row = {
	.label = "update a guarded table",
	.text =
	"UPDATE taskcenter.guarded_tables SET relation_id = $3, owner = $4,"
	"   owner_id = $5, status_column = $6, key_columns = $7, workflow = $8,"
	"   state = CASE WHEN $9 THEN 'guarded' ELSE 'unguarded' END,"
	"   guarded_at = CASE WHEN $9 AND state = 'unguarded' THEN $10 ELSE guarded_at END,"
	"   guarded_by = CASE WHEN $9 AND state = 'unguarded' THEN $11 ELSE guarded_by END"
	" WHERE guarded_table_id = $1 RETURNING guarded_table_id",
	.nargs = 11,
	.types = {INT8OID, TEXTOID, INT8OID, TEXTOID, INT8OID, TEXTOID, TEXTARRAYOID, TEXTOID,
	BOOLOID, TIMESTAMPTZOID, TEXTOID}
};

void
tc_guarded_bearer(Oid relation, GuardBearer *bearer)
{
	Bindings	arguments = {0};

	tc_bind_datum(&arguments, ObjectIdGetDatum(relation), false);
	if (tc_run_bound(&find_bearer, &arguments) == 0)
		elog(ERROR, "relation %u does not exist", relation);
	bearer->relation_id = (Oid) tc_get_int64(0, 1);
	bearer->name = tc_get_text(0, 2);
	bearer->owner_id = (Oid) tc_get_int64(0, 3);
	bearer->owner = tc_get_text(0, 4);
}

static void
read_row(GuardedTableRow *row)
{
	Datum	   *elements;
	bool		isnull;
	int			i;

	row->guarded_table_id = tc_get_int64(0, 1);
	row->relation = tc_get_text(0, 2);
	row->relation_id = (Oid) tc_get_int64(0, 3);
	row->owner = tc_get_text(0, 4);
	row->owner_id = (Oid) tc_get_int64(0, 5);
	row->status_column = tc_get_text(0, 6);
	deconstruct_array(DatumGetArrayTypeP(tc_get_datum(0, 7, &isnull)), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &row->key_count);
	row->key_columns = palloc(sizeof(char *) * Max(row->key_count, 1));
	for (i = 0; i < row->key_count; i++)
		row->key_columns[i] = TextDatumGetCString(elements[i]);
	row->workflow = tc_get_text(0, 8);
	row->guarded = tc_get_bool(0, 9);
}

bool
tc_guarded_find(int64 id, const GuardBearer *bearer, GuardedTableRow *row)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, id);
	tc_bind_int64(&arguments, bearer->relation_id);
	tc_bind_text(&arguments, bearer->owner);
	if (tc_run_bound(&find_row, &arguments) == 0)
		return false;
	read_row(row);
	return true;
}

bool
tc_guarded_find_former(const GuardBearer *bearer, GuardedTableRow *row)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, bearer->relation_id);
	tc_bind_text(&arguments, bearer->name);
	tc_bind_text(&arguments, bearer->owner);
	if (tc_run_bound(&find_former, &arguments) == 0)
		return false;
	read_row(row);
	return true;
}

static Datum
text_array(char *const *words, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(words[i]);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

int64
tc_guarded_save(const GuardedTableRow *row, const char *guarded_by, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, row->guarded_table_id);
	tc_bind_text(&arguments, row->relation);
	tc_bind_int64(&arguments, row->relation_id);
	tc_bind_text(&arguments, row->owner);
	tc_bind_int64(&arguments, row->owner_id);
	tc_bind_text(&arguments, row->status_column);
	tc_bind_datum(&arguments, text_array(row->key_columns, row->key_count), false);
	tc_bind_text(&arguments, row->workflow);
	tc_bind_bool(&arguments, row->guarded);
	tc_bind_timestamptz(&arguments, now);
	tc_bind_text(&arguments, guarded_by);
	if (tc_run_bound(row->guarded_table_id == 0 ? &insert_row : &update_row, &arguments) == 0)
		elog(ERROR, "guarded table " INT64_FORMAT " does not exist", row->guarded_table_id);
	return tc_get_int64(0, 1);
}

static Statement find_lapsed = {
	.label = "look at guarded tables",
	.text =
	"SELECT string_agg(p.name, ', ' ORDER BY p.name) FILTER (WHERE p.place < 5)"
	"   || CASE WHEN count(*) > 4 THEN format(', and %s more', count(*) - 4) ELSE '' END"
	" FROM (SELECT n.name, row_number() OVER (ORDER BY n.name) AS place FROM ("
	"     SELECT t.tgrelid::regclass::text AS name FROM pg_trigger AS t"
	"     WHERE t.tgfoid = 'taskcenter.guard_row()'::regprocedure AND t.tgenabled <> 'A'"
	"     UNION SELECT c.oid::regclass::text FROM taskcenter.guarded_tables AS g"
	"     JOIN pg_class AS c ON c.oid = g.relation_id::oid"
	"     WHERE g.state = 'guarded' AND NOT EXISTS (SELECT FROM pg_trigger AS t"
	"       WHERE t.tgrelid = c.oid AND t.tgfoid = 'taskcenter.guard_row()'::regprocedure)"
	"   ) AS n) AS p",
	.any_plan = true
};

char *
tc_guarded_look(void)
{
	tc_run(&find_lapsed, NULL, NULL);
	return tc_get_text(0, 1);
}

Oid
tc_guarded_relation(void)
{
	return get_relname_relid("guarded_tables", get_namespace_oid(TC_SCHEMA, false));
}
