/*-------------------------------------------------------------------------
 *
 * graph_rules.c
 *		When a step of a graph may start.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph_rules.h"

static const char *const kind_labels[] = {
	[STEP_COMMAND] = "command",
	[STEP_TASK] = "task",
	[STEP_WAIT] = "wait",
	[STEP_CHECK] = "check",
	[STEP_APPROVAL] = "approval",
	[STEP_SIGNAL] = "signal"
};

static const char *const rule_labels[] = {
	[STEP_RULE_ALL_SUCCESS] = "all_success",
	[STEP_RULE_ALL_DONE] = "all_done",
	[STEP_RULE_ALL_FAILED] = "all_failed",
	[STEP_RULE_ONE_SUCCESS] = "one_success",
	[STEP_RULE_ONE_FAILED] = "one_failed",
	[STEP_RULE_NONE_FAILED] = "none_failed",
	[STEP_RULE_NONE_SKIPPED] = "none_skipped",
	[STEP_RULE_K_OF_N] = "k_of_n"
};

static const char *const operator_labels[] = {
	[CHECK_EQUAL] = "=",
	[CHECK_NOT_EQUAL] = "<>",
	[CHECK_LESS] = "<",
	[CHECK_LESS_EQUAL] = "<=",
	[CHECK_GREATER] = ">",
	[CHECK_GREATER_EQUAL] = ">="
};

const char *
tc_step_kind_label(StepKind kind)
{
	return kind_labels[kind];
}

const char *
tc_step_rule_label(StepRule rule)
{
	return rule_labels[rule];
}

const char *
tc_check_operator_label(CheckOperator op)
{
	return operator_labels[op];
}

static int
find_label(const char *const *labels, int count, const char *label, int length)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if ((int) strlen(labels[i]) == length && memcmp(labels[i], label, length) == 0)
			return i;
	}
	return -1;
}

int
tc_step_rule_of(const char *label, int length)
{
	return find_label(rule_labels, lengthof(rule_labels), label, length);
}

int
tc_check_operator_of(const char *label, int length)
{
	return find_label(operator_labels, lengthof(operator_labels), label, length);
}

/* it starts when all have arrived, unless something has spoilt it before */
static StepVerdict
when_all(bool spoilt, int pending)
{
	if (spoilt)
		return STEP_VERDICT_SKIP;
	return pending == 0 ? STEP_VERDICT_START : STEP_VERDICT_WAIT;
}

/* it starts with enough of a kind; it never will when too few are left */
static StepVerdict
when_enough(int have, int needed, int pending)
{
	if (have >= needed)
		return STEP_VERDICT_START;
	return have + pending < needed ? STEP_VERDICT_SKIP : STEP_VERDICT_WAIT;
}

StepVerdict
tc_step_verdict(StepRule rule, int k, const StepArrivals *arrivals)
{
	int			pending = arrivals->total - arrivals->succeeded - arrivals->failed -
	arrivals->skipped;

	Assert(pending >= 0);
	if (arrivals->total == 0)
		return STEP_VERDICT_START;
	switch (rule)
	{
		case STEP_RULE_ALL_SUCCESS:
			return when_all(arrivals->failed + arrivals->skipped > 0, pending);
		case STEP_RULE_ALL_DONE:
			return when_all(false, pending);
		case STEP_RULE_ALL_FAILED:
			return when_all(arrivals->succeeded + arrivals->skipped > 0, pending);
		case STEP_RULE_ONE_SUCCESS:
			return when_enough(arrivals->succeeded, 1, pending);
		case STEP_RULE_ONE_FAILED:
			return when_enough(arrivals->failed, 1, pending);
		case STEP_RULE_NONE_FAILED:
			return when_all(arrivals->failed > 0, pending);
		case STEP_RULE_NONE_SKIPPED:
			return when_all(arrivals->skipped > 0, pending);
		case STEP_RULE_K_OF_N:
			return when_enough(arrivals->succeeded, k, pending);
	}
	return STEP_VERDICT_WAIT;
}
