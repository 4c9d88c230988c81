/*-------------------------------------------------------------------------
 *
 * graph_limit.h
 *		Time limits of graphs.
 *
 * Layer 4, the scheduler only.  A composite task's time limit is one of all
 * of its run, from the moment it begins: when it passes, what runs under it is
 * cancelled, what was done is undone where the graph says how, and it ends
 * timed out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_LIMIT_H
#define TC_GRAPH_LIMIT_H

#include "datatype/timestamp.h"

/* Outside a transaction.  Returns when to look again; DT_NOEND: no graph has a limit. */
extern TimestampTz tc_graph_limits_enforce(TimestampTz now);

#endif							/* TC_GRAPH_LIMIT_H */
