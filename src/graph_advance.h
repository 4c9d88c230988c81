/*-------------------------------------------------------------------------
 *
 * graph_advance.h
 *		Graphs go on when steps have ended.
 *
 * Layer 4.  Whoever ends a step adds an arrival in that transaction and does
 * no more.  A root is advanced afterwards, under the lock of its progress, by
 * the executor that ended the step, in its next claim's transaction; where
 * there is none, by the scheduler.  What is advanced twice finds nothing to
 * do, so it may be asked for too often, never too rarely: the scheduler does
 * so for all roots at its start and when an executor has died.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_ADVANCE_H
#define TC_GRAPH_ADVANCE_H

#include "graph_release.h"

/*
 * In a transaction: the roots that this executor's commits have noted.  One
 * that another holds is waited for, or else kept for the next time.  True: a
 * step begins.
 */
extern bool tc_graph_advance_mine(bool patient, TimestampTz now);

/*
 * Scheduler, outside a transaction: every root that has something to take.
 * False: somebody holds one of them for long.
 */
extern bool tc_graph_sweep(bool thorough, TimestampTz now);

/* ---- for those who start and steer graphs, with the progress locked ---- */

/* false: nothing is to be done, and it has been cleared away */
extern bool tc_graph_open(Advance *advance);
extern bool tc_graph_in_phase(const Advance *advance, const char *phase);

/* the ends of steps into the state; true: a compensation is among them */
extern bool tc_graph_take_arrivals(Advance *advance);

/* write what the walk has found, and end the graph if nothing is left of it */
extern void tc_graph_go_on(Advance *advance);

#endif							/* TC_GRAPH_ADVANCE_H */
