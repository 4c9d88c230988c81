/*
 * oracle_rrule.c
 *	  Recurrence rules, read without checks and tried day by day.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "oracle.h"

typedef struct Numbers
{
	int			count;
	int			values[400];
} Numbers;

typedef struct Rule
{
	char		frequency;		/* Y, M, W, D, H, N (minutely), S */
	int			interval;
	int			count;
	long long	until;
	bool		until_is_utc;
	int			week_start;
	Numbers		months;
	Numbers		month_days;
	Numbers		year_days;
	Numbers		hours;
	Numbers		minutes;
	Numbers		seconds;
	Numbers		positions;
	Numbers		weekdays;		/* 0 is Sunday */
	Numbers		weeks;			/* for each weekday: its number, or 0 */
	bool		has_hour[60];
	bool		has_minute[60];
	bool		has_second[60];
} Rule;

static const char weekday_names[] = "SUMOTUWETHFRSA";

static int
weekday_by_name(const char *name)
{
	int			i;

	for (i = 0; strncmp(weekday_names + 2 * i, name, 2) != 0; i++)
		;
	return i;
}

static void
read_numbers(const char *expression, Numbers *numbers)
{
	char	   *end = (char *) expression - 1;

	do
		numbers->values[numbers->count++] = strtol(end + 1, &end, 10);
	while (*end == ',');
}

static void
read_weekdays(const char *expression, Rule *rule)
{
	char	   *end = (char *) expression - 1;

	do
	{
		int			i = rule->weekdays.count++;

		rule->weeks.values[i] = strtol(end + 1, &end, 10);
		if (*end == ',')
			end++;
		rule->weekdays.values[i] = weekday_by_name(end);
		end += 2;
	} while (*end == ',');
}

static void
read_until(const char *expression, Rule *rule)
{
	struct tm	tm = {0};

	sscanf(expression, "%4d%2d%2dT%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	rule->until = timegm(&tm);
	rule->until_is_utc = expression[15] == 'Z';
}

static void
read_rule(const char *expression, Rule *rule)
{
	char		copy[1200];
	char	   *part;

	memset(rule, 0, sizeof(*rule));
	rule->interval = 1;
	rule->week_start = 1;
	strcpy(copy, expression);
	for (part = strtok(copy, ";"); part != NULL; part = strtok(NULL, ";"))
	{
		char	   *value = strchr(part, '=') + 1;

		value[-1] = '\0';
		if (strcmp(part, "FREQ") == 0)
			rule->frequency = strcmp(value, "MINUTELY") == 0 ? 'N' : value[0];
		else if (strcmp(part, "INTERVAL") == 0)
			rule->interval = atoi(value);
		else if (strcmp(part, "COUNT") == 0)
			rule->count = atoi(value);
		else if (strcmp(part, "UNTIL") == 0)
			read_until(value, rule);
		else if (strcmp(part, "WKST") == 0)
			rule->week_start = weekday_by_name(value);
		else if (strcmp(part, "BYMONTH") == 0)
			read_numbers(value, &rule->months);
		else if (strcmp(part, "BYMONTHDAY") == 0)
			read_numbers(value, &rule->month_days);
		else if (strcmp(part, "BYYEARDAY") == 0)
			read_numbers(value, &rule->year_days);
		else if (strcmp(part, "BYHOUR") == 0)
			read_numbers(value, &rule->hours);
		else if (strcmp(part, "BYMINUTE") == 0)
			read_numbers(value, &rule->minutes);
		else if (strcmp(part, "BYSECOND") == 0)
			read_numbers(value, &rule->seconds);
		else if (strcmp(part, "BYSETPOS") == 0)
			read_numbers(value, &rule->positions);
		else if (strcmp(part, "BYDAY") == 0)
			read_weekdays(value, rule);
	}
}

static bool
contains(const Numbers *numbers, int value)
{
	int			i;

	for (i = 0; i < numbers->count; i++)
	{
		if (numbers->values[i] == value)
			return true;
	}
	return false;
}

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
month_length(int year, int month)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return lengths[month] + (month == 1 && is_leap(year));
}

static bool
weekday_matches(const Rule *rule, const struct tm *tm)
{
	int			year = tm->tm_year + 1900;
	bool		in_year = rule->frequency == 'Y' && rule->months.count == 0;
	int			place = in_year ? tm->tm_yday + 1 : tm->tm_mday;
	int			length = in_year ? 365 + is_leap(year) :
	month_length(year, tm->tm_mon);
	int			i;

	for (i = 0; i < rule->weekdays.count; i++)
	{
		int			week = rule->weeks.values[i];

		if (rule->weekdays.values[i] == tm->tm_wday &&
			(week == 0 || week == (place + 6) / 7 ||
			 week == -((length - place) / 7 + 1)))
			return true;
	}
	return false;
}

static bool
day_matches(const Rule *rule, const struct tm *tm, const struct tm *anchor)
{
	int			year = tm->tm_year + 1900;
	int			month_end = month_length(year, tm->tm_mon) + 1;
	int			year_end = 366 + is_leap(year);
	bool		named = rule->month_days.count + rule->year_days.count +
	rule->weekdays.count > 0;

	if (rule->months.count > 0 && !contains(&rule->months, tm->tm_mon + 1))
		return false;
	if (rule->month_days.count > 0 &&
		!contains(&rule->month_days, tm->tm_mday) &&
		!contains(&rule->month_days, tm->tm_mday - month_end))
		return false;
	if (rule->year_days.count > 0 &&
		!contains(&rule->year_days, tm->tm_yday + 1) &&
		!contains(&rule->year_days, tm->tm_yday + 1 - year_end))
		return false;
	if (rule->weekdays.count > 0 && !weekday_matches(rule, tm))
		return false;
	if (named)
		return true;
	if (rule->frequency == 'Y' && rule->months.count == 0 &&
		tm->tm_mon != anchor->tm_mon)
		return false;
	if (rule->frequency == 'Y' || rule->frequency == 'M')
		return tm->tm_mday == anchor->tm_mday;
	return rule->frequency != 'W' || tm->tm_wday == anchor->tm_wday;
}

/* The number of the rule's period that a local time is in. */
static long long
period_of(const Rule *rule, const struct tm *tm, long long local)
{
	switch (rule->frequency)
	{
		case 'Y':
			return tm->tm_year;
		case 'M':
			return tm->tm_year * 12 + tm->tm_mon;
		case 'W':
			return local / 86400 - (tm->tm_wday - rule->week_start + 7) % 7;
		case 'D':
			return local / 86400;
		case 'H':
			return local / 3600;
		case 'N':
			return local / 60;
		default:
			return local;
	}
}

static bool
is_due(const Rule *rule, long long period, long long first)
{
	return (period - first) % rule->interval == 0 &&
		(rule->frequency != 'W' || (period - first) / 7 % rule->interval == 0);
}

/*
 * Which values of a unit of the time of day may occur: those named, or the
 * anchor's for the frequencies given, or all.
 */
static void
open_times(const Numbers *numbers, const char *coarser, char frequency,
		   int anchor, bool *set)
{
	int			i;

	for (i = 0; i < 60; i++)
	{
		if (numbers->count > 0)
			set[i] = contains(numbers, i);
		else
			set[i] = strchr(coarser, frequency) == NULL || i == anchor;
	}
}

typedef struct Walk
{
	const Rule *rule;
	const OracleZone *zone;
	OracleGap	gap;
	OracleRepeat repeat;
	long long	anchor;
	OracleList *list;
} Walk;

static void
take(Walk *walk, long long local)
{
	const Rule *rule = walk->rule;

	if (local >= walk->anchor &&
		(rule->until == 0 || rule->until_is_utc || local <= rule->until))
		oracle_add_local(walk->zone, walk->gap, walk->repeat, local,
						 walk->list);
}

/* Takes what BYSETPOS leaves of a period's candidates. */
static void
take_period(Walk *walk, OracleList *period)
{
	const Numbers *positions = &walk->rule->positions;
	int			i;

	for (i = 0; i < period->count; i++)
	{
		if (positions->count == 0 || contains(positions, i + 1) ||
			contains(positions, i - period->count))
			take(walk, period->instants[i]);
	}
	period->count = 0;
}

static void
add_day(const Rule *rule, long long day, long long anchor_period,
		OracleList *period)
{
	struct tm	tm;
	time_t		time = day;
	long long	local;

	gmtime_r(&time, &tm);
	for (local = day; local < day + 86400; local++)
	{
		int			second = local - day;

		if (!rule->has_hour[second / 3600])
			local += 3599;
		else if (!rule->has_minute[second / 60 % 60])
			local += 59;
		else if (rule->has_second[second % 60] &&
				 is_due(rule, period_of(rule, &tm, local), anchor_period))
			oracle_list_add(period, local);
	}
}

void
oracle_rrule_list(const char *expression, const OracleZone *zone,
				  OracleGap gap, OracleRepeat repeat,
				  long long anchor, long long since, long long until,
				  OracleList *list)
{
	Rule		rule;
	Walk		walk = {&rule, zone, gap, repeat, anchor, list};
	OracleList	period = {0, 0, NULL};
	struct tm	anchor_tm;
	time_t		time = anchor;
	long long	anchor_period;
	long long	current = -1;
	long long	day;

	read_rule(expression, &rule);
	gmtime_r(&time, &anchor_tm);
	anchor_period = period_of(&rule, &anchor_tm, anchor);
	open_times(&rule.hours, "YMWD", rule.frequency, anchor_tm.tm_hour,
			   rule.has_hour);
	open_times(&rule.minutes, "YMWDH", rule.frequency, anchor_tm.tm_min,
			   rule.has_minute);
	open_times(&rule.seconds, "YMWDHN", rule.frequency, anchor_tm.tm_sec,
			   rule.has_second);
	list->count = 0;

	/* Begin early: positions count a period from its start. */
	day = (anchor / 86400 - 400) * 86400;
	for (; day < until + 3 * 86400; day += 86400)
	{
		struct tm	tm;
		long long	number;

		time = day;
		gmtime_r(&time, &tm);
		number = period_of(&rule, &tm, day);
		if (number != current)
			take_period(&walk, &period);
		current = number;
		if (day_matches(&rule, &tm, &anchor_tm))
			add_day(&rule, day, anchor_period, &period);
	}
	take_period(&walk, &period);
	if (rule.until_is_utc && rule.until + 1 < until)
		until = rule.until + 1;
	oracle_list_sort(list, since, until);
	if (rule.count > 0 && list->count > rule.count)
		list->count = rule.count;
	free(period.instants);
}
