/*-------------------------------------------------------------------------
 *
 * flag_run_store.h
 *		The runs that a flag lets start, or has skipped.
 *
 * Layer 3.  Each function opens its own frame.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_FLAG_RUN_STORE_H
#define TC_FLAG_RUN_STORE_H

#include "run_store.h"

/* ids of the due runs of a lane, locked, at most request->max_runs */
extern int	tc_flag_runs_due(const ClaimRequest *request, int64 **run_ids);

/*
 * Runs that have not begun end skipped; those that wait for another attempt
 * end cancelled.  Returns how many.
 */
extern int	tc_flag_runs_skip(const int64 *run_ids, int count, const char *reason,
							  const char *actor, TimestampTz now);

/* the history of runs keeps why they were let start */
extern void tc_flag_runs_note(const int64 *run_ids, int count, const char *reason,
							  const char *actor);

#endif							/* TC_FLAG_RUN_STORE_H */
