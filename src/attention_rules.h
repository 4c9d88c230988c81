/*-------------------------------------------------------------------------
 *
 * attention_rules.h
 *		What becomes of an alert: told at once, later, or never.
 *
 * Layer 1: values in, values out; the clock, and what was told before, are
 * arguments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ATTENTION_RULES_H
#define TC_ATTENTION_RULES_H

#include "datatype/timestamp.h"
#include "pgtime.h"

typedef enum AttentionAction
{
	ATTENTION_DROP,
	ATTENTION_LOG,
	ATTENTION_DEFER,
	ATTENTION_BATCH,
	ATTENTION_NOTIFY,
	ATTENTION_ESCALATE
} AttentionAction;

#define ATTENTION_ACTION_COUNT (ATTENTION_ESCALATE + 1)

typedef enum AttentionReason
{
	ATTENTION_NO_RULE,
	ATTENTION_BY_RULE,
	ATTENTION_QUIET,
	ATTENTION_RATE
} AttentionReason;

/* minutes of the day; no quiet hours without a zone */
typedef struct AttentionRule
{
	AttentionAction action;
	int64		hold;			/* microseconds; of defer and batch */
	int64		escalate_after; /* of escalate */
	const pg_tz *quiet_zone;	/* NULL: there are none */
	int			quiet_from;
	int			quiet_to;
} AttentionRule;

/* what the decision depends on besides the rule */
typedef struct AttentionLook
{
	TimestampTz now;
	bool		recovered;		/* nothing has to be done about it */
	TimestampTz room_at;		/* from when on one more may be told */
	TimestampTz batch_at;		/* when an open batch is told; past: none is */
} AttentionLook;

typedef struct AttentionDecision
{
	AttentionAction action;
	AttentionReason reason;
	TimestampTz due_at;			/* told then (defer, batch), or told again
								 * (escalate); else DT_NOBEGIN */
} AttentionDecision;

extern const char *tc_attention_label(AttentionAction action);
extern bool tc_attention_parse(const char *label, AttentionAction *action);

/* is it an event later? */
extern bool tc_attention_is_held(AttentionAction action);

/* is it an event at once? */
extern bool tc_attention_is_told(AttentionAction action);

/* "22:00" in minutes of the day; false: it is none */
extern bool tc_attention_time_parse(const char *clock, int *minutes);

/* NULL matches all; "*" stands for any characters */
extern bool tc_attention_matches(const char *pattern, const char *name);

/* rule NULL: none matches */
extern AttentionDecision tc_attention_decide(const AttentionRule *rule,
											 const AttentionLook *look);

#endif							/* TC_ATTENTION_RULES_H */
