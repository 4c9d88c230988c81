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
	{"audit_retention", SETTING_RETENTION, "365 days",
	"How long rows of task_audit_logs are kept"},
	{"dead_letters_retention", SETTING_RETENTION, "90 days",
	"How long closed dead letters are kept"},
	{TC_SETTING_DEFAULT_TIMEZONE, SETTING_ZONE, "UTC",
	"Time zone of schedules that name none; a change concerns new schedules only"},
	{"events_retention", SETTING_RETENTION, "7 days",
	"How long events are kept"},
	{TC_SETTING_FAILED_RUNS_RETENTION, SETTING_RETENTION, "90 days",
	"How long failed and timed-out runs are kept"},
	{TC_SETTING_MAX_WAIT, SETTING_INTERVAL, "1 hour",
	"The longest time that wait_for_run() and wait_until_idle() wait"},
	{TC_SETTING_REQUIRE_ACTOR, SETTING_BOOLEAN, "false",
	"Refuse changes in transactions that did not name an actor with set_context()"},
	{TC_SETTING_RUN_HISTORY_RETENTION, SETTING_RETENTION, "90 days",
	"How long rows of task_run_history are kept"},
	{TC_SETTING_RUN_LOGS_RETENTION, SETTING_RETENTION, "30 days",
	"How long rows of task_run_logs are kept"},
	{TC_SETTING_RUNS_RETENTION, SETTING_RETENTION, "30 days",
	"How long succeeded, cancelled and skipped runs are kept"},
	{"status_history_retention", SETTING_RETENTION, "365 days",
	"How long rows of task_status_history are kept"},
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
