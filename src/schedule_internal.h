/*
 * schedule_internal.h
 *	  What the files of the schedule language share; for src/schedule*.c only.
 *
 * Times of day, days and patterns live on the line of local seconds: the
 * seconds since 1970-01-01 00:00 that a clock on the wall shows.  It has no
 * zone, no gap and no repetition.  Only schedule_local.c relates it to
 * instants, which are seconds since the same moment in UTC.
 */
#ifndef TC_SCHEDULE_INTERNAL_H
#define TC_SCHEDULE_INTERNAL_H

#include "schedule.h"

/* Seconds from 1970-01-01 to the server's epoch. */
#define TC_EPOCH_SECONDS \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/*
 * Steps (months looked at, candidates rejected) that one search may take
 * before it answers "never": some 1,600 years.
 */
#define TC_SEARCH_LIMIT 20000

/* Beyond any local second that an instant of the server can have. */
#define TC_LOCAL_LIMIT INT64CONST(10000000000000)

#define TC_YEAR_DAY_WORDS 6		/* 64-bit words for the days of a year */

/* ----- rules, as parsed ----- */

typedef enum CronField
{
	CRON_SECOND,
	CRON_MINUTE,
	CRON_HOUR,
	CRON_MONTH_DAY,
	CRON_MONTH,
	CRON_WEEKDAY
} CronField;

#define CRON_FIELD_COUNT 6

typedef struct CronRule
{
	/* bit n stands for value n, also for days and months */
	uint64		values[CRON_FIELD_COUNT];
	int			star_step[CRON_FIELD_COUNT];	/* of a wildcard; else 0 */
	uint32		days_before_last;	/* L, L-1, ...: bit 0 is the last day */
	uint32		nearest_weekdays;	/* 15W: bit 15 */
	bool		last_weekday;	/* LW */
	uint32		last_of_weekday;	/* 5L: bit 5 */
	uint64		nth_weekday;	/* 1#2: bit 1 * 8 + 2 */
} CronRule;

/* Either seconds, or months and days; the others are 0. */
typedef struct StepRule
{
	int64		seconds;
	int			months;
	int			days;
} StepRule;

typedef struct OnceRule
{
	int64		local;
	bool		has_offset;
	int			offset;			/* seconds east */
} OnceRule;

typedef enum Frequency
{
	FREQUENCY_YEARLY,
	FREQUENCY_MONTHLY,
	FREQUENCY_WEEKLY,
	FREQUENCY_DAILY,
	FREQUENCY_HOURLY,
	FREQUENCY_MINUTELY,
	FREQUENCY_SECONDLY
} Frequency;

typedef enum RecurrencePart
{
	PART_FREQ,
	PART_INTERVAL,
	PART_COUNT,
	PART_UNTIL,
	PART_BYMONTH,
	PART_BYMONTHDAY,
	PART_BYYEARDAY,
	PART_BYDAY,
	PART_BYHOUR,
	PART_BYMINUTE,
	PART_BYSECOND,
	PART_BYSETPOS,
	PART_WKST,
	PART_BYWEEKNO
} RecurrencePart;

#define RECURRENCE_PART_COUNT (PART_BYWEEKNO + 1)

/* Sets are bit n for value n; a set that is zero was not given. */
typedef struct RecurrenceRule
{
	Frequency	frequency;
	int			interval;
	int			count;			/* 0: not given */
	int			week_start;		/* 0 is Sunday */
	bool		has_until;
	bool		until_is_utc;
	int64		until;			/* inclusive */
	uint64		months;
	uint64		month_days;
	uint64		month_days_from_end;	/* bit 1 is the last day */
	uint64		weekdays;
	uint64		nth_weekday[7]; /* bit n of day w: the nth w */
	uint64		nth_weekday_from_end[7];
	uint64		hours;
	uint64		minutes;
	uint64		seconds;
	bool		has_year_days;
	bool		has_positions;
	bool		months_given;	/* rather than taken from the anchor */
	uint64		year_days[TC_YEAR_DAY_WORDS];
	uint64		year_days_from_end[TC_YEAR_DAY_WORDS];
	uint64		positions[TC_YEAR_DAY_WORDS];
	uint64		positions_from_end[TC_YEAR_DAY_WORDS];
} RecurrenceRule;

struct Schedule
{
	ScheduleKind kind;
	union
	{
		CronRule	cron;
		StepRule	step;		/* interval and delay */
		OnceRule	once;
		RecurrenceRule rrule;
	}			rule;
};

/* ----- patterns: sets of local seconds ----- */

typedef struct LocalPattern LocalPattern;

struct LocalPattern
{
	/* the smallest member >= from */
	bool		(*next) (LocalPattern *pattern, int64 from, int64 *found);
	/* the greatest member <= from */
	bool		(*previous) (LocalPattern *pattern, int64 from, int64 *found);
	/* how many members are >= from and < until */
	int64		(*count) (LocalPattern *pattern, int64 from, int64 until);
	int			work;			/* steps that the searches may still take */
};

/* Hours, minutes and seconds of a day: every combination is a member. */
typedef struct DayTimes
{
	uint64		hours;
	uint64		minutes;
	uint64		seconds;
} DayTimes;

/*
 * Times of day on the days that a rule picks month by month.  If step is not
 * 0, a member's hour, minute or second (unit says which) must also lie a
 * multiple of step seconds from origin.
 */
typedef struct CalendarPattern CalendarPattern;

struct CalendarPattern
{
	LocalPattern base;
	/* matching days of a month, bit 0 is the first; see tc_month_of_day */
	uint32		(*month_days) (const CalendarPattern *pattern, int month);
	const CronRule *cron;
	RecurrenceRule rrule;		/* with what it takes from the anchor */
	int64		origin_period;	/* the anchor's, as tc_rrule_period says */
	DayTimes	times;
	int64		unit;
	int64		step;
	int64		origin;
	int64		first;			/* bounds, both inclusive */
	int64		last;
};

/* A calendar step repeated from an origin. */
typedef struct StepPattern
{
	LocalPattern base;
	StepRule	rule;
	int64		origin;
} StepPattern;

typedef struct SinglePattern
{
	LocalPattern base;
	int64		local;
} SinglePattern;

typedef union AnyPattern
{
	LocalPattern base;
	CalendarPattern calendar;
	StepPattern step;
	SinglePattern single;
} AnyPattern;

/* ----- schedule_text.c: reading words and refusing them ----- */

typedef struct TextScanner
{
	const char *chars;
	int			position;
	int			end;
	ScheduleError *error;
} TextScanner;

typedef struct TextWord
{
	const char *chars;
	int			length;
	int			position;		/* in the whole schedule */
} TextWord;

/* Fill the error, or the hint of one already filled; hint may be NULL. */
extern void tc_text_set_error(ScheduleError *error, int position, const char *hint,
							  const char *format,...) pg_attribute_printf(4, 5);
extern void tc_text_set_hint(ScheduleError *error, const char *format,...) pg_attribute_printf(2, 3);

/* The same as expressions that are false, for use after return. */
#define tc_text_refuse(...) (tc_text_set_error(__VA_ARGS__), false)
#define tc_text_hint(...) (tc_text_set_hint(__VA_ARGS__), false)

/* The next word between blanks; false at the end. */
extern bool tc_text_next_word(TextScanner *scanner, TextWord *word);

/* Cuts the part of *rest before the separator off it; false after the last. */
extern bool tc_text_next_part(TextWord *rest, char separator, TextWord *part);
extern bool tc_text_equals(const TextWord *word, const char *lower_case);

/* Reads digits only; values above the limit come out as limit + 1. */
extern bool tc_text_number(const TextWord *word, int64 limit, int64 *value);
extern TextWord tc_text_cut(const TextWord *word, int from, int until);

/* A word fit for a message: printable, short; uses the given buffer. */
#define TC_QUOTE_LENGTH 40
extern const char *tc_text_quote(const TextWord *word, char *buffer);
extern char tc_text_lower(char c);
extern bool tc_text_is_blank(char c);
extern bool tc_text_is_digit(char c);

/* ----- schedule_text.c: writing ----- */

/* Longer than any normal form. */
#define TC_CANONICAL_SIZE 4096

typedef struct TextBuffer
{
	char		data[TC_CANONICAL_SIZE];
	int			length;
} TextBuffer;

extern void tc_text_append(TextBuffer *buffer, const char *format,...) pg_attribute_printf(2, 3);

/* A format of six numbers, year to second. */
extern void tc_text_append_local(TextBuffer *buffer, const char *format,
								 int64 local);

/* ----- schedule_calendar.c: the calendar without zones ----- */

extern int64 tc_floor_div(int64 value, int64 divisor);
extern int64 tc_floor_mod(int64 value, int64 divisor);
extern int	tc_bit_count(uint64 bits);
extern int	tc_bit_first(uint64 bits);	/* bits must not be 0 */
extern int	tc_bit_last(uint64 bits);

/* The members of a set below a bit, and from it on. */
extern uint64 tc_bits_below(uint64 bits, int64 bit);
extern uint64 tc_bits_from(uint64 bits, int64 bit);

/* Months are numbered year * 12 + month - 1, days from 1970-01-01. */
extern int64 tc_day_of_month(int month);	/* its first day */
extern int	tc_month_of_day(int64 day, int *day_of_month);
extern int	tc_month_length(int month);
extern int	tc_weekday_of_day(int64 day);	/* 0 is Sunday */
extern int64 tc_local_make(int year, int month, int day,
						   int hour, int minute, int second);

/* ----- schedule_pattern.c: times of day on some days ----- */

extern int64 tc_times_count(const DayTimes *times);

/* The nth time of day, counted from 0, as a second of the day. */
extern int64 tc_times_nth(const DayTimes *times, int64 n);

/* The nth member of a set, counted from 0. */
extern int	tc_bit_nth(uint64 bits, int n);

/* Gives a pattern with month_days and times set its three functions. */
extern void tc_calendar_init(CalendarPattern *pattern);

/* Whether any day ever matches, for a month_days without an origin. */
extern bool tc_calendar_has_days(const CalendarPattern *pattern);

/* ----- schedule_local.c: local seconds to instants and back ----- */

typedef struct LocalRules
{
	const pg_tz *tz;			/* NULL: UTC */
	ScheduleGap gap;			/* never DEFAULT */
	ScheduleRepeat repeat;
} LocalRules;

extern int64 tc_local_from_instant(const pg_tz *tz, int64 instant);
extern bool tc_local_next(LocalPattern *pattern, const LocalRules *rules,
						  int64 from, int64 *found);
extern bool tc_local_previous(LocalPattern *pattern, const LocalRules *rules,
							  int64 from, int64 *found);
extern int64 tc_local_count(LocalPattern *pattern, const LocalRules *rules,
							int64 from, int64 until);

/* The nth instant from there on, from 1; false: not in some 500 years. */
extern bool tc_local_nth(LocalPattern *pattern, const LocalRules *rules,
						 int64 from, int64 n, int64 *found);

/* ----- one file per kind ----- */

extern bool tc_cron_parse(TextScanner *scanner, CronRule *rule);
extern bool tc_cron_macro(const TextWord *word, CronRule *rule);
extern void tc_cron_print(const CronRule *rule, TextBuffer *buffer);
extern void tc_cron_pattern(const CronRule *rule, CalendarPattern *pattern);
extern bool tc_cron_possible(const CronRule *rule);
extern bool tc_cron_hour_is_wildcard(const CronRule *rule);

extern bool tc_step_parse(TextScanner *scanner, StepRule *rule);
extern void tc_step_print(const StepRule *rule, TextBuffer *buffer);
extern bool tc_step_is_unit(const TextWord *word);

/* The plural of a word that is a unit. */
extern const char *tc_step_unit_name(const TextWord *word);
extern void tc_step_pattern(const StepRule *rule, int64 origin,
							StepPattern *pattern);
extern int64 tc_step_add(const StepRule *rule, int64 local, int64 times);

/* The same three questions for a step of seconds, in microseconds. */
extern bool tc_elapsed_next(const StepRule *rule, TimestampTz anchor,
							TimestampTz from, TimestampTz *found);
extern bool tc_elapsed_previous(const StepRule *rule, TimestampTz anchor,
								TimestampTz from, TimestampTz *found);
extern int64 tc_elapsed_count(const StepRule *rule, TimestampTz anchor,
							  TimestampTz from, TimestampTz until);

extern bool tc_once_parse(TextScanner *scanner, OnceRule *rule);
extern void tc_once_print(const OnceRule *rule, TextBuffer *buffer);
extern void tc_single_pattern(int64 local, SinglePattern *pattern);

extern bool tc_rrule_parse(const TextWord *text, ScheduleError *error,
						   RecurrenceRule *rule);

/*
 * Refuses combinations of parts that mean nothing; positions says where each
 * part stands, or is -1.
 */
extern bool tc_rrule_check(const RecurrenceRule *rule, const int *positions,
						   int rule_position, ScheduleError *error);
extern void tc_rrule_print(const RecurrenceRule *rule, TextBuffer *buffer);
extern const char *tc_rrule_frequency_name(Frequency frequency);
extern const char *tc_rrule_weekday_name(int weekday);

/* The local anchor is the first candidate. */
extern void tc_rrule_pattern(const RecurrenceRule *rule, int64 origin,
							 CalendarPattern *pattern);

/* Whether the parts that name days can ever agree. */
extern bool tc_rrule_possible(const RecurrenceRule *rule);
extern bool tc_rrule_names_days(const RecurrenceRule *rule);
extern bool tc_rrule_has_ordinals(const RecurrenceRule *rule);

/* The number of the year, month, week or day that a day belongs to. */
extern int64 tc_rrule_period(const RecurrenceRule *rule, int64 day);
extern int64 tc_rrule_week_start(const RecurrenceRule *rule, int64 week);

/* Restricts the pattern to the positions (BYSETPOS) that its rule names. */
extern void tc_setpos_init(CalendarPattern *pattern);

#endif							/* TC_SCHEDULE_INTERNAL_H */
