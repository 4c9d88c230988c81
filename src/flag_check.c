/*-------------------------------------------------------------------------
 *
 * flag_check.c
 *		Is a feature flag on, and why?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "arguments.h"
#include "flag_check.h"
#include "flag_store.h"
#include "statement.h"

/* what decided, as the rest of a sentence about the flag */
static char *
describe_rule(const FlagState *state, const char *subject, FlagRule rule, bool on)
{
	switch (rule)
	{
		case FLAG_RULE_UNKNOWN:
			return pstrdup("does not exist");
		case FLAG_RULE_SWITCHED_OFF:
			return pstrdup("is not enabled");
		case FLAG_RULE_OVERRIDE:
			return psprintf("is overridden to be %s for \"%s\"", on ? "on" : "off",
							tc_shorten(subject));
		case FLAG_RULE_COHORT:
			return psprintf("is on for a cohort of \"%s\"",
							subject != NULL ? tc_shorten(subject) : "");
		case FLAG_RULE_PERCENT:
			if (state->percent == 0)
				return pstrdup("is on for nobody");
			if (state->percent >= TC_FLAG_BUCKETS)
				return pstrdup("is on for everybody");
			if (subject == NULL)
				return psprintf("is on for %d percent, and nobody was named", state->percent);
			return psprintf("is on for %d percent, and \"%s\" has place %d", state->percent,
							tc_shorten(subject), tc_flag_bucket(state->flag, subject));
	}
	return pstrdup("cannot be decided");
}

static char *
describe(const FlagState *asked, const FlagState *state, const char *subject, FlagRule rule,
		 bool on)
{
	char	   *said = describe_rule(state, subject, rule, on);

	if (state == asked)
		return psprintf("flag \"%s\" %s", asked->flag, said);
	return psprintf("flag \"%s\" requires flag \"%s\", which %s", asked->flag, state->flag, said);
}

bool
tc_flag_allows_one(const char *flag, const char *subject, char *const *cohorts,
				   int cohort_count, char **why, bool *known)
{
	MemoryContext outside = CurrentMemoryContext;
	StoreFrame	frame;
	FlagState  *states;
	FlagRule	rule;
	FlagRule	first_rule = FLAG_RULE_UNKNOWN;
	bool		on = true;
	int			count;
	int			decisive = 0;
	int			i;

	tc_store_begin(&frame);
	count = tc_flag_states(flag, subject, cohorts, cohort_count, &states);
	for (i = 0; i < count && on; i++)
	{
		on = tc_flag_decide(&states[i], subject, &rule);
		if (i == 0)
			first_rule = rule;
		if (!on)
			decisive = i;
	}
	if (known != NULL)
		*known = states[0].exists;
	if (why != NULL)
		*why = MemoryContextStrdup(outside, describe(&states[0], &states[decisive], subject,
													 on ? first_rule : rule, on));
	tc_store_end(&frame);
	return on;
}

bool
tc_flag_allows(const char *flag, const char *subject, char **why)
{
	return tc_flag_allows_one(flag, subject, NULL, 0, why, NULL);
}

void
tc_flag_require(const char *argument, const char *flag)
{
	StoreFrame	frame;
	FlagRow		row;
	bool		exists;

	tc_store_begin(&frame);
	exists = tc_flag_find(flag, &row);
	tc_store_end(&frame);
	if (!exists)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("flag \"%s\" does not exist", tc_shorten(flag)),
				 errdetail("\"%s\" is \"%s\".", argument, tc_shorten(flag)),
				 errhint("Make it with taskcenter.set_flag().")));
}
