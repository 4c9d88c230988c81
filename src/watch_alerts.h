/*-------------------------------------------------------------------------
 *
 * watch_alerts.h
 *		The scheduler's look at alert rules, and at tasks that keep failing.
 *
 * Layer 4, for the scheduler.  Without rules, and while nothing fails, it
 * costs nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WATCH_ALERTS_H
#define TC_WATCH_ALERTS_H

#include "utils/timestamp.h"

/* rules or settings may have changed; in a transaction */
extern void tc_alerts_load(TimestampTz now);

/* rules that are due; returns when the next one is */
extern TimestampTz tc_alerts_evaluate(TimestampTz now);

/* runs that failed since the last look; returns when to come again */
extern TimestampTz tc_alerts_notice_failures(TimestampTz now);

#endif							/* TC_WATCH_ALERTS_H */
