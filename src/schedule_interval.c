/*
 * schedule_interval.c
 *	  "every 15 minutes" and "after 15 minutes": steps of time.
 *
 * Seconds, minutes and hours are elapsed time; days, weeks, months and years
 * are steps of the local calendar that keep the time of day.  The nth instant
 * is computed from the anchor at once, never from the one before it, so a
 * month's end that had to be cut short does not cut the months behind it.
 */
#include "postgres.h"

#include "schedule_internal.h"

#define MAX_STEP_YEARS 100
#define MAX_STEP_SECONDS (INT64CONST(36525) * SECS_PER_DAY)

/* 400 years of the calendar divided by their months */
#define MEAN_MONTH_SECONDS INT64CONST(2629746)

typedef struct StepUnit
{
	const char *singular;
	const char *plural;
	int64		seconds;
	int			days;
	int			months;
} StepUnit;

static const StepUnit units[] = {
	{"year", "years", 0, 0, MONTHS_PER_YEAR},
	{"month", "months", 0, 0, 1},
	{"week", "weeks", 0, 7, 0},
	{"day", "days", 0, 1, 0},
	{"hour", "hours", SECS_PER_HOUR, 0, 0},
	{"minute", "minutes", SECS_PER_MINUTE, 0, 0},
	{"second", "seconds", 1, 0, 0}
};

static int
find_unit(const TextWord *word)
{
	int			i;

	for (i = 0; i < (int) lengthof(units); i++)
	{
		if (tc_text_equals(word, units[i].singular) ||
			tc_text_equals(word, units[i].plural))
			return i;
	}
	return -1;
}

bool
tc_step_is_unit(const TextWord *word)
{
	return find_unit(word) >= 0;
}

const char *
tc_step_unit_name(const TextWord *word)
{
	return units[find_unit(word)].plural;
}

static bool
refuse_unit(ScheduleError *error, int position)
{
	return tc_text_refuse(error, position,
						  "Units are seconds, minutes, hours, days, weeks, months and years.",
						  "expected a unit of time");
}

/* Adds so many of a unit to the step; refuses what is too long. */
static bool
add_unit(StepRule *rule, const StepUnit *unit, int64 number,
		 ScheduleError *error, int position)
{
	int64		seconds = rule->seconds + number * unit->seconds;
	int64		days = rule->days + number * unit->days;
	int64		months = rule->months + number * unit->months;

	if (seconds > MAX_STEP_SECONDS ||
		days * SECS_PER_DAY + months * MEAN_MONTH_SECONDS > MAX_STEP_SECONDS)
		return tc_text_refuse(error, position,
							  "The longest interval is 100 years.",
							  "interval is too long");
	rule->seconds = seconds;
	rule->days = days;
	rule->months = months;
	if (seconds > 0 && (days > 0 || months > 0))
		return tc_text_refuse(error, position,
							  "Hours, minutes and seconds are elapsed time; days, weeks, months and years follow the calendar.",
							  "elapsed time cannot be mixed with steps of the calendar");
	return true;
}

/* Reads one "15 minutes"; the number may be left out of a lone unit. */
static bool
parse_unit(TextScanner *scanner, TextWord *word, bool lone,
		   StepRule *rule, bool *seen)
{
	char		quoted[TC_QUOTE_LENGTH];
	int			position = word->position;
	int64		number = 1;
	int			unit = lone ? find_unit(word) : -1;

	if (unit < 0)
	{
		if (!tc_text_number(word, MAX_STEP_SECONDS, &number))
			return tc_text_refuse(scanner->error, position,
								  "Write whole numbers and units, as in \"every 1 hour 30 minutes\".",
								  "expected a number instead of \"%s\"",
								  tc_text_quote(word, quoted));
		if (number == 0)
			return tc_text_refuse(scanner->error, position,
								  "The shortest interval is 1 second.",
								  "interval must be positive");
		if (!tc_text_next_word(scanner, word))
			return refuse_unit(scanner->error, scanner->end);
		unit = find_unit(word);
		if (unit < 0)
			return refuse_unit(scanner->error, word->position);
	}
	if (seen[unit])
		return tc_text_refuse(scanner->error, word->position, NULL,
							  "unit \"%s\" is given twice",
							  units[unit].plural);
	seen[unit] = true;
	return add_unit(rule, &units[unit], number, scanner->error, position);
}

bool
tc_step_parse(TextScanner *scanner, StepRule *rule)
{
	bool		seen[lengthof(units)] = {false};
	TextWord	word;

	if (!tc_text_next_word(scanner, &word))
		return tc_text_refuse(scanner->error, scanner->end,
							  "Write, for example, \"every 15 minutes\".",
							  "length of the interval is missing");
	if (tc_step_is_unit(&word))
	{
		if (!parse_unit(scanner, &word, true, rule, seen))
			return false;
		if (tc_text_next_word(scanner, &word))
			return tc_text_refuse(scanner->error, word.position,
								  "Write a number before each unit, as in \"every 1 hour 30 minutes\".",
								  "expected the end of the schedule");
		return true;
	}
	do
	{
		if (!parse_unit(scanner, &word, false, rule, seen))
			return false;
	} while (tc_text_next_word(scanner, &word));
	return true;
}

void
tc_step_print(const StepRule *rule, TextBuffer *buffer)
{
	int64		seconds = rule->seconds;
	int			months = rule->months;
	int			days = rule->days;
	int			i;

	for (i = 0; i < (int) lengthof(units); i++)
	{
		const StepUnit *unit = &units[i];
		int64		number = 0;

		if (unit->months > 0)
		{
			number = months / unit->months;
			months %= unit->months;
		}
		else if (unit->days > 0 && days % unit->days == 0)
		{
			number = days / unit->days;
			days = 0;
		}
		else if (unit->seconds > 0)
		{
			number = seconds / unit->seconds;
			seconds %= unit->seconds;
		}
		if (number > 0)
			tc_text_append(buffer, " %lld %s", (long long) number,
						   number == 1 ? unit->singular : unit->plural);
	}
}

int64
tc_step_add(const StepRule *rule, int64 local, int64 times)
{
	int64		day = tc_floor_div(local, SECS_PER_DAY);
	int			day_of_month;
	int			month = tc_month_of_day(day, &day_of_month);

	Assert(rule->seconds == 0);
	month += times * rule->months;
	day = tc_day_of_month(month) +
		Min(day_of_month, tc_month_length(month)) - 1 + times * rule->days;
	return day * SECS_PER_DAY + tc_floor_mod(local, SECS_PER_DAY);
}

/* The number of the first step at or after the given local time. */
static int64
first_step_from(const StepPattern *pattern, int64 from)
{
	int64		mean = pattern->rule.months * MEAN_MONTH_SECONDS +
	(int64) pattern->rule.days * SECS_PER_DAY;
	int64		step;

	from = Min(from, TC_LOCAL_LIMIT);
	if (from <= pattern->origin)
		return 0;

	/* The calendar never strays far from its mean. */
	step = (from - pattern->origin) / mean;
	while (tc_step_add(&pattern->rule, pattern->origin, step) < from)
		step++;
	while (step > 0 &&
		   tc_step_add(&pattern->rule, pattern->origin, step - 1) >= from)
		step--;
	return step;
}

static bool
next_step(LocalPattern *base, int64 from, int64 *found)
{
	StepPattern *pattern = (StepPattern *) base;

	*found = tc_step_add(&pattern->rule, pattern->origin,
						 first_step_from(pattern, from));
	return true;
}

static bool
previous_step(LocalPattern *base, int64 from, int64 *found)
{
	StepPattern *pattern = (StepPattern *) base;
	int64		step = first_step_from(pattern, from + 1);

	if (step == 0)
		return false;
	*found = tc_step_add(&pattern->rule, pattern->origin, step - 1);
	return true;
}

static int64
count_steps(LocalPattern *base, int64 from, int64 until)
{
	StepPattern *pattern = (StepPattern *) base;

	if (from >= until)
		return 0;
	return first_step_from(pattern, until) - first_step_from(pattern, from);
}

void
tc_step_pattern(const StepRule *rule, int64 origin, StepPattern *pattern)
{
	pattern->base.next = next_step;
	pattern->base.previous = previous_step;
	pattern->base.count = count_steps;
	pattern->rule = *rule;
	pattern->origin = origin;
}

/*
 * How many steps of seconds from the anchor come before the given time.
 * The difference of two timestamps needs all 64 bits.
 */
static uint64
elapsed_steps_before(const StepRule *rule, TimestampTz anchor, TimestampTz time)
{
	if (time <= anchor)
		return 0;
	return ((uint64) time - (uint64) anchor - 1) /
		((uint64) rule->seconds * USECS_PER_SEC) + 1;
}

bool
tc_elapsed_next(const StepRule *rule, TimestampTz anchor,
				TimestampTz from, TimestampTz *found)
{
	uint64		distance = elapsed_steps_before(rule, anchor, from) *
	(uint64) rule->seconds * USECS_PER_SEC;

	if (distance >= (uint64) END_TIMESTAMP - (uint64) anchor)
		return false;
	*found = (TimestampTz) ((uint64) anchor + distance);
	return true;
}

bool
tc_elapsed_previous(const StepRule *rule, TimestampTz anchor,
					TimestampTz from, TimestampTz *found)
{
	uint64		steps = elapsed_steps_before(rule, anchor, from + 1);

	if (steps == 0)
		return false;
	*found = (TimestampTz) ((uint64) anchor + (steps - 1) *
							(uint64) rule->seconds * USECS_PER_SEC);
	return true;
}

int64
tc_elapsed_count(const StepRule *rule, TimestampTz anchor,
				 TimestampTz from, TimestampTz until)
{
	return (int64) (elapsed_steps_before(rule, anchor, until) -
					elapsed_steps_before(rule, anchor, from));
}
