/*-------------------------------------------------------------------------
 *
 * workflow_rules.c
 *		Whether something may go from one status to another, as a map says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "workflow_rules.h"

char *
tc_workflow_clip(const char *word)
{
	return pnstrdup(word, pg_mbcliplen(word, strlen(word), TC_MAX_STATUS_LENGTH));
}

int
tc_workflow_find(const Workflow *workflow, const char *status)
{
	int			i;

	for (i = 0; i < workflow->count; i++)
	{
		if (strcmp(workflow->statuses[i].name, status) == 0)
			return i;
	}
	return -1;
}

const WorkflowMove *
tc_workflow_move(const Workflow *workflow, int from, int to)
{
	const WorkflowStatus *status = &workflow->statuses[from];
	int			i;

	for (i = 0; i < status->move_count; i++)
	{
		if (status->moves[i].to == to)
			return &status->moves[i];
	}
	return NULL;
}

/* ---- problems ---- */

void
tc_workflow_add_problem(WorkflowProblems *problems, const char *code, const char *key,
						const char *message)
{
	WorkflowProblem *problem;

	if (problems->count >= TC_MAX_PROBLEMS)
		return;
	problem = &problems->items[problems->count++];
	problem->code = code;
	problem->key = key;
	problem->message = message;
}

static bool
is_met(const WorkflowNeed *need, WorkflowContext context, void *argument)
{
	int			i;

	for (i = 0; i < need->count; i++)
	{
		if (context(need->keys[i], argument))
			return true;
	}
	return false;
}

static char *
need_text(const WorkflowNeed *need)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	for (i = 0; i < need->count; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? " or " : "", need->keys[i]);
	return text.data;
}

static void
check_needs(const Workflow *workflow, const WorkflowMove *move, WorkflowContext context,
			void *argument, WorkflowProblems *problems)
{
	int			i;

	for (i = 0; i < move->need_count; i++)
	{
		const char *keys;

		if (is_met(&move->needs[i], context, argument))
			continue;
		keys = need_text(&move->needs[i]);
		tc_workflow_add_problem(problems, TC_PROBLEM_MISSING_CONTEXT, keys,
								psprintf("The status \"%s\" requires: %s.",
										 workflow->statuses[move->to].name, keys));
	}
}

static bool
same_need(const WorkflowNeed *one, const WorkflowNeed *other)
{
	int			i;

	if (one->count != other->count)
		return false;
	for (i = 0; i < one->count; i++)
	{
		if (strcmp(one->keys[i], other->keys[i]) != 0)
			return false;
	}
	return true;
}

static bool
has_need(const WorkflowMove *move, const WorkflowNeed *need)
{
	int			i;

	for (i = 0; i < move->need_count; i++)
	{
		if (same_need(&move->needs[i], need))
			return true;
	}
	return false;
}

/*
 * What every way into a status requires is missing whichever way was meant:
 * it is told together with the move that is forbidden.
 */
static void
check_common_needs(const Workflow *workflow, int to, WorkflowContext context, void *argument,
				   WorkflowProblems *problems)
{
	WorkflowMove common = {.to = to};
	WorkflowNeed kept[TC_MAX_NEEDS];
	bool		any = false;
	int			from;
	int			i;

	common.needs = kept;
	for (from = 0; from < workflow->count; from++)
	{
		const WorkflowMove *move = tc_workflow_move(workflow, from, to);
		int			count = 0;

		if (move == NULL)
			continue;
		if (!any)
		{
			memcpy(kept, move->needs, sizeof(WorkflowNeed) * move->need_count);
			common.need_count = move->need_count;
			any = true;
			continue;
		}
		for (i = 0; i < common.need_count; i++)
		{
			if (has_need(move, &kept[i]))
				kept[count++] = kept[i];
		}
		common.need_count = count;
	}
	check_needs(workflow, &common, context, argument, problems);
}

static void
add_unknown(const char *status, WorkflowProblems *problems)
{
	char	   *clipped = tc_workflow_clip(status);

	tc_workflow_add_problem(problems, TC_PROBLEM_UNKNOWN_STATUS, clipped,
							psprintf("The workflow has no status \"%s\".", clipped));
}

bool
tc_workflow_check(const Workflow *workflow, const char *from, const char *to,
				  WorkflowContext context, void *argument, WorkflowProblems *problems)
{
	int			before = problems->count;
	int			old = tc_workflow_find(workflow, from);
	int			new = tc_workflow_find(workflow, to);
	const WorkflowMove *move = NULL;

	if (strcmp(from, to) == 0 && new >= 0)
		return true;
	if (old >= 0 && new >= 0)
		move = tc_workflow_move(workflow, old, new);
	if (new < 0)
		add_unknown(to, problems);
	else if (old < 0)
		add_unknown(from, problems);
	else if (move == NULL)
		tc_workflow_add_problem(problems, TC_PROBLEM_FORBIDDEN_MOVE, to,
								psprintf("The status \"%s\" cannot become \"%s\".", from, to));
	if (context != NULL && move != NULL)
		check_needs(workflow, move, context, argument, problems);
	else if (context != NULL && new >= 0)
		check_common_needs(workflow, new, context, argument, problems);
	return problems->count == before;
}

/* ---- as text and as JSON ---- */

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	(void) pushJsonbValue(state, token, &value);
}

Jsonb *
tc_workflow_problems_jsonb(const WorkflowProblems *problems)
{
	JsonbParseState *state = NULL;
	int			i;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < problems->count; i++)
	{
		(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_string(&state, WJB_KEY, "code");
		push_string(&state, WJB_VALUE, problems->items[i].code);
		push_string(&state, WJB_KEY, "key");
		push_string(&state, WJB_VALUE, problems->items[i].key);
		push_string(&state, WJB_KEY, "message");
		push_string(&state, WJB_VALUE, problems->items[i].message);
		(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

char *
tc_workflow_problems_clipped(const WorkflowProblems *problems, Size size)
{
	Jsonb	   *json = tc_workflow_problems_jsonb(problems);
	char	   *text = JsonbToCString(NULL, &json->root, VARSIZE(json));

	if (strlen(text) >= size)
		text = psprintf("[{\"code\": \"%s\"}]", problems->items[0].code);
	return text;
}

char *
tc_workflow_problems_text(const WorkflowProblems *problems)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	for (i = 0; i < problems->count; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? " " : "", problems->items[i].message);
	return text.data;
}

char *
tc_workflow_allowed_text(const Workflow *workflow, const char *from)
{
	int			old = tc_workflow_find(workflow, from);
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	for (i = 0; old >= 0 && i < workflow->statuses[old].move_count; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "",
						 workflow->statuses[workflow->statuses[old].moves[i].to].name);
	return text.data;
}

bool
tc_workflow_object_has(const Jsonb *object, const char *key)
{
	JsonbValue *value;
	int			i;

	if (object == NULL || !JB_ROOT_IS_OBJECT(object))
		return false;
	value = getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &object->root),
										 key, strlen(key), NULL);
	if (value == NULL || value->type == jbvNull)
		return false;
	if (value->type != jbvString)
		return true;
	for (i = 0; i < value->val.string.len; i++)
	{
		if (value->val.string.val[i] != ' ')
			return true;
	}
	return false;
}

Jsonb *
tc_workflow_needs_jsonb(const WorkflowMove *move)
{
	JsonbParseState *state = NULL;
	int			i;
	int			j;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < move->need_count; i++)
	{
		const WorkflowNeed *need = &move->needs[i];

		if (need->count > 1)
			(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		for (j = 0; j < need->count; j++)
			push_string(&state, WJB_ELEM, need->keys[j]);
		if (need->count > 1)
			(void) pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}
