/*
 * oracle_zone.c
 *	  Zones by the C library, and what a local time becomes in them.
 */
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "oracle.h"

#define SAMPLE_SECONDS (3 * 3600)
#define NEAR_SECONDS (3 * 86400)

static long
libc_offset(long long instant)
{
	time_t		time = instant;
	struct tm	tm;

	localtime_r(&time, &tm);
	return tm.tm_gmtoff;
}

/* Samples the offset every few hours and bisects where it differs. */
void
oracle_zone_load(OracleZone *zone, const char *name,
				 long long from, long long until)
{
	long long	instant;

	setenv("TZ", name, 1);
	tzset();
	zone->name = name;
	zone->count = 1;
	zone->at[0] = LLONG_MIN / 2;
	zone->offset[0] = libc_offset(from);
	for (instant = from; instant < until; instant += SAMPLE_SECONDS)
	{
		long long	low = instant;
		long long	high = instant + SAMPLE_SECONDS;

		if (libc_offset(low) == libc_offset(high))
			continue;
		while (high - low > 1)
		{
			long long	middle = (low + high) / 2;

			if (libc_offset(middle) == libc_offset(low))
				low = middle;
			else
				high = middle;
		}
		zone->at[zone->count] = high;
		zone->offset[zone->count++] = libc_offset(high);
	}
}

static int
find_offset(const OracleZone *zone, long long instant)
{
	int			low = 0;
	int			high = zone->count - 1;

	while (low < high)
	{
		int			middle = (low + high + 1) / 2;

		if (zone->at[middle] <= instant)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

long
oracle_offset(const OracleZone *zone, long long instant)
{
	return zone->offset[find_offset(zone, instant)];
}

void
oracle_list_add(OracleList *list, long long instant)
{
	if (list->count == list->room)
	{
		list->room = list->room * 2 + 1000;
		list->instants = realloc(list->instants,
								 list->room * sizeof(long long));
	}
	list->instants[list->count++] = instant;
}

static int
compare_instants(const void *a, const void *b)
{
	long long	x = *(const long long *) a;
	long long	y = *(const long long *) b;

	return (x > y) - (x < y);
}

/* Sorts, drops duplicates and what is outside of [from, until). */
void
oracle_list_sort(OracleList *list, long long from, long long until)
{
	int			kept = 0;
	int			i;

	qsort(list->instants, list->count, sizeof(long long), compare_instants);
	for (i = 0; i < list->count; i++)
	{
		long long	instant = list->instants[i];

		if (instant >= from && instant < until &&
			(kept == 0 || list->instants[kept - 1] != instant))
			list->instants[kept++] = instant;
	}
	list->count = kept;
}

/* Tries every offset that the zone has within days of the local time. */
void
oracle_add_local(const OracleZone *zone, OracleGap gap, OracleRepeat repeat,
				 long long local, OracleList *list)
{
	long long	first = 0;
	long long	last = 0;
	int			found = 0;
	int			start = find_offset(zone, local - NEAR_SECONDS);
	int			end = find_offset(zone, local + NEAR_SECONDS);
	int			i;

	for (i = start; i <= end; i++)
	{
		long long	instant = local - zone->offset[i];

		if (instant < zone->at[i] ||
			(i + 1 < zone->count && instant >= zone->at[i + 1]))
			continue;
		if (found++ == 0)
			first = instant;
		last = instant;
	}
	if (found > 0)
	{
		if (repeat == ORACLE_FIRST || repeat == ORACLE_BOTH)
			oracle_list_add(list, first);
		if (repeat == ORACLE_SECOND || repeat == ORACLE_BOTH)
			oracle_list_add(list, last);
		return;
	}

	/* The clock never showed it: find the change that jumped over it. */
	for (i = start + 1; i <= end; i++)
	{
		if (local >= zone->at[i] + zone->offset[i - 1] &&
			local < zone->at[i] + zone->offset[i])
		{
			if (gap == ORACLE_GAP_END)
				oracle_list_add(list, zone->at[i]);
			else if (gap == ORACLE_GAP_SHIFT)
				oracle_list_add(list, local - zone->offset[i - 1]);
		}
	}
}
