/*
 * schedule_cron.c
 *	  Reading cron expressions of five or six fields.
 *
 * Strict: what two implementations of cron read in two ways is refused.  A
 * wildcard stands alone in its field, a range runs upwards, a step belongs to
 * a range or a wildcard and is not longer than it.
 */
#include "postgres.h"

#include "schedule_internal.h"

typedef struct FieldInfo
{
	const char *name;
	int			low;
	int			high;
	int			size;			/* number of different values */
	const char *const *names;	/* of the values from low on, or NULL */
	int			name_count;
} FieldInfo;

static const char *const month_names[] = {
	"jan", "feb", "mar", "apr", "may", "jun",
	"jul", "aug", "sep", "oct", "nov", "dec"
};

static const char *const weekday_names[] = {
	"sun", "mon", "tue", "wed", "thu", "fri", "sat"
};

static const FieldInfo fields[CRON_FIELD_COUNT] = {
	{"second", 0, 59, 60, NULL, 0},
	{"minute", 0, 59, 60, NULL, 0},
	{"hour", 0, 23, 24, NULL, 0},
	{"day of month", 1, 31, 31, NULL, 0},
	{"month", 1, 12, 12, month_names, lengthof(month_names)},
	{"day of week", 0, 7, 7, weekday_names, lengthof(weekday_names)}
};

/* What the functions below pass around: one field being read. */
typedef struct FieldReader
{
	CronField	field;
	const FieldInfo *info;
	CronRule   *rule;
	ScheduleError *error;
} FieldReader;

static const struct
{
	const char *name;
	const char *fields;
}			macros[] =

{
	{"@hourly", "0 * * * *"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},
	{"@monthly", "0 0 1 * *"},
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"}
};

/* Reads a number or a name of the field. */
static bool
parse_value(FieldReader *reader, const TextWord *word, int *value)
{
	const FieldInfo *info = reader->info;
	char		quoted[TC_QUOTE_LENGTH];
	int64		number;
	int			i;

	for (i = 0; i < info->name_count; i++)
	{
		if (tc_text_equals(word, info->names[i]))
		{
			*value = info->low + i;
			return true;
		}
	}
	if (!tc_text_number(word, 999, &number))
	{
		(void) tc_text_refuse(reader->error, word->position, NULL,
							  word->length == 0 ?
							  "value is missing in the %s field" :
							  "invalid value in the %s field: \"%s\"",
							  info->name, tc_text_quote(word, quoted));
		if (tc_text_equals(word, "?"))
			return tc_text_hint(reader->error, "Write * instead of ?.");
		return tc_text_hint(reader->error,
							"Values of the %s field run from %d to %d%s.",
							info->name, info->low, info->high,
							info->names == NULL ? "" :
							reader->field == CRON_MONTH ?
							", or JAN to DEC" : ", or SUN to SAT");
	}
	if (number < info->low || number > info->high)
	{
		(void) tc_text_refuse(reader->error, word->position, NULL,
							  "value \"%s\" is out of range for the %s field",
							  tc_text_quote(word, quoted), info->name);
		return tc_text_hint(reader->error,
							"Values of the %s field run from %d to %d.",
							info->name, info->low, info->high);
	}
	*value = number;
	return true;
}

static void
add_value(FieldReader *reader, int value)
{
	if (reader->field == CRON_WEEKDAY)
		value %= 7;
	reader->rule->values[reader->field] |= UINT64CONST(1) << value;
}

/* Reads a step for a range of so many values. */
static bool
parse_step(FieldReader *reader, const TextWord *word, int size, int *step)
{
	int64		number;

	if (!tc_text_number(word, 999, &number))
		return tc_text_refuse(reader->error, word->position,
							  "Write a whole number after the slash.",
							  "step is missing or not a number in the %s field",
							  reader->info->name);
	if (number == 0)
		return tc_text_refuse(reader->error, word->position,
							  "The smallest step is 1.",
							  "step must be positive in the %s field",
							  reader->info->name);
	if (number > size)
	{
		(void) tc_text_refuse(reader->error, word->position, NULL,
							  "step is larger than its range in the %s field",
							  reader->info->name);
		return tc_text_hint(reader->error,
							"The range has %d values.", size);
	}
	*step = number;
	return true;
}

static bool
parse_wildcard(FieldReader *reader, const TextWord *item)
{
	const FieldInfo *info = reader->info;
	TextWord	rest = tc_text_cut(item, 1, item->length);
	int			step = 1;
	int			value;

	if (rest.length > 0)
	{
		if (rest.chars[0] != '/')
			return tc_text_refuse(reader->error, rest.position,
								  "Only a step may follow, as in */15.",
								  "unexpected text after * in the %s field",
								  info->name);
		rest = tc_text_cut(&rest, 1, rest.length);
		if (!parse_step(reader, &rest, info->size, &step))
			return false;
	}
	reader->rule->star_step[reader->field] = step;
	for (value = info->low; value <= info->high; value += step)
		add_value(reader, value);
	return true;
}

/* Reads L, L-3, LW, $ or 15W; *done says whether it was one of them. */
static bool
parse_special_day(FieldReader *reader, const TextWord *item, bool *done)
{
	CronRule   *rule = reader->rule;
	TextWord	rest;
	int64		number;
	int			value;

	*done = true;
	if (tc_text_equals(item, "l") || tc_text_equals(item, "$"))
		rule->days_before_last |= 1;
	else if (tc_text_equals(item, "lw"))
		rule->last_weekday = true;
	else if (item->length >= 2 && tc_text_lower(item->chars[0]) == 'l' &&
			 item->chars[1] == '-')
	{
		rest = tc_text_cut(item, 2, item->length);
		if (!tc_text_number(&rest, 99, &number) || number < 1 || number > 30)
			return tc_text_refuse(reader->error, rest.position,
								  "Write L-1 to L-30.",
								  "invalid number of days before the last day of the month");
		rule->days_before_last |= 1U << number;
	}
	else if (item->length >= 2 &&
			 tc_text_lower(item->chars[item->length - 1]) == 'w')
	{
		rest = tc_text_cut(item, 0, item->length - 1);
		if (!parse_value(reader, &rest, &value))
			return false;
		rule->nearest_weekdays |= 1U << value;
	}
	else
		*done = false;
	return true;
}

/* Reads 5L or 1#2; *done says whether it was one of them. */
static bool
parse_special_weekday(FieldReader *reader, const TextWord *item, bool *done)
{
	CronRule   *rule = reader->rule;
	TextWord	rest = *item;
	TextWord	part;
	int64		number;
	int			value;

	*done = true;
	if (tc_text_equals(item, "l"))
		return tc_text_refuse(reader->error, item->position,
							  "Write 6 for Saturday, or 6L for the last Saturday of the month.",
							  "L needs a day in the day of week field");
	if (item->length >= 2 && tc_text_lower(item->chars[item->length - 1]) == 'l')
	{
		part = tc_text_cut(item, 0, item->length - 1);
		if (!parse_value(reader, &part, &value))
			return false;
		rule->last_of_weekday |= 1U << (value % 7);
		return true;
	}
	(void) tc_text_next_part(&rest, '#', &part);
	if (rest.length < 0)
	{
		*done = false;
		return true;
	}
	if (!parse_value(reader, &part, &value))
		return false;
	if (!tc_text_number(&rest, 9, &number) || number < 1 || number > 5)
		return tc_text_refuse(reader->error, rest.position,
							  "Write 1#1 to 1#5 for the first to the fifth Monday of the month.",
							  "invalid week of the month in the day of week field");
	rule->nth_weekday |= UINT64CONST(1) << (value % 7 * 8 + number);
	return true;
}

/* Reads a value or a range, perhaps with a step. */
static bool
parse_range(FieldReader *reader, const TextWord *item)
{
	TextWord	rest = *item;
	TextWord	range;
	TextWord	first;
	int			low;
	int			high;
	int			step = 1;

	(void) tc_text_next_part(&rest, '/', &range);
	(void) tc_text_next_part(&range, '-', &first);
	if (!parse_value(reader, &first, &low))
		return false;
	if (range.length < 0)
	{
		if (rest.length >= 0)
		{
			(void) tc_text_refuse(reader->error, rest.position - 1, NULL,
								  "step needs a range in the %s field",
								  reader->info->name);
			return tc_text_hint(reader->error, "Write, for example, %d-%d/2.",
								low, reader->info->high);
		}
		add_value(reader, low);
		return true;
	}
	if (!parse_value(reader, &range, &high))
		return false;
	if (low > high)
		return tc_text_refuse(reader->error, first.position,
							  "Write a range that wraps around as two, such as 22-23,0-3.",
							  "range runs backwards in the %s field",
							  reader->info->name);
	if (rest.length >= 0 && !parse_step(reader, &rest, high - low + 1, &step))
		return false;
	for (; low <= high; low += step)
		add_value(reader, low);
	return true;
}

static bool
parse_item(FieldReader *reader, const TextWord *item)
{
	bool		done = false;

	if (item->length == 0)
		return tc_text_refuse(reader->error, item->position, NULL,
							  "value is missing in the %s field",
							  reader->info->name);
	if (reader->field == CRON_MONTH_DAY &&
		!parse_special_day(reader, item, &done))
		return false;
	if (reader->field == CRON_WEEKDAY &&
		!parse_special_weekday(reader, item, &done))
		return false;
	return done || parse_range(reader, item);
}

static bool
parse_field(FieldReader *reader, const TextWord *word)
{
	TextWord	rest = *word;
	TextWord	item;
	bool		lone;
	int			i;

	lone = true;
	for (i = 0; i < word->length; i++)
		lone = lone && word->chars[i] != ',';
	while (tc_text_next_part(&rest, ',', &item))
	{
		if (item.length > 0 && item.chars[0] == '*')
		{
			if (!lone)
				return tc_text_refuse(reader->error, item.position,
									  "Write a range instead, or * alone.",
									  "* cannot be part of a list in the %s field",
									  reader->info->name);
			return parse_wildcard(reader, &item);
		}
		if (!parse_item(reader, &item))
			return false;
	}
	return true;
}

bool
tc_cron_parse(TextScanner *scanner, CronRule *rule)
{
	TextWord	words[CRON_FIELD_COUNT];
	TextWord	extra;
	FieldReader reader;
	int			count = 0;
	int			i;

	while (count < CRON_FIELD_COUNT &&
		   tc_text_next_word(scanner, &words[count]))
		count++;
	if (tc_text_next_word(scanner, &extra))
		return tc_text_refuse(scanner->error, extra.position,
							  "Write minute, hour, day of month, month and day of week, and optionally the second before them.",
							  "cron expression has more than six fields");
	if (count < CRON_FIELD_COUNT - 1)
		return tc_text_refuse(scanner->error, scanner->end,
							  "Write minute, hour, day of month, month and day of week, and optionally the second before them.",
							  "cron expression has %d fields instead of five or six",
							  count);

	if (count == CRON_FIELD_COUNT - 1)
		rule->values[CRON_SECOND] = 1;
	reader.rule = rule;
	reader.error = scanner->error;
	for (i = 0; i < count; i++)
	{
		reader.field = CRON_FIELD_COUNT - count + i;
		reader.info = &fields[reader.field];
		if (!parse_field(&reader, &words[i]))
			return false;
	}
	if (!tc_cron_possible(rule))
		return tc_text_refuse(scanner->error,
							  words[count - 3].position,
							  "Look at the fields day of month, month and day of week together.",
							  "no date ever matches the cron expression");
	return true;
}

bool
tc_cron_macro(const TextWord *word, CronRule *rule)
{
	TextScanner scanner;
	ScheduleError error;
	int			i;

	for (i = 0; i < (int) lengthof(macros); i++)
	{
		if (!tc_text_equals(word, macros[i].name))
			continue;
		scanner.chars = macros[i].fields;
		scanner.position = 0;
		scanner.end = strlen(macros[i].fields);
		scanner.error = &error;
		return tc_cron_parse(&scanner, rule);
	}
	return false;
}
