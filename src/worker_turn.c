/*-------------------------------------------------------------------------
 *
 * worker_turn.c
 *		From which lanes a worker's claim takes how many runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "worker_turn.h"

static uint64 served_last;		/* while lanes are sorted */

static int
compare_lanes(const void *a, const void *b)
{
	const WorkerLane *left = a;
	const WorkerLane *right = b;
	uint64		left_turn = left->tenant - served_last - 1;
	uint64		right_turn = right->tenant - served_last - 1;

	if (left->level != right->level)
		return left->level < right->level ? -1 : 1;
	if (left_turn != right_turn)
		return left_turn < right_turn ? -1 : 1;
	if (left->run_at != right->run_at)
		return left->run_at < right->run_at ? -1 : 1;
	return left->gate < right->gate ? -1 : left->gate > right->gate;
}

static int32
best_priority(const WorkerLane *lanes, int count)
{
	int32		best = PG_INT32_MAX;
	int			i;

	for (i = 0; i < count; i++)
	{
		if (!lanes[i].closed)
			best = Min(best, lanes[i].priority);
	}
	return best;
}

void
tc_worker_lanes_order(WorkerLane *lanes, int count, TimestampTz now, int64 aging,
					  uint64 served)
{
	int32		best = best_priority(lanes, count);
	int			i;

	for (i = 0; i < count; i++)
	{
		int64		steps = aging > 0 && now > lanes[i].run_at ? (now - lanes[i].run_at) / aging : 0;

		lanes[i].level = Max((int64) lanes[i].priority - steps, Min(best, lanes[i].priority));
	}
	served_last = served;
	qsort(lanes, count, sizeof(WorkerLane), compare_lanes);
}

int
tc_worker_lanes_share(WorkerLane *lanes, int count, int wanted)
{
	int			first = -1;
	int			last = -1;
	int			sharing = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		lanes[i].share = 0;
		if (lanes[i].closed || (first >= 0 && lanes[i].level != lanes[first].level))
			continue;
		if (first < 0)
			first = i;
		/* lanes of a tenant stand together */
		if (last >= 0 && lanes[i].tenant == lanes[last].tenant)
			continue;
		last = i;
		if (sharing < wanted)
		{
			lanes[i].share = 1;
			sharing++;
		}
	}
	for (i = 0, last = sharing; i < count && last > 0; i++)
	{
		if (lanes[i].share == 0)
			continue;
		lanes[i].share = (wanted + last - 1) / last;
		wanted -= lanes[i].share;
		last--;
	}
	return sharing;
}
