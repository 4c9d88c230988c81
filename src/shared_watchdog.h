/*-------------------------------------------------------------------------
 *
 * shared_watchdog.h
 *		What the watchdog counts.
 *
 * Layer 2.  Any session; callers do not hold the lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SHARED_WATCHDOG_H
#define TC_SHARED_WATCHDOG_H

#include "shared_state.h"

/* of the process's database; without shared memory nothing is counted */
extern void tc_shared_watchdog_count(WatchdogCounter counter, int64 number);

/* a finish that came too late: once for a token, as long as it is among the last ones */
extern void tc_shared_watchdog_count_late(int64 token);
extern void tc_shared_watchdog_read(int64 counters[WATCHDOG_COUNTER_COUNT]);

/* does the executor exist, in the process's database? */
extern bool tc_shared_executor_lives(int64 executor_id);

#endif							/* TC_SHARED_WATCHDOG_H */
