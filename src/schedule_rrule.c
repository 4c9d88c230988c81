/*
 * schedule_rrule.c
 *	  Reading iCalendar recurrence rules (RFC 5545, section 3.3.10).
 *
 * Every part is understood in full or refused by name.  Combinations that
 * the standard forbids or leaves open are refused too.
 */
#include "postgres.h"

#include "schedule_internal.h"

#define MAX_INTERVAL 1000000
#define MAX_COUNT 100000

/* The parts, and the range of each one's numbers. */
static const struct
{
	const char *name;
	int			low;
	int			high;
}			parts[RECURRENCE_PART_COUNT] =

{
	{"FREQ", 0, 0},
	{"INTERVAL", 1, MAX_INTERVAL},
	{"COUNT", 1, MAX_COUNT},
	{"UNTIL", 0, 0},
	{"BYMONTH", 1, 12},
	{"BYMONTHDAY", 1, 31},
	{"BYYEARDAY", 1, 366},
	{"BYDAY", 1, 53},
	{"BYHOUR", 0, 23},
	{"BYMINUTE", 0, 59},
	{"BYSECOND", 0, 59},
	{"BYSETPOS", 1, 366},
	{"WKST", 0, 0},
	{"BYWEEKNO", 0, 0}
};

/* In the order of enum Frequency. */
static const char *const frequency_names[] = {
	"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"
};

static const char *const weekday_names[] = {
	"SU", "MO", "TU", "WE", "TH", "FR", "SA"
};

/* What the functions below pass around. */
typedef struct RuleReader
{
	RecurrenceRule *rule;
	ScheduleError *error;
	int			positions[RECURRENCE_PART_COUNT];	/* of the parts, or -1 */
} RuleReader;

const char *
tc_rrule_frequency_name(Frequency frequency)
{
	return frequency_names[frequency];
}

const char *
tc_rrule_weekday_name(int weekday)
{
	return weekday_names[weekday];
}

static bool
equals_upper(const TextWord *word, const char *name)
{
	int			i;

	for (i = 0; i < word->length; i++)
	{
		if (name[i] == '\0' ||
			tc_text_lower(word->chars[i]) != tc_text_lower(name[i]))
			return false;
	}
	return name[word->length] == '\0';
}

static int
find_name(const TextWord *word, const char *const *names, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (equals_upper(word, names[i]))
			return i;
	}
	return -1;
}

static bool
refuse_number(RuleReader *reader, RecurrencePart part, const TextWord *word,
			  int high, bool is_signed)
{
	char		quoted[TC_QUOTE_LENGTH];

	(void) tc_text_refuse(reader->error, word->position, NULL,
						  word->length == 0 ? "value of %s is missing" :
						  "invalid value for %s: \"%s\"", parts[part].name,
						  tc_text_quote(word, quoted));
	return tc_text_hint(reader->error, is_signed ?
						"Values run from %d to %d and from -%d to -%d." :
						"Values run from %d to %d.",
						parts[part].low, high, high, parts[part].low);
}

/* Reads a number of the part; a sign may come before it if is_signed. */
static bool
parse_number(RuleReader *reader, RecurrencePart part, const TextWord *word,
			 bool is_signed, int *value)
{
	TextWord	digits = *word;
	bool		is_negative = false;
	int64		number;

	if (is_signed && word->length > 0)
	{
		is_negative = word->chars[0] == '-';
		if (is_negative || word->chars[0] == '+')
			digits = tc_text_cut(word, 1, word->length);
	}
	if (!tc_text_number(&digits, MAX_INTERVAL, &number) ||
		number < parts[part].low || number > parts[part].high)
		return refuse_number(reader, part, word, parts[part].high, is_signed);
	*value = is_negative ? -number : number;
	return true;
}

static void
add_number(uint64 *set, int number)
{
	set[number / 64] |= UINT64CONST(1) << (number % 64);
}

static bool
parse_numbers(RuleReader *reader, RecurrencePart part, TextWord list,
			  uint64 *set)
{
	TextWord	item;
	int			value;

	while (tc_text_next_part(&list, ',', &item))
	{
		if (!parse_number(reader, part, &item, false, &value))
			return false;
		add_number(set, value);
	}
	return true;
}

/* The same for numbers that may be negative; those go into the second set. */
static bool
parse_signed_numbers(RuleReader *reader, RecurrencePart part, TextWord list,
					 uint64 *set, uint64 *from_end)
{
	TextWord	item;
	int			value;

	while (tc_text_next_part(&list, ',', &item))
	{
		if (!parse_number(reader, part, &item, true, &value))
			return false;
		if (value < 0)
			add_number(from_end, -value);
		else
			add_number(set, value);
	}
	return true;
}

static bool
parse_weekday(RuleReader *reader, const TextWord *word, int *weekday)
{
	char		quoted[TC_QUOTE_LENGTH];

	*weekday = find_name(word, weekday_names, lengthof(weekday_names));
	return *weekday >= 0 ||
		tc_text_refuse(reader->error, word->position,
					   "Weekdays are MO, TU, WE, TH, FR, SA and SU.",
					   "invalid weekday: \"%s\"", tc_text_quote(word, quoted));
}

static bool
parse_weekdays(RuleReader *reader, TextWord list)
{
	RecurrenceRule *rule = reader->rule;
	TextWord	item;
	TextWord	name;
	TextWord	number;
	int			weekday;
	int			nth;

	while (tc_text_next_part(&list, ',', &item))
	{
		int			cut = Max(item.length - 2, 0);

		name = tc_text_cut(&item, cut, item.length);
		number = tc_text_cut(&item, 0, cut);
		if (!parse_weekday(reader, &name, &weekday))
			return false;
		if (number.length == 0)
		{
			rule->weekdays |= UINT64CONST(1) << weekday;
			continue;
		}
		if (!parse_number(reader, PART_BYDAY, &number, true, &nth))
			return false;
		if (nth < 0)
			add_number(&rule->nth_weekday_from_end[weekday], -nth);
		else
			add_number(&rule->nth_weekday[weekday], nth);
	}
	return true;
}

/* Reads the digits of a word from one place to another. */
static bool
parse_digits(const TextWord *word, int from, int until, int *value)
{
	TextWord	digits = tc_text_cut(word, from, until);
	int64		number;

	if (!tc_text_number(&digits, MAX_INTERVAL, &number))
		return false;
	*value = number;
	return true;
}

static bool
parse_until(RuleReader *reader, const TextWord *word)
{
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;

	if ((word->length != 15 &&
		 !(word->length == 16 && tc_text_lower(word->chars[15]) == 'z')) ||
		tc_text_lower(word->chars[8]) != 't' ||
		!parse_digits(word, 0, 4, &year) ||
		!parse_digits(word, 4, 6, &month) ||
		!parse_digits(word, 6, 8, &day) ||
		!parse_digits(word, 9, 11, &hour) ||
		!parse_digits(word, 11, 13, &minute) ||
		!parse_digits(word, 13, 15, &second))
		return tc_text_refuse(reader->error, word->position,
							  "Write local time as in UNTIL=20261231T235959, or UTC with a Z behind it.",
							  "invalid value for UNTIL");
	if (year < 1 || month < 1 || month > MONTHS_PER_YEAR || day < 1 ||
		day > tc_month_length(year * MONTHS_PER_YEAR + month - 1) ||
		hour > 23 || minute > 59 || second > 59)
		return tc_text_refuse(reader->error, word->position, NULL,
							  "value of UNTIL is not a valid date and time");
	reader->rule->has_until = true;
	reader->rule->until_is_utc = word->length == 16;
	reader->rule->until = tc_local_make(year, month, day,
										hour, minute, second);
	return true;
}

static bool
parse_frequency(RuleReader *reader, const TextWord *word)
{
	int			frequency = find_name(word, frequency_names,
									  lengthof(frequency_names));

	if (frequency < 0)
		return tc_text_refuse(reader->error, word->position,
							  "Write YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY, MINUTELY or SECONDLY.",
							  "invalid value for FREQ");
	reader->rule->frequency = (Frequency) frequency;
	return true;
}

static bool
parse_part(RuleReader *reader, RecurrencePart part, const TextWord *value)
{
	RecurrenceRule *rule = reader->rule;

	switch (part)
	{
		case PART_FREQ:
			return parse_frequency(reader, value);
		case PART_INTERVAL:
			return parse_number(reader, part, value, false, &rule->interval);
		case PART_COUNT:
			return parse_number(reader, part, value, false, &rule->count);
		case PART_UNTIL:
			return parse_until(reader, value);
		case PART_BYMONTH:
			return parse_numbers(reader, part, *value, &rule->months);
		case PART_BYMONTHDAY:
			return parse_signed_numbers(reader, part, *value,
										&rule->month_days,
										&rule->month_days_from_end);
		case PART_BYYEARDAY:
			rule->has_year_days = true;
			return parse_signed_numbers(reader, part, *value, rule->year_days,
										rule->year_days_from_end);
		case PART_BYDAY:
			return parse_weekdays(reader, *value);
		case PART_BYHOUR:
			return parse_numbers(reader, part, *value, &rule->hours);
		case PART_BYMINUTE:
			return parse_numbers(reader, part, *value, &rule->minutes);
		case PART_BYSECOND:
			return parse_numbers(reader, part, *value, &rule->seconds);
		case PART_BYSETPOS:
			rule->has_positions = true;
			return parse_signed_numbers(reader, part, *value, rule->positions,
										rule->positions_from_end);
		case PART_WKST:
			return parse_weekday(reader, value, &rule->week_start);
		case PART_BYWEEKNO:
			break;
	}
	return tc_text_refuse(reader->error, reader->positions[part],
						  "Use BYMONTH, BYMONTHDAY, BYYEARDAY or BYDAY to pick days.",
						  "BYWEEKNO is not supported");
}

/* Finds the part that a "NAME=value" begins with. */
static bool
find_part(RuleReader *reader, const TextWord *name, RecurrencePart *part)
{
	char		quoted[TC_QUOTE_LENGTH];
	int			i;

	for (i = 0; i < RECURRENCE_PART_COUNT; i++)
	{
		if (!equals_upper(name, parts[i].name))
			continue;
		*part = (RecurrencePart) i;
		if (reader->positions[i] >= 0)
			return tc_text_refuse(reader->error, name->position, NULL,
								  "%s is given twice", parts[i].name);
		reader->positions[i] = name->position;
		return true;
	}
	return tc_text_refuse(reader->error, name->position,
						  "Parts are written NAME=value and separated by semicolons.",
						  name->length == 0 ?
						  "part of the recurrence rule is missing" :
						  "unrecognized part of the recurrence rule: \"%s\"",
						  tc_text_quote(name, quoted));
}

bool
tc_rrule_parse(const TextWord *text, ScheduleError *error,
			   RecurrenceRule *rule)
{
	RuleReader	reader;
	TextWord	rest = *text;
	TextWord	value;
	TextWord	name;
	RecurrencePart part = PART_FREQ;
	int			i;

	reader.rule = rule;
	reader.error = error;
	for (i = 0; i < RECURRENCE_PART_COUNT; i++)
		reader.positions[i] = -1;
	rule->interval = 1;
	rule->week_start = 1;
	while (tc_text_next_part(&rest, ';', &value))
	{
		(void) tc_text_next_part(&value, '=', &name);
		if (!find_part(&reader, &name, &part))
			return false;
		if (value.length < 0)
			return tc_text_refuse(error, name.position + name.length, NULL,
								  "value of %s is missing", parts[part].name);
		if (!parse_part(&reader, part, &value))
			return false;
	}
	return tc_rrule_check(rule, reader.positions, text->position, error);
}
