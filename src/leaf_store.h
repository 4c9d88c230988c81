/*-------------------------------------------------------------------------
 *
 * leaf_store.h
 *		The single partitions of a set: what there is, emptied whole, dropped
 *		when empty.
 *
 * Layer 3.1.  All functions are called between tc_store_begin() and
 * tc_store_end(); lock_timeout applies to every lock.  Emptying locks the
 * partition only, which nothing writes to any more; what takes a lock that
 * holds up claims, dropping it, is done once it is empty, and many at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_LEAF_STORE_H
#define TC_LEAF_STORE_H

#include "datatype/timestamp.h"

typedef struct Leaf
{
	int			set;			/* of partition_store.h */
	char	   *name;			/* in the schema taskcenter */
	TimestampTz from;
	TimestampTz until;			/* DT_NOEND: the default partition */
	bool		by_task;		/* rows of a task are found by an index */
	bool		is_void;		/* the table has no pages */
} Leaf;

/* in the order of time, the default partition last; returns their number */
extern int	tc_leaves_list(int set, Leaf **leaves);

/* keep writers out, let readers in */
extern void tc_leaf_lock(const Leaf *leaf);

/* as is_void, now */
extern bool tc_leaf_is_void(const Leaf *leaf);

/* with indexes and TOAST */
extern int64 tc_leaf_bytes(const Leaf *leaf);
extern int64 tc_leaf_rows(const Leaf *leaf);

/*
 * Let rows of a task be found by an index, in a partition that is written no
 * more; keeps writers out.
 */
extern void tc_leaf_index(const Leaf *leaf);
extern void tc_leaf_truncate(const Leaf *leaf);

/* keep claims and finishes out of a set, which dropping partitions needs */
extern void tc_leaves_lock(int set);

/* drop those that are void still */
extern void tc_leaves_drop(const Leaf *leaves, int count);

#endif							/* TC_LEAF_STORE_H */
