/*
 * schedule_text.c
 *	  Reading the words of a schedule and refusing them with a reason.
 *
 * Only ASCII has a meaning in a schedule, so bytes are compared as they are,
 * whatever the encoding, and no function depends on the locale.
 */
#include "postgres.h"

#include <stdarg.h>

#include "schedule_internal.h"

void
tc_text_set_error(ScheduleError *error, int position, const char *hint,
				  const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(error->message_buffer, sizeof(error->message_buffer),
			  format, args);
	va_end(args);
	error->message = error->message_buffer;
	error->hint = hint;
	error->position = position;
}

void
tc_text_set_hint(ScheduleError *error, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(error->hint_buffer, sizeof(error->hint_buffer), format, args);
	va_end(args);
	error->hint = error->hint_buffer;
}

bool
tc_text_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool
tc_text_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

char
tc_text_lower(char c)
{
	return (c >= 'A' && c <= 'Z') ? c - 'A' + 'a' : c;
}

bool
tc_text_next_word(TextScanner *scanner, TextWord *word)
{
	int			start = scanner->position;
	int			end;

	while (start < scanner->end && tc_text_is_blank(scanner->chars[start]))
		start++;
	end = start;
	while (end < scanner->end && !tc_text_is_blank(scanner->chars[end]))
		end++;
	word->chars = scanner->chars + start;
	word->length = end - start;
	word->position = start;
	scanner->position = end;
	return end > start;
}

bool
tc_text_next_part(TextWord *rest, char separator, TextWord *part)
{
	int			length = 0;

	/* A negative length says that the last part was handed out. */
	if (rest->length < 0)
		return false;
	while (length < rest->length && rest->chars[length] != separator)
		length++;
	*part = tc_text_cut(rest, 0, length);
	if (length == rest->length)
		rest->length = -1;
	else
		*rest = tc_text_cut(rest, length + 1, rest->length);
	return true;
}

bool
tc_text_equals(const TextWord *word, const char *lower_case)
{
	int			i;

	for (i = 0; i < word->length; i++)
	{
		if (lower_case[i] == '\0' ||
			tc_text_lower(word->chars[i]) != lower_case[i])
			return false;
	}
	return lower_case[word->length] == '\0';
}

bool
tc_text_number(const TextWord *word, int64 limit, int64 *value)
{
	int64		sum = 0;
	int			i;

	if (word->length <= 0)
		return false;
	for (i = 0; i < word->length; i++)
	{
		if (!tc_text_is_digit(word->chars[i]))
			return false;
		sum = Min(sum * 10 + (word->chars[i] - '0'), limit + 1);
	}
	*value = sum;
	return true;
}

TextWord
tc_text_cut(const TextWord *word, int from, int until)
{
	TextWord	part;

	Assert(from >= 0 && from <= until && until <= word->length);
	part.chars = word->chars + from;
	part.length = until - from;
	part.position = word->position + from;
	return part;
}

const char *
tc_text_quote(const TextWord *word, char *buffer)
{
	int			shown = Min(word->length, TC_QUOTE_LENGTH - 4);
	int			i;

	for (i = 0; i < shown; i++)
	{
		char		c = word->chars[i];

		buffer[i] = (c >= ' ' && c <= '~') ? c : '?';
	}
	strcpy(buffer + shown, shown < word->length ? "..." : "");
	return buffer;
}

void
tc_text_append(TextBuffer *buffer, const char *format,...)
{
	int			room = TC_CANONICAL_SIZE - buffer->length;
	int			written;
	va_list		args;

	va_start(args, format);
	written = vsnprintf(buffer->data + buffer->length, room, format, args);
	va_end(args);
	Assert(written >= 0 && written < room);
	buffer->length += Min(written, room - 1);
}

void
tc_text_append_local(TextBuffer *buffer, const char *format, int64 local)
{
	int			time = tc_floor_mod(local, SECS_PER_DAY);
	int			day;
	int			month;

	month = tc_month_of_day(tc_floor_div(local, SECS_PER_DAY), &day);
	tc_text_append(buffer, format, month / MONTHS_PER_YEAR,
				   month % MONTHS_PER_YEAR + 1, day, time / SECS_PER_HOUR,
				   time / SECS_PER_MINUTE % MINS_PER_HOUR,
				   time % SECS_PER_MINUTE);
}
