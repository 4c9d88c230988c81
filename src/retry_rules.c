/*-------------------------------------------------------------------------
 *
 * retry_rules.c
 *		A task's own rules about which errors are worth another attempt.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "arguments.h"
#include "backoff.h"
#include "retry_rules.h"

typedef struct RetryRule
{
	char	   *sqlstate;
	RetryDecision decision;
} RetryRule;

static void
refuse_rule(int position, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("retry rule %d is not valid", position),
			 errdetail("%s", detail),
			 errhint("A rule is an object such as "
					 "{\"sqlstate\": \"40\", \"retry\": true, \"delay\": \"5 seconds\"}.")));
}

static bool
sqlstate_is_valid(const char *text)
{
	size_t		length = strlen(text);

	if (strcmp(text, "*") == 0)
		return true;
	return (length == 2 || length == 5) &&
		strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == length;
}

static RetryRule
read_rule(JsonbValue *element, int position)
{
	static const char *const known[] = {"sqlstate", "retry", "delay", "max_attempts", NULL};
	RetryRule	rule = {NULL, {true, -1, -1}};
	Jsonb	   *object;
	Interval   *delay;

	if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
		refuse_rule(position, "It is not an object.");
	object = JsonbValueToJsonb(element);
	tc_options_check(object, known);
	rule.sqlstate = tc_option_text(object, "sqlstate");
	if (rule.sqlstate == NULL || !sqlstate_is_valid(rule.sqlstate))
		refuse_rule(position, "\"sqlstate\" must be five characters, the two of a class, or \"*\".");
	(void) tc_option_bool(object, "retry", &rule.decision.retry);
	(void) tc_option_int32(object, "max_attempts", &rule.decision.max_attempts);
	delay = tc_option_interval(object, "delay");
	if (delay != NULL && (!tc_interval_usecs(delay, &rule.decision.delay) ||
						  rule.decision.delay < 0))
		refuse_rule(position, "\"delay\" must not be negative.");
	return rule;
}

static bool
rule_matches(const RetryRule *rule, const char *sqlstate)
{
	if (strcmp(rule->sqlstate, "*") == 0)
		return true;
	return strncmp(rule->sqlstate, sqlstate, strlen(rule->sqlstate)) == 0;
}

/* The first rule that matches sqlstate into *found; NULL reads them all. */
static bool
find_rule(const Jsonb *rules, const char *sqlstate, RetryRule *found)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;
	int			position = 0;

	if (rules == NULL)
		return false;
	if (!JB_ROOT_IS_ARRAY(rules) || JB_ROOT_IS_SCALAR(rules))
		refuse_rule(0, "The rules are not an array.");
	iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &rules->root));
	(void) JsonbIteratorNext(&iterator, &element, false);	/* WJB_BEGIN_ARRAY */
	while ((token = JsonbIteratorNext(&iterator, &element, true)) == WJB_ELEM)
	{
		*found = read_rule(&element, ++position);
		if (sqlstate != NULL && rule_matches(found, sqlstate))
			return true;
	}
	return false;
}

void
tc_retry_rules_check(const Jsonb *rules)
{
	RetryRule	rule;

	(void) find_rule(rules, NULL, &rule);
}

RetryDecision
tc_retry_decide(const Jsonb *rules, const char *sqlstate)
{
	RetryRule	rule;

	if (find_rule(rules, sqlstate, &rule))
		return rule.decision;
	rule.decision.retry = tc_error_is_retryable(sqlstate);
	rule.decision.delay = -1;
	rule.decision.max_attempts = -1;
	return rule.decision;
}
