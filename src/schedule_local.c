/*
 * schedule_local.c
 *	  From local time to instants, across gaps and repetitions of the clock.
 *
 * The zone's time line is cut into segments of constant offset.  A segment
 * yields the instants at which its clock shows a member of the pattern, less
 * those of a repeated hour that another segment is to yield, plus those that
 * stand for members in the gap before its start.  All three questions below
 * go through the same segments, so they cannot disagree.
 */
#include "postgres.h"

#include "schedule_internal.h"

/*
 * How long after a change of the clock local times may still be ambiguous,
 * which is the most that two offsets can differ: POSIX zones go up to 25
 * hours either way.
 */
#define SHADOW_SECONDS (60 * SECS_PER_HOUR)
#define SEAM_SECONDS (2 * SHADOW_SECONDS)

/* How far the nth instant is looked for: some 500 years. */
#define NTH_HORIZON (INT64CONST(1) << 34)

#define LAST_INSTANT \
	((END_TIMESTAMP / USECS_PER_SEC) + TC_EPOCH_SECONDS - 1)
#define FIRST_INSTANT \
	((MIN_TIMESTAMP / USECS_PER_SEC) + TC_EPOCH_SECONDS)

/*
 * A stretch [start, end) of constant offset.  before and after are the
 * neighbours' offsets; before equals offset if the true start lies further
 * back, after equals offset if it never ends.
 */
typedef struct Segment
{
	int64		start;
	int64		end;
	int64		offset;
	int64		before;
	int64		after;
} Segment;

/* Finds the offset at an instant and the next change; false: no change. */
static bool
next_change(const pg_tz *tz, int64 instant, int64 *offset,
			int64 *change, int64 *after)
{
	pg_time_t	time = instant;
	pg_time_t	boundary = 0;
	long int	before_offset = 0;
	long int	after_offset = 0;
	int			before_isdst;
	int			after_isdst;
	int			result;

	*offset = 0;
	if (tz == NULL)
		return false;
	result = pg_next_dst_boundary(&time, &before_offset, &before_isdst,
								  &boundary, &after_offset, &after_isdst, tz);
	*offset = before_offset;
	if (result != 1)
	{
		/*
		 * Exactly on the last change that it keeps in its table, the server
		 * does not see the later ones that the zone's rule gives.
		 */
		time++;
		result = pg_next_dst_boundary(&time, &before_offset, &before_isdst,
									  &boundary, &after_offset, &after_isdst,
									  tz);
	}
	if (result != 1 || boundary <= instant)
		return false;
	*change = boundary;
	*after = after_offset;
	return true;
}

/*
 * Finds the segment that an instant lies in.  If it began long ago, it is
 * given from where the change before it does not matter any more.
 */
static void
find_segment(const pg_tz *tz, int64 instant, Segment *segment)
{
	int64		offset;

	if (!next_change(tz, instant - SEAM_SECONDS, &segment->offset,
					 &segment->end, &segment->after))
	{
		segment->end = PG_INT64_MAX;
		segment->after = segment->offset;
	}
	segment->start = instant - SHADOW_SECONDS;
	segment->before = segment->offset;
	while (segment->end <= instant)
	{
		segment->start = segment->end;
		segment->before = segment->offset;
		segment->offset = segment->after;
		if (!next_change(tz, segment->start, &offset,
						 &segment->end, &segment->after))
		{
			segment->end = PG_INT64_MAX;
			segment->after = segment->offset;
		}
	}
}

int64
tc_local_from_instant(const pg_tz *tz, int64 instant)
{
	int64		offset;
	int64		change;
	int64		after;

	(void) next_change(tz, instant, &offset, &change, &after);
	return instant + offset;
}

/* The local times that the segment's own clock answers for: [*low, *high). */
static void
own_range(const Segment *segment, ScheduleRepeat repeat,
		  int64 *low, int64 *high)
{
	*low = segment->start + segment->offset;
	*high = TC_LOCAL_LIMIT;
	if (repeat == SCHEDULE_REPEAT_FIRST)
		*low = Max(*low, segment->start + segment->before);
	if (segment->end != PG_INT64_MAX)
	{
		*high = segment->end + segment->offset;
		if (repeat == SCHEDULE_REPEAT_SECOND)
			*high = Min(*high, segment->end + segment->after);
	}
}

/* The local times that the clock skipped at the start: [*low, *high). */
static bool
gap_range(const Segment *segment, int64 *low, int64 *high)
{
	*low = segment->start + segment->before;
	*high = segment->start + segment->offset;
	return *low < *high;
}

/* Whether the instant at the segment's start stands for its gap. */
static bool
gap_end_fires(LocalPattern *pattern, const Segment *segment)
{
	int64		low;
	int64		high;

	return gap_range(segment, &low, &high) &&
		pattern->count(pattern, low, high) > 0;
}

/* The part of the gap whose shifted instants are in [from, until). */
static bool
shifted_range(const Segment *segment, int64 from, int64 until,
			  int64 *low, int64 *high)
{
	if (!gap_range(segment, low, high))
		return false;
	until = Min(until, segment->end);
	*low = Max(*low, from + segment->before);
	if (until < *high - segment->before)
		*high = until + segment->before;
	return *low < *high;
}

static bool
next_in_segment(LocalPattern *pattern, const LocalRules *rules,
				const Segment *segment, int64 from, int64 *found)
{
	int64		best = PG_INT64_MAX;
	int64		low;
	int64		high;
	int64		local;

	own_range(segment, rules->repeat, &low, &high);
	if (pattern->next(pattern, Max(low, from + segment->offset), &local) &&
		local < high)
		best = local - segment->offset;

	if (rules->gap == SCHEDULE_GAP_END)
	{
		if (from <= segment->start && gap_end_fires(pattern, segment))
			best = segment->start;
	}
	else if (rules->gap == SCHEDULE_GAP_SHIFT_FORWARD)
	{
		if (shifted_range(segment, from, PG_INT64_MAX, &low, &high) &&
			pattern->next(pattern, low, &local) && local < high)
			best = Min(best, local - segment->before);
	}
	*found = best;
	return best != PG_INT64_MAX;
}

static bool
previous_in_segment(LocalPattern *pattern, const LocalRules *rules,
					const Segment *segment, int64 from, int64 *found)
{
	int64		best = PG_INT64_MIN;
	int64		low;
	int64		high;
	int64		local;

	own_range(segment, rules->repeat, &low, &high);
	if (pattern->previous(pattern, Min(high - 1, from + segment->offset),
						  &local) &&
		local >= low)
		best = local - segment->offset;

	if (rules->gap == SCHEDULE_GAP_END)
	{
		if (best < segment->start && gap_end_fires(pattern, segment))
			best = segment->start;
	}
	else if (rules->gap == SCHEDULE_GAP_SHIFT_FORWARD)
	{
		if (shifted_range(segment, segment->start, from + 1, &low, &high) &&
			pattern->previous(pattern, high - 1, &local) && local >= low)
			best = Max(best, local - segment->before);
	}
	*found = best;
	return best != PG_INT64_MIN;
}

static bool
is_member(LocalPattern *pattern, int64 local)
{
	return pattern->count(pattern, local, local + 1) > 0;
}

/* Counts the segment's instants in [from, until). */
static int64
count_in_segment(LocalPattern *pattern, const LocalRules *rules,
				 const Segment *segment, int64 from, int64 until)
{
	int64		own_low;
	int64		own_high;
	int64		low;
	int64		high;
	int64		local;
	int64		count;

	own_range(segment, rules->repeat, &own_low, &own_high);
	count = pattern->count(pattern, Max(own_low, from + segment->offset),
						   Min(own_high, until + segment->offset));

	/* Instants that stand for the gap, unless they are the clock's own too. */
	if (rules->gap == SCHEDULE_GAP_END)
	{
		if (from == segment->start && gap_end_fires(pattern, segment) &&
			!(own_low < own_high && is_member(pattern, own_low)))
			count++;
	}
	else if (rules->gap == SCHEDULE_GAP_SHIFT_FORWARD &&
			 shifted_range(segment, from, until, &low, &high))
	{
		while (pattern->next(pattern, low, &local) && local < high)
		{
			int64		shown = local - segment->before + segment->offset;

			if (shown < own_low || shown >= own_high ||
				!is_member(pattern, shown))
				count++;
			low = local + 1;
		}
	}
	return count;
}

bool
tc_local_next(LocalPattern *pattern, const LocalRules *rules,
			  int64 from, int64 *found)
{
	Segment		segment;
	int64		local;

	while (from <= LAST_INSTANT && --pattern->work >= 0)
	{
		find_segment(rules->tz, from, &segment);
		if (next_in_segment(pattern, rules, &segment, from, found))
			return true;
		if (segment.end == PG_INT64_MAX)
			return false;

		/* Do not walk over the years that have no member at all. */
		if (!pattern->next(pattern, from + segment.offset - SEAM_SECONDS,
						   &local))
			return false;
		from = Max(segment.end, local - SEAM_SECONDS);
	}
	return false;
}

bool
tc_local_previous(LocalPattern *pattern, const LocalRules *rules,
				  int64 from, int64 *found)
{
	Segment		segment;
	int64		local;

	while (from >= FIRST_INSTANT && --pattern->work >= 0)
	{
		find_segment(rules->tz, from, &segment);
		if (previous_in_segment(pattern, rules, &segment, from, found))
			return true;
		if (!pattern->previous(pattern,
							   from + segment.offset + SEAM_SECONDS, &local))
			return false;
		from = Min(segment.start - 1, local + SEAM_SECONDS);
	}
	return false;
}

int64
tc_local_count(LocalPattern *pattern, const LocalRules *rules,
			   int64 from, int64 until)
{
	Segment		segment;
	int64		count = 0;
	int64		end;

	for (; from < until; from = end)
	{
		find_segment(rules->tz, from, &segment);
		end = Min(until, segment.end);
		count += count_in_segment(pattern, rules, &segment, from, end);
	}
	return count;
}

bool
tc_local_nth(LocalPattern *pattern, const LocalRules *rules,
			 int64 from, int64 n, int64 *found)
{
	int64		end = from + NTH_HORIZON;
	int64		width = SECS_PER_DAY;
	int64		count;

	/* Each stretch is counted once on the way out ... */
	for (;;)
	{
		count = tc_local_count(pattern, rules, from, from + width);
		if (count >= n)
			break;
		n -= count;
		from += width;
		width *= 2;
		if (from > end)
			return false;
	}

	/* ... and at most once on the way back: it is in [from, from + width). */
	while (width > 1)
	{
		int64		half = width / 2;

		count = tc_local_count(pattern, rules, from, from + half);
		if (count >= n)
			width = half;
		else
		{
			n -= count;
			from += half;
			width -= half;
		}
	}
	*found = from;
	return true;
}
