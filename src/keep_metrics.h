/*-------------------------------------------------------------------------
 *
 * keep_metrics.h
 *		Counts outlive the server: loaded when a scheduler begins, saved now
 *		and then, and when it ends.
 *
 * Layer 4, for the scheduler.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_KEEP_METRICS_H
#define TC_KEEP_METRICS_H

#include "utils/timestamp.h"

/* once, of an adopted database; what finished after the last save is counted again */
extern void tc_metrics_load(void);

/* save what changed, not more often than each minute; returns when to come again */
extern TimestampTz tc_metrics_save(TimestampTz now);

/* at the end of the process: nothing is counted any more */
extern void tc_metrics_save_all(TimestampTz now);

#endif							/* TC_KEEP_METRICS_H */
