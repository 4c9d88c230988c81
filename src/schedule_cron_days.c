/*
 * schedule_cron_days.c
 *	  The days that a cron expression means, and its normal form.
 */
#include "postgres.h"

#include "schedule_internal.h"

/* The day of this month nearest to the given one that is no weekend. */
static int
nearest_weekday(int day, int length, int weekday)
{
	if (weekday == 6)
		return (day > 1) ? day - 1 : day + 2;
	if (weekday == 0)
		return (day < length) ? day + 1 : day - 2;
	return day;
}

/* The days of a month that the day of month field names; bit n is day n. */
static uint64
days_by_number(const CronRule *rule, int length, int first_weekday)
{
	uint64		days = rule->values[CRON_MONTH_DAY];
	uint64		bits;
	int			day;

	for (bits = rule->days_before_last; bits != 0; bits &= bits - 1)
	{
		day = length - tc_bit_first(bits);
		if (day >= 1)
			days |= UINT64CONST(1) << day;
	}
	bits = tc_bits_below(rule->nearest_weekdays, length + 1);
	if (rule->last_weekday)
		bits |= UINT64CONST(1) << length;
	for (; bits != 0; bits &= bits - 1)
	{
		day = tc_bit_first(bits);
		days |= UINT64CONST(1) <<
			nearest_weekday(day, length, (first_weekday + day - 1) % 7);
	}
	return tc_bits_below(days, length + 1);
}

/* The days of a month that the day of week field names; bit n is day n. */
static uint64
days_by_weekday(const CronRule *rule, int length, int first_weekday)
{
	uint64		days = 0;
	int			day;

	for (day = 1; day <= length; day++)
	{
		int			weekday = (first_weekday + day - 1) % 7;
		int			nth = (day - 1) / 7 + 1;

		if ((rule->values[CRON_WEEKDAY] >> weekday & 1) != 0 ||
			(rule->nth_weekday >> (weekday * 8 + nth) & 1) != 0 ||
			((rule->last_of_weekday >> weekday & 1) != 0 && day + 7 > length))
			days |= UINT64CONST(1) << day;
	}
	return days;
}

/* Cron's rule: either field may admit a day if both restrict the days. */
static uint32
cron_month_days(const CalendarPattern *pattern, int month)
{
	const CronRule *rule = pattern->cron;
	int			length = tc_month_length(month);
	int			first_weekday;
	uint64		by_number;
	uint64		by_weekday;

	if ((rule->values[CRON_MONTH] >>
		 (tc_floor_mod(month, MONTHS_PER_YEAR) + 1) & 1) == 0)
		return 0;
	first_weekday = tc_weekday_of_day(tc_day_of_month(month));
	by_number = days_by_number(rule, length, first_weekday);
	by_weekday = days_by_weekday(rule, length, first_weekday);
	if (rule->star_step[CRON_MONTH_DAY] > 0 ||
		rule->star_step[CRON_WEEKDAY] > 0)
		return (by_number & by_weekday) >> 1;
	return (by_number | by_weekday) >> 1;
}

void
tc_cron_pattern(const CronRule *rule, CalendarPattern *pattern)
{
	pattern->month_days = cron_month_days;
	pattern->cron = rule;
	pattern->times.hours = rule->values[CRON_HOUR];
	pattern->times.minutes = rule->values[CRON_MINUTE];
	pattern->times.seconds = rule->values[CRON_SECOND];
	pattern->step = 0;
	tc_calendar_init(pattern);
}

bool
tc_cron_possible(const CronRule *rule)
{
	CalendarPattern pattern;

	tc_cron_pattern(rule, &pattern);
	return tc_calendar_has_days(&pattern);
}

bool
tc_cron_hour_is_wildcard(const CronRule *rule)
{
	return rule->star_step[CRON_HOUR] > 0;
}

/* Values and ranges, each behind a comma. */
static void
print_values(uint64 values, TextBuffer *buffer)
{
	while (values != 0)
	{
		int			low = tc_bit_first(values);
		int			high = low;

		while (high < 63 && (values >> (high + 1) & 1) != 0)
			high++;
		tc_text_append(buffer, ",%d", low);
		if (high > low)
			tc_text_append(buffer, "%c%d", high == low + 1 ? ',' : '-', high);
		values = tc_bits_from(values, high + 1);
	}
}

static void
print_special_days(const CronRule *rule, TextBuffer *buffer)
{
	uint64		bits;

	if ((rule->days_before_last & 1) != 0)
		tc_text_append(buffer, ",L");
	for (bits = rule->days_before_last & ~1U; bits != 0; bits &= bits - 1)
		tc_text_append(buffer, ",L-%d", tc_bit_first(bits));
	for (bits = rule->nearest_weekdays; bits != 0; bits &= bits - 1)
		tc_text_append(buffer, ",%dW", tc_bit_first(bits));
	if (rule->last_weekday)
		tc_text_append(buffer, ",LW");
}

static void
print_special_weekdays(const CronRule *rule, TextBuffer *buffer)
{
	uint64		bits;

	for (bits = rule->last_of_weekday; bits != 0; bits &= bits - 1)
		tc_text_append(buffer, ",%dL", tc_bit_first(bits));
	for (bits = rule->nth_weekday; bits != 0; bits &= bits - 1)
		tc_text_append(buffer, ",%d#%d", tc_bit_first(bits) / 8,
					   tc_bit_first(bits) % 8);
}

/* Five fields if the second is 0, else six. */
void
tc_cron_print(const CronRule *rule, TextBuffer *buffer)
{
	int			field;

	for (field = 0; field < CRON_FIELD_COUNT; field++)
	{
		int			start = buffer->length;

		if (field == CRON_SECOND && rule->values[CRON_SECOND] == 1 &&
			rule->star_step[CRON_SECOND] == 0)
			continue;
		if (rule->star_step[field] == 1)
			tc_text_append(buffer, " *");
		else if (rule->star_step[field] > 1)
			tc_text_append(buffer, " */%d", rule->star_step[field]);
		else
		{
			print_values(rule->values[field], buffer);
			if (field == CRON_MONTH_DAY)
				print_special_days(rule, buffer);
			else if (field == CRON_WEEKDAY)
				print_special_weekdays(rule, buffer);

			/* The first item's comma is the blank before the field. */
			buffer->data[start] = ' ';
		}
	}
}
