/*-------------------------------------------------------------------------
 *
 * graph_handover.h
 *		The step that comes next in a chain is begun by the end of the one
 *		before it.
 *
 * Layer 4.  In an executor.  Where a root has one step that executes, and its
 * success lets exactly one start, an ordinary command for the same lane, that
 * one is claimed in the transaction that ends the other: no arrival, no
 * advance, no claim.  Whatever else is the case is left to those.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_HANDOVER_H
#define TC_GRAPH_HANDOVER_H

#include "attempt.h"
#include "graph_release.h"

/* the progress as it was written just now: remembered if one step executes alone */
extern void tc_handover_note(const Advance *advance);

/* the rows of runs that were handed over before are not needed any more */
extern void tc_handover_begin(void);

/*
 * The run that is executed next may hand over, until then and if it took no
 * longer; DT_NOBEGIN: it may not.
 */
extern void tc_handover_permit(TimestampTz until, int64 longest);

/* the run is one that may hand over, if all is as it was */
extern bool tc_handover_may(const Attempt *attempt);

/*
 * In the run's own transaction, before it is finished as a success: true if
 * the next step is this executor's, should the transaction commit.
 */
extern bool tc_handover_make(const Attempt *attempt);

/* that transaction has failed */
extern void tc_handover_forget(void);

/* the run that was handed over since; valid until tc_handover_begin() */
extern bool tc_handover_take(RunRow *run);

#endif							/* TC_GRAPH_HANDOVER_H */
