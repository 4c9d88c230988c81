/*-------------------------------------------------------------------------
 *
 * lockstep.h
 *		Whether the SQL objects of this database are those that the library
 *		was made for: the same version, all guards in force.  If not, the
 *		scheduler lets nothing start: what a trigger would have refused could
 *		happen, and what it would have told us goes untold.
 *
 * Layer 4.  Called in a transaction; opens a frame of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_LOCKSTEP_H
#define TC_LOCKSTEP_H

/* what is wrong, a sentence in CurrentMemoryContext; NULL: nothing is */
extern char *tc_lockstep_problem(void);

#endif							/* TC_LOCKSTEP_H */
