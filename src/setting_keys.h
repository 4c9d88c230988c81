/*-------------------------------------------------------------------------
 *
 * setting_keys.h
 *		The settings that a database can have: keys, kinds, defaults.
 *
 * Layer 1: a table.  Values lie in setting_values; set_setting() checks them
 * by their kind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SETTING_KEYS_H
#define TC_SETTING_KEYS_H

typedef enum SettingKind
{
	SETTING_RETENTION,			/* an interval, or "keep" */
	SETTING_INTERVAL,
	SETTING_ZONE,
	SETTING_SIZE,				/* bytes, or with a unit, as in "500 MB" */
	SETTING_BOOLEAN,
	SETTING_STEP,				/* an interval above zero, or "never" */
	SETTING_FUNCTION,			/* a function of one text, or "": none */
	SETTING_COUNT				/* 0 to a million */
} SettingKind;

typedef struct SettingKey
{
	const char *key;
	SettingKind kind;
	const char *default_value;
	const char *description;
} SettingKey;

#define TC_SETTING_CAPACITY_WARNING "capacity_warning"
#define TC_SETTING_DEAD_LETTERS_RETENTION "dead_letters_retention"
#define TC_SETTING_DEFAULT_TIMEZONE "default_timezone"
#define TC_SETTING_ALERTS_RETENTION "alerts_retention"
#define TC_SETTING_FAILURE_NOTICE_AFTER "failure_notice_after"
#define TC_SETTING_FAILURE_NOTICE_WINDOW "failure_notice_window"
#define TC_SETTING_EVENTS_RETENTION "events_retention"
#define TC_SETTING_MAX_WAIT "max_wait"
#define TC_SETTING_NOTIFY_WORKERS "notify_workers"
#define TC_SETTING_PRIORITY_AGING "priority_aging"
#define TC_SETTING_REDRIVE_AFTER "redrive_after"
#define TC_SETTING_REDRIVE_MOST "redrive_most"
#define TC_SETTING_REQUIRE_ACTOR "require_actor"
#define TC_SETTING_SECRET_FUNCTION "secret_function"
#define TC_SETTING_USAGE_RETENTION "usage_retention"
#define TC_SETTING_SCHEDULED_RUNS_MAY_SCHEDULE "scheduled_runs_may_schedule"
#define TC_SETTING_RUNS_RETENTION "runs_retention"
#define TC_SETTING_FAILED_RUNS_RETENTION "failed_runs_retention"
#define TC_SETTING_RUN_HISTORY_RETENTION "run_history_retention"
#define TC_SETTING_AUDIT_RETENTION "audit_retention"
#define TC_SETTING_STATUS_HISTORY_RETENTION "status_history_retention"
#define TC_SETTING_RUN_LOGS_RETENTION "run_logs_retention"

/* in the order of their names; the last one has the key NULL */
extern const SettingKey tc_setting_keys[];

/* NULL: there is no such setting */
extern const SettingKey *tc_setting_key(const char *key);

#endif							/* TC_SETTING_KEYS_H */
