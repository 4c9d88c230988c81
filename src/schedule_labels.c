/*
 * schedule_labels.c
 *	  The names of the choices about changes of the clock.
 */
#include "postgres.h"

#include "schedule_internal.h"

/* In the order of enum ScheduleGap. */
static const char *const gap_labels[] = {
	"default", "skip", "shift_forward", "gap_end"
};

/* In the order of enum ScheduleRepeat. */
static const char *const repeat_labels[] = {
	"default", "first", "second", "both"
};

static int
find_label(const char *label, const char *const *labels, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(label, labels[i]) == 0)
			return i;
	}
	return -1;
}

bool
tc_schedule_gap_parse(const char *label, ScheduleGap *gap)
{
	int			found = find_label(label, gap_labels, lengthof(gap_labels));

	if (found >= 0)
		*gap = (ScheduleGap) found;
	return found >= 0;
}

bool
tc_schedule_repeat_parse(const char *label, ScheduleRepeat *repeat)
{
	int			found = find_label(label, repeat_labels,
								   lengthof(repeat_labels));

	if (found >= 0)
		*repeat = (ScheduleRepeat) found;
	return found >= 0;
}

const char *
tc_schedule_gap_label(ScheduleGap gap)
{
	return gap_labels[gap];
}

const char *
tc_schedule_repeat_label(ScheduleRepeat repeat)
{
	return repeat_labels[repeat];
}
