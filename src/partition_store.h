/*-------------------------------------------------------------------------
 *
 * partition_store.h
 *		The time partitions of finished_runs, task_run_history and
 *		task_run_logs: looked up, made, filled from the default partitions.
 *
 * Layer 3; the only DDL at run time.  All functions are called between
 * tc_store_begin() and tc_store_end().  A partition's width follows from how
 * long its rows are kept, so that at most about sixty are alive.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PARTITION_STORE_H
#define TC_PARTITION_STORE_H

#include "datatype/timestamp.h"

/* the partitioned tables of one class and kind, numbered from 0 */
#define TC_PARTITION_SET_COUNT 7

/* the setting that says how long the set's rows are kept; NULL: rows decide */
extern const char *tc_partition_retention_key(int set);

/* "finished_runs_1", of which the set's partitions are partitions */
extern const char *tc_partition_parent(int set);
extern int32 tc_partition_class(int set);

/* -1: the relation has no rows of that class */
extern int	tc_partition_set_of(const char *root, int32 class);

/*
 * Make the set's partitions from now until the given number of days, at least
 * of the next two widths.  Retention in microseconds, or -1: for ever.
 * Returns how many were made.
 */
extern int	tc_partition_ensure(int set, int64 retention, TimestampTz now, int days);

/* make what is missing for rows from an instant until another; returns how many */
extern int	tc_partition_cover(int set, int64 retention, TimestampTz from, TimestampTz until);

/*
 * Make partitions for what lies in the set's default partition, and move it
 * there; at most `most` of them.  Returns how many were made.
 */
extern int	tc_partition_repair(int set, int64 retention, int most);

/* where the set's partition that holds the instant begins; the instant, if none does */
extern TimestampTz tc_partition_begin(int set, TimestampTz instant);

#endif							/* TC_PARTITION_STORE_H */
