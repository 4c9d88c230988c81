/*
 * schedule_pattern.c
 *	  Patterns of local time made of days and times of day.
 *
 * A rule is asked for one month of days at a time, as bits, so a count over
 * many years costs a few operations a month however many times of day there
 * are.  Nothing here knows about zones.
 */
#include "postgres.h"

#include "schedule_internal.h"

/* Years that show each of the 14 kinds of year at least once. */
#define SAMPLE_FIRST_YEAR 2000
#define SAMPLE_YEARS 28

#define ALL_HOURS ((UINT64CONST(1) << 24) - 1)
#define ALL_SIXTY ((UINT64CONST(1) << 60) - 1)

int64
tc_times_count(const DayTimes *times)
{
	return (int64) tc_bit_count(times->hours) *
		tc_bit_count(times->minutes) * tc_bit_count(times->seconds);
}

int64
tc_times_nth(const DayTimes *times, int64 n)
{
	int			seconds = tc_bit_count(times->seconds);
	int			minutes = tc_bit_count(times->minutes);

	return tc_bit_nth(times->hours, n / seconds / minutes) * SECS_PER_HOUR +
		tc_bit_nth(times->minutes, n / seconds % minutes) * SECS_PER_MINUTE +
		tc_bit_nth(times->seconds, n % seconds);
}

/* How many times of day come before the given second of the day. */
static int64
count_times_below(const DayTimes *times, int64 time)
{
	int64		hour = time / SECS_PER_HOUR;
	int64		minute = time / SECS_PER_MINUTE % MINS_PER_HOUR;
	int64		second = time % SECS_PER_MINUTE;
	int64		seconds = tc_bit_count(times->seconds);
	int64		count;

	count = tc_bit_count(tc_bits_below(times->hours, hour)) *
		tc_bit_count(times->minutes) * seconds;
	if ((times->hours >> hour & 1) == 0)
		return count;
	count += tc_bit_count(tc_bits_below(times->minutes, minute)) * seconds;
	if ((times->minutes >> minute & 1) == 0)
		return count;
	return count + tc_bit_count(tc_bits_below(times->seconds, second));
}

static bool
has_times(const DayTimes *times)
{
	return times->hours != 0 && times->minutes != 0 && times->seconds != 0;
}

static int64
first_time(const DayTimes *times)
{
	return tc_bit_first(times->hours) * SECS_PER_HOUR +
		tc_bit_first(times->minutes) * SECS_PER_MINUTE +
		tc_bit_first(times->seconds);
}

static int64
last_time(const DayTimes *times)
{
	return tc_bit_last(times->hours) * SECS_PER_HOUR +
		tc_bit_last(times->minutes) * SECS_PER_MINUTE +
		tc_bit_last(times->seconds);
}

/* The times of the given minute of the given hour. */
static DayTimes
times_in_minute(const DayTimes *times, int64 time)
{
	int64		hour = time / SECS_PER_HOUR;
	int64		minute = time / SECS_PER_MINUTE % MINS_PER_HOUR;
	DayTimes	part = *times;

	part.hours &= UINT64CONST(1) << hour;
	part.minutes &= UINT64CONST(1) << minute;
	return part;
}

/* The first time of day at or after the given one. */
static bool
next_time(const DayTimes *times, int64 time, int64 *found)
{
	DayTimes	rest = times_in_minute(times, time);

	rest.seconds = tc_bits_from(rest.seconds, time % SECS_PER_MINUTE);
	if (!has_times(&rest))
	{
		rest.minutes = tc_bits_from(times->minutes,
									time / SECS_PER_MINUTE % MINS_PER_HOUR + 1);
		rest.seconds = times->seconds;
	}
	if (!has_times(&rest))
	{
		rest.hours = tc_bits_from(times->hours, time / SECS_PER_HOUR + 1);
		rest.minutes = times->minutes;
	}
	if (!has_times(&rest))
		return false;
	*found = first_time(&rest);
	return true;
}

/* The last time of day at or before the given one. */
static bool
previous_time(const DayTimes *times, int64 time, int64 *found)
{
	DayTimes	rest = times_in_minute(times, time);

	rest.seconds = tc_bits_below(rest.seconds, time % SECS_PER_MINUTE + 1);
	if (!has_times(&rest))
	{
		rest.minutes = tc_bits_below(times->minutes,
									 time / SECS_PER_MINUTE % MINS_PER_HOUR);
		rest.seconds = times->seconds;
	}
	if (!has_times(&rest))
	{
		rest.hours = tc_bits_below(times->hours, time / SECS_PER_HOUR);
		rest.minutes = times->minutes;
	}
	if (!has_times(&rest))
		return false;
	*found = last_time(&rest);
	return true;
}

/* The smallest member >= from, whatever the step says. */
static bool
next_on_days(CalendarPattern *pattern, int64 from, int64 *found)
{
	int64		day = tc_floor_div(from, SECS_PER_DAY);
	int			day_of_month;
	int			month = tc_month_of_day(day, &day_of_month);
	uint64		days = tc_bits_from(pattern->month_days(pattern, month),
									day_of_month - 1);
	int64		time;

	if ((days >> (day_of_month - 1) & 1) != 0)
	{
		if (next_time(&pattern->times, tc_floor_mod(from, SECS_PER_DAY), &time))
		{
			*found = day * SECS_PER_DAY + time;
			return true;
		}
		days = tc_bits_from(days, day_of_month);
	}
	while (days == 0)
	{
		if (--pattern->base.work < 0)
			return false;
		days = pattern->month_days(pattern, ++month);
	}
	*found = (tc_day_of_month(month) + tc_bit_first(days)) * SECS_PER_DAY +
		first_time(&pattern->times);
	return true;
}

/* The greatest member <= from, whatever the step says. */
static bool
previous_on_days(CalendarPattern *pattern, int64 from, int64 *found)
{
	int64		day = tc_floor_div(from, SECS_PER_DAY);
	int			day_of_month;
	int			month = tc_month_of_day(day, &day_of_month);
	uint64		days = tc_bits_below(pattern->month_days(pattern, month),
									 day_of_month);
	int64		time;

	if ((days >> (day_of_month - 1) & 1) != 0)
	{
		if (previous_time(&pattern->times, tc_floor_mod(from, SECS_PER_DAY),
						  &time))
		{
			*found = day * SECS_PER_DAY + time;
			return true;
		}
		days = tc_bits_below(days, day_of_month - 1);
	}
	while (days == 0)
	{
		if (--pattern->base.work < 0)
			return false;
		days = pattern->month_days(pattern, --month);
	}
	*found = (tc_day_of_month(month) + tc_bit_last(days)) * SECS_PER_DAY +
		last_time(&pattern->times);
	return true;
}

static int64
start_of_unit(const CalendarPattern *pattern, int64 local)
{
	return tc_floor_div(local, pattern->unit) * pattern->unit;
}

/* How far this time's unit is past the last one that the step allows. */
static int64
seconds_off_step(const CalendarPattern *pattern, int64 local)
{
	if (pattern->step == 0)
		return 0;
	return tc_floor_mod(start_of_unit(pattern, local) - pattern->origin,
						pattern->step);
}

static bool
next_in_calendar(LocalPattern *base, int64 from, int64 *found)
{
	CalendarPattern *pattern = (CalendarPattern *) base;
	int64		off;

	from = Max(from, pattern->first);
	while (from <= pattern->last && --base->work >= 0)
	{
		if (!next_on_days(pattern, from, found) || *found > pattern->last)
			return false;
		off = seconds_off_step(pattern, *found);
		if (off == 0)
			return true;
		from = start_of_unit(pattern, *found) - off + pattern->step;
	}
	return false;
}

static bool
previous_in_calendar(LocalPattern *base, int64 from, int64 *found)
{
	CalendarPattern *pattern = (CalendarPattern *) base;
	int64		off;

	from = Min(from, pattern->last);
	while (from >= pattern->first && --base->work >= 0)
	{
		if (!previous_on_days(pattern, from, found) || *found < pattern->first)
			return false;
		off = seconds_off_step(pattern, *found);
		if (off == 0)
			return true;
		from = start_of_unit(pattern, *found) - off + pattern->unit - 1;
	}
	return false;
}

/* The times of day in one unit of the step, clipped to [from, until). */
static int64
count_in_unit(const CalendarPattern *pattern, int64 start,
			  int64 from, int64 until)
{
	const DayTimes *times = &pattern->times;

	if ((times->hours >> (start / SECS_PER_HOUR) & 1) == 0)
		return 0;
	if (pattern->unit < SECS_PER_HOUR &&
		(times->minutes >> (start / SECS_PER_MINUTE % MINS_PER_HOUR) & 1) == 0)
		return 0;
	if (pattern->unit == 1)
		return times->seconds >> (start % SECS_PER_MINUTE) & 1;
	return count_times_below(times, Min(start + pattern->unit, until)) -
		count_times_below(times, Max(start, from));
}

/* Whether every unit of the day has the same times in it. */
static bool
units_are_alike(const CalendarPattern *pattern)
{
	const DayTimes *times = &pattern->times;

	return times->hours == ALL_HOURS &&
		(pattern->unit == SECS_PER_HOUR || times->minutes == ALL_SIXTY) &&
		(pattern->unit != 1 || times->seconds == ALL_SIXTY);
}

/* The members of one matching day between two of its seconds. */
static int64
count_in_day(const CalendarPattern *pattern, int64 day, int64 from, int64 until)
{
	const DayTimes *times = &pattern->times;
	int64		midnight = day * SECS_PER_DAY;
	int64		count = 0;
	int64		start;

	if (pattern->step == 0)
		return count_times_below(times, until) - count_times_below(times, from);

	/* the first unit of the step that ends after from, and those behind it */
	start = start_of_unit(pattern, midnight + from);
	start += tc_floor_mod(pattern->origin - start, pattern->step);
	start -= midnight;
	if (start >= until)
		return 0;
	if (units_are_alike(pattern) && from % pattern->unit == 0 &&
		until % pattern->unit == 0)
		return ((until - 1 - start) / pattern->step + 1) *
			(tc_times_count(times) * pattern->unit / SECS_PER_DAY);
	for (; start < until; start += pattern->step)
		count += count_in_unit(pattern, start, from, until);
	return count;
}

/* The members of the whole days in a month's bits. */
static int64
count_in_days(const CalendarPattern *pattern, int month, uint64 days)
{
	int64		first = tc_day_of_month(month);
	int64		count = 0;

	/* A step that fits into a day looks the same every day. */
	if (days != 0 &&
		(pattern->step == 0 || SECS_PER_DAY % pattern->step == 0))
		return tc_bit_count(days) *
			count_in_day(pattern, first, 0, SECS_PER_DAY);
	for (; days != 0; days &= days - 1)
		count += count_in_day(pattern, first + tc_bit_first(days),
							  0, SECS_PER_DAY);
	return count;
}

static int64
count_in_calendar(LocalPattern *base, int64 from, int64 until)
{
	CalendarPattern *pattern = (CalendarPattern *) base;
	int64		count = 0;
	int64		first_day;
	int64		last_day;
	int64		edge;
	int			first_month;
	int			last_month;
	int			first_in_month;
	int			last_in_month;
	int			month;

	from = Max(from, pattern->first);
	until = Min(until, pattern->last + 1);
	if (from >= until)
		return 0;
	first_day = tc_floor_div(from, SECS_PER_DAY);
	last_day = tc_floor_div(until - 1, SECS_PER_DAY);
	first_month = tc_month_of_day(first_day, &first_in_month);
	last_month = tc_month_of_day(last_day, &last_in_month);
	for (month = first_month; month <= last_month; month++)
	{
		uint64		days = pattern->month_days(pattern, month);

		/* The first and the last day may be partial: cut them out. */
		if (month == first_month)
		{
			if ((days >> (first_in_month - 1) & 1) != 0)
			{
				edge = first_day * SECS_PER_DAY;
				count += count_in_day(pattern, first_day, from - edge,
									  Min(until - edge, SECS_PER_DAY));
			}
			days = tc_bits_from(days, first_in_month);
		}
		if (month == last_month)
		{
			if (last_day != first_day && (days >> (last_in_month - 1) & 1) != 0)
			{
				edge = last_day * SECS_PER_DAY;
				count += count_in_day(pattern, last_day, 0, until - edge);
			}
			days = tc_bits_below(days, last_in_month - 1);
		}
		count += count_in_days(pattern, month, days);
	}
	return count;
}

void
tc_calendar_init(CalendarPattern *pattern)
{
	Assert(has_times(&pattern->times));
	pattern->base.next = next_in_calendar;
	pattern->base.previous = previous_in_calendar;
	pattern->base.count = count_in_calendar;
	pattern->first = -TC_LOCAL_LIMIT;
	pattern->last = TC_LOCAL_LIMIT;
}

bool
tc_calendar_has_days(const CalendarPattern *pattern)
{
	int			month = SAMPLE_FIRST_YEAR * MONTHS_PER_YEAR;
	int			end = month + SAMPLE_YEARS * MONTHS_PER_YEAR;

	for (; month < end; month++)
	{
		if (pattern->month_days(pattern, month) != 0)
			return true;
	}
	return false;
}
