/*-------------------------------------------------------------------------
 *
 * alert_store.h
 *		Alert rules, and alerts.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end(); what is read
 * is allocated in the context that was current at tc_store_begin().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ALERT_STORE_H
#define TC_ALERT_STORE_H

#include "utils/timestamp.h"

#define TC_MAX_ALERT_RULES 100

typedef struct AlertRuleRow
{
	int64		alert_rule_id;
	char	   *name;
	char	   *metric;
	char	   *comparison;
	char	   *threshold;
	Interval   *time_window;
	char	   *severity;
	int64		task_id;		/* 0: all */
	int64		queue_id;		/* 0: all */
	char	   *description;	/* NULL: none */
	TimestampTz updated_at;
	bool		breached;		/* as the newest of its alerts since then says */
} AlertRuleRow;

typedef struct AlertRow
{
	TimestampTz raised_at;
	const char *kind;
	const char *name;
	const char *state;
	const char *severity;
	int64		alert_rule_id;	/* 0: none */
	int64		task_id;		/* 0: none */
	const char *metric;
	const char *value;			/* NULL: none */
	const char *threshold;
	const char *detail;
	const char *attention;		/* what was decided about it */
	const char *explanation;
	int64		attention_rule_id;	/* 0: none */
	bool		told;			/* by an event, in the same transaction */
	TimestampTz due_at;			/* when it is told, or told again; DT_NOBEGIN:
								 * never */
} AlertRow;

/* all rules */
extern int	tc_alert_rules_read(AlertRuleRow **rows);

/* by name: made, or replaced; returns the id */
extern int64 tc_alert_rule_store(const AlertRuleRow *row, TimestampTz now);
extern int64 tc_alert_rules_count(void);

/* 0: there is none of that name */
extern int64 tc_alert_rule_drop(const char *name);

/* returns its id */
extern int64 tc_alert_insert(const AlertRow *row);

#endif							/* TC_ALERT_STORE_H */
