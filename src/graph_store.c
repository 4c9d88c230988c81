/*-------------------------------------------------------------------------
 *
 * graph_store.c
 *		The rows of graphs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "graph_store.h"

static Statement find_row = {
	.label = "read a graph",
	.text =
	"SELECT first_definition_id, xmin::text::bigint, graph, autonomous FROM taskcenter.graphs"
	" WHERE task_id = $1 AND version = $2",
	.nargs = 2,
	.types = {INT8OID, INT4OID}
};

static Statement find_definition = {
	.label = "find the graph of a definition",
	.text =
	"SELECT task_id, version FROM taskcenter.graphs"
	" WHERE first_definition_id <= $1 AND first_definition_id > $1 - 20000"
	" ORDER BY first_definition_id DESC LIMIT 1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement find_newest = {
	.label = "find the newest graph of a task",
	.text =
	"SELECT version FROM taskcenter.graphs WHERE task_id = $1"
	" ORDER BY version DESC LIMIT 1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement insert_row = {
	.label = "insert a graph",
	.text =
	"INSERT INTO taskcenter.graphs (task_id, version, step_count, graph, created_at,"
	"   created_by, autonomous)"
	" SELECT $1, coalesce((SELECT g.version FROM taskcenter.graphs AS g"
	"   WHERE g.task_id = $1 ORDER BY g.version DESC LIMIT 1), 0) + 1, $2, $3, $4, $5, $6"
	" ON CONFLICT (task_id, version) DO NOTHING"
	" RETURNING version, first_definition_id",
	.nargs = 6,
	.types = {INT8OID, INT4OID, JSONBOID, TIMESTAMPTZOID, TEXTOID, INT4ARRAYOID}
};

static Statement find_nested = {
	.label = "find the composites that a graph names",
	.text =
	"SELECT DISTINCT t.task_id, t.name, t.owner_id FROM taskcenter.graphs AS g"
	" CROSS JOIN LATERAL jsonb_each(g.graph -> 'steps') AS s"
	" JOIN taskcenter.tasks AS t ON t.name = s.value ->> 'task'"
	"   AND t.state <> 'archived' AND t.kind = 'composite'"
	" WHERE g.task_id = $1 AND g.version = (SELECT n.version"
	"   FROM taskcenter.graphs AS n WHERE n.task_id = $1 ORDER BY n.version DESC LIMIT 1)"
	" ORDER BY t.task_id",
	.nargs = 1,
	.types = {INT8OID}
};

static void
read_autonomous(GraphRow *row)
{
	bool		isnull;
	Datum		array = tc_get_datum(0, 4, &isnull);
	Datum	   *elements;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(array), INT4OID, 4, true, TYPALIGN_INT,
					  &elements, NULL, &row->autonomous_count);
	row->autonomous = palloc(sizeof(int) * Max(row->autonomous_count, 1));
	for (i = 0; i < row->autonomous_count; i++)
		row->autonomous[i] = DatumGetInt32(elements[i]);
}

static void
bind_autonomous(Bindings *arguments, const GraphRow *row)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(row->autonomous_count, 1));
	ArrayType  *array;
	int			i;

	for (i = 0; i < row->autonomous_count; i++)
		elements[i] = Int32GetDatum(row->autonomous[i]);
	array = construct_array(elements, row->autonomous_count, INT4OID, 4, true, TYPALIGN_INT);
	tc_bind_datum(arguments, PointerGetDatum(array), false);
}

bool
tc_graph_row_find(int64 task_id, int version, GraphRow *row)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	tc_bind_int32(&arguments, version);
	if (tc_run_bound(&find_row, &arguments) == 0)
		return false;
	row->task_id = task_id;
	row->version = version;
	row->first_definition_id = tc_get_int64(0, 1);
	row->uncommitted =
		TransactionIdIsCurrentTransactionId((TransactionId) tc_get_int64(0, 2));
	row->graph = tc_get_jsonb(0, 3);
	read_autonomous(row);
	return true;
}

bool
tc_graph_row_of_definition(int64 definition_id, int64 *task_id, int *version)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, definition_id);
	if (tc_run_bound(&find_definition, &arguments) == 0)
		return false;
	*task_id = tc_get_int64(0, 1);
	*version = tc_get_int32(0, 2);
	return true;
}

int
tc_graph_row_newest(int64 task_id)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	if (tc_run_bound(&find_newest, &arguments) == 0)
		return 0;
	return tc_get_int32(0, 1);
}

int
tc_graph_row_nested(int64 task_id, TaskName **tasks, MemoryContext where)
{
	Bindings	arguments = {0};
	int			count;
	int			i;

	tc_bind_int64(&arguments, task_id);
	count = (int) tc_run_bound(&find_nested, &arguments);
	*tasks = MemoryContextAlloc(where, sizeof(TaskName) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*tasks)[i].task_id = tc_get_int64(i, 1);
		(*tasks)[i].name = MemoryContextStrdup(where, tc_get_text(i, 2));
		(*tasks)[i].owner_id = (Oid) tc_get_int64(i, 3);
	}
	return count;
}

void
tc_graph_row_insert(GraphRow *row, int step_count, const char *created_by,
					TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, row->task_id);
	tc_bind_int32(&arguments, step_count);
	tc_bind_jsonb(&arguments, row->graph);
	tc_bind_timestamptz(&arguments, now);
	tc_bind_text(&arguments, created_by);
	bind_autonomous(&arguments, row);
	/* a conflict is seen by old snapshots only, and raised there */
	if (tc_run_bound(&insert_row, &arguments) == 0)
		elog(ERROR, "graph of task %lld was saved meanwhile", (long long) row->task_id);
	row->version = tc_get_int32(0, 1);
	row->first_definition_id = tc_get_int64(0, 2);
	row->uncommitted = true;
}
