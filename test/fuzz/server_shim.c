/*
 * server_shim.c
 *	  palloc, assertions and pg_next_dst_boundary outside the server.
 *
 * A zone is its file's table of changes, continued to the year 2500 by the
 * rule in the file's last line; later years repeat those of 400 years before.
 */
#include "postgres.h"

#include "server_shim.h"

#define MAX_CHANGES 4000
#define MAX_TYPES 256
#define LAST_YEAR 2500
#define CYCLE_SECONDS INT64CONST(12622780800)

struct pg_tz
{
	int			count;
	int64		at[MAX_CHANGES];
	long		offset[MAX_CHANGES];	/* from that change on */
	long		first_offset;
	bool		repeats;
};

void *
palloc(Size size)
{
	void	   *result = malloc(size);

	if (result == NULL)
		abort();
	return result;
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void
pfree(void *pointer)
{
	free(pointer);
}

char *
pstrdup(const char *text)
{
	return strcpy(palloc(strlen(text) + 1), text);
}

void
ExceptionalCondition(const char *condition, const char *type,
					 const char *file, int line)
{
	fprintf(stderr, "%s(\"%s\") at %s:%d\n", type, condition, file, line);
	abort();
}

static void
give_up(const char *name, const char *reason)
{
	fprintf(stderr, "zone %s: %s\n", name, reason);
	exit(2);
}

/* ----- the rule in the last line, such as EST5EDT,M3.2.0,M11.1.0 ----- */

typedef struct RuleDate
{
	int			kind;			/* 'M', 'J' or 'D' */
	int			month;
	int			week;
	int			day;
	long		time;
} RuleDate;

static const char *
skip_abbreviation(const char *p)
{
	if (*p == '<')
		return strchr(p, '>') + 1;
	while ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z'))
		p++;
	return p;
}

static const char *
read_time(const char *p, long *seconds)
{
	long		sign = 1;
	long		unit = 3600;

	if (*p == '-' || *p == '+')
		sign = (*p++ == '-') ? -1 : 1;
	*seconds = 0;
	for (;; p++)
	{
		char	   *end;

		*seconds += strtol(p, &end, 10) * unit;
		p = end;
		unit /= 60;
		if (*p != ':')
			break;
	}
	*seconds *= sign;
	return p;
}

static const char *
read_date(const char *p, RuleDate *date)
{
	char	   *end;

	date->time = 7200;
	if (*p == 'M')
	{
		date->kind = 'M';
		date->month = strtol(p + 1, &end, 10);
		date->week = strtol(end + 1, &end, 10);
		date->day = strtol(end + 1, &end, 10);
	}
	else
	{
		date->kind = (*p == 'J') ? 'J' : 'D';
		date->day = strtol(*p == 'J' ? p + 1 : p, &end, 10);
	}
	p = end;
	if (*p == '/')
		p = read_time(p + 1, &date->time);
	return p;
}

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970 to a date, the slow and plain way. */
static int64
count_days(int year, int month, int day)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64		days = day - 1;
	int			i;

	for (i = 1970; i < year; i++)
		days += is_leap(i) ? 366 : 365;
	for (i = 1; i < month; i++)
		days += lengths[i - 1] + ((i == 2 && is_leap(year)) ? 1 : 0);
	return days;
}

/* The local time of a rule's date in a year. */
static int64
date_in_year(const RuleDate *date, int year)
{
	int64		day;

	if (date->kind == 'M')
	{
		int64		end = (date->month == 12) ? count_days(year + 1, 1, 1) :
		count_days(year, date->month + 1, 1);

		day = count_days(year, date->month, 1);
		while ((day + 4) % 7 != date->day)
			day++;
		day += 7 * (date->week - 1);
		while (day >= end)
			day -= 7;
	}
	else if (date->kind == 'J')
	{
		day = count_days(year, 1, 1) + date->day - 1;
		if (is_leap(year) && date->day >= 60)
			day++;
	}
	else
		day = count_days(year, 1, 1) + date->day;
	return day * 86400 + date->time;
}

static void
add_change(pg_tz *zone, int64 at, long offset)
{
	int			i;

	if (zone->count > 0 && at <= zone->at[zone->count - 1])
		return;
	i = zone->count++;
	if (zone->count > MAX_CHANGES)
		abort();
	zone->at[i] = at;
	zone->offset[i] = offset;
}

static void
continue_by_rule(pg_tz *zone, const char *rule)
{
	const char *p = skip_abbreviation(rule);
	RuleDate	start;
	RuleDate	end;
	long		standard;
	long		summer;
	int			year;

	p = read_time(p, &standard);
	standard = -standard;
	if (*p == '\0')
		return;
	p = skip_abbreviation(p);
	summer = standard + 3600;
	if (*p != ',')
	{
		p = read_time(p, &summer);
		summer = -summer;
	}
	p = read_date(p + 1, &start);
	p = read_date(p + 1, &end);
	for (year = 1970; year <= LAST_YEAR; year++)
	{
		int64		into = date_in_year(&start, year) - standard;
		int64		out = date_in_year(&end, year) - summer;

		if (into < out)
			add_change(zone, into, summer);
		add_change(zone, out, standard);
		if (into >= out)
			add_change(zone, into, summer);
	}
	zone->repeats = true;
}

/* ----- the file ----- */

static int64
read_big_endian(const unsigned char *p, int bytes)
{
	int64		value = (p[0] & 0x80) ? -1 : 0;

	while (bytes-- > 0)
		value = (int64) (((uint64) value << 8) | *p++);
	return value;
}

/* Reads the second, 64-bit part of a zone file. */
static void
read_zone(pg_tz *zone, const unsigned char *data, const char *name)
{
	const unsigned char *p = data;
	int			counts[6];
	const unsigned char *indexes;
	const unsigned char *types;
	int			pass;
	int			i;

	for (pass = 0; pass < 2; pass++)
	{
		int			width = pass == 0 ? 4 : 8;

		if (memcmp(p, "TZif", 4) != 0 || p[4] < '2')
			give_up(name, "not a zone file of version 2");
		for (i = 0; i < 6; i++)
			counts[i] = read_big_endian(p + 20 + 4 * i, 4);
		p += 44;
		if (pass == 0)
			p += counts[3] * (width + 1) + counts[4] * 6 + counts[5] +
				counts[2] * (width + 4) + counts[1] + counts[0];
	}
	indexes = p + counts[3] * 8;
	types = indexes + counts[3];
	zone->first_offset = read_big_endian(types, 4);
	for (i = 0; i < counts[3]; i++)
		add_change(zone, read_big_endian(p + 8 * i, 8),
				   read_big_endian(types + 6 * indexes[i], 4));
	p = types + counts[4] * 6 + counts[5] + counts[2] * 12 +
		counts[1] + counts[0];
	if (*p == '\n')
		continue_by_rule(zone, (const char *) p + 1);
}

pg_tz *
shim_zone(const char *name)
{
	static unsigned char data[1 << 17];
	pg_tz	   *zone = palloc0(sizeof(pg_tz));
	char		path[256];
	FILE	   *file;
	size_t		length;

	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	file = fopen(path, "rb");
	if (file == NULL)
		give_up(name, "no such file");
	memset(data, 0, sizeof(data));
	length = fread(data, 1, sizeof(data) - 1, file);
	fclose(file);
	if (length > 0 && data[length - 1] == '\n')
		data[length - 1] = '\0';
	read_zone(zone, data, name);
	return zone;
}

/* The server's contract: 1 if a change follows, 0 if none does. */
int
pg_next_dst_boundary(const pg_time_t *timep, long int *before_gmtoff,
					 int *before_isdst, pg_time_t *boundary,
					 long int *after_gmtoff, int *after_isdst,
					 const pg_tz *tz)
{
	int64		time = *timep;
	int64		shift = 0;
	int			low = 0;
	int			high = tz->count;

	if (tz->repeats && time > tz->at[tz->count - 1])
	{
		shift = ((time - tz->at[tz->count - 1] - 1) / CYCLE_SECONDS + 1) *
			CYCLE_SECONDS;
		time -= shift;
	}
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (tz->at[middle] <= time)
			low = middle + 1;
		else
			high = middle;
	}
	*before_isdst = *after_isdst = 0;
	*before_gmtoff = (low == 0) ? tz->first_offset : tz->offset[low - 1];
	if (low == tz->count)
		return 0;
	*boundary = tz->at[low] + shift;
	*after_gmtoff = tz->offset[low];
	return 1;
}
