/*-------------------------------------------------------------------------
 *
 * attention.h
 *		What becomes of an alert: decided when it is written, done when it is
 *		time.
 *
 * Layer 4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ATTENTION_H
#define TC_ATTENTION_H

#include "attention_rules.h"

/* an alert, as far as it matters here */
typedef struct AttentionCase
{
	const char *kind;
	const char *name;
	const char *severity;
	bool		recovered;
} AttentionCase;

typedef struct AttentionVerdict
{
	AttentionDecision decision;
	int64		rule_id;		/* 0: none matches */
	const char *rule;			/* NULL: none */
	char	   *explanation;
} AttentionVerdict;

/* Between tc_store_begin() and tc_store_end(). */
extern void tc_attention_judge(const AttentionCase *alert, TimestampTz now,
							   AttentionVerdict *verdict);

/* in the same transaction an alert was written that is told, or told again, at that time */
extern void tc_attention_expect(TimestampTz due_at);

/* The scheduler's: tell what is due by now, in a transaction of its own. */
extern void tc_attention_act(TimestampTz now);

/* when there is something to do again */
extern TimestampTz tc_attention_next(TimestampTz now);

#endif							/* TC_ATTENTION_H */
