/*-------------------------------------------------------------------------
 *
 * graph_end.h
 *		The end of a graph: what it gives, and what is undone before.
 *
 * Layer 4.  In a transaction that holds the progress of the root.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_END_H
#define TC_GRAPH_END_H

#include "graph_release.h"

/* nothing of it runs any more: it ends so, after its compensations */
extern void tc_graph_close(Advance *advance, const char *status);

/* how it ends by what its steps did */
extern const char *tc_graph_verdict(const Advance *advance);

/* it ends so, now; reason and output NULL: none */
extern void tc_graph_end(const Advance *advance, const char *status, Jsonb *output,
						 const char *reason);

/* queue the next compensation; false: there is none left */
extern bool tc_graph_compensate(Advance *advance);

/* why it ended, with what was undone */
extern const char *tc_graph_reason(const Advance *advance);

#endif							/* TC_GRAPH_END_H */
