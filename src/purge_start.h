/*-------------------------------------------------------------------------
 *
 * purge_start.h
 *		When the scheduler has history purged.
 *
 * Layer 4.  A process of its own does it, so that nothing waits for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PURGE_START_H
#define TC_PURGE_START_H

#include "datatype/timestamp.h"

/* scheduler: start a purger if it is time; returns when to ask again */
extern TimestampTz tc_purge_start(TimestampTz now);

#endif							/* TC_PURGE_START_H */
