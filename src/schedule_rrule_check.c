/*
 * schedule_rrule_check.c
 *	  Which parts of a recurrence rule go together, and its normal form.
 */
#include "postgres.h"

#include "schedule_internal.h"

#define MAX_WEEKS_OF_MONTH 5

bool
tc_rrule_has_ordinals(const RecurrenceRule *rule)
{
	int			weekday;

	for (weekday = 0; weekday < 7; weekday++)
	{
		if (rule->nth_weekday[weekday] != 0 ||
			rule->nth_weekday_from_end[weekday] != 0)
			return true;
	}
	return false;
}

bool
tc_rrule_names_days(const RecurrenceRule *rule)
{
	return rule->has_year_days || rule->month_days != 0 ||
		rule->month_days_from_end != 0 || rule->weekdays != 0 ||
		tc_rrule_has_ordinals(rule);
}

/* The highest week that BYDAY names, from either end. */
static int
highest_ordinal(const RecurrenceRule *rule)
{
	int			highest = 0;
	int			weekday;

	for (weekday = 0; weekday < 7; weekday++)
	{
		uint64		bits = rule->nth_weekday[weekday] |
		rule->nth_weekday_from_end[weekday];

		if (bits != 0)
			highest = Max(highest, tc_bit_last(bits));
	}
	return highest;
}

static bool
check_days(const RecurrenceRule *rule, const int *positions,
		   ScheduleError *error)
{
	Frequency	frequency = rule->frequency;

	if (rule->has_year_days &&
		(frequency == FREQUENCY_MONTHLY || frequency == FREQUENCY_WEEKLY ||
		 frequency == FREQUENCY_DAILY))
		return tc_text_refuse(error, positions[PART_BYYEARDAY],
							  "Use FREQ=YEARLY.",
							  "BYYEARDAY cannot be used with FREQ=%s",
							  tc_rrule_frequency_name(frequency));
	if (frequency == FREQUENCY_WEEKLY && positions[PART_BYMONTHDAY] >= 0)
		return tc_text_refuse(error, positions[PART_BYMONTHDAY],
							  "Use FREQ=MONTHLY.",
							  "BYMONTHDAY cannot be used with FREQ=WEEKLY");
	if (!tc_rrule_has_ordinals(rule))
		return true;
	if (frequency != FREQUENCY_YEARLY && frequency != FREQUENCY_MONTHLY)
		return tc_text_refuse(error, positions[PART_BYDAY],
							  "Use FREQ=MONTHLY or FREQ=YEARLY, or weekdays without numbers.",
							  "BYDAY cannot have numbers with FREQ=%s",
							  tc_rrule_frequency_name(frequency));
	if ((frequency == FREQUENCY_MONTHLY || rule->months != 0) &&
		highest_ordinal(rule) > MAX_WEEKS_OF_MONTH)
		return tc_text_refuse(error, positions[PART_BYDAY],
							  "Numbers within a month run from 1 to 5 and from -5 to -1.",
							  "number of a weekday in BYDAY is out of range");
	return true;
}

static bool
check_positions(const RecurrenceRule *rule, const int *positions,
				ScheduleError *error)
{
	if (!rule->has_positions)
		return true;
	if (rule->frequency > FREQUENCY_WEEKLY)
		return tc_text_refuse(error, positions[PART_BYSETPOS],
							  "Use FREQ=WEEKLY, MONTHLY or YEARLY, or name the times of day directly.",
							  "BYSETPOS is not supported with FREQ=%s",
							  tc_rrule_frequency_name(rule->frequency));
	if (!tc_rrule_names_days(rule) && rule->months == 0 && rule->hours == 0 &&
		rule->minutes == 0 && rule->seconds == 0)
		return tc_text_refuse(error, positions[PART_BYSETPOS],
							  "Add BYDAY, for example.",
							  "BYSETPOS needs another part whose name begins with BY");
	return true;
}

/*
 * COUNT is resolved by counting from the anchor whenever the rule is asked,
 * which must be cheap: an interval that does not fit into a day and is
 * filtered by time of day would have to be walked candidate by candidate.
 */
static bool
check_count(const RecurrenceRule *rule, const int *positions,
			ScheduleError *error)
{
	static const int per_day[] = {24, 24 * 60, 24 * 60 * 60};
	bool		is_filtered;

	if (rule->count == 0)
		return true;
	if (rule->has_until)
		return tc_text_refuse(error, Max(positions[PART_COUNT],
										 positions[PART_UNTIL]),
							  NULL, "COUNT and UNTIL exclude each other");
	if (rule->frequency < FREQUENCY_HOURLY)
		return true;
	is_filtered = rule->hours != 0 ||
		(rule->frequency >= FREQUENCY_MINUTELY && rule->minutes != 0) ||
		(rule->frequency >= FREQUENCY_SECONDLY && rule->seconds != 0);
	if (is_filtered &&
		per_day[rule->frequency - FREQUENCY_HOURLY] % rule->interval != 0)
		return tc_text_refuse(error, positions[PART_COUNT],
							  "Use UNTIL, or an interval that divides a day.",
							  "COUNT is not supported with times of day and an interval that does not divide a day");
	return true;
}

bool
tc_rrule_check(const RecurrenceRule *rule, const int *positions,
			   int rule_position, ScheduleError *error)
{
	if (positions[PART_FREQ] < 0)
		return tc_text_refuse(error, rule_position,
							  "Write, for example, RRULE:FREQ=DAILY.",
							  "FREQ is missing");
	if (!check_days(rule, positions, error) ||
		!check_positions(rule, positions, error) ||
		!check_count(rule, positions, error))
		return false;
	if (!tc_rrule_possible(rule))
		return tc_text_refuse(error, rule_position,
							  "Look at BYMONTH, BYMONTHDAY, BYYEARDAY and BYDAY together.",
							  "no date ever matches the recurrence rule");
	return true;
}

/* Prints a set of so many words, after it the set counted from the end. */
static void
print_list(TextBuffer *buffer, const char *name, const uint64 *set,
		   const uint64 *from_end, int words)
{
	const char *separator = "=";
	int			start = buffer->length;
	int			i;

	tc_text_append(buffer, ";%s", name);
	for (i = 0; i < words * 64; i++)
	{
		if ((set[i / 64] >> (i % 64) & 1) != 0)
		{
			tc_text_append(buffer, "%s%d", separator, i);
			separator = ",";
		}
	}
	for (i = words * 64 - 1; from_end != NULL && i > 0; i--)
	{
		if ((from_end[i / 64] >> (i % 64) & 1) != 0)
		{
			tc_text_append(buffer, "%s-%d", separator, i);
			separator = ",";
		}
	}
	if (separator[0] == '=')
	{
		buffer->length = start;
		buffer->data[start] = '\0';
	}
}

static void
print_weekdays(TextBuffer *buffer, const RecurrenceRule *rule)
{
	const char *separator = ";BYDAY=";
	uint64		bits;
	int			weekday;

	for (weekday = 0; weekday < 7; weekday++)
	{
		const char *name = tc_rrule_weekday_name(weekday);

		if ((rule->weekdays >> weekday & 1) != 0)
		{
			tc_text_append(buffer, "%s%s", separator, name);
			separator = ",";
		}
		for (bits = rule->nth_weekday[weekday]; bits != 0; bits &= bits - 1)
		{
			tc_text_append(buffer, "%s%d%s", separator,
						   tc_bit_first(bits), name);
			separator = ",";
		}
		for (bits = rule->nth_weekday_from_end[weekday]; bits != 0;
			 bits &= bits - 1)
		{
			tc_text_append(buffer, "%s-%d%s", separator,
						   tc_bit_first(bits), name);
			separator = ",";
		}
	}
}

void
tc_rrule_print(const RecurrenceRule *rule, TextBuffer *buffer)
{
	tc_text_append(buffer, "RRULE:FREQ=%s",
				   tc_rrule_frequency_name(rule->frequency));
	if (rule->interval != 1)
		tc_text_append(buffer, ";INTERVAL=%d", rule->interval);
	if (rule->count != 0)
		tc_text_append(buffer, ";COUNT=%d", rule->count);
	if (rule->has_until)
	{
		tc_text_append(buffer, ";UNTIL=");
		tc_text_append_local(buffer, "%04d%02d%02dT%02d%02d%02d", rule->until);
		if (rule->until_is_utc)
			tc_text_append(buffer, "Z");
	}
	print_list(buffer, "BYMONTH", &rule->months, NULL, 1);
	print_list(buffer, "BYMONTHDAY", &rule->month_days,
			   &rule->month_days_from_end, 1);
	print_list(buffer, "BYYEARDAY", rule->year_days,
			   rule->year_days_from_end, TC_YEAR_DAY_WORDS);
	print_weekdays(buffer, rule);
	print_list(buffer, "BYHOUR", &rule->hours, NULL, 1);
	print_list(buffer, "BYMINUTE", &rule->minutes, NULL, 1);
	print_list(buffer, "BYSECOND", &rule->seconds, NULL, 1);
	print_list(buffer, "BYSETPOS", rule->positions,
			   rule->positions_from_end, TC_YEAR_DAY_WORDS);
	if (rule->week_start != 1)
		tc_text_append(buffer, ";WKST=%s",
					   tc_rrule_weekday_name(rule->week_start));
}
