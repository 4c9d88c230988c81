/*
 * schedule_fuzz.c
 *	  Fuzzes the schedule language (libFuzzer).
 *
 * The first 13 bytes of an input choose zone, anchor, instant and rules; the
 * rest is the text.  Checked: a text is refused with a message inside the
 * text or parsed; the normal form is its own normal form and means the same;
 * next, previous and count agree; every call ends quickly.
 */
#include "postgres.h"

#include <time.h>

#include "schedule.h"
#include "server_shim.h"

#define HEAD_BYTES 13
#define MAX_CALL_SECONDS 0.1
#define STEPS 6

static const char *const zone_names[] = {
	"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia",
	"Africa/Cairo", "America/Santiago", "Antarctica/Troll",
	"Pacific/Kwajalein"
};

extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

static double
cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Ends the program with a reason that libFuzzer keeps the input for. */
static void
fail(const char *expression, const char *reason)
{
	fprintf(stderr, "\"%s\": %s\n", expression, reason);
	abort();
}

/* Up to eight bytes of the input as a time, spread over the whole range. */
static TimestampTz
read_time(const uint8 *data)
{
	int64		value = 0;
	int			i;

	for (i = 0; i < 5; i++)
		value = value << 8 | data[i];

	/* Mostly this century; one in eight anywhere. */
	if ((data[0] & 7) != 0)
		return (value % INT64CONST(3155760000)) * USECS_PER_SEC +
			(data[4] & 1) * 500000;
	return MIN_TIMESTAMP + value * ((END_TIMESTAMP / 2 - MIN_TIMESTAMP / 2) >> 39);
}

static void
check_refusal(const char *expression, const ScheduleError *error)
{
	int			length = strlen(expression);
	int			i;

	if (error->message == NULL || error->message[0] == '\0')
		fail(expression, "refused without a message");
	if (error->position < -1 || error->position > length)
		fail(expression, "position is outside of the text");
	for (i = 0; error->message[i] != '\0'; i++)
	{
		if (error->message[i] < ' ' || error->message[i] > '~')
			fail(expression, "message is not plain ASCII");
	}
	if (strlen(error->message) >= sizeof(error->message_buffer) - 1 ||
		(error->hint == error->hint_buffer &&
		 strlen(error->hint) >= sizeof(error->hint_buffer) - 1))
		fail(expression, "message or hint was cut off");
}

/* The normal form's normal form is itself; returns what it parses to. */
static Schedule *
check_normal_form(const char *expression, const Schedule *schedule)
{
	ScheduleError error;
	char	   *normal = tc_schedule_canonical(schedule);
	char	   *again;
	Schedule   *reparsed = tc_schedule_parse(normal, &error);

	if (reparsed == NULL)
		fail(expression, "normal form is refused");
	again = tc_schedule_canonical(reparsed);
	if (strcmp(normal, again) != 0)
		fail(expression, "normal form is not stable");
	if (tc_schedule_kind(reparsed) != tc_schedule_kind(schedule))
		fail(expression, "normal form is of another kind");
	pfree(normal);
	pfree(again);
	return reparsed;
}

/* Walks some instants and asks the other questions about each. */
static void
check_instants(const char *expression, const Schedule *schedule,
			   const Schedule *reparsed, const ScheduleContext *context,
			   TimestampTz start)
{
	TimestampTz time = start;
	TimestampTz next;
	TimestampTz other;
	int			step;

	for (step = 0; step < STEPS; step++)
	{
		bool		found = tc_schedule_next(schedule, context, time, &next);

		if (tc_schedule_next(reparsed, context, time, &other) != found ||
			(found && other != next))
			fail(expression, "normal form has another next instant");
		if (!found)
			break;
		if (next <= time || next < context->starts_at ||
			next > context->ends_at || !IS_VALID_TIMESTAMP(next))
			fail(expression, "next is not after or out of bounds");
		if (!tc_schedule_previous(schedule, context, next, &other) ||
			other != next)
			fail(expression, "next is not its own previous");
		if (tc_schedule_previous(schedule, context, next - 1, &other) &&
			other > time)
			fail(expression, "previous is between two instants");
		if (next - time < INT64CONST(40000) * USECS_PER_DAY &&
			tc_schedule_count(schedule, context, time, next) != 1)
			fail(expression, "count of one step is not one");
		time = next;
	}
	if (step > 0 && time - start < INT64CONST(40000) * USECS_PER_DAY &&
		tc_schedule_count(schedule, context, start, time) != step)
		fail(expression, "count differs from the steps taken");
	(void) tc_schedule_count(schedule, context, time,
							 time + 3653 * USECS_PER_DAY);
}

static void
check_delay(const char *expression, const Schedule *schedule,
			const ScheduleContext *context, TimestampTz ended_at)
{
	TimestampTz next;

	if (tc_schedule_delay_after(schedule, context, ended_at, &next) &&
		(next <= ended_at || next > context->ends_at))
		fail(expression, "delay does not lead forwards");
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static pg_tz *zones[lengthof(zone_names)];
	ScheduleContext context;
	ScheduleError error;
	Schedule   *schedule;
	Schedule   *reparsed;
	TimestampTz start;
	double		began;
	char	   *expression;
	int			zone;

	if (size < HEAD_BYTES)
		return 0;
	zone = data[0] % lengthof(zone_names);
	if (zones[zone] == NULL)
		zones[zone] = shim_zone(zone_names[zone]);
	context.tz = zones[zone];
	context.gap = (ScheduleGap) (data[1] & 3);
	context.repeat = (ScheduleRepeat) (data[1] >> 2 & 3);
	context.anchor = read_time(data + 2);
	context.starts_at = (data[1] & 16) ? context.anchor : DT_NOBEGIN;
	context.ends_at = (data[1] & 32) ?
		Min(context.anchor, END_TIMESTAMP - USECS_PER_DAY * 400) +
		USECS_PER_DAY * 400 : DT_NOEND;
	start = read_time(data + 7);

	expression = palloc(size - HEAD_BYTES + 1);

	memcpy(expression, data + HEAD_BYTES, size - HEAD_BYTES);
	expression[size - HEAD_BYTES] = '\0';

	began = cpu_seconds();
	schedule = tc_schedule_parse(expression, &error);
	if (schedule == NULL)
		check_refusal(expression, &error);
	else
	{
		reparsed = check_normal_form(expression, schedule);
		if (tc_schedule_kind(schedule) == SCHEDULE_DELAY)
			check_delay(expression, schedule, &context, start);
		else
			check_instants(expression, schedule, reparsed, &context, start);
		pfree(schedule);
		pfree(reparsed);
	}
	if (cpu_seconds() - began > MAX_CALL_SECONDS * (4 * STEPS + 4))
		fail(expression, "took too long");
	pfree(expression);
	return 0;
}
