/*
 * schedule_rrule_next.c
 *	  The local times that a recurrence rule means, given its anchor.
 *
 * Every part is a filter on days or on times of day; what a rule leaves open
 * below its frequency it takes from the anchor.  The anchor is an instant of
 * the rule only if it matches it.
 */
#include "postgres.h"

#include "schedule_internal.h"

int64
tc_rrule_period(const RecurrenceRule *rule, int64 day)
{
	int			day_of_month;

	switch (rule->frequency)
	{
		case FREQUENCY_YEARLY:
			return tc_floor_div(tc_month_of_day(day, &day_of_month),
								MONTHS_PER_YEAR);
		case FREQUENCY_MONTHLY:
			return tc_month_of_day(day, &day_of_month);
		case FREQUENCY_WEEKLY:
			return tc_floor_div(day + tc_weekday_of_day(0) -
								rule->week_start, 7);
		case FREQUENCY_DAILY:
		case FREQUENCY_HOURLY:
		case FREQUENCY_MINUTELY:
		case FREQUENCY_SECONDLY:
			break;
	}
	return day;
}

/* The first day of a week as tc_rrule_period numbers it. */
int64
tc_rrule_week_start(const RecurrenceRule *rule, int64 week)
{
	return week * 7 - tc_weekday_of_day(0) + rule->week_start;
}

static bool
period_is_due(const CalendarPattern *pattern, int64 day)
{
	const RecurrenceRule *rule = &pattern->rrule;

	if (rule->interval == 1 || rule->frequency > FREQUENCY_DAILY)
		return true;
	return (tc_rrule_period(rule, day) - pattern->origin_period) %
		rule->interval == 0;
}

static bool
has_bit(const uint64 *set, int bit)
{
	return (set[bit / 64] >> (bit % 64) & 1) != 0;
}

/* Where a month lies in its year. */
typedef struct MonthPlace
{
	int64		first_day;
	int			length;
	int			days_before;	/* in the year */
	int			year_length;
} MonthPlace;

static void
find_place(int month, MonthPlace *place)
{
	int			january = month - tc_floor_mod(month, MONTHS_PER_YEAR);
	int64		year_start = tc_day_of_month(january);

	place->first_day = tc_day_of_month(month);
	place->length = tc_month_length(month);
	place->days_before = place->first_day - year_start;
	place->year_length = tc_day_of_month(january + MONTHS_PER_YEAR) -
		year_start;
}

/*
 * Whether BYDAY names a day of the month.  Numbers count within the month,
 * or within the year if the rule is yearly and names no months.
 */
static bool
weekday_matches(const RecurrenceRule *rule, const MonthPlace *place, int day)
{
	int			weekday = tc_weekday_of_day(place->first_day + day - 1);
	int			length = place->length;

	if (rule->frequency == FREQUENCY_YEARLY && !rule->months_given)
	{
		day += place->days_before;
		length = place->year_length;
	}
	return (rule->weekdays >> weekday & 1) != 0 ||
		has_bit(&rule->nth_weekday[weekday], (day - 1) / 7 + 1) ||
		has_bit(&rule->nth_weekday_from_end[weekday], (length - day) / 7 + 1);
}

static bool
year_day_matches(const RecurrenceRule *rule, const MonthPlace *place, int day)
{
	int			day_of_year = place->days_before + day;

	return has_bit(rule->year_days, day_of_year) ||
		has_bit(rule->year_days_from_end,
				place->year_length - day_of_year + 1);
}

/* The days (bit n is day n) that BYMONTHDAY admits. */
static uint64
filter_month_days(const RecurrenceRule *rule, uint64 days, int length)
{
	uint64		named = rule->month_days;
	uint64		bits;

	if (rule->month_days == 0 && rule->month_days_from_end == 0)
		return days;
	bits = tc_bits_below(rule->month_days_from_end, length + 1);
	for (; bits != 0; bits &= bits - 1)
		named |= UINT64CONST(1) << (length + 1 - tc_bit_first(bits));
	return days & named;
}

static uint32
rrule_month_days(const CalendarPattern *pattern, int month)
{
	const RecurrenceRule *rule = &pattern->rrule;
	bool		by_weekday = rule->weekdays != 0 || tc_rrule_has_ordinals(rule);
	bool		by_period = rule->interval > 1 &&
	rule->frequency > FREQUENCY_MONTHLY;
	MonthPlace	place;
	uint64		days;
	uint64		bits;

	if (rule->months != 0 &&
		!has_bit(&rule->months, tc_floor_mod(month, MONTHS_PER_YEAR) + 1))
		return 0;
	find_place(month, &place);
	if (!by_period && !period_is_due(pattern, place.first_day))
		return 0;
	days = tc_bits_from(tc_bits_below(~UINT64CONST(0), place.length + 1), 1);
	days = filter_month_days(rule, days, place.length);
	if (!rule->has_year_days && !by_weekday && !by_period)
		return days >> 1;
	for (bits = days; bits != 0; bits &= bits - 1)
	{
		int			day = tc_bit_first(bits);

		if ((rule->has_year_days && !year_day_matches(rule, &place, day)) ||
			(by_weekday && !weekday_matches(rule, &place, day)) ||
			(by_period && !period_is_due(pattern, place.first_day + day - 1)))
			days &= ~(UINT64CONST(1) << day);
	}
	return days >> 1;
}

/* Gives the rule the days that it takes from the anchor. */
static void
complete_days(RecurrenceRule *rule, int64 origin_day)
{
	int			day_of_month;
	int			month = tc_month_of_day(origin_day, &day_of_month);

	rule->months_given = rule->months != 0;
	if (tc_rrule_names_days(rule))
		return;
	if (rule->frequency == FREQUENCY_WEEKLY)
		rule->weekdays = UINT64CONST(1) << tc_weekday_of_day(origin_day);
	if (rule->frequency <= FREQUENCY_MONTHLY)
		rule->month_days = UINT64CONST(1) << day_of_month;
	if (rule->frequency == FREQUENCY_YEARLY && !rule->months_given)
		rule->months = UINT64CONST(1) <<
			(tc_floor_mod(month, MONTHS_PER_YEAR) + 1);
}

/* Times of day: given, from the anchor, or all below the frequency. */
static void
complete_times(const RecurrenceRule *rule, int64 origin, DayTimes *times)
{
	int64		time = tc_floor_mod(origin, SECS_PER_DAY);

	times->hours = tc_bits_below(~UINT64CONST(0), HOURS_PER_DAY);
	times->minutes = tc_bits_below(~UINT64CONST(0), MINS_PER_HOUR);
	times->seconds = times->minutes;
	if (rule->frequency < FREQUENCY_HOURLY)
		times->hours = UINT64CONST(1) << (time / SECS_PER_HOUR);
	if (rule->frequency < FREQUENCY_MINUTELY)
		times->minutes = UINT64CONST(1) <<
			(time / SECS_PER_MINUTE % MINS_PER_HOUR);
	if (rule->frequency < FREQUENCY_SECONDLY)
		times->seconds = UINT64CONST(1) << (time % SECS_PER_MINUTE);
	if (rule->hours != 0)
		times->hours = rule->hours;
	if (rule->minutes != 0)
		times->minutes = rule->minutes;
	if (rule->seconds != 0)
		times->seconds = rule->seconds;
}

void
tc_rrule_pattern(const RecurrenceRule *rule, int64 origin,
				 CalendarPattern *pattern)
{
	static const int units[] = {SECS_PER_HOUR, SECS_PER_MINUTE, 1};
	int64		origin_day = tc_floor_div(origin, SECS_PER_DAY);

	pattern->month_days = rrule_month_days;
	pattern->rrule = *rule;
	pattern->origin_period = tc_rrule_period(rule, origin_day);
	complete_days(&pattern->rrule, origin_day);
	complete_times(rule, origin, &pattern->times);
	pattern->step = 0;
	if (rule->frequency >= FREQUENCY_HOURLY && rule->interval > 1)
	{
		pattern->unit = units[rule->frequency - FREQUENCY_HOURLY];
		pattern->step = pattern->unit * rule->interval;
		pattern->origin = tc_floor_div(origin, pattern->unit) * pattern->unit;
	}
	tc_calendar_init(pattern);
	if (rule->has_positions)
		tc_setpos_init(pattern);
	pattern->first = origin;
	if (rule->has_until && !rule->until_is_utc)
		pattern->last = rule->until;
}

bool
tc_rrule_possible(const RecurrenceRule *rule)
{
	CalendarPattern pattern;

	pattern.month_days = rrule_month_days;
	pattern.rrule = *rule;
	pattern.rrule.interval = 1;
	pattern.rrule.months_given = rule->months != 0;
	return tc_calendar_has_days(&pattern);
}
