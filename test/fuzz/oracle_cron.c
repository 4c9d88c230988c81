/*
 * oracle_cron.c
 *	  Cron expressions, read without checks and tried on every local time.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "oracle.h"

static int
read_value(const char *expression, char **end)
{
	static const char *const names[] = {
		"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
		"JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
		"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"
	};
	int			i;

	for (i = 0; i < 19; i++)
	{
		if (strncasecmp(expression, names[i], 3) == 0)
		{
			*end = (char *) expression + 3;

			return i < 12 ? i + 1 : i - 12;
		}
	}
	return strtol(expression, end, 10);
}

/* Sets the plain values of a field; leaves special items to others. */
static void
read_field(const char *field, bool *set, int low, int high, int modulo)
{
	char		copy[400];
	char	   *item;

	strcpy(copy, field);
	for (item = strtok(copy, ","); item != NULL; item = strtok(NULL, ","))
	{
		char	   *end = item;
		int			from = low;
		int			until = high;
		int			step = 1;

		if (strpbrk(item, "#$") != NULL || toupper(item[0]) == 'L' ||
			(isdigit(item[0]) && strpbrk(item, "LlWw") != NULL))
			continue;
		if (isalpha(item[0]) && strlen(item) == 4)
			continue;			/* FRIL */
		if (*item == '*')
			end++;
		else
		{
			from = until = read_value(item, &end);
			if (*end == '-')
				until = read_value(end + 1, &end);
		}
		if (*end == '/')
			step = atoi(end + 1);
		for (; from <= until; from += step)
			set[from % modulo] = true;
	}
}

void
oracle_cron_read(const char *expression, OracleCron *cron)
{
	char		copy[1200];
	char	   *fields[6] = {NULL};
	char	   *rest;
	int			count = 0;

	memset(cron, 0, sizeof(*cron));
	strcpy(copy, expression);
	for (rest = strtok(copy, " "); rest != NULL; rest = strtok(NULL, " "))
		fields[count++] = rest;
	cron->has_seconds = count == 6;
	if (count == 5)
	{
		memmove(fields + 1, fields, 5 * sizeof(char *));
		fields[0] = "0";
	}
	read_field(fields[0], cron->second, 0, 59, 60);
	read_field(fields[1], cron->minute, 0, 59, 60);
	read_field(fields[2], cron->hour, 0, 23, 24);
	read_field(fields[3], cron->day, 1, 31, 32);
	read_field(fields[4], cron->month, 1, 12, 13);
	read_field(fields[5], cron->weekday, 0, 7, 7);
	cron->hour_is_wildcard = fields[2][0] == '*';
	cron->day_is_star = fields[3][0] == '*';
	cron->weekday_is_star = fields[5][0] == '*';
	strcpy(cron->day_text, fields[3]);
	strcpy(cron->weekday_text, fields[5]);
}

/* The weekday of a day of tm's month. */
static int
weekday_of(const struct tm *tm, int day)
{
	return ((tm->tm_wday + day - tm->tm_mday) % 7 + 35) % 7;
}

/* Where the W day of this month is: step outwards until it is no weekend. */
static int
working_day_near(const struct tm *tm, int day, int length)
{
	static const int tries[] = {0, -1, 1, -2, 2};
	int			i;

	for (i = 0; i < 5; i++)
	{
		int			other = day + tries[i];

		if (other >= 1 && other <= length &&
			weekday_of(tm, other) != 0 && weekday_of(tm, other) != 6)
			return other;
	}
	return 0;
}

static bool
day_matches(const OracleCron *cron, const struct tm *tm, int length)
{
	char		copy[400];
	char	   *item;

	if (cron->day[tm->tm_mday])
		return true;
	strcpy(copy, cron->day_text);
	for (item = strtok(copy, ","); item != NULL; item = strtok(NULL, ","))
	{
		size_t		size = strlen(item);

		if (strcmp(item, "$") == 0 || strcasecmp(item, "L") == 0)
		{
			if (tm->tm_mday == length)
				return true;
		}
		else if (strcasecmp(item, "LW") == 0)
		{
			if (tm->tm_mday == working_day_near(tm, length, length))
				return true;
		}
		else if (toupper(item[0]) == 'L')
		{
			if (tm->tm_mday == length - atoi(item + 2))
				return true;
		}
		else if (toupper(item[size - 1]) == 'W' && atoi(item) <= length)
		{
			if (tm->tm_mday == working_day_near(tm, atoi(item), length))
				return true;
		}
	}
	return false;
}

static bool
weekday_matches(const OracleCron *cron, const struct tm *tm, int length)
{
	char		copy[400];
	char	   *item;

	if (cron->weekday[tm->tm_wday])
		return true;
	strcpy(copy, cron->weekday_text);
	for (item = strtok(copy, ","); item != NULL; item = strtok(NULL, ","))
	{
		size_t		size = strlen(item);
		char	   *end;

		if (strchr(item, '#') != NULL)
		{
			if (read_value(item, &end) % 7 == tm->tm_wday &&
				(tm->tm_mday + 6) / 7 == atoi(end + 1))
				return true;
		}
		else if (size > 1 && toupper(item[size - 1]) == 'L' &&
				 read_value(item, &end) % 7 == tm->tm_wday &&
				 tm->tm_mday > length - 7)
			return true;
	}
	return false;
}

static bool
date_matches(const OracleCron *cron, long long local)
{
	time_t		time = local;
	struct tm	tm;
	struct tm	next;
	bool		by_day;
	bool		by_weekday;
	int			length = 31;

	gmtime_r(&time, &tm);
	if (!cron->month[tm.tm_mon + 1])
		return false;

	/* The month's length: the last day number that is still in it. */
	for (;; length--)
	{
		time = local + (long long) (length - tm.tm_mday) * 86400;
		gmtime_r(&time, &next);
		if (next.tm_mon == tm.tm_mon)
			break;
	}
	by_day = day_matches(cron, &tm, length);
	by_weekday = weekday_matches(cron, &tm, length);
	if (cron->day_is_star || cron->weekday_is_star)
		return by_day && by_weekday;
	return by_day || by_weekday;
}

void
oracle_cron_list(const OracleCron *cron, const OracleZone *zone,
				 OracleGap gap, OracleRepeat repeat,
				 long long from, long long until, OracleList *list)
{
	long long	day = (from / 86400 - 3) * 86400;
	int			unit = cron->has_seconds ? 1 : 60;
	int			time;

	list->count = 0;
	for (; day < until + 3 * 86400; day += 86400)
	{
		if (!date_matches(cron, day))
			continue;
		for (time = 0; time < 86400; time += unit)
		{
			if (cron->second[time % 60] && cron->minute[time / 60 % 60] &&
				cron->hour[time / 3600])
				oracle_add_local(zone, gap, repeat, day + time, list);
		}
	}
	oracle_list_sort(list, from, until);
}

void
oracle_cron_watch(const OracleCron *cron, const OracleZone *zone,
				  long long from, long long until, OracleList *list)
{
	long long	instant;
	long long	day = -1000;
	bool		matches = false;

	list->count = 0;
	for (instant = from; instant < until; instant++)
	{
		long long	local = instant + oracle_offset(zone, instant);
		int			time = (local % 86400 + 86400) % 86400;

		if ((local - time) / 86400 != day)
		{
			day = (local - time) / 86400;
			matches = date_matches(cron, day * 86400);
		}
		if (matches && cron->second[time % 60] &&
			cron->minute[time / 60 % 60] && cron->hour[time / 3600])
			oracle_list_add(list, instant);
		else if (time % 60 < 59 && !cron->has_seconds &&
				 oracle_offset(zone, instant + 59 - time % 60) == local - instant)
			instant += 59 - time % 60;
	}
}

void
oracle_step_list(int months, int days, const OracleZone *zone,
				 OracleGap gap, OracleRepeat repeat,
				 long long anchor, long long until, OracleList *list)
{
	time_t		time = anchor;
	struct tm	first;
	int			step;

	list->count = 0;
	gmtime_r(&time, &first);
	for (step = 0;; step++)
	{
		struct tm	tm = first;
		long long	local;

		/* timegm carries a 31st of February over; go back to its month. */
		tm.tm_mon += step * months;
		local = timegm(&tm);
		if (tm.tm_mday != first.tm_mday)
			local -= tm.tm_mday * 86400LL;
		local += (long long) step * days * 86400;
		if (local > until + 3 * 86400)
			break;
		oracle_add_local(zone, gap, repeat, local, list);
	}
	oracle_list_sort(list, anchor - 3 * 86400, until);
}
