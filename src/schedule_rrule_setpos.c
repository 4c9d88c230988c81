/*
 * schedule_rrule_setpos.c
 *	  BYSETPOS: only some of a period's local times, by their position.
 *
 * Positions count all times of a year, month or week, also those that
 * lie before the rule's first.
 */
#include "postgres.h"

#include "schedule_internal.h"

/* The times of a period: so many on each of its matching days. */
typedef struct Period
{
	int64		number;
	int64		first_day;
	int			first_month;
	int			month_count;
	uint32		days[MONTHS_PER_YEAR];
	int64		time_count;		/* of one day */
	int64		size;			/* of the period */
} Period;

/* The day after the last one of a period; also sets its first day. */
static int64
end_of_period(const RecurrenceRule *rule, int64 number, int64 *first_day)
{
	switch (rule->frequency)
	{
		case FREQUENCY_YEARLY:
			*first_day = tc_day_of_month(number * MONTHS_PER_YEAR);
			return tc_day_of_month((number + 1) * MONTHS_PER_YEAR);
		case FREQUENCY_MONTHLY:
			*first_day = tc_day_of_month(number);
			return tc_day_of_month(number + 1);
		case FREQUENCY_WEEKLY:
			*first_day = tc_rrule_week_start(rule, number);
			return *first_day + 7;
		case FREQUENCY_DAILY:
		case FREQUENCY_HOURLY:
		case FREQUENCY_MINUTELY:
		case FREQUENCY_SECONDLY:
			break;
	}
	*first_day = number;
	return number + 1;
}

static void
load_period(const CalendarPattern *pattern, int64 number, Period *period)
{
	int64		end_day;
	int			first_in_month;
	int			last_in_month;
	int			last_month;
	int			day_count = 0;
	int			i;

	memset(period, 0, sizeof(Period));
	period->number = number;
	end_day = end_of_period(&pattern->rrule, number, &period->first_day);
	last_month = tc_month_of_day(end_day - 1, &last_in_month);
	period->first_month = tc_month_of_day(period->first_day, &first_in_month);
	period->month_count = last_month - period->first_month + 1;
	for (i = 0; i < period->month_count; i++)
	{
		uint64		days = pattern->month_days(pattern,
											   period->first_month + i);

		if (i == 0)
			days = tc_bits_from(days, first_in_month - 1);
		if (i == period->month_count - 1)
			days = tc_bits_below(days, last_in_month);
		period->days[i] = days;
		day_count += tc_bit_count(days);
	}
	period->time_count = tc_times_count(&pattern->times);
	period->size = day_count * period->time_count;
}

/* The local time at a position of the period, counted from 0. */
static int64
time_at(const CalendarPattern *pattern, const Period *period, int64 position)
{
	int			nth = position / period->time_count;
	int			i = 0;

	while (nth >= tc_bit_count(period->days[i]))
		nth -= tc_bit_count(period->days[i++]);
	return (tc_day_of_month(period->first_month + i) +
			tc_bit_nth(period->days[i], nth)) * SECS_PER_DAY +
		tc_times_nth(&pattern->times, position % period->time_count);
}

/*
 * The next position that the rule names, counted from 0: first those from the
 * front, then those from the end that are not among them.  Starts with
 * *cursor = 0; false after the last.
 */
static bool
next_position(const RecurrenceRule *rule, int64 size, int *cursor,
			  int64 *position)
{
	const int	limit = TC_YEAR_DAY_WORDS * 64;

	while (*cursor < 2 * limit)
	{
		bool		from_end = *cursor >= limit;
		const uint64 *set = from_end ? rule->positions_from_end : rule->positions;
		int			word = *cursor % limit / 64;
		uint64		bits = tc_bits_from(set[word], *cursor % 64);
		int64		number;

		if (bits == 0)
		{
			*cursor += 64 - *cursor % 64;
			continue;
		}
		*cursor += tc_bit_first(bits) - *cursor % 64;
		number = *cursor % limit;
		++*cursor;
		if (number > size)
			continue;
		*position = from_end ? size - number : number - 1;
		if (!from_end || *position + 1 >= limit ||
			(rule->positions[(*position + 1) / 64] >>
			 ((*position + 1) % 64) & 1) == 0)
			return true;
	}
	return false;
}

/*
 * The first (direction 1) or last (direction -1) member of the period in
 * [from, until].
 */
static bool
find_in_period(const CalendarPattern *pattern, const Period *period,
			   int64 from, int64 until, int direction, int64 *found)
{
	bool		any = false;
	int			cursor = 0;
	int64		position;

	while (next_position(&pattern->rrule, period->size, &cursor, &position))
	{
		int64		local = time_at(pattern, period, position);

		if (local < from || local > until ||
			(any && (local - *found) * direction > 0))
			continue;
		*found = local;
		any = true;
	}
	return any;
}

/* What looking at one period costs, in months. */
static int
period_work(const CalendarPattern *pattern)
{
	return pattern->rrule.frequency == FREQUENCY_YEARLY ? MONTHS_PER_YEAR : 1;
}

/* The period of a local time, moved on to one that the interval allows. */
static int64
due_period(const CalendarPattern *pattern, int64 local, int direction)
{
	const RecurrenceRule *rule = &pattern->rrule;
	int64		number = tc_rrule_period(rule, tc_floor_div(local, SECS_PER_DAY));
	int64		off = tc_floor_mod(number - pattern->origin_period, rule->interval);

	if (off == 0)
		return number;
	return direction > 0 ? number + rule->interval - off : number - off;
}

static bool
next_in_positions(LocalPattern *base, int64 from, int64 *found)
{
	CalendarPattern *pattern = (CalendarPattern *) base;
	Period		period;
	int64		number;

	from = Max(from, pattern->first);
	number = due_period(pattern, from, 1);
	for (;; number += pattern->rrule.interval)
	{
		base->work -= period_work(pattern);
		if (base->work < 0)
			return false;
		load_period(pattern, number, &period);
		if (period.first_day * SECS_PER_DAY > pattern->last)
			return false;
		if (find_in_period(pattern, &period, from, pattern->last, 1, found))
			return true;
	}
}

static bool
previous_in_positions(LocalPattern *base, int64 from, int64 *found)
{
	CalendarPattern *pattern = (CalendarPattern *) base;
	Period		period;
	int64		number;
	int64		first;

	from = Min(from, pattern->last);
	if (from < pattern->first)
		return false;
	first = due_period(pattern, pattern->first, -1);
	number = due_period(pattern, from, -1);
	for (; number >= first; number -= pattern->rrule.interval)
	{
		base->work -= period_work(pattern);
		if (base->work < 0)
			return false;
		load_period(pattern, number, &period);
		if (find_in_period(pattern, &period, pattern->first, from, -1, found))
			return true;
	}
	return false;
}

static int64
count_in_positions(LocalPattern *base, int64 from, int64 until)
{
	CalendarPattern *pattern = (CalendarPattern *) base;
	Period		period;
	int64		first_number;
	int64		last_number;
	int64		number;
	int64		count = 0;

	from = Max(from, pattern->first);
	until = Min(until, pattern->last + 1);
	if (from >= until)
		return 0;
	last_number = due_period(pattern, until - 1, -1);
	first_number = due_period(pattern, from, 1);
	for (number = first_number; number <= last_number;
		 number += pattern->rrule.interval)
	{
		bool		is_whole = number != first_number &&
		number != last_number;
		int			cursor = 0;
		int64		position;

		load_period(pattern, number, &period);
		while (next_position(&pattern->rrule, period.size, &cursor, &position))
		{
			int64		local;

			local = is_whole ? from : time_at(pattern, &period, position);
			if (local >= from && local < until)
				count++;
		}
	}
	return count;
}

void
tc_setpos_init(CalendarPattern *pattern)
{
	pattern->base.next = next_in_positions;
	pattern->base.previous = previous_in_positions;
	pattern->base.count = count_in_positions;
}
