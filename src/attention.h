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

/* Between tc_store_begin() and tc_store_end(), as what follows. */
extern void tc_attention_judge(const AttentionCase *alert, TimestampTz now,
							   AttentionVerdict *verdict);

/* the alert was written; in the same transaction */
extern void tc_attention_follow(int64 alert_id, const AttentionVerdict *verdict,
								TimestampTz now);

/* The scheduler's: tell what is due by now, in a transaction of its own. */
extern void tc_attention_act(TimestampTz now);

/* when there is something to do again */
extern TimestampTz tc_attention_next(TimestampTz now);

#endif							/* TC_ATTENTION_H */
