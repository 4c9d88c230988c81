/*-------------------------------------------------------------------------
 *
 * rate_limit.h
 *		How many runs may begin in how long: a bucket of tokens, and budgets.
 *
 * Layer 2.5.  A bucket holds at most `runs` tokens and gets that many anew in
 * each period, steadily; a claimed run takes one.  What is in it is told by one
 * instant: when it will be full again.  A budget is what may begin in a day or
 * a month of the calendar: it is counted, and whole again when the next one
 * begins.  The time comes in as an argument.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RATE_LIMIT_H
#define TC_RATE_LIMIT_H

#include "datatype/timestamp.h"

typedef enum BudgetPeriod
{
	BUDGET_DAY,
	BUDGET_MONTH,
	BUDGET_PERIOD_COUNT
} BudgetPeriod;

typedef struct RateLimit
{
	int64		runs;			/* of the bucket; 0: there is none */
	int64		period;			/* microseconds */
	int64		budgets[BUDGET_PERIOD_COUNT];	/* 0: none */
} RateLimit;

/* what was taken */
typedef struct RateUse
{
	TimestampTz full_at;		/* when the bucket is full; DT_NOBEGIN: it is */
	TimestampTz ends_at[BUDGET_PERIOD_COUNT];	/* of this day, this month */
	int64		begun[BUDGET_PERIOD_COUNT]; /* in it */
} RateUse;

/*
 * "100 per minute", "5/second", "1000 daily", "150 monthly", or one of each
 * with commas between them; raises 22023
 */
extern RateLimit tc_rate_limit_parse(const char *name, const char *source);

/*
 * What was written of a day or a month, when this one ends at `end`: one that
 * is over does not count.  The clock may have been set back, by one at most.
 */
extern void tc_rate_turn(RateUse *use, BudgetPeriod period, TimestampTz written_end,
						 int64 written_begun, TimestampTz end, TimestampTz now);

/*
 * When it is full at the latest: what was written of another limit, or when the
 * clock was ahead, cannot be emptier than empty.  True: it was.
 */
extern bool tc_rate_settle(const RateLimit *limit, RateUse *use, TimestampTz now);

/* how many runs may begin */
extern int64 tc_rate_available(const RateLimit *limit, const RateUse *use, TimestampTz now);

/* so many begin (below 0: they were taken, and do not) */
extern void tc_rate_take(const RateLimit *limit, RateUse *use, int64 runs, TimestampTz now);

/* when one may begin */
extern TimestampTz tc_rate_next(const RateLimit *limit, const RateUse *use, TimestampTz now);

#endif							/* TC_RATE_LIMIT_H */
