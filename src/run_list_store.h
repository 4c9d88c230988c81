/*-------------------------------------------------------------------------
 *
 * run_list_store.h
 *		Which runs a page of list_runs() shows.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().  Whoever asks
 * gets what he may know of; who knows few tasks waits no longer for it than
 * who knows all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_LIST_STORE_H
#define TC_RUN_LIST_STORE_H

#include "rows.h"

/* ids of the newest runs that match, newest first */
extern int	tc_runs_list(const RunFilter *filter, TimestampTz since, int64 before_run_id,
						 int max_rows, Datum **run_ids);

#endif							/* TC_RUN_LIST_STORE_H */
