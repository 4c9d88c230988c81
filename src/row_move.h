/*-------------------------------------------------------------------------
 *
 * row_move.h
 *		May a row of a guarded table go from one status to another?
 *
 * Layer 4.  A row may enter the workflow at any of its statuses: when it is
 * inserted, from no status, and from one that the workflow does not know.  It
 * never leaves it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ROW_MOVE_H
#define TC_ROW_MOVE_H

#include "compat.h"
#include "guard_cache.h"
#include "workflow_cache.h"

/* the workflow of the guard, held until the transaction ends; NULL: it is gone */
extern const CachedWorkflow *tc_row_workflow(const TableGuard *guard);

/* 55000 */
tc_noreturn extern void tc_row_report_no_workflow(const TableGuard *guard);

/*
 * NULL: no status.  The context is that of the transaction and of the call;
 * it is not looked at in an apply worker.
 */
extern bool tc_row_may_become(const Workflow *workflow, const char *from, const char *to,
							  WorkflowProblems *problems);

/* the statuses that may follow, as text */
extern char *tc_row_allowed_text(const Workflow *workflow, const char *from);

/* and as their number and names */
extern char **tc_row_allowed(const Workflow *workflow, const char *from, int *count);

#endif							/* TC_ROW_MOVE_H */
