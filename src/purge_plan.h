/*-------------------------------------------------------------------------
 *
 * purge_plan.h
 *		What is to go, and in which way: decided here for the purge and for
 *		its preview.
 *
 * Layer 4.1.  All functions are called between tc_store_begin() and
 * tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PURGE_PLAN_H
#define TC_PURGE_PLAN_H

#include "purge_store.h"

/* how a partition is purged */
typedef enum LeafWay
{
	LEAF_STAYS,
	LEAF_WHOLE,					/* its range is out of policy */
	LEAF_OWN,					/* rows of tasks with a shorter retention */
	LEAF_ROWS					/* rows of all tasks that it has */
} LeafWay;

typedef struct RowCounts
{
	PurgeCount	by_policy[PURGE_POLICY_COUNT];
} RowCounts;

extern void tc_purge_counts_init(RowCounts *counts);

/* is the partition written no more, so that indexing it holds up nobody? */
extern bool tc_purge_is_closed(const Leaf *leaf, TimestampTz now);

extern LeafWay tc_purge_way(const Leaf *leaf, const RelationCutoffs *cutoffs);

/* before it a partition of a class is out of policy as a whole */
extern TimestampTz tc_purge_limit(const RelationCutoffs *cutoffs, int32 class);
extern PurgePolicy tc_purge_class_policy(int32 class);

/* the tasks whose rows may go from a partition one by one; their number */
extern int	tc_purge_tasks(const Leaf *leaf, LeafWay way, const RelationCutoffs *cutoffs,
						   int64 **tasks);

/* rows of one task, at most so many, from *at on; how many there were */
extern int64 tc_purge_scan_task(LeafScan *scan, const RelationCutoffs *cutoffs,
								const Leaf *leaf, int64 task_id, int64 most,
								TimestampTz *at, RowCounts *counts);

/* what tc_purge() would take: called for each relation and policy that has something */
typedef void (*PurgeItem) (const char *relation, PurgePolicy policy, const PurgeCount *count,
						   void *argument);

extern void tc_purge_preview(TimestampTz now, PurgeItem item, void *argument);

#endif							/* TC_PURGE_PLAN_H */
