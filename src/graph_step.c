/*-------------------------------------------------------------------------
 *
 * graph_step.c
 *		Reading one step of a graph.
 *
 * Types of all keys are looked at here, ranges of those that the graph itself
 * understands.  How a step is executed (time-outs, settings and the like) is
 * checked where graphs are saved, by the rules for tasks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph_part.h"
#include "taskcenter.h"

#define MAX_ATTEMPTS 10000
#define MAX_ROLES 100
#define MAX_QUORUM 1000
#define MIN_EVERY (USECS_PER_SEC / 10)
#define DEFAULT_EVERY (10 * USECS_PER_SEC)
#define MAX_SIGNAL_KEY 1000		/* bytes */

static const StepKey step_keys[] = {
	{"after", OF_ANY, KEY_ARRAY},
	{"backoff", OF_COMMANDS, KEY_TEXT},
	{"backoff_base", OF_COMMANDS, KEY_TEXT},
	{"backoff_cap", OF_COMMANDS, KEY_TEXT},
	{"batch", OF_COMMANDS, KEY_INT},
	{"capture_output", OF_COMMANDS, KEY_BOOL},
	{"compensate", OF_RUNS, KEY_TEXT},
	{"description", OF_ANY, KEY_TEXT},
	{"for_each", OF_RUNS, KEY_TEXT},
	{"isolation", OF_COMMANDS, KEY_TEXT},
	{"k", OF_ANY, KEY_INT},
	{"log_level", OF_COMMANDS, KEY_TEXT},
	{"max_attempts", OF_RUNS, KEY_INT},
	{"max_items", OF_RUNS, KEY_INT},
	{"on_crash", OF_COMMANDS, KEY_TEXT},
	{"on_error", OF_ANY, KEY_TEXT},
	{"params", OF_RUNS | OF(STEP_CHECK), KEY_OBJECT},
	{"priority", OF_RUNS, KEY_INT},
	{"queue", OF_COMMANDS, KEY_TEXT},
	{"requires_flag", OF_ANY, KEY_TEXT},
	{"retry_rules", OF_COMMANDS, KEY_ARRAY},
	{"rule", OF_ANY, KEY_TEXT},
	{"settings", OF_QUERIES, KEY_OBJECT},
	{"synchronous_commit", OF_COMMANDS, KEY_TEXT},
	{"timeout", OF_QUERIES, KEY_TEXT},
	{"transaction_mode", OF_COMMANDS, KEY_TEXT},
	{"when", OF_ANY, KEY_TEXT}
};

static const StepKey check_keys[] = {
	{"deadline", OF_ANY, KEY_TEXT},
	{"every", OF_ANY, KEY_TEXT},
	{"for", OF_ANY, KEY_TEXT},
	{"on_breach", OF_ANY, KEY_TEXT},
	{"op", OF_ANY, KEY_TEXT},
	{"sql", OF_ANY, KEY_TEXT}
};

static const StepKey approval_keys[] = {
	{"exclude_requester", OF_ANY, KEY_BOOL},
	{"expires", OF_ANY, KEY_TEXT},
	{"on_expiry", OF_ANY, KEY_TEXT},
	{"quorum", OF_ANY, KEY_INT},
	{"roles", OF_ANY, KEY_ARRAY}
};

static const StepKey signal_keys[] = {
	{"deadline", OF_ANY, KEY_TEXT},
	{"name", OF_ANY, KEY_TEXT}
};

/* ---- the kinds ---- */

static bool
read_wait(const GraphPart *step, GraphStep *node)
{
	JsonbValue *value = tc_graph_member(step->object, "wait");
	char	   *text;

	node->wait_until = DT_NOBEGIN;
	if (value->type != jbvString)
		return tc_part_fail(step, "wait", pstrdup("is not a text"));
	text = pnstrdup(value->val.string.val, value->val.string.len);

	if (tc_graph_instant(text, &node->wait_until) ||
		tc_graph_duration(text, &node->wait_for))
		return true;
	return tc_part_fail(step, "wait",
						psprintf("is \"%s\", neither an interval such as \"2 hours\" nor a time with an offset such as \"2030-12-01T03:00:00+00:00\"",
								 tc_graph_clip(text, strlen(text))));
}

static bool
read_operator(const GraphPart *part, StepCheck *check)
{
	JsonbValue *op = tc_graph_member(part->object, "op");
	JsonbValue *value = tc_graph_member(part->object, "value");
	int			found;

	if (!tc_part_require(part, "op") || !tc_part_require(part, "value"))
		return false;
	found = tc_check_operator_of(op->val.string.val, op->val.string.len);
	if (found < 0)
		return tc_part_fail(part, "op",
							psprintf("is \"%s\", which is none of: =, <>, <, <=, >, >=",
									 tc_graph_clip(op->val.string.val, op->val.string.len)));
	check->op = (CheckOperator) found;
	if (value->type == jbvBinary)
		return tc_part_fail(part, "value", pstrdup("is not a number, a text, true or false"));
	check->value = tc_part_jsonb(value);
	return true;
}

static bool
read_check(const GraphPart *step, GraphStep *node)
{
	static const char *const others[] = {"value", NULL};
	JsonbValue *value = tc_graph_member(step->object, "check");
	GraphPart	part = {step->reader, node, "check", tc_graph_object(value)};
	StepCheck  *check = node->check = palloc0(sizeof(StepCheck));
	bool		fails;

	if (part.object == NULL)
		return tc_part_fail(step, "check", pstrdup("is not an object"));
	check->every = DEFAULT_EVERY;
	if (!tc_part_check(&part, check_keys, lengthof(check_keys), others) ||
		!tc_part_require(&part, "sql") ||
		!tc_part_text(&part, "sql", TC_MAX_STEP_TEXT, &check->sql) ||
		!read_operator(&part, check) ||
		!tc_part_duration(&part, "for", 0, &check->hold_for) ||
		!tc_part_duration(&part, "every", MIN_EVERY, &check->every) ||
		!tc_part_choice(&part, "on_breach", "restart", "fail", &fails) ||
		!tc_part_duration(&part, "deadline", 1, &check->deadline))
		return false;
	check->restart = !fails;
	return true;
}

static bool
read_roles(const GraphPart *part, StepApproval *approval)
{
	JsonbContainer *array;
	int			i;

	if (!tc_part_require(part, "roles"))
		return false;
	array = tc_graph_array(tc_graph_member(part->object, "roles"));
	approval->role_count = JsonContainerSize(array);
	if (approval->role_count == 0 || approval->role_count > MAX_ROLES)
		return tc_part_fail(part, "roles", psprintf("names not from 1 to %d roles", MAX_ROLES));
	approval->roles = palloc(sizeof(char *) * approval->role_count);
	for (i = 0; i < approval->role_count; i++)
	{
		JsonbValue *role = getIthJsonbValueFromContainer(array, i);

		if (role->type != jbvString || role->val.string.len == 0 ||
			role->val.string.len >= NAMEDATALEN)
			return tc_part_fail(part, psprintf("roles[%d]", i), pstrdup("is not the name of a role"));
		approval->roles[i] = pnstrdup(role->val.string.val, role->val.string.len);
	}
	return true;
}

static bool
read_approval(const GraphPart *step, GraphStep *node)
{
	static const char *const others[] = {NULL};
	JsonbValue *value = tc_graph_member(step->object, "approval");
	GraphPart	part = {step->reader, node, "approval", tc_graph_object(value)};
	StepApproval *approval = node->approval = palloc0(sizeof(StepApproval));
	JsonbValue *exclude;

	if (part.object == NULL)
		return tc_part_fail(step, "approval", pstrdup("is not an object"));
	approval->quorum = 1;
	if (!tc_part_check(&part, approval_keys, lengthof(approval_keys), others) ||
		!read_roles(&part, approval) ||
		!tc_part_int(&part, "quorum", 1, MAX_QUORUM, &approval->quorum) ||
		!tc_part_duration(&part, "expires", 1, &approval->expires) ||
		!tc_part_choice(&part, "on_expiry", "reject", "approve", &approval->expiry_approves))
		return false;
	exclude = tc_graph_member(part.object, "exclude_requester");
	approval->exclude_requester = exclude != NULL && exclude->val.boolean;
	if (approval->expires == 0 && tc_graph_member(part.object, "on_expiry") != NULL)
		return tc_part_fail(&part, "on_expiry", pstrdup("has no meaning without \"expires\""));
	return true;
}

/* a text, or what is to become one */
static bool
read_signal_key(const GraphPart *part, GraphStep *node)
{
	JsonbValue *key = tc_graph_member(part->object, "key");

	if (key == NULL)
		return true;
	if (key->type == jbvString && key->val.string.len > MAX_SIGNAL_KEY)
		return tc_part_fail(part, "key", psprintf("has more than %d bytes", MAX_SIGNAL_KEY));
	if (key->type != jbvString &&
		(tc_graph_object(key) == NULL ||
		 (tc_graph_member(tc_graph_object(key), "$output") == NULL &&
		  tc_graph_member(tc_graph_object(key), "$param") == NULL)))
		return tc_part_fail(part, "key", pstrdup("is neither a text nor {\"$param\": ...} nor {\"$output\": ...}"));
	node->key = tc_part_jsonb(key);
	return true;
}

static bool
read_signal(const GraphPart *step, GraphStep *node)
{
	static const char *const others[] = {"key", NULL};
	JsonbValue *value = tc_graph_member(step->object, "signal");
	GraphPart	part = {step->reader, node, "signal", tc_graph_object(value)};

	if (value->type == jbvString)
		return tc_part_text(step, "signal", TC_MAX_NAME_LENGTH, &node->signal);
	if (part.object == NULL)
		return tc_part_fail(step, "signal", pstrdup("is neither a text nor an object"));
	return tc_part_check(&part, signal_keys, lengthof(signal_keys), others) &&
		tc_part_require(&part, "name") &&
		tc_part_text(&part, "name", TC_MAX_NAME_LENGTH, &node->signal) &&
		read_signal_key(&part, node) &&
		tc_part_duration(&part, "deadline", 1, &node->deadline);
}

static bool
read_named(const GraphPart *step, const char *key, int max_length, char **text)
{
	if (tc_graph_member(step->object, key)->type != jbvString)
		return tc_part_fail(step, key, pstrdup("is not a text"));
	return tc_part_text(step, key, max_length, text);
}

static bool
read_by_kind(const GraphPart *step, GraphStep *node)
{
	switch (node->kind)
	{
		case STEP_COMMAND:
			return read_named(step, "command", TC_MAX_STEP_TEXT, &node->command);
		case STEP_TASK:
			return read_named(step, "task", TC_MAX_NAME_LENGTH, &node->task);
		case STEP_WAIT:
			return read_wait(step, node);
		case STEP_CHECK:
			return read_check(step, node);
		case STEP_APPROVAL:
			return read_approval(step, node);
		case STEP_SIGNAL:
			return read_signal(step, node);
	}
	return false;
}

/* The one key that says what the step is. */
static bool
find_what_it_is(GraphReader *reader, GraphStep *step)
{
	int			found = -1;
	int			i;

	for (i = 0; i < STEP_KIND_COUNT; i++)
	{
		if (tc_graph_member(step->document, tc_step_kind_label((StepKind) i)) == NULL)
			continue;
		if (found >= 0)
			return tc_graph_fail(reader, tc_graph_place(step, NULL),
								 psprintf("is both \"%s\" and \"%s\"",
										  tc_step_kind_label((StepKind) found),
										  tc_step_kind_label((StepKind) i)));
		found = i;
	}
	if (found < 0)
		return tc_graph_fail(reader, tc_graph_place(step, NULL),
							 pstrdup("has none of: command, task, wait, check, approval, signal"));
	step->kind = (StepKind) found;
	return true;
}

/* ---- what all have ---- */

static bool
read_rule(const GraphPart *part, GraphStep *step)
{
	JsonbValue *rule = tc_graph_member(part->object, "rule");
	bool		has_k = tc_graph_member(part->object, "k") != NULL;
	int			found = STEP_RULE_ALL_SUCCESS;

	if (rule != NULL)
		found = tc_step_rule_of(rule->val.string.val, rule->val.string.len);
	if (found < 0)
		return tc_part_fail(part, "rule",
							psprintf("is \"%s\", which is none of: all_success, all_done, all_failed, one_success, one_failed, none_failed, none_skipped, k_of_n",
									 tc_graph_clip(rule->val.string.val, rule->val.string.len)));
	step->rule = (StepRule) found;
	if ((step->rule == STEP_RULE_K_OF_N) != has_k)
		return tc_part_fail(part, "k", pstrdup(has_k ? "belongs to the rule k_of_n only"
											   : "is missing: the rule k_of_n needs it"));
	return tc_part_int(part, "k", 1, TC_MAX_STEPS, &step->k);
}

static bool
read_items(const GraphPart *part, GraphStep *step)
{
	step->max_items = TC_MAX_ITEMS;
	if (!tc_part_text(part, "for_each", TC_MAX_STEP_TEXT, &step->for_each) ||
		!tc_part_int(part, "max_items", 1, TC_MAX_ITEMS, &step->max_items))
		return false;
	if (step->for_each == NULL && tc_graph_member(part->object, "max_items") != NULL)
		return tc_part_fail(part, "max_items", pstrdup("has no meaning without \"for_each\""));
	return true;
}

bool
tc_graph_read_step(GraphReader *reader, GraphStep *step)
{
	GraphPart	part = {reader, step, NULL, step->document};
	const char *others[] = {NULL, NULL};
	JsonbValue *params = tc_graph_member(step->document, "params");

	if (!find_what_it_is(reader, step))
		return false;
	others[0] = tc_step_kind_label(step->kind);
	if (!tc_part_check(&part, step_keys, lengthof(step_keys), others) ||
		!read_by_kind(&part, step) ||
		!read_rule(&part, step) ||
		!tc_part_choice(&part, "on_error", "stop", "continue", &step->goes_on) ||
		!tc_part_text(&part, "when", TC_MAX_STEP_TEXT, &step->condition) ||
		!tc_part_text(&part, "compensate", TC_MAX_STEP_TEXT, &step->compensate) ||
		!tc_part_text(&part, "requires_flag", TC_MAX_NAME_LENGTH, &step->requires_flag) ||
		!tc_part_text(&part, "queue", TC_MAX_NAME_LENGTH, &step->queue) ||
		!read_items(&part, step) ||
		!tc_part_int(&part, "max_attempts", 1, MAX_ATTEMPTS, &step->max_attempts) ||
		!tc_part_int(&part, "priority", -TC_MAX_PRIORITY, TC_MAX_PRIORITY, &step->priority))
		return false;
	step->has_priority = tc_graph_member(step->document, "priority") != NULL;
	step->params = params == NULL ? NULL : tc_part_jsonb(params);
	return true;
}
