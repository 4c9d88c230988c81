/*-------------------------------------------------------------------------
 *
 * rate_limit.h
 *		How many runs may begin in how long: a bucket of tokens.
 *
 * Layer 2.5.  A bucket holds at most `runs` tokens and gets that many anew in
 * each period, steadily; a claimed run takes one.  What is in it is told by one
 * instant: when it will be full again.  The time comes in as an argument.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RATE_LIMIT_H
#define TC_RATE_LIMIT_H

#include "datatype/timestamp.h"

typedef struct RateLimit
{
	int64		runs;
	int64		period;			/* microseconds */
} RateLimit;

/* "100 per minute", "5/second", "1000 per 15 minutes"; raises 22023 */
extern RateLimit tc_rate_limit_parse(const char *name, const char *source);

/*
 * When it is full at the latest: what was written of another limit, or when the
 * clock was ahead, cannot be emptier than empty.
 */
extern TimestampTz tc_rate_emptiest(const RateLimit *limit, TimestampTz full_at,
									TimestampTz now);

/* how many whole tokens there are */
extern int64 tc_rate_available(const RateLimit *limit, TimestampTz full_at, TimestampTz now);

/* when it is full after so many were taken (below 0: given back) */
extern TimestampTz tc_rate_take(const RateLimit *limit, TimestampTz full_at, int64 tokens,
								TimestampTz now);

/* when there is a token */
extern TimestampTz tc_rate_next(const RateLimit *limit, TimestampTz full_at, TimestampTz now);

#endif							/* TC_RATE_LIMIT_H */
