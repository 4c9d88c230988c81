/*-------------------------------------------------------------------------
 *
 * workflow_cache.h
 *		Workflows that this process has read, and holding one still while a
 *		transaction moves something by it.
 *
 * Layer 3.5.  Whoever moves a status holds the workflow: others may hold it
 * too, but nobody alters it until the transaction ends, so that no row can
 * slip into a status that the new map does not know.  What was read is kept
 * for the life of the process and read again when workflows changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORKFLOW_CACHE_H
#define TC_WORKFLOW_CACHE_H

#include "workflow_rules.h"

typedef struct CachedWorkflow
{
	int64		workflow_id;
	const char *name;
	Workflow	rules;
} CachedWorkflow;

/*
 * Hold a workflow.  NULL: there is none of that name.  The result is valid
 * until this transaction alters that workflow itself.  Opens a frame of its
 * own when it must read.
 */
extern const CachedWorkflow *tc_workflow_hold(const char *name);

/* wait until nobody holds it, and let nobody until the transaction ends */
extern void tc_workflow_hold_exclusively(const char *name);

/* rows of workflows changed: every process reads again, this one at once */
extern void tc_workflow_forget_at_commit(Oid workflows);

#endif							/* TC_WORKFLOW_CACHE_H */
