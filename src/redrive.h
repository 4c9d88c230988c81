/*-------------------------------------------------------------------------
 *
 * redrive.h
 *		Redriving dead letters without being asked.
 *
 * Layer 4.6, for the scheduler.  The settings say after how long a letter whose
 * failure code is retryable goes again, and how often; each time is audited.
 * One that cannot be redriven is left to people, with a note, until it fails
 * again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_REDRIVE_H
#define TC_REDRIVE_H

#include "datatype/timestamp.h"

/* in a transaction: read the settings anew */
extern void tc_redrive_load(void);

/*
 * Some of what is due by now goes again; returns when to look again, `now` for
 * the rest at once, DT_NOEND: when there is a letter.
 */
extern TimestampTz tc_redrive_due(TimestampTz now);

#endif							/* TC_REDRIVE_H */
