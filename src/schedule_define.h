/*-------------------------------------------------------------------------
 *
 * schedule_define.h
 *		Stored schedules brought to life: parsed, in their zones, with their
 *		next instants; made, made anew under the same name, and resumed.
 *
 * Layer 4.  Refusals are 22023 with the position in DETAIL and a HINT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SCHEDULE_DEFINE_H
#define TC_SCHEDULE_DEFINE_H

#include "schedule.h"
#include "schedule_store.h"

/* ---- reading; no frame needed ---- */

/* raises unless the text is a schedule */
extern Schedule *tc_define_parse(const char *text);

/* raises when the zone has vanished */
extern void tc_define_context(const ScheduleRow *row, ScheduleContext *context);

/*
 * The first instant of the row's schedule after a time; DT_NOBEGIN: never,
 * or it has no instants (@reboot).
 */
extern TimestampTz tc_define_next(const ScheduleRow *row, const Schedule *schedule,
								  TimestampTz after);

/* ---- defining ---- */

/* what a call asks for; NULL, DT_NOBEGIN and -1: not given */
typedef struct ScheduleRequest
{
	const char *name;			/* never NULL */
	const char *schedule;
	const char *timezone;
	TimestampTz starts_at;
	TimestampTz ends_at;
	Interval   *jitter;
	const char *misfire;
	Interval   *misfire_grace;
	int32		max_catchup;
	const char *dst_gap;
	const char *dst_repeat;
	bool		paused;			/* only where it is made */
	const char *state;			/* where it exists: active or paused */
	bool		keep;			/* what is not given stays as it is, instead
								 * of going to its default */
	bool		declared;		/* an instant that has passed completes the
								 * schedule instead of being refused */
} ScheduleRequest;

typedef enum Definition
{
	DEFINITION_UNCHANGED,
	DEFINITION_CHANGED,
	DEFINITION_CREATED
} Definition;

/* what a request makes of the schedule of that name */
typedef struct SchedulePlan
{
	Definition	result;
	bool		resumed;		/* it fires again */
	ScheduleRow old;			/* unless it is created */
	ScheduleRow row;			/* as it is to be */
} SchedulePlan;

/* a request for a name, with nothing given */
extern void tc_define_request(ScheduleRequest *request, const char *name);

/* raises unless what is given can be a schedule; no frame needed */
extern void tc_define_check(const ScheduleRequest *request);

/*
 * Between tc_store_begin() and tc_store_end(), with the task's row locked and
 * a checked request: make it so.  The same again changes nothing, and the
 * same instants keep the cursor.
 */
extern Definition tc_define_schedule(const TaskRow *task, const ScheduleRequest *request,
									 TimestampTz now, int64 *schedule_id);

/*
 * The same in two steps, of which the first writes nothing.  Without lock, and
 * with a task that has no id yet, it is good for looking only.
 */
extern void tc_define_plan(const TaskRow *task, const ScheduleRequest *request, bool lock,
						   TimestampTz now, SchedulePlan *plan);
extern int64 tc_define_carry_out(SchedulePlan *plan, TimestampTz now);

/* ---- resuming ---- */

/*
 * Between tc_store_begin() and tc_store_end(), for a schedule that fires
 * again: record what is due but must not fire any more as skipped for a
 * reason, and move the cursor behind now.  Writes the row.
 */
extern void tc_define_resume(ScheduleRow *row, const char *reason, TimestampTz now);

/* the same for all active schedules of a task */
extern void tc_define_resume_task(int64 task_id, const char *reason, TimestampTz now);

#endif							/* TC_SCHEDULE_DEFINE_H */
