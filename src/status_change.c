/*-------------------------------------------------------------------------
 *
 * status_change.c
 *		Moving a task of kind manual from one status to another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "redact.h"
#include "redact_json.h"
#include "status_change.h"

/* ---- is it allowed? ---- */

bool
tc_status_request_has(const char *key, void *argument)
{
	const StatusRequest *request = argument;

	if (strcmp(key, "reason") == 0 && request->reason != NULL)
		return true;
	return tc_workflow_object_has(request->metadata, key);
}

static void
check_expected(const StatusRequest *request, const char *status, WorkflowProblems *problems)
{
	if (request->expected == NULL || strcmp(request->expected, status) == 0)
		return;
	tc_workflow_add_problem(problems, TC_PROBLEM_CONFLICT, tc_workflow_clip(request->expected),
							psprintf("The status is \"%s\", and not \"%s\".", status,
									 tc_workflow_clip(request->expected)));
}

char *
tc_status_refusal_detail(const Workflow *rules, const char *from,
						 const WorkflowProblems *problems)
{
	char	   *allowed = tc_workflow_allowed_text(rules, from);

	return psprintf("%s Allowed from \"%s\": %s.", tc_workflow_problems_text(problems), from,
					allowed[0] != '\0' ? allowed : "nothing");
}

/* ---- what is kept ---- */

static void
describe(const TaskRow *task, const StatusRequest *request, TimestampTz now,
		 StatusHistoryRow *row)
{
	memset(row, 0, sizeof(StatusHistoryRow));
	row->task_id = task->task_id;
	row->owner_id = task->owner_id;
	row->old_status = task->status;
	row->reason = tc_redact_text(request->reason);
	row->metadata = tc_redact_json(request->metadata);
	row->actor = request->actor;
	row->at = now;
}

static void
record_refusal(const TaskRow *task, const StatusRequest *request, TimestampTz now,
			   const WorkflowProblems *problems)
{
	StatusHistoryRow row;

	describe(task, request, now, &row);
	row.requested_status = tc_workflow_clip(request->to);
	row.problems = tc_workflow_problems_jsonb(problems);
	tc_status_history_insert(&row);
}

static void
carry_out(const TaskRow *task, const StatusRequest *request, TimestampTz now)
{
	StatusHistoryRow row;

	describe(task, request, now, &row);
	row.new_status = request->to;
	tc_status_history_move(&row);
}

static const CachedWorkflow *
hold_workflow(const char *name)
{
	const CachedWorkflow *workflow = tc_workflow_hold(name);

	if (workflow == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("workflow \"%s\" does not exist", name),
				 errdetail("\"workflow\" is \"%s\".", name),
				 errhint("Make it with taskcenter.create_workflow().")));
	return workflow;
}

void
tc_status_check_workflow(const TaskRow *task)
{
	const CachedWorkflow *workflow;

	if (strcmp(task->kind, TC_KIND_MANUAL) != 0)
		return;
	workflow = hold_workflow(tc_task_text(task, TASK_WORKFLOW));
	if (tc_workflow_find(&workflow->rules, task->status) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("workflow \"%s\" has no status \"%s\"", workflow->name, task->status),
				 errdetail("Task \"%s\" is in that status.", task->name),
				 errhint("Move the task to a status that both workflows have, or alter the workflow.")));
}

/* ---- steps ---- */

void
tc_status_change(const TaskRow *task, const StatusRequest *request, TimestampTz now,
				 StatusAnswer *answer)
{
	const CachedWorkflow *workflow;

	memset(answer, 0, sizeof(StatusAnswer));
	answer->old_status = answer->status = task->status;
	workflow = hold_workflow(tc_task_text(task, TASK_WORKFLOW));
	answer->rules = &workflow->rules;
	check_expected(request, task->status, &answer->problems);
	(void) tc_workflow_check(&workflow->rules, task->status, request->to,
							 tc_status_request_has, unconstify(StatusRequest *, request),
							 &answer->problems);
	if (answer->problems.count > 0)
	{
		record_refusal(task, request, now, &answer->problems);
		return;
	}
	answer->success = true;
	if (strcmp(task->status, request->to) == 0)
		return;
	carry_out(task, request, now);
	answer->status = request->to;
}

void
tc_status_begin_task(TaskRow *task)
{
	const CachedWorkflow *workflow;

	if (strcmp(task->kind, TC_KIND_MANUAL) != 0)
		return;
	workflow = hold_workflow(tc_task_text(task, TASK_WORKFLOW));
	task->status = pstrdup(workflow->rules.statuses[workflow->rules.initial].name);
}

bool
tc_status_insert_task(TaskRow *task, const char *reason, const char *actor, TimestampTz now)
{
	StatusHistoryRow row = {0};

	if (strcmp(task->kind, TC_KIND_MANUAL) != 0)
		return tc_task_insert(task, now);
	tc_status_begin_task(task);
	if (!tc_task_insert(task, now))
		return false;
	row.task_id = task->task_id;
	row.owner_id = task->owner_id;
	row.new_status = task->status;
	row.reason = tc_redact_text(reason);
	row.actor = actor;
	row.at = now;
	tc_status_history_insert(&row);
	return true;
}
