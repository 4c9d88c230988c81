/*-------------------------------------------------------------------------
 *
 * trigger_round.h
 *		Do something once, when the AFTER triggers of a statement have fired.
 *
 * Layer 2.  For triggers that gather rows and write them in sets.  The server
 * fires AFTER triggers when an executor run finishes; what these do can make
 * others fire, in rounds within the round.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TRIGGER_ROUND_H
#define TC_TRIGGER_ROUND_H

typedef void (*RoundEnd) (void);

/* by _PG_init() */
extern void tc_trigger_round_install(void);

/*
 * How deep we are: 1 in the triggers of a statement, 2 in those of what they
 * do.  0: in none (the library was loaded within it, or triggers are fired
 * otherwise), and nobody will call at its end.
 */
extern int	tc_trigger_round_depth(void);

/* have this called, once, when the outermost round ends */
extern void tc_trigger_round_at_end(RoundEnd call);

#endif							/* TC_TRIGGER_ROUND_H */
