/*-------------------------------------------------------------------------
 *
 * retry_rules.h
 *		A task's own rules about which errors are worth another attempt.
 *
 * Layer 2 (jsonb).  retry_rules is an array of objects, tried in order; the
 * first that matches the error decides.  Keys: "sqlstate" (five characters,
 * or the two of a class, or "*"), "retry" (boolean, default true), "delay"
 * (interval, default the task's backoff), "max_attempts" (int, default the
 * task's).
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RETRY_RULES_H
#define TC_RETRY_RULES_H

#include "utils/jsonb.h"

typedef struct RetryDecision
{
	bool		retry;
	int64		delay;			/* microseconds; -1: the task's backoff */
	int			max_attempts;	/* -1: the run's */
} RetryDecision;

/* raises 22023 with DETAIL and HINT unless rules is well formed */
extern void tc_retry_rules_check(const Jsonb *rules);

/* the first rule that matches; else by the class of the error */
extern RetryDecision tc_retry_decide(const Jsonb *rules, const char *sqlstate);

#endif							/* TC_RETRY_RULES_H */
