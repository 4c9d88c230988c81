/*
 * schedule_once.c
 *	  "at 2026-12-01 03:00": a single time, local or with its own offset.
 */
#include "postgres.h"

#include "schedule_internal.h"

#define FORM_HINT "Write the time as in \"at 2026-12-01 03:00\" or \"at 2026-12-01 03:00:00+01:00\"."

#define MAX_OFFSET_SECONDS (MAX_TZDISP_HOUR * SECS_PER_HOUR + 59 * SECS_PER_MINUTE)

/*
 * Matches the head of the word against a shape in which 0 stands for a digit,
 * and cuts it off; reads the numbers in the shape.
 */
static bool
take_shape(TextWord *word, const char *shape, int *numbers)
{
	int			length = strlen(shape);
	int			i;

	if (word->length < length)
		return false;
	for (i = 0; i < length; i++)
	{
		char		c = word->chars[i];

		if (shape[i] == '0' ? !tc_text_is_digit(c) : c != shape[i])
			return false;
	}
	*numbers = 0;
	for (i = 0; i < length; i++)
	{
		if (shape[i] == '0')
			*numbers = *numbers * 10 + (word->chars[i] - '0');
		else if (i > 0)
			*++numbers = 0;
	}
	*word = tc_text_cut(word, length, word->length);
	return true;
}

static bool
parse_date(TextWord *word, ScheduleError *error, int *date)
{
	int			position = word->position;

	if (!take_shape(word, "0000-00-00", date))
		return tc_text_refuse(error, position, FORM_HINT,
							  "expected a date");
	if (date[0] < 1)
		return tc_text_refuse(error, position, NULL,
							  "year is out of range");
	if (date[1] < 1 || date[1] > MONTHS_PER_YEAR)
		return tc_text_refuse(error, position + 5,
							  "Months run from 01 to 12.",
							  "month %02d is out of range", date[1]);
	if (date[2] < 1 ||
		date[2] > tc_month_length(date[0] * MONTHS_PER_YEAR + date[1] - 1))
		return tc_text_refuse(error, position + 8, NULL,
							  "there is no day %02d in %04d-%02d",
							  date[2], date[0], date[1]);
	return true;
}

static bool
parse_time(TextWord *word, ScheduleError *error, int *time)
{
	int			position = word->position;

	time[2] = 0;
	if (!take_shape(word, "00:00", time))
		return tc_text_refuse(error, position, FORM_HINT,
							  "expected a time of day");
	if (word->length > 0 && word->chars[0] == ':' &&
		!take_shape(word, ":00", time + 2))
		return tc_text_refuse(error, word->position, FORM_HINT,
							  "expected seconds of two digits");
	if (word->length > 0 && word->chars[0] == '.')
		return tc_text_refuse(error, word->position,
							  "Schedules are made of whole seconds.",
							  "fractions of a second are not supported");
	if (time[0] > 23 || time[1] > 59 || time[2] > 59)
		return tc_text_refuse(error, position,
							  "Times run from 00:00:00 to 23:59:59.",
							  "time of day is out of range");
	return true;
}

static bool
parse_offset(TextWord *word, ScheduleError *error, OnceRule *rule)
{
	int			position = word->position;
	int			sign = (word->chars[0] == '-') ? -1 : 1;
	int			parts[3] = {0, 0, 0};

	rule->has_offset = true;
	if (tc_text_equals(word, "z"))
	{
		rule->offset = 0;
		return true;
	}
	if (word->chars[0] == '+' || word->chars[0] == '-')
	{
		*word = tc_text_cut(word, 1, word->length);
		if (take_shape(word, "00", parts) &&
			(word->length == 0 || take_shape(word, ":00", parts + 1)) &&
			word->length == 0)
		{
			rule->offset = sign * (parts[0] * SECS_PER_HOUR +
								   parts[1] * SECS_PER_MINUTE);
			if (parts[1] > 59 || abs(rule->offset) > MAX_OFFSET_SECONDS)
				return tc_text_refuse(error, position,
									  "Offsets run from -15:59 to +15:59.",
									  "offset is out of range");
			return true;
		}
	}
	return tc_text_refuse(error, position,
						  "Give an offset such as +01:00 or Z, or none for the schedule's own time zone.",
						  "expected an offset from UTC or the end");
}

bool
tc_once_parse(TextScanner *scanner, OnceRule *rule)
{
	TextWord	word;
	int			date[3];
	int			time[3];

	if (!tc_text_next_word(scanner, &word))
		return tc_text_refuse(scanner->error, scanner->end, FORM_HINT,
							  "expected a date");
	if (!parse_date(&word, scanner->error, date))
		return false;
	if (word.length > 0 && tc_text_lower(word.chars[0]) == 't')
		word = tc_text_cut(&word, 1, word.length);
	else if (word.length > 0)
		return tc_text_refuse(scanner->error, word.position, FORM_HINT,
							  "expected a blank after the date");
	else if (!tc_text_next_word(scanner, &word))
		return tc_text_refuse(scanner->error, scanner->end, FORM_HINT,
							  "time of day is missing");
	if (!parse_time(&word, scanner->error, time))
		return false;
	if ((word.length > 0 || tc_text_next_word(scanner, &word)) &&
		!parse_offset(&word, scanner->error, rule))
		return false;
	if (tc_text_next_word(scanner, &word))
		return tc_text_refuse(scanner->error, word.position, FORM_HINT,
							  "expected the end of the schedule");
	rule->local = tc_local_make(date[0], date[1], date[2],
								time[0], time[1], time[2]);
	return true;
}

void
tc_once_print(const OnceRule *rule, TextBuffer *buffer)
{
	int			minutes = abs(rule->offset) / SECS_PER_MINUTE;

	tc_text_append(buffer, "at ");
	tc_text_append_local(buffer, "%04d-%02d-%02d %02d:%02d:%02d", rule->local);
	if (rule->has_offset && rule->offset == 0)
		tc_text_append(buffer, "Z");
	else if (rule->has_offset)
		tc_text_append(buffer, "%c%02d:%02d", rule->offset < 0 ? '-' : '+',
					   minutes / MINS_PER_HOUR, minutes % MINS_PER_HOUR);
}

static bool
next_single(LocalPattern *base, int64 from, int64 *found)
{
	*found = ((SinglePattern *) base)->local;
	return *found >= from;
}

static bool
previous_single(LocalPattern *base, int64 from, int64 *found)
{
	*found = ((SinglePattern *) base)->local;
	return *found <= from;
}

static int64
count_single(LocalPattern *base, int64 from, int64 until)
{
	int64		local = ((SinglePattern *) base)->local;

	return (local >= from && local < until) ? 1 : 0;
}

void
tc_single_pattern(int64 local, SinglePattern *pattern)
{
	pattern->base.next = next_single;
	pattern->base.previous = previous_single;
	pattern->base.count = count_single;
	pattern->local = local;
}
