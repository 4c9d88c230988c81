/*-------------------------------------------------------------------------
 *
 * fire.h
 *		Turn due schedules into runs, skips and new cursors.
 *
 * Layer 4, scheduler only, outside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_FIRE_H
#define TC_FIRE_H

#include "datatype/timestamp.h"

/*
 * Fire all that is due at now.  Returns when to come back: the earliest
 * cursor, or sooner when a definition was locked by somebody else; DT_NOEND
 * for never.
 */
extern TimestampTz tc_fire_due(TimestampTz now);

/* schedules may have got cursors from here on: look from there next time */
extern void tc_fire_lower_bound(TimestampTz earliest);

#endif							/* TC_FIRE_H */
