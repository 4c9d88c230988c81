/*
 * schedule_calendar.c
 *	  The Gregorian calendar without zones, and sets of small numbers as bits.
 */
#include "postgres.h"

#include "schedule_internal.h"

/* Days from the start of year 0 to 1970-01-01. */
#define EPOCH_DAYS INT64CONST(719528)

#define DAYS_PER_CYCLE INT64CONST(146097)	/* 400 years */

int64
tc_floor_div(int64 value, int64 divisor)
{
	int64		quotient = value / divisor;

	return (value % divisor < 0) ? quotient - 1 : quotient;
}

int64
tc_floor_mod(int64 value, int64 divisor)
{
	int64		remainder = value % divisor;

	return (remainder < 0) ? remainder + divisor : remainder;
}

int
tc_bit_count(uint64 bits)
{
	/* Sums of two bits, of four, of eight; the product adds the bytes up. */
	bits -= (bits >> 1) & UINT64CONST(0x5555555555555555);
	bits = (bits & UINT64CONST(0x3333333333333333)) +
		((bits >> 2) & UINT64CONST(0x3333333333333333));
	bits = (bits + (bits >> 4)) & UINT64CONST(0x0f0f0f0f0f0f0f0f);
	return (int) ((bits * UINT64CONST(0x0101010101010101)) >> 56);
}

int
tc_bit_first(uint64 bits)
{
	int			bit = 0;
	int			width;

	Assert(bits != 0);
	for (width = 32; width > 0; width /= 2)
	{
		if ((bits & ((UINT64CONST(1) << width) - 1)) == 0)
		{
			bits >>= width;
			bit += width;
		}
	}
	return bit;
}

int
tc_bit_last(uint64 bits)
{
	int			bit = 0;
	int			width;

	Assert(bits != 0);
	for (width = 32; width > 0; width /= 2)
	{
		if ((bits >> width) != 0)
		{
			bits >>= width;
			bit += width;
		}
	}
	return bit;
}

int
tc_bit_nth(uint64 bits, int n)
{
	for (; n > 0; n--)
		bits &= bits - 1;
	return tc_bit_first(bits);
}

uint64
tc_bits_below(uint64 bits, int64 bit)
{
	if (bit >= 64)
		return bits;
	return bits & ((UINT64CONST(1) << bit) - 1);
}

uint64
tc_bits_from(uint64 bits, int64 bit)
{
	return bits & ~tc_bits_below(~UINT64CONST(0), bit);
}

/* Days from the start of year 0 to the start of the given year. */
static int64
days_before_year(int64 year)
{
	return 365 * year + tc_floor_div(year + 3, 4) -
		tc_floor_div(year + 99, 100) + tc_floor_div(year + 399, 400);
}

static bool
is_leap_year(int64 year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int
tc_month_length(int month)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			in_year = tc_floor_mod(month, MONTHS_PER_YEAR);

	if (in_year == 1 && is_leap_year(tc_floor_div(month, MONTHS_PER_YEAR)))
		return 29;
	return lengths[in_year];
}

int64
tc_day_of_month(int month)
{
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int64		year = tc_floor_div(month, MONTHS_PER_YEAR);
	int			in_year = tc_floor_mod(month, MONTHS_PER_YEAR);

	return days_before_year(year) - EPOCH_DAYS + before[in_year] +
		((in_year > 1 && is_leap_year(year)) ? 1 : 0);
}

int
tc_month_of_day(int64 day, int *day_of_month)
{
	int64		days = day + EPOCH_DAYS;
	int64		year = tc_floor_div(days * 400, DAYS_PER_CYCLE);
	int			month;

	while (days_before_year(year + 1) <= days)
		year++;
	while (days_before_year(year) > days)
		year--;

	/* No month is longer than 31 days, so this is at most one too early. */
	month = year * MONTHS_PER_YEAR + (days - days_before_year(year)) / 31;
	if (tc_day_of_month(month + 1) <= day)
		month++;
	*day_of_month = day - tc_day_of_month(month) + 1;
	return month;
}

int
tc_weekday_of_day(int64 day)
{
	/* 1970-01-01 was a Thursday. */
	return tc_floor_mod(day + 4, 7);
}

int64
tc_local_make(int year, int month, int day, int hour, int minute, int second)
{
	int64		days = tc_day_of_month(year * MONTHS_PER_YEAR + month - 1) + day - 1;

	return days * SECS_PER_DAY + hour * SECS_PER_HOUR +
		minute * SECS_PER_MINUTE + second;
}
