/*
 * schedule.h
 *	  When a schedule fires.
 *
 * A schedule is a text such as "0 3 * * *", "every 15 minutes", "after 10
 * minutes", "at 2026-12-01 03:00", "@reboot" or "RRULE:FREQ=DAILY".  It is
 * parsed strictly into one flat block of memory and then asked for instants.
 * Everything here is a pure function of its arguments: no clock, no catalog,
 * no ereport.  next and previous return in bounded time for every input, and
 * next, previous and count always describe the same set of instants.
 */
#ifndef TC_SCHEDULE_H
#define TC_SCHEDULE_H

#include "datatype/timestamp.h"
#include "pgtime.h"

/* Longer texts are refused unread. */
#define TC_SCHEDULE_MAX_LENGTH 1000

typedef enum ScheduleKind
{
	SCHEDULE_CRON,
	SCHEDULE_INTERVAL,			/* every ...: fixed rate from the anchor */
	SCHEDULE_DELAY,				/* after ...: counted from the last run's end */
	SCHEDULE_ONCE,
	SCHEDULE_REBOOT,			/* has no instants; the caller fires it */
	SCHEDULE_RRULE
} ScheduleKind;

/*
 * What becomes of a local time that the zone's clock skips.  The default is
 * to fire at the end of the gap, or to skip where the hours are a wildcard.
 */
typedef enum ScheduleGap
{
	SCHEDULE_GAP_DEFAULT,
	SCHEDULE_GAP_SKIP,
	SCHEDULE_GAP_SHIFT_FORWARD, /* later by the length of the gap */
	SCHEDULE_GAP_END			/* at the first instant after the gap */
} ScheduleGap;

/*
 * Which pass counts for a local time that the zone's clock shows twice.  The
 * default is the first, or both where the hours are a wildcard.
 */
typedef enum ScheduleRepeat
{
	SCHEDULE_REPEAT_DEFAULT,
	SCHEDULE_REPEAT_FIRST,
	SCHEDULE_REPEAT_SECOND,
	SCHEDULE_REPEAT_BOTH
} ScheduleRepeat;

typedef struct Schedule Schedule;

/*
 * What a schedule needs to know besides its text.  The anchor is the origin
 * of intervals and the DTSTART of a recurrence rule; both have no instant
 * before it, and none at all if it is infinite.  Where local time is counted
 * from the anchor, it is first rounded up to a whole second.
 */
typedef struct ScheduleContext
{
	pg_tz	   *tz;				/* never NULL */
	TimestampTz anchor;
	TimestampTz starts_at;		/* no instant before this, or DT_NOBEGIN */
	TimestampTz ends_at;		/* no instant after this, or DT_NOEND */
	ScheduleGap gap;
	ScheduleRepeat repeat;
} ScheduleContext;

/*
 * Why a text was refused.  The texts are static or point into the struct
 * itself, so it must not be moved; they are ASCII whatever the input was.
 */
typedef struct ScheduleError
{
	int			position;		/* byte offset from 0, or -1 */
	const char *message;		/* never NULL after a refusal */
	const char *hint;			/* or NULL */
	char		message_buffer[200];
	char		hint_buffer[200];
} ScheduleError;

/* Returns the schedule in one palloc'd block, or NULL and fills *error. */
extern Schedule *tc_schedule_parse(const char *text, ScheduleError *error);

extern ScheduleKind tc_schedule_kind(const Schedule *schedule);

/*
 * Returns the schedule as text in its normal form, palloc'd.  Texts with the
 * same normal form have the same instants, and it is its own normal form.
 */
extern char *tc_schedule_canonical(const Schedule *schedule);

/*
 * The first instant strictly after the given one; false: never again.  A
 * recurrence rule that stays empty for 1,600 years counts as ended, and so
 * does one whose interval misses its times of day 20,000 times in a row.
 */
extern bool tc_schedule_next(const Schedule *schedule,
							 const ScheduleContext *context,
							 TimestampTz after, TimestampTz *next);

/* The latest instant at or before the given one; false: none. */
extern bool tc_schedule_previous(const Schedule *schedule,
								 const ScheduleContext *context,
								 TimestampTz at_or_before,
								 TimestampTz *previous);

/*
 * The number of instants after the first and up to the second.  Cheap over
 * any range, except for rules whose interval is filtered by time of day and
 * does not divide a day: those cost up to 10 ms for each year of the range.
 */
extern int64 tc_schedule_count(const Schedule *schedule,
							   const ScheduleContext *context,
							   TimestampTz after, TimestampTz until);

/*
 * For SCHEDULE_DELAY only: when the next run is due after one that ended at
 * the given time; false: never again.  (next, previous and count know only
 * the very first instant of such a schedule, one delay after the anchor.)
 */
extern bool tc_schedule_delay_after(const Schedule *schedule,
									const ScheduleContext *context,
									TimestampTz ended_at, TimestampTz *next);

/* Labels: default, skip, shift_forward, gap_end; default, first, second, both. */
extern bool tc_schedule_gap_parse(const char *label, ScheduleGap *gap);
extern bool tc_schedule_repeat_parse(const char *label,
									 ScheduleRepeat *repeat);
extern const char *tc_schedule_gap_label(ScheduleGap gap);
extern const char *tc_schedule_repeat_label(ScheduleRepeat repeat);

#endif							/* TC_SCHEDULE_H */
