/*-------------------------------------------------------------------------
 *
 * purge_plan.c
 *		What is to go, and in which way: decided here for the purge and for
 *		its preview.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "partition_store.h"
#include "purge_plan.h"
#include "retention.h"
#include "taskcenter.h"

#define CLOSED_AFTER (1 * USECS_PER_HOUR)	/* who still writes then is late */

/* ---- which way ---- */

TimestampTz
tc_purge_limit(const RelationCutoffs *cutoffs, int32 class)
{
	return class == TC_CLASS_FAILED ? cutoffs->by_setting.failed : cutoffs->by_setting.standard;
}

bool
tc_purge_is_closed(const Leaf *leaf, TimestampTz now)
{
	return leaf->until != DT_NOEND && leaf->until + CLOSED_AFTER < now;
}

LeafWay
tc_purge_way(const Leaf *leaf, const RelationCutoffs *cutoffs)
{
	int32		class = tc_partition_class(leaf->set);
	TimestampTz latest = tc_purge_latest(cutoffs);

	if (leaf->is_void)
		return LEAF_STAYS;
	if (class == TC_CLASS_OWN || leaf->until == DT_NOEND)
		return leaf->from < latest ? LEAF_ROWS : LEAF_STAYS;
	if (leaf->until <= tc_purge_limit(cutoffs, class))
		return LEAF_WHOLE;
	if (leaf->from >= cutoffs->latest_own)
		return LEAF_STAYS;
	/* without an index each task would cost a look at all rows */
	return leaf->by_task || tc_purge_is_closed(leaf, cutoffs->now) ? LEAF_OWN : LEAF_STAYS;
}

PurgePolicy
tc_purge_class_policy(int32 class)
{
	return class == TC_CLASS_FAILED ? PURGE_FAILED : PURGE_DEFAULT;
}

int
tc_purge_tasks(const Leaf *leaf, LeafWay way, const RelationCutoffs *cutoffs, int64 **tasks)
{
	int			count = 0;
	int			i;

	if (way == LEAF_ROWS)
		return tc_purge_leaf_tasks(leaf, tasks);
	*tasks = palloc(sizeof(int64) * Max(cutoffs->count, 1));
	for (i = 0; i < cutoffs->count; i++)
		if (Max(cutoffs->own[i].standard, cutoffs->own[i].failed) > leaf->from)
			(*tasks)[count++] = cutoffs->tasks[i];
	return count;
}

void
tc_purge_counts_init(RowCounts *counts)
{
	int			i;

	MemSet(counts, 0, sizeof(RowCounts));
	for (i = 0; i < PURGE_POLICY_COUNT; i++)
		counts->by_policy[i].cutoff = counts->by_policy[i].newest = DT_NOBEGIN;
}

int64
tc_purge_scan_task(LeafScan *scan, const RelationCutoffs *cutoffs, const Leaf *leaf, int64 task_id,
				   int64 most, TimestampTz *at, RowCounts *counts)
{
	bool		own;
	Cutoffs		limits = tc_retention_of(cutoffs, task_id, &own);
	PurgeCount *by_policy = counts->by_policy;

	/* what is default in a partition of defaults waits for the rest of it */
	if (!own && tc_purge_way(leaf, cutoffs) == LEAF_OWN)
		return 0;
	if (Max(limits.standard, limits.failed) <= leaf->from)
		return 0;
	return tc_purge_scan(scan, task_id, &limits, most, at,
						 &by_policy[own ? PURGE_OWN : PURGE_DEFAULT],
						 &by_policy[own ? PURGE_OWN : PURGE_FAILED]);
}

/* ---- looking ahead ---- */

static void
add_count(PurgeCount *sum, const PurgeCount *count)
{
	sum->rows += count->rows;
	sum->bytes += count->bytes;
	sum->partitions += count->partitions;
	sum->cutoff = Max(sum->cutoff, count->cutoff);
}

static void
look_at_leaf(const PurgeRelation *relation, const Leaf *leaf, const RelationCutoffs *cutoffs,
			 RowCounts *counts)
{
	LeafWay		way = tc_purge_way(leaf, cutoffs);
	int32		class = tc_partition_class(leaf->set);
	PurgeCount	whole = {.partitions = 1,.cutoff = tc_purge_limit(cutoffs, class)};
	LeafScan	scan;
	int64	   *tasks;
	int			count;
	int			i;

	switch (way)
	{
		case LEAF_STAYS:
			break;
		case LEAF_WHOLE:
			whole.bytes = tc_leaf_bytes(leaf);
			whole.rows = tc_leaf_rows(leaf) -
				tc_purge_count_staying(relation, leaf, cutoffs, PG_INT64_MAX);
			add_count(&counts->by_policy[tc_purge_class_policy(class)], &whole);
			break;
		case LEAF_OWN:
			tc_purge_count_own(relation, leaf, cutoffs, &counts->by_policy[PURGE_OWN]);
			break;
		case LEAF_ROWS:
			count = tc_purge_tasks(leaf, way, cutoffs, &tasks);
			tc_purge_scan_begin(&scan, relation, leaf, false);
			for (i = 0; i < count; i++)
			{
				TimestampTz at = DT_NOBEGIN;

				(void) tc_purge_scan_task(&scan, cutoffs, leaf, tasks[i], PG_INT64_MAX, &at, counts);
			}
			break;
	}
}

static void
look_at_set(const PurgeRelation *relation, int set, const RelationCutoffs *cutoffs,
			RowCounts *counts)
{
	Leaf	   *leaves;
	int			count = tc_leaves_list(set, &leaves);
	int			i;

	for (i = 0; i < count; i++)
		look_at_leaf(relation, &leaves[i], cutoffs, counts);
}

void
tc_purge_preview(TimestampTz now, PurgeItem item, void *argument)
{
	RelationCutoffs *cutoffs = tc_retention_load(now, true);
	RowCounts	counts;
	int			i;
	int			policy;
	int32		class;

	for (i = 0; i < tc_purge_relation_count; i++)
	{
		const PurgeRelation *relation = &tc_purge_relations[i];

		tc_purge_counts_init(&counts);
		if (!relation->partitioned)
			tc_purge_look_at_rows(relation, &cutoffs[i], &counts.by_policy[PURGE_DEFAULT]);
		for (class = TC_CLASS_DEFAULT; relation->partitioned && class <= TC_CLASS_OWN; class++)
		{
			int			set = tc_partition_set_of(relation->name, class);

			if (set >= 0)
				look_at_set(relation, set, &cutoffs[i], &counts);
		}
		for (policy = 0; policy < PURGE_POLICY_COUNT; policy++)
		{
			const PurgeCount *count = &counts.by_policy[policy];

			if (count->rows > 0 || count->partitions > 0)
				item(relation->name, policy, count, argument);
		}
	}
}
