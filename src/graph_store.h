/*-------------------------------------------------------------------------
 *
 * graph_store.h
 *		The rows of graphs: versions of what a composite task consists of.
 *
 * Layer 3.2.  Called between tc_store_begin() and tc_store_end().  A row never
 * changes, and is never deleted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_STORE_H
#define TC_GRAPH_STORE_H

#include "datatype/timestamp.h"
#include "task_store.h"

/* definition ids begin here, and a graph owns so many of them: TC_MAX_STEPS */
#define TC_FIRST_DEFINITION INT64CONST(1000000000000)
#define TC_DEFINITIONS_OF_GRAPH 20000

typedef struct GraphRow
{
	int64		task_id;
	int			version;
	int64		first_definition_id;
	bool		uncommitted;	/* this transaction made it, and may undo it */
	Jsonb	   *graph;
	int			autonomous_count;
	int		   *autonomous;		/* steps that surely cannot run in a
								 * transaction, in ascending order */
} GraphRow;

/* false: there is none */
extern bool tc_graph_row_find(int64 task_id, int version, GraphRow *row);

/* which graph owns a definition id; false: none */
extern bool tc_graph_row_of_definition(int64 definition_id, int64 *task_id, int *version);

/* the highest version of a task; 0: none */
extern int	tc_graph_row_newest(int64 task_id);

/* the composite tasks that the newest graph of a task names */
extern int	tc_graph_row_nested(int64 task_id, TaskName **tasks, MemoryContext where);

/* the next version of a task whose row is locked; fills version and id */
extern void tc_graph_row_insert(GraphRow *row, int step_count, const char *created_by,
								TimestampTz now);

#endif							/* TC_GRAPH_STORE_H */
