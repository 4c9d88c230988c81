/*-------------------------------------------------------------------------
 *
 * attention_store.h
 *		Attention rules, and what they have done about alerts.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end(); what is read
 * is allocated in the context that was current at tc_store_begin().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ATTENTION_STORE_H
#define TC_ATTENTION_STORE_H

#include "utils/timestamp.h"

#define TC_MAX_ATTENTION_RULES 100

typedef struct AttentionRuleRow
{
	int64		attention_rule_id;
	char	   *name;
	int32		place;
	char	   *action;
	char	  **severities;		/* NULL: any; not read */
	int			severity_count;
	char	   *kind;			/* NULL: any; not read */
	char	   *pattern;		/* NULL: any, as what follows: none */
	Interval   *hold;
	char	   *quiet_from;
	char	   *quiet_to;
	char	   *timezone;
	int32		max_notices;	/* 0: no limit */
	Interval   *rate_window;
	Interval   *escalate_after;
} AttentionRuleRow;

/* what acknowledge_alert() asks of one */
typedef struct AlertFacts
{
	char	   *kind;
	char	   *name;
	int64		task_id;		/* 0: none */
} AlertFacts;

/* those for alerts of that severity and kind, in the order in which they are asked */
extern int	tc_attention_rules_for(const char *severity, const char *kind,
								   AttentionRuleRow **rows);

/* by name: made, or replaced; returns the id */
extern int64 tc_attention_rule_store(const AttentionRuleRow *row, TimestampTz now);
extern int64 tc_attention_rules_count(void);

/* 0: there is none of that name */
extern int64 tc_attention_rule_drop(const char *name);

/* from when on there is room for one more notice; DT_NOBEGIN: now */
extern TimestampTz tc_attention_room_at(const AttentionRuleRow *row, TimestampTz now);

/* when the rule's open batch is told; DT_NOBEGIN: there is none */
extern TimestampTz tc_attention_batch_at(int64 rule_id, TimestampTz now);

/* when an alert is told, or told again; DT_NOEND: none is */
extern TimestampTz tc_alerts_next_due(void);

/* a piece of what is due becomes events, but for what others have locked; false: nothing did */
extern bool tc_alerts_release(TimestampTz now);
extern bool tc_alerts_escalate(TimestampTz now, const int64 *healed_tasks, int count);

/* nothing more is told of it */
extern void tc_alert_acknowledge(int64 alert_id, const AlertFacts *alert, TimestampTz now);

/* false: there is none */
extern bool tc_alert_find(int64 alert_id, AlertFacts *alert);

#endif							/* TC_ATTENTION_STORE_H */
