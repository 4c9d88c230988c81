/*-------------------------------------------------------------------------
 *
 * workflow_store.h
 *		The rows of workflows, and what uses them.
 *
 * Layer 3.  No function has a frame of its own: they are called between
 * tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORKFLOW_STORE_H
#define TC_WORKFLOW_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct WorkflowRow
{
	int64		workflow_id;
	char	   *name;
	char	   *initial;
	Jsonb	   *transitions;
	Datum		terminal;		/* text[] */
	bool		terminal_is_null;	/* where nothing may follow, work ends */
	char	   *description;	/* NULL: none */
	char	   *owner;			/* name as stored */
	Oid			owner_id;
} WorkflowRow;

/*
 * locked: for the transaction, against a change by another; in a transaction
 * that sees an old state of the database it raises 40001 if there was one.
 */
extern bool tc_workflow_row_find(const char *name, bool locked, WorkflowRow *row);

/* false: the name is taken */
extern bool tc_workflow_row_insert(WorkflowRow *row, TimestampTz now);
extern void tc_workflow_row_update(const WorkflowRow *row, TimestampTz now);
extern void tc_workflow_row_delete(int64 workflow_id);

/* the workflow that is shipped, unless there is one of its name */
extern void tc_workflow_row_seed(TimestampTz now);

/* the elements of a text array, allocated in CurrentMemoryContext */
extern char **tc_workflow_terminal(const WorkflowRow *row, int *count);

/*
 * What stands in a status that is none of these, or (NULL) uses the workflow
 * at all: the first few, for a DETAIL; NULL: nothing.
 */
extern char *tc_workflow_row_users(const char *name, char *const *statuses, int count);

#endif							/* TC_WORKFLOW_STORE_H */
