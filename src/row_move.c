/*-------------------------------------------------------------------------
 *
 * row_move.c
 *		May a row of a guarded table go from one status to another?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "replication/logicalworker.h"

#include "audit_context.h"
#include "row_move.h"

const CachedWorkflow *
tc_row_workflow(const TableGuard *guard)
{
	return tc_workflow_hold(guard->workflow);
}

void
tc_row_report_no_workflow(const TableGuard *guard)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("workflow \"%s\" does not exist", guard->workflow),
			 errdetail("It guards the status of table %s.", guard->table.relation),
			 errhint("Make it with taskcenter.create_workflow(), or call taskcenter.unguard_table().")));
}

static bool
is_blank(const char *text)
{
	return text == NULL || text[strspn(text, " ")] == '\0';
}

/* what set_context() or the call gave */
static bool
has_context(const char *key, void *argument)
{
	if (strcmp(key, "reason") == 0)
		return !is_blank(tc_audit_reason());
	return tc_workflow_object_has(tc_audit_metadata(), key);
}

/* may the row stand anywhere, as far as the workflow can say? */
static bool
is_outside(const Workflow *workflow, const char *from)
{
	return from == NULL || tc_workflow_find(workflow, from) < 0;
}

bool
tc_row_may_become(const Workflow *workflow, const char *from, const char *to,
				  WorkflowProblems *problems)
{
	if (to == NULL)
	{
		tc_workflow_add_problem(problems, TC_PROBLEM_FORBIDDEN_MOVE, "null",
								"A status cannot be removed.");
		return false;
	}
	if (!is_outside(workflow, from))
		return tc_workflow_check(workflow, from, to, IsLogicalWorker() ? NULL : has_context,
								 NULL, problems);
	if (tc_workflow_find(workflow, to) >= 0)
		return true;
	to = tc_workflow_clip(to);
	tc_workflow_add_problem(problems, TC_PROBLEM_UNKNOWN_STATUS, to,
							psprintf("The workflow has no status \"%s\".", to));
	return false;
}

char	  **
tc_row_allowed(const Workflow *workflow, const char *from, int *count)
{
	char	  **names = palloc(sizeof(char *) * Max(workflow->count, 1));
	const WorkflowStatus *status;
	int			i;

	*count = 0;
	if (is_outside(workflow, from))
	{
		for (i = 0; i < workflow->count; i++)
			names[(*count)++] = workflow->statuses[i].name;
		return names;
	}
	status = &workflow->statuses[tc_workflow_find(workflow, from)];
	for (i = 0; i < status->move_count; i++)
		names[(*count)++] = workflow->statuses[status->moves[i].to].name;
	return names;
}

char *
tc_row_allowed_text(const Workflow *workflow, const char *from)
{
	StringInfoData text;
	int			count;
	char	  **names = tc_row_allowed(workflow, from, &count);
	int			i;

	initStringInfo(&text);
	for (i = 0; i < count; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "", names[i]);
	return text.data;
}
