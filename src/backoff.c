/*-------------------------------------------------------------------------
 *
 * backoff.c
 *		When a failed attempt is tried again, and whether at all.
 *
 * An error that will be the same next time is permanent: the statement is
 * wrong, the object is missing, the right is missing, the feature does not
 * exist.  All others may pass: connections, resources, locks, collisions,
 * time-outs, and what the user's own code raises.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "backoff.h"

bool
tc_backoff_parse(const char *label, BackoffKind *kind)
{
	static const char *const labels[] = {"none", "fixed", "linear", "exponential"};
	int			i;

	for (i = 0; i < (int) lengthof(labels); i++)
	{
		if (strcmp(label, labels[i]) == 0)
		{
			*kind = (BackoffKind) i;
			return true;
		}
	}
	return false;
}

static double
unbounded_delay(BackoffKind kind, double base, int attempt, double chance)
{
	switch (kind)
	{
		case BACKOFF_NONE:
			return 0;
		case BACKOFF_FIXED:
			return base;
		case BACKOFF_LINEAR:
			return base * attempt;
		case BACKOFF_EXPONENTIAL:
			/* 2^60 is beyond every cap, and still far from overflow */
			return base * (double) (UINT64CONST(1) << Min(attempt - 1, 60)) *
				(0.5 + chance / 2);
	}
	return 0;
}

int64
tc_backoff_delay(BackoffKind kind, int64 base, int64 cap, int attempt, double chance)
{
	double		delay = unbounded_delay(kind, (double) base, Max(attempt, 1), chance);

	if (delay <= 0)
		return 0;
	return delay >= (double) cap ? Max(cap, 0) : (int64) delay;
}

bool
tc_error_is_retryable(const char *sqlstate)
{
	static const char *const permanent[] = {
		"0A",					/* feature not supported */
		"28",					/* authorization */
		"3D",					/* no such database */
		"3F",					/* no such schema */
		"42"					/* syntax, missing object, missing right */
	};
	int			i;

	for (i = 0; i < (int) lengthof(permanent); i++)
		if (strncmp(sqlstate, permanent[i], 2) == 0)
			return false;
	return true;
}

bool
tc_error_is_collision(const char *sqlstate)
{
	return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0;
}
