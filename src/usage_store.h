/*-------------------------------------------------------------------------
 *
 * usage_store.h
 *		How many runs ended, for whom, on which day.
 *
 * Layer 3.  A run is counted once: when the horizon passes its end, or when it
 * is purged before that.  Both happen under tc_lock_to_purge(), between
 * tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_USAGE_STORE_H
#define TC_USAGE_STORE_H

#include "datatype/timestamp.h"

/* runs that end from now on are counted */
extern void tc_usage_seed(TimestampTz now);

/* can something that ended before then be not counted yet? */
extern bool tc_usage_misses(TimestampTz until);

/*
 * Count what ended since, of one day, up to an instant before which no
 * transaction that goes on can end a run.  True: there is more until then.
 */
extern bool tc_usage_count_day(TimestampTz until);

/*
 * Part of a statement: count what is not counted yet of a relation, or a WITH
 * query, that has the columns below.
 */
#define TC_USAGE_COLUMNS \
	"r.task_id, r.owner_id, r.group_key, r.parent_run_id, r.graph_version, r.status," \
	" r.started_at, r.finished_at"
extern char *tc_usage_insert(const char *relation);

/* the same of a table, now */
extern void tc_usage_count_table(const char *table);

/* in a copy roles have other OIDs */
extern void tc_usage_map_roles(void);

#endif							/* TC_USAGE_STORE_H */
