/*-------------------------------------------------------------------------
 *
 * run_status.c
 *		The statuses of a run and the one table of legal moves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "run_status.h"

#define TO(status) (1 << RUN_STATUS_##status)

typedef struct StatusRule
{
	const char *label;
	bool		finished;
	int			successors;
} StatusRule;

/* in the order of enum RunStatus */
static const StatusRule rules[RUN_STATUS_COUNT] = {
	{"waiting", false, TO(QUEUED) | TO(SKIPPED) | TO(CANCELLED) | TO(FAILED)},
	{"queued", false, TO(RUNNING) | TO(SKIPPED) | TO(CANCELLED) | TO(FAILED)},
	{"running", false, TO(SUCCEEDED) | TO(RETRYING) | TO(FAILED) | TO(TIMED_OUT) |
	TO(CANCELLED) | TO(QUEUED) | TO(SKIPPED)},
	{"retrying", false, TO(RUNNING) | TO(CANCELLED) | TO(FAILED)},
	{"succeeded", true, 0},
	{"failed", true, TO(QUEUED)},
	{"timed_out", true, TO(QUEUED)},
	{"cancelled", true, TO(QUEUED)},
	{"skipped", true, TO(WAITING)}
};

const char *
tc_run_status_label(RunStatus status)
{
	return rules[status].label;
}

bool
tc_run_status_parse(const char *label, int length, RunStatus *status)
{
	int			i;

	for (i = 0; i < RUN_STATUS_COUNT; i++)
	{
		if ((int) strlen(rules[i].label) == length &&
			memcmp(rules[i].label, label, length) == 0)
		{
			*status = (RunStatus) i;
			return true;
		}
	}
	return false;
}

bool
tc_run_status_is_finished(RunStatus status)
{
	return rules[status].finished;
}

bool
tc_run_status_is_ready(RunStatus status)
{
	return status == RUN_STATUS_QUEUED || status == RUN_STATUS_RETRYING;
}

bool
tc_run_status_may_become(RunStatus from, RunStatus to)
{
	return (rules[from].successors & (1 << to)) != 0;
}
