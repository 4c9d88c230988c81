/*-------------------------------------------------------------------------
 *
 * status_change.h
 *		Moving a task of kind manual from one status to another.
 *
 * Layer 3.8: a step that other steps use.  Called between tc_store_begin()
 * and tc_store_end(), on behalf of somebody who may.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STATUS_CHANGE_H
#define TC_STATUS_CHANGE_H

#include "status_history_store.h"
#include "task_store.h"
#include "workflow_cache.h"

/* codes of problems that are none of the workflow */
#define TC_PROBLEM_NO_SUCH_TASK "no_such_task"
#define TC_PROBLEM_NO_PERMISSION "permission_denied"
#define TC_PROBLEM_NOT_MANUAL "not_manual"
#define TC_PROBLEM_ARCHIVED "archived"

/* what somebody asks for */
typedef struct StatusRequest
{
	const char *to;
	const char *reason;			/* NULL: none */
	Jsonb	   *metadata;		/* NULL: none */
	const char *expected;		/* NULL: whatever it is */
	const char *actor;
} StatusRequest;

/* what became of it */
typedef struct StatusAnswer
{
	bool		success;
	const char *old_status;		/* NULL: it has none */
	const char *status;			/* the present one */
	const Workflow *rules;		/* NULL: it has none */
	WorkflowProblems problems;
} StatusAnswer;

/*
 * Move a task that is locked, if its workflow lets it, and write the history
 * either way.  A status that it already has is no move: it succeeds and leaves
 * no row.  Reason and metadata are kept without secrets.
 */
extern void tc_status_change(const TaskRow *task, const StatusRequest *request,
							 TimestampTz now, StatusAnswer *answer);

/* the status that a task of kind manual begins with; 42704 if there is no such workflow */
extern void tc_status_begin_task(TaskRow *task);

/*
 * Insert a task; one of kind manual into the first status of its workflow,
 * with its first row of history.  42704 if there is no such workflow; false:
 * the name is taken.
 */
extern bool tc_status_insert_task(TaskRow *task, const char *reason, const char *actor,
								  TimestampTz now);

/* 42704 and 55000 unless its workflow, if it is to have one, knows the status that it has */
extern void tc_status_check_workflow(const TaskRow *task);

/*
 * Is this context given, by a reason (NULL: none) and metadata (NULL: none)?
 * A WorkflowContext; the argument is a StatusRequest.
 */
extern bool tc_status_request_has(const char *key, void *argument);

/* ---- refusing a plain UPDATE ---- */

/* the DETAIL: what is wrong, and what may follow */
extern char *tc_status_refusal_detail(const Workflow *rules, const char *from,
									  const WorkflowProblems *problems);

#endif							/* TC_STATUS_CHANGE_H */
