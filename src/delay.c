/*-------------------------------------------------------------------------
 *
 * delay.c
 *		Schedules that count from the end of their run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pgtime.h"

#include "delay.h"
#include "fire_store.h"
#include "schedule.h"

void
tc_delay_after_run(int64 schedule_id, TimestampTz ended_at)
{
	DueSchedule *due = tc_fire_load(schedule_id);
	Schedule   *schedule;
	ScheduleContext context = {0};
	ScheduleError error;
	TimestampTz next;

	if (due == NULL)
		return;
	schedule = tc_schedule_parse(due->schedule, &error);
	context.tz = pg_tzset(due->timezone);
	context.anchor = due->anchor_at;
	context.starts_at = due->starts_at;
	context.ends_at = due->ends_at;
	if (schedule != NULL && context.tz != NULL &&
		tc_schedule_kind(schedule) == SCHEDULE_DELAY &&
		tc_schedule_delay_after(schedule, &context, ended_at, &next))
		tc_fire_after_end(due->schedule_id, next);
}
