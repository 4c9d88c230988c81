/*-------------------------------------------------------------------------
 *
 * trigger_round.h
 *		Do something once, when the AFTER triggers of a statement have fired.
 *
 * Layer 2.  For triggers that gather rows and write them in sets.  The server
 * fires AFTER triggers when an executor run finishes; the innermost run that
 * does so now is the round.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TRIGGER_ROUND_H
#define TC_TRIGGER_ROUND_H

typedef void (*RoundEnd) (void);

/* by _PG_init() */
extern void tc_trigger_round_install(void);

/*
 * Have this called when the round ends, or at the end of an enclosed one.
 * False: there is no round (the library was loaded within it, or the triggers
 * are fired otherwise); the caller does it himself.
 */
extern bool tc_trigger_round_at_end(RoundEnd call);

#endif							/* TC_TRIGGER_ROUND_H */
