/*
 * schedule.c
 *	  The schedule language: which kind a text is, and its normal form.
 *
 * The first word decides: a keyword, a macro, RRULE: or else a cron
 * expression.  What comes from another dialect is refused with the way to
 * write it here.
 */
#include "postgres.h"

#include "schedule_internal.h"

#define FORMS_HINT "Write a cron expression such as \"0 3 * * *\", or \"every 15 minutes\", \"after 15 minutes\", \"at 2026-12-01 03:00\", \"@daily\", \"@reboot\" or \"RRULE:FREQ=DAILY\"."

static bool
starts_with(const TextWord *word, const char *lower_case)
{
	TextWord	head;
	int			length = strlen(lower_case);

	if (word->length < length)
		return false;
	head = tc_text_cut(word, 0, length);
	return tc_text_equals(&head, lower_case);
}

/* Reads @daily and its like. */
static bool
parse_macro(TextScanner *scanner, const TextWord *word, Schedule *schedule)
{
	TextWord	extra;
	char		quoted[TC_QUOTE_LENGTH];

	if (tc_text_equals(word, "@reboot"))
		schedule->kind = SCHEDULE_REBOOT;
	else if (tc_cron_macro(word, &schedule->rule.cron))
		schedule->kind = SCHEDULE_CRON;
	else
		return tc_text_refuse(scanner->error, word->position,
							  "Write @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually or @reboot.",
							  "unrecognized schedule \"%s\"",
							  tc_text_quote(word, quoted));
	if (tc_text_next_word(scanner, &extra))
		return tc_text_refuse(scanner->error, extra.position, NULL,
							  "expected the end of the schedule");
	return true;
}

static bool
parse_rrule(TextScanner *scanner, const TextWord *word, Schedule *schedule)
{
	TextWord	rule = tc_text_cut(word, strlen("rrule:"), word->length);
	TextWord	extra;

	if (tc_text_next_word(scanner, &extra))
		return tc_text_refuse(scanner->error, extra.position,
							  "The rule is a single word without blanks.",
							  "expected the end of the schedule");
	schedule->kind = SCHEDULE_RRULE;
	return tc_rrule_parse(&rule, scanner->error, &schedule->rule.rrule);
}

/* Refuses what looks like a form that others know. */
static bool
refuse_foreign_form(TextScanner *scanner, const TextWord *word, bool *refused)
{
	TextScanner ahead = *scanner;
	TextWord	unit;
	char		quoted[TC_QUOTE_LENGTH];
	int64		number;

	*refused = true;
	if (starts_with(word, "dtstart"))
		return tc_text_refuse(scanner->error, word->position,
							  "Give the start of the recurrence as starts_at.",
							  "DTSTART is not part of a schedule");
	if (starts_with(word, "exdate") || starts_with(word, "rdate") ||
		starts_with(word, "exrule"))
		return tc_text_refuse(scanner->error, word->position,
							  "A schedule is a single RRULE.",
							  "only recurrence rules are supported");
	if (starts_with(word, "freq="))
		return tc_text_refuse(scanner->error, word->position,
							  "Write RRULE: before the rule.",
							  "recurrence rule has no prefix");
	if (tc_text_number(word, PG_INT32_MAX, &number) &&
		tc_text_next_word(&ahead, &unit) && tc_step_is_unit(&unit))
	{
		(void) tc_text_refuse(scanner->error, word->position, NULL,
							  "interval needs the word \"every\" or \"after\"");
		return tc_text_hint(scanner->error, "Write \"every %s %s\".",
							tc_text_quote(word, quoted),
							tc_step_unit_name(&unit));
	}
	if ((word->chars[0] >= 'a' && word->chars[0] <= 'z') ||
		(word->chars[0] >= 'A' && word->chars[0] <= 'Z'))
		return tc_text_refuse(scanner->error, word->position, FORMS_HINT,
							  "unrecognized schedule \"%s\"",
							  tc_text_quote(word, quoted));
	*refused = false;
	return true;
}

static bool
parse_schedule(TextScanner *scanner, Schedule *schedule)
{
	TextWord	word;
	bool		refused;

	if (!tc_text_next_word(scanner, &word))
		return tc_text_refuse(scanner->error, 0, FORMS_HINT,
							  "schedule is empty");
	if (word.chars[0] == '@')
		return parse_macro(scanner, &word, schedule);
	if (tc_text_equals(&word, "every"))
	{
		schedule->kind = SCHEDULE_INTERVAL;
		return tc_step_parse(scanner, &schedule->rule.step);
	}
	if (tc_text_equals(&word, "after"))
	{
		schedule->kind = SCHEDULE_DELAY;
		return tc_step_parse(scanner, &schedule->rule.step);
	}
	if (tc_text_equals(&word, "at"))
	{
		schedule->kind = SCHEDULE_ONCE;
		return tc_once_parse(scanner, &schedule->rule.once);
	}
	if (starts_with(&word, "rrule:"))
		return parse_rrule(scanner, &word, schedule);
	if (!refuse_foreign_form(scanner, &word, &refused) || refused)
		return false;
	scanner->position = word.position;
	schedule->kind = SCHEDULE_CRON;
	return tc_cron_parse(scanner, &schedule->rule.cron);
}

Schedule *
tc_schedule_parse(const char *text, ScheduleError *error)
{
	Schedule   *schedule;
	TextScanner scanner;
	size_t		length = strnlen(text, TC_SCHEDULE_MAX_LENGTH + 1);

	error->position = -1;
	error->message = NULL;
	error->hint = NULL;
	if (length > TC_SCHEDULE_MAX_LENGTH)
	{
		(void) tc_text_refuse(error, -1, NULL,
							  "schedule is longer than %d bytes",
							  TC_SCHEDULE_MAX_LENGTH);
		return NULL;
	}
	scanner.chars = text;

	scanner.position = 0;
	scanner.end = length;
	scanner.error = error;
	schedule = palloc0(sizeof(Schedule));
	if (parse_schedule(&scanner, schedule))
		return schedule;
	pfree(schedule);
	return NULL;
}

ScheduleKind
tc_schedule_kind(const Schedule *schedule)
{
	return schedule->kind;
}

char *
tc_schedule_canonical(const Schedule *schedule)
{
	TextBuffer	buffer;
	const char *start = buffer.data;
	char	   *copy;

	buffer.length = 0;
	buffer.data[0] = '\0';
	switch (schedule->kind)
	{
		case SCHEDULE_CRON:
			tc_cron_print(&schedule->rule.cron, &buffer);
			start++;			/* each field begins with a blank */
			break;
		case SCHEDULE_INTERVAL:
			tc_text_append(&buffer, "every");
			tc_step_print(&schedule->rule.step, &buffer);
			break;
		case SCHEDULE_DELAY:
			tc_text_append(&buffer, "after");
			tc_step_print(&schedule->rule.step, &buffer);
			break;
		case SCHEDULE_ONCE:
			tc_once_print(&schedule->rule.once, &buffer);
			break;
		case SCHEDULE_REBOOT:
			tc_text_append(&buffer, "@reboot");
			break;
		case SCHEDULE_RRULE:
			tc_rrule_print(&schedule->rule.rrule, &buffer);
			break;
	}
	copy = palloc(strlen(start) + 1);
	strcpy(copy, start);
	return copy;
}
