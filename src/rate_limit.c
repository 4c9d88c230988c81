/*-------------------------------------------------------------------------
 *
 * rate_limit.c
 *		How many runs may begin in how long: a bucket of tokens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "arguments.h"
#include "rate_limit.h"

#define MAX_RUNS 1000000

static void
refuse(const char *name, const char *source)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a rate", name),
			 errdetail("\"%s\" is \"%s\".", name, tc_shorten(source)),
			 errhint("Write how many runs in how long, such as \"100 per minute\" or \"5/second\": 1 to %d runs, in a millisecond to a year.",
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

RateLimit
tc_rate_limit_parse(const char *name, const char *source)
{
	RateLimit	limit;
	char	   *rest;
	const char *period;

	if (!isdigit((unsigned char) source[0]))
		refuse(name, source);
	limit.runs = strtol(source, &rest, 10);
	period = period_of(rest);
	if (limit.runs < 1 || limit.runs > MAX_RUNS || period == NULL)
		refuse(name, source);
	/* "per minute" is per one minute */
	if (!isdigit((unsigned char) period[0]))
		period = psprintf("1 %s", period);
	if (!tc_interval_usecs(tc_parse_interval(name, period), &limit.period) ||
		limit.period < 1000 || limit.period > 366 * USECS_PER_DAY)
		refuse(name, source);
	return limit;
}

/* one token's share of the period, rounded up: never faster than the limit */
static int64
pace_of(const RateLimit *limit)
{
	return (limit->period + limit->runs - 1) / limit->runs;
}

TimestampTz
tc_rate_emptiest(const RateLimit *limit, TimestampTz full_at, TimestampTz now)
{
	return Min(full_at, now + limit->runs * pace_of(limit));
}

int64
tc_rate_available(const RateLimit *limit, TimestampTz full_at, TimestampTz now)
{
	int64		missing;

	if (full_at <= now)
		return limit->runs;
	missing = (full_at - now + pace_of(limit) - 1) / pace_of(limit);
	return Max(limit->runs - missing, 0);
}

TimestampTz
tc_rate_take(const RateLimit *limit, TimestampTz full_at, int64 tokens, TimestampTz now)
{
	return Max(full_at, now) + tokens * pace_of(limit);
}

TimestampTz
tc_rate_next(const RateLimit *limit, TimestampTz full_at, TimestampTz now)
{
	/* let the next claim put it right */
	if (tc_rate_emptiest(limit, full_at, now) < full_at)
		return now;
	return Max(now, full_at - (limit->runs - 1) * pace_of(limit));
}
