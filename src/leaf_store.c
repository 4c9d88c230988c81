/*-------------------------------------------------------------------------
 *
 * leaf_store.c
 *		The single partitions of a set: what there is, emptied whole, dropped
 *		when empty.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "bindings.h"
#include "leaf_store.h"
#include "partition_store.h"
#include "row_count.h"
#include "taskcenter.h"

static Statement list_leaves = {
	.label = "list partitions",
	.text =
	"SELECT c.relname::text, b.range[1]::timestamptz, b.range[2]::timestamptz,"
	"   EXISTS (SELECT FROM pg_index AS x JOIN pg_attribute AS a"
	"     ON a.attrelid = c.oid AND a.attnum = x.indkey[0]"
	"     WHERE x.indrelid = c.oid AND a.attname = 'task_id' AND x.indisvalid),"
	"   pg_relation_size(c.oid) = 0"
	" FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
	" LEFT JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),"
	"   'FROM \\(''([^'']*)''\\) TO \\(''([^'']*)''\\)') AS b (range) ON true"
	" WHERE i.inhparent = format('taskcenter.%I', $1)::regclass"
	"   AND (b.range IS NOT NULL OR pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')"
	" ORDER BY 2 NULLS LAST",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement leaf_bytes = {
	.label = "look at the size of a partition",
	.text = "SELECT pg_total_relation_size(format('taskcenter.%I', $1)::regclass)",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement leaf_oid = {
	.label = "look a partition up",
	.text = "SELECT format('taskcenter.%I', $1)::regclass::oid::bigint",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement leaf_is_void = {
	.label = "look whether a partition is empty",
	.text = "SELECT pg_relation_size(format('taskcenter.%I', $1)::regclass) = 0",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement leaf_by_task = {
	.label = "look whether a partition has its index",
	.text =
	"SELECT EXISTS (SELECT FROM pg_index AS x JOIN pg_attribute AS a"
	"     ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]"
	"   WHERE x.indrelid = format('taskcenter.%I', $1)::regclass"
	"     AND a.attname = 'task_id' AND x.indisvalid)",
	.nargs = 1,
	.types = {TEXTOID}
};

static const char *
table_of(const Leaf *leaf)
{
	return quote_qualified_identifier(TC_SCHEMA, leaf->name);
}

int
tc_leaves_list(int set, Leaf **leaves)
{
	Bindings	arguments = {0};
	int			count;
	int			i;

	/* bounds are read in a form that does not depend on the session */
	(void) set_config_option("datestyle", "ISO, YMD", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	tc_bind_text(&arguments, tc_partition_parent(set));
	count = (int) tc_run_bound(&list_leaves, &arguments);
	*leaves = palloc(sizeof(Leaf) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		Leaf	   *leaf = &(*leaves)[i];

		leaf->set = set;
		leaf->name = tc_get_text(i, 1);
		leaf->from = tc_get_timestamptz(i, 2);
		leaf->until = tc_is_null(i, 3) ? DT_NOEND : tc_get_timestamptz(i, 3);
		leaf->by_task = tc_get_bool(i, 4);
		leaf->is_void = tc_get_bool(i, 5);
	}
	return count;
}

void
tc_leaf_lock(const Leaf *leaf)
{
	tc_run_utility("lock a partition",
				   psprintf("LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE", table_of(leaf)));
}

static uint64
run_for(Statement *statement, const Leaf *leaf)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, leaf->name);
	return tc_run_bound(statement, &arguments);
}

bool
tc_leaf_is_void(const Leaf *leaf)
{
	run_for(&leaf_is_void, leaf);
	return tc_get_bool(0, 1);
}

int64
tc_leaf_bytes(const Leaf *leaf)
{
	run_for(&leaf_bytes, leaf);
	return tc_get_int64(0, 1);
}

int64
tc_leaf_rows(const Leaf *leaf)
{
	Statement	count = {.label = "count the rows of a partition",.any_plan = true,
	.transient = true};
	int64		rows;

	run_for(&leaf_oid, leaf);
	if (tc_row_count((Oid) tc_get_int64(0, 1), &rows))
		return rows;
	count.text = psprintf("SELECT count(*) FROM %s", table_of(leaf));
	tc_run(&count, NULL, NULL);
	return tc_get_int64(0, 1);
}

void
tc_leaf_index(const Leaf *leaf)
{
	/* another purge, or an earlier piece of this one, may have been quicker */
	tc_leaf_lock(leaf);
	run_for(&leaf_by_task, leaf);
	if (tc_get_bool(0, 1))
		return;
	tc_run_utility("index a partition",
				   psprintf("CREATE INDEX %s ON %s (task_id)",
							quote_identifier(psprintf("%s_task_idx", leaf->name)),
							table_of(leaf)));
}

void
tc_leaf_truncate(const Leaf *leaf)
{
	tc_run_utility("empty a partition", psprintf("TRUNCATE TABLE ONLY %s", table_of(leaf)));
}

void
tc_leaves_lock(int set)
{
	tc_run_utility("lock partitions",
				   psprintf("LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE",
							quote_qualified_identifier(TC_SCHEMA, tc_partition_parent(set))));
}

void
tc_leaves_drop(const Leaf *leaves, int count)
{
	StringInfoData text;
	int			dropped = 0;
	int			i;

	initStringInfo(&text);
	for (i = 0; i < count; i++)
	{
		/* somebody late may still write to it */
		if (!tc_leaf_is_void(&leaves[i]))
			continue;
		appendStringInfo(&text, "%s%s", dropped++ == 0 ? "DROP TABLE " : ", ",
						 table_of(&leaves[i]));
	}
	if (dropped > 0)
		tc_run_utility("drop partitions", text.data);
}
