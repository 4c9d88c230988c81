/*-------------------------------------------------------------------------
 *
 * backoff.h
 *		When a failed attempt is tried again, and whether at all.
 *
 * Layer 1: pure.  Chance comes in as an argument.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_BACKOFF_H
#define TC_BACKOFF_H

#include "datatype/timestamp.h"

typedef enum BackoffKind
{
	BACKOFF_NONE,
	BACKOFF_FIXED,
	BACKOFF_LINEAR,
	BACKOFF_EXPONENTIAL
} BackoffKind;

/* false: no such kind */
extern bool tc_backoff_parse(const char *label, BackoffKind *kind);

/*
 * Microseconds between the end of attempt `attempt` (from 1) and the next one.
 * chance, in [0, 1), spreads exponential delays over the upper half of their
 * length; never above cap, never below 0.
 */
extern int64 tc_backoff_delay(BackoffKind kind, int64 base, int64 cap, int attempt,
							  double chance);

/* Is an error of this SQLSTATE worth another attempt, unless a rule says otherwise? */
extern bool tc_error_is_retryable(const char *sqlstate);

/* Is it one that the same run repeats at once, uncounted? */
extern bool tc_error_is_collision(const char *sqlstate);

#endif							/* TC_BACKOFF_H */
