/*-------------------------------------------------------------------------
 *
 * rate_limit.c
 *		How many runs may begin in how long: a bucket of tokens, and budgets.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "arguments.h"
#include "rate_limit.h"

#define MAX_RUNS 1000000
#define MAX_BUDGET INT64CONST(1000000000)

static const char *const budget_words[BUDGET_PERIOD_COUNT] = {"daily", "monthly"};

/* longer than any of them: how far the clock can be set back */
static const int64 budget_longest[BUDGET_PERIOD_COUNT] = {
	25 * USECS_PER_HOUR, 32 * USECS_PER_DAY
};

static void
refuse(const char *name, const char *source)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a rate", name),
			 errdetail("\"%s\" is \"%s\".", name, tc_shorten(source)),
			 errhint("Write how many runs in how long, such as \"100 per minute\" or \"5/second\": 1 to %d runs, in a millisecond to a year; or how many in a day or a month of the calendar, such as \"1000 daily\" or \"150 monthly\"; or one of each, with commas between them.",
					 MAX_RUNS)));
}

/* what follows "per" or "/", without blanks; NULL: neither is there */
static const char *
period_of(const char *rest)
{
	while (*rest == ' ')
		rest++;
	if (*rest == '/')
		rest++;
	else if (strncmp(rest, "per ", 4) == 0)
		rest += 4;
	else
		return NULL;
	while (*rest == ' ')
		rest++;
	return *rest == '\0' ? NULL : rest;
}

/* is the rest of a part the word of a budget? */
static bool
parse_budget(RateLimit *limit, int64 runs, const char *rest)
{
	int			i;

	while (*rest == ' ')
		rest++;
	for (i = 0; i < BUDGET_PERIOD_COUNT; i++)
	{
		if (strcmp(rest, budget_words[i]) != 0 || limit->budgets[i] != 0 || runs > MAX_BUDGET)
			continue;
		limit->budgets[i] = runs;
		return true;
	}
	return false;
}

static bool
parse_bucket(RateLimit *limit, const char *name, int64 runs, const char *rest)
{
	const char *period = period_of(rest);

	if (period == NULL || limit->runs != 0 || runs > MAX_RUNS)
		return false;
	/* "per minute" is per one minute */
	if (!isdigit((unsigned char) period[0]))
		period = psprintf("1 %s", period);
	limit->runs = runs;
	return tc_interval_usecs(tc_parse_interval(name, period), &limit->period) &&
		limit->period >= 1000 && limit->period <= 366 * USECS_PER_DAY;
}

/* one part of the list, which is a copy; false: it is none */
static bool
parse_part(RateLimit *limit, const char *name, char *part)
{
	char	   *end = part + strlen(part);
	char	   *rest;
	int64		runs;

	while (*part == ' ')
		part++;
	while (end > part && end[-1] == ' ')
		*--end = '\0';
	if (!isdigit((unsigned char) part[0]))
		return false;
	errno = 0;
	runs = strtoll(part, &rest, 10);
	return errno == 0 && runs >= 1 &&
		(parse_budget(limit, runs, rest) || parse_bucket(limit, name, runs, rest));
}

RateLimit
tc_rate_limit_parse(const char *name, const char *source)
{
	RateLimit	limit = {0};
	char	   *part = pstrdup(source);

	while (part != NULL)
	{
		char	   *next = strchr(part, ',');

		if (next != NULL)
			*next++ = '\0';
		if (!parse_part(&limit, name, part))
			refuse(name, source);
		part = next;
	}
	return limit;
}

void
tc_rate_turn(RateUse *use, BudgetPeriod period, TimestampTz written_end, int64 written_begun,
			 TimestampTz end, TimestampTz now)
{
	bool		counts = written_end > now && written_end - end <= budget_longest[period];

	use->ends_at[period] = counts ? written_end : end;
	use->begun[period] = counts ? written_begun : 0;
}

/* one token's share of the period, rounded up: never faster than the limit */
static int64
pace_of(const RateLimit *limit)
{
	return (limit->period + limit->runs - 1) / limit->runs;
}

bool
tc_rate_settle(const RateLimit *limit, RateUse *use, TimestampTz now)
{
	TimestampTz latest;

	if (limit->runs == 0)
		return false;
	latest = now + limit->runs * pace_of(limit);
	if (use->full_at <= latest)
		return false;
	use->full_at = latest;
	return true;
}

static int64
tokens_of(const RateLimit *limit, const RateUse *use, TimestampTz now)
{
	int64		missing;

	if (use->full_at <= now)
		return limit->runs;
	missing = (use->full_at - now + pace_of(limit) - 1) / pace_of(limit);
	return Max(limit->runs - missing, 0);
}

int64
tc_rate_available(const RateLimit *limit, const RateUse *use, TimestampTz now)
{
	int64		available = limit->runs > 0 ? tokens_of(limit, use, now) : PG_INT64_MAX;
	int			i;

	for (i = 0; i < BUDGET_PERIOD_COUNT; i++)
	{
		if (limit->budgets[i] > 0)
			available = Min(available, Max(limit->budgets[i] - use->begun[i], 0));
	}
	return available;
}

void
tc_rate_take(const RateLimit *limit, RateUse *use, int64 runs, TimestampTz now)
{
	int			i;

	if (limit->runs > 0)
		use->full_at = Max(use->full_at, now) + runs * pace_of(limit);
	for (i = 0; i < BUDGET_PERIOD_COUNT; i++)
	{
		if (limit->budgets[i] > 0)
			use->begun[i] = Max(use->begun[i] + runs, 0);
	}
}

TimestampTz
tc_rate_next(const RateLimit *limit, const RateUse *use, TimestampTz now)
{
	RateUse		settled = *use;
	TimestampTz next = now;
	int			i;

	/* what has to be put right is so by the next claim */
	if (limit->runs > 0 && !tc_rate_settle(limit, &settled, now))
		next = Max(now, use->full_at - (limit->runs - 1) * pace_of(limit));
	for (i = 0; i < BUDGET_PERIOD_COUNT; i++)
	{
		if (limit->budgets[i] > 0 && use->begun[i] >= limit->budgets[i])
			next = Max(next, use->ends_at[i]);
	}
	return next;
}
