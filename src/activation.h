/*-------------------------------------------------------------------------
 *
 * activation.h
 *		Whether this database may work: it was activated, here.
 *
 * Layer 4.  A database without an identity, or with another's (restored,
 * cloned, attached), takes definitions and runs but fires nothing until it
 * is adopted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ACTIVATION_H
#define TC_ACTIVATION_H

#include "datatype/timestamp.h"

typedef enum ActivationStatus
{
	ACTIVATION_NONE,			/* nothing was ever created here */
	ACTIVATION_FOREIGN,			/* the identity is another database's */
	ACTIVATION_OWN
} ActivationStatus;

/* opens a frame of its own; *detail (may be NULL) says what differs, else NULL */
extern ActivationStatus tc_activation_status(char **detail);

/*
 * Is what a plain INSERT brings part of a restore?  The database is not
 * adopted yet, or the session is one that loads a dump.
 */
extern bool tc_activation_restoring(void);

/*
 * Called by whatever creates something, before its own frame: a database
 * without identity and without content becomes ours, with its first queues
 * and partitions.  True: this call did it.
 */
extern bool tc_activate_if_fresh(TimestampTz now);

/*
 * Make the database ours whatever it was; with cancel, what is unfinished is
 * cancelled.  Returns the number of cancelled runs.
 */
extern int64 tc_activation_adopt(bool cancel, const char *reason, TimestampTz now);

#endif							/* TC_ACTIVATION_H */
