/*-------------------------------------------------------------------------
 *
 * setting_keys.c
 *		The settings that a database can have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "setting_keys.h"

const SettingKey tc_setting_keys[] = {
	{TC_SETTING_ALERTS_RETENTION, SETTING_RETENTION, "90 days",
	"How long alerts are kept"},
	{TC_SETTING_AUDIT_RETENTION, SETTING_RETENTION, "365 days",
	"How long task_audit_logs is kept"},
	{TC_SETTING_CAPACITY_WARNING, SETTING_SIZE, "500 MB",
	"Size of a table from which status warns"},
	{TC_SETTING_DEAD_LETTERS_RETENTION, SETTING_RETENTION, "90 days",
	"How long closed dead letters are kept"},
	{TC_SETTING_DEFAULT_TIMEZONE, SETTING_ZONE, "UTC",
	"Time zone of new schedules that name none, and of the days and months of budgets"},
	{TC_SETTING_EVENTS_RETENTION, SETTING_RETENTION, "7 days",
	"How long events are kept that are no other record"},
	{TC_SETTING_FAILED_RUNS_RETENTION, SETTING_RETENTION, "90 days",
	"How long failed, timed-out runs are kept"},
	{TC_SETTING_FAILURE_NOTICE_AFTER, SETTING_COUNT, "3",
	"Failures in a row of a task after which alerts tells of them; 0: never"},
	{TC_SETTING_FAILURE_NOTICE_WINDOW, SETTING_INTERVAL, "1 hour",
	"Shortest time between two such notices of one task"},
	{TC_SETTING_MAX_WAIT, SETTING_INTERVAL, "1 hour",
	"Longest wait of wait_for_run() and the like"},
	{TC_SETTING_NOTIFY_WORKERS, SETTING_BOOLEAN, "false",
	"NOTIFY taskcenter_runs with the name of the queue when runs come for workers"},
	{TC_SETTING_PRIORITY_AGING, SETTING_STEP, "1 minute",
	"How long a run for workers waits to rise by one priority, or never"},
	{TC_SETTING_REDRIVE_AFTER, SETTING_STEP, "never",
	"How long after its failure a dead letter with a retryable code is redriven by itself, or never"},
	{TC_SETTING_REDRIVE_MOST, SETTING_COUNT, "3",
	"How often a dead letter is redriven by itself, those by hand counted; 0: never"},
	{TC_SETTING_REQUIRE_ACTOR, SETTING_BOOLEAN, "false",
	"Refuse changes without set_context(actor)"},
	{TC_SETTING_RUN_HISTORY_RETENTION, SETTING_RETENTION, "90 days",
	"How long task_run_history is kept"},
	{TC_SETTING_RUN_LOGS_RETENTION, SETTING_RETENTION, "30 days",
	"How long task_run_logs is kept"},
	{TC_SETTING_RUNS_RETENTION, SETTING_RETENTION, "30 days",
	"How long runs that did not fail are kept"},
	{TC_SETTING_SCHEDULED_RUNS_MAY_SCHEDULE, SETTING_BOOLEAN, "false",
	"Let runs that a schedule made change schedules"},
	{TC_SETTING_SECRET_FUNCTION, SETTING_FUNCTION, "",
	"Function of a text that returns the secret of that name"},
	{TC_SETTING_STATUS_HISTORY_RETENTION, SETTING_RETENTION, "365 days",
	"How long task_status_history is kept"},
	{TC_SETTING_USAGE_RETENTION, SETTING_RETENTION, "keep",
	"How long counted_usage is kept after runs were added last"},
	{NULL, SETTING_BOOLEAN, NULL, NULL}
};

const SettingKey *
tc_setting_key(const char *key)
{
	const SettingKey *setting;

	for (setting = tc_setting_keys; setting->key != NULL; setting++)
	{
		if (strcmp(setting->key, key) == 0)
			return setting;
	}
	return NULL;
}
