/*-------------------------------------------------------------------------
 *
 * purge.c
 *		Retention at work: what a purge would take, and taking it.
 *
 * A partition whose whole range is out of policy is emptied at once; rows in
 * it that must stay are moved before, to the partitions of rows that are
 * looked at one by one.  All else goes row by row.  Emptied partitions are
 * dropped afterwards, several at a time, since that alone locks what claims
 * and finishes need.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "audit.h"
#include "audit_context.h"
#include "guarded.h"
#include "partition_store.h"
#include "purge.h"
#include "purge_lock.h"
#include "purge_plan.h"
#include "retention.h"
#include "server_look.h"
#include "shared_metrics.h"
#include "taskcenter.h"
#include "usage_store.h"

#define PIECE_ROWS 5000
#define DROP_AT_ONCE 64
#define LOCK_MS 100				/* wait for a lock on what is purged */
#define TURN_MS 2000			/* wait for another purge's piece */
#define DROP_LOCK_MS 20			/* wait for what claims need, for each
								 * partition that waits to be dropped */
#define DROP_LOCK_MAX_MS 1000
#define ROUNDS 4				/* tries of a piece that is locked */
#define ROUND_PAUSE_MS 250
#define USAGE_SLACK_US (10 * USECS_PER_MINUTE)

typedef struct Purge
{
	const PurgeHost *host;
	PurgeTotals *totals;
	TimestampTz now;
	MemoryContext context;		/* of the whole purge */
	MemoryContext piece_context;

	/* what is purged now, and where the next piece goes on */
	int			relation;
	int			set;
	Leaf	   *leaf;			/* NULL: none yet */
	int64		leaf_bytes;		/* before its first piece; 0: not known yet */
	int64	   *tasks;
	int			task_count;
	int			task;
	TimestampTz at;
	int64		place;
	bool		more;
	bool		covered;		/* what stays of the set has its partitions */
	bool		waits_for_turn; /* for another purge, or somebody who holds */

	/* of the set */
	Leaf	   *leaves;
	int			leaf_count;
	int			droppable;		/* about so many of them */
} Purge;

/* ---- pieces ---- */

static void
set_lock_timeout(int milliseconds)
{
	char		value[32];

	snprintf(value, sizeof(value), "%dms", milliseconds);
	(void) set_config_option("lock_timeout", value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* what is out of policy of the relation at hand, under the lock that keeps it so */
static const RelationCutoffs *
begin_piece(Purge *purge, StoreFrame *frame)
{
	tc_store_begin(frame);
	/* what was set before the call ended with its transaction */
	if (MyBackendType != B_BG_WORKER)
		tc_audit_set(GetUserNameFromId(tc_statement_caller(), false), NULL, NULL);
	set_lock_timeout(TURN_MS);
	purge->waits_for_turn = true;
	tc_lock_to_purge();
	purge->waits_for_turn = false;
	set_lock_timeout(LOCK_MS);
	return &tc_retention_load(purge->now, false)[purge->relation];
}

static void
note_piece(Purge *purge, PurgePolicy policy, const PurgeCount *count, const char *partition)
{
	AuditRow	row = {0};

	if (count->rows == 0 && count->partitions == 0 && count->kept == 0)
		return;
	row.action = row.object_type = "purge";
	row.object_name = tc_purge_relations[purge->relation].name;
	row.new_values = tc_purge_as_jsonb(policy, count, partition);
	row.reason = purge->host->reason;
	tc_audit_record(&row, tc_statement_caller(), GetCurrentTransactionStartTimestamp());
	purge->totals->rows += count->rows;
	tc_metric_database(DATABASE_COUNTER_PURGED_ROWS, count->rows);
	purge->totals->bytes += count->bytes;
	purge->totals->partitions += count->partitions;
}

/* a transaction for a piece; false: others' locks forbade it */
static bool
run_piece(Purge *purge, GuardedCall piece)
{
	PurgeTotals before = *purge->totals;
	ErrorData  *error;
	bool		locked;

	MemoryContextReset(purge->piece_context);
	MemoryContextSwitchTo(purge->piece_context);
	error = tc_guarded_error(piece, purge);
	locked = error != NULL && tc_heals_by_waiting(error->sqlerrcode);
	if (error != NULL)
	{
		*purge->totals = before;
		purge->more = false;
		/* a partition that is gone: another purge was quicker */
		if (!locked && (purge->leaf == NULL || error->sqlerrcode != ERRCODE_UNDEFINED_TABLE))
			purge->host->failed(error);
	}
	purge->host->next();
	MemoryContextSwitchTo(purge->context);
	return !locked;
}

/* the same until there is no more, again if others' locks forbid it */
static bool
run_pieces(Purge *purge, GuardedCall piece)
{
	/* who did not get his turn would not get it for the next piece either */
	if (purge->waits_for_turn)
		return false;
	do
	{
		int			round = 0;

		while (!run_piece(purge, piece))
		{
			if (++round == ROUNDS || purge->waits_for_turn)
				return false;
			purge->host->pause(ROUND_PAUSE_MS);
		}
	} while (purge->more);
	return true;
}

/* ---- row by row ---- */

static void
rows_piece(void *argument)
{
	Purge	   *purge = argument;
	StoreFrame	frame;
	const RelationCutoffs *cutoffs = begin_piece(purge, &frame);
	LeafWay		way = tc_purge_way(purge->leaf, cutoffs);
	int			task = purge->task;
	TimestampTz at = purge->at;
	int64		left = PIECE_ROWS;
	RowCounts	counts;
	LeafScan	scan;
	int			i;

	tc_purge_counts_init(&counts);
	tc_purge_scan_begin(&scan, &tc_purge_relations[purge->relation], purge->leaf, true);
	while ((way == LEAF_OWN || way == LEAF_ROWS) && task < purge->task_count && left > 0)
	{
		left -= tc_purge_scan_task(&scan, cutoffs, purge->leaf, purge->tasks[task], left, &at, &counts);
		if (left == 0)
			break;
		task++;
		at = DT_NOBEGIN;
	}
	for (i = 0; i < PURGE_POLICY_COUNT; i++)
		note_piece(purge, i, &counts.by_policy[i], purge->leaf->name);
	tc_store_end(&frame);
	purge->task = task;
	purge->at = at;
	purge->more = left == 0;
}

/* read only */
static void
list_tasks(void *argument)
{
	Purge	   *purge = argument;
	StoreFrame	frame;
	const RelationCutoffs *cutoffs;
	int64	   *tasks;

	tc_store_begin(&frame);
	cutoffs = &tc_retention_load(purge->now, false)[purge->relation];
	purge->task_count = tc_purge_tasks(purge->leaf, tc_purge_way(purge->leaf, cutoffs), cutoffs, &tasks);
	tc_store_end(&frame);
	if (purge->tasks != NULL)
		pfree(purge->tasks);
	purge->tasks = MemoryContextAllocHuge(purge->context,
										  sizeof(int64) * Max(purge->task_count, 1));
	memcpy(purge->tasks, tasks, sizeof(int64) * purge->task_count);
	purge->task = 0;
	purge->at = DT_NOBEGIN;
	purge->more = false;
}

/* ---- whole partitions ---- */

/*
 * Rows that stay go where rows are looked at one by one.  True: all of them
 * went, and so many rows are left.
 */
static bool
move_staying(Purge *purge, const RelationCutoffs *cutoffs, int64 *left, PurgeCount *count)
{
	const PurgeRelation *relation = &tc_purge_relations[purge->relation];
	const Leaf *leaf = purge->leaf;
	bool		first = purge->leaf_bytes == 0;

	if (cutoffs->earliest_own < leaf->until && !leaf->by_task)
		tc_leaf_index(leaf);
	/* counted before rows are moved, an index tells it without the table */
	if (first)
		*left = tc_leaf_rows(leaf);
	/* for the partitions that follow, too */
	if (!purge->covered)
	{
		if (tc_purge_count_staying(relation, leaf, cutoffs, 1) == 0)
			return true;
		(void) tc_partition_cover(tc_partition_set_of(relation->name, TC_CLASS_OWN),
								  TC_RETENTION_KEEP, leaf->from, Max(leaf->until, purge->now));
	}
	count->kept = tc_purge_move_staying(relation, leaf, cutoffs, PIECE_ROWS);
	if (count->kept == PIECE_ROWS)
		return false;
	*left = first ? *left - count->kept : tc_leaf_rows(leaf);
	return true;
}

/* what goes is what the partition has but for what was moved */
static void
take_whole(Purge *purge, const RelationCutoffs *cutoffs, int64 bytes, PurgeCount *count)
{
	int64		rows = 0;

	purge->more = !move_staying(purge, cutoffs, &rows, count);
	if (purge->more)
		return;
	count->rows = rows;
	count->bytes = bytes;
	count->partitions = 1;
	tc_purge_count_usage(&tc_purge_relations[purge->relation], purge->leaf);
	tc_leaf_truncate(purge->leaf);
}

static void
whole_piece(void *argument)
{
	Purge	   *purge = argument;
	const Leaf *leaf = purge->leaf;
	PurgePolicy policy = tc_purge_class_policy(tc_partition_class(leaf->set));
	StoreFrame	frame;
	const RelationCutoffs *cutoffs = begin_piece(purge, &frame);
	PurgeCount	count = {.newest = leaf->until};
	int64		bytes = purge->leaf_bytes > 0 ? purge->leaf_bytes : tc_leaf_bytes(leaf);

	purge->more = false;
	/* a setting can have changed since the list was made */
	if (tc_purge_way(leaf, cutoffs) == LEAF_WHOLE)
	{
		count.cutoff = tc_purge_limit(cutoffs, tc_partition_class(leaf->set));
		tc_leaf_lock(leaf);
		/* another purge may have been quicker */
		if (!tc_leaf_is_void(leaf))
			take_whole(purge, cutoffs, bytes, &count);
		note_piece(purge, policy, &count, leaf->name);
	}
	tc_store_end(&frame);
	purge->leaf_bytes = bytes;
	purge->covered |= count.kept > 0;
}

/* ---- indexes of partitions that are closed ---- */

static void
index_piece(void *argument)
{
	Purge	   *purge = argument;
	StoreFrame	frame;

	tc_store_begin(&frame);
	set_lock_timeout(LOCK_MS);
	tc_leaf_index(purge->leaf);
	tc_store_end(&frame);
	purge->leaf->by_task = true;
	purge->more = false;
}

static bool
wants_index(const Purge *purge, const Leaf *leaf)
{
	return !leaf->by_task && !leaf->is_void && tc_purge_is_closed(leaf, purge->now);
}

/* ---- empty partitions ---- */

typedef struct DropList
{
	Leaf		leaves[DROP_AT_ONCE];
	int			count;
} DropList;

static void
find_droppable(const Purge *purge, const Leaf *leaves, int count,
			   const RelationCutoffs *cutoffs, DropList *list)
{
	int			i;

	list->count = 0;
	for (i = 0; i < count && list->count < DROP_AT_ONCE; i++)
	{
		const Leaf *leaf = &leaves[i];
		int32		class = tc_partition_class(leaf->set);
		TimestampTz limit = class == TC_CLASS_OWN ? purge->now - USECS_PER_DAY :
		tc_purge_limit(cutoffs, class);

		if (leaf->is_void && leaf->until <= limit)
			list->leaves[list->count++] = *leaf;
	}
}

static void
drop_piece(void *argument)
{
	Purge	   *purge = argument;
	StoreFrame	frame;
	DropList	list;
	Leaf	   *leaves;
	int			count;

	tc_store_begin(&frame);
	set_lock_timeout(Min(DROP_LOCK_MS * (1 + purge->droppable), DROP_LOCK_MAX_MS));
	tc_leaves_lock(purge->set);
	/* another purge may have been quicker */
	count = tc_leaves_list(purge->set, &leaves);
	find_droppable(purge, leaves, count, &tc_retention_load(purge->now, false)[purge->relation],
				   &list);
	tc_leaves_drop(list.leaves, list.count);
	tc_store_end(&frame);
	purge->more = list.count == DROP_AT_ONCE;
}

/* ---- usage ---- */

/*
 * Count a day of it, up to where nothing can be added any more, so that neither
 * whole partitions nor the view have to be read for it.  The slack is for who takes
 * the time before he begins his transaction.
 */
static void
usage_piece(void *argument)
{
	Purge	   *purge = argument;
	TimestampTz until = tc_server_oldest_transaction();
	StoreFrame	frame;

	purge->more = false;
	/* sessions hide: runs are counted as they go */
	if (until == DT_NOBEGIN)
		return;
	(void) begin_piece(purge, &frame);
	until = Min(until, GetCurrentTransactionStartTimestamp()) - USAGE_SLACK_US;
	purge->more = tc_usage_count_day(until);
	tc_store_end(&frame);
}

/* ---- the whole ---- */

static void
list_leaves(void *argument)
{
	Purge	   *purge = argument;
	MemoryContext old = MemoryContextSwitchTo(purge->context);
	StoreFrame	frame;

	tc_store_begin(&frame);
	purge->leaf_count = tc_leaves_list(purge->set, &purge->leaves);
	tc_store_end(&frame);
	MemoryContextSwitchTo(old);
	purge->more = false;
}

static void
purge_leaf(Purge *purge, LeafWay way)
{
	bool		done = true;

	switch (way)
	{
		case LEAF_STAYS:
			if (wants_index(purge, purge->leaf))
				done = run_pieces(purge, index_piece);
			break;
		case LEAF_WHOLE:
			done = run_pieces(purge, whole_piece);
			break;
		case LEAF_OWN:
		case LEAF_ROWS:
			purge->task_count = 0;
			done = purge->leaf->by_task || run_pieces(purge, index_piece);
			done = done && run_pieces(purge, list_tasks);
			if (done && purge->task_count > 0)
				done = run_pieces(purge, rows_piece);
			break;
	}
	if (!done)
		purge->totals->busy++;
}

static void
purge_set(Purge *purge, int set, const RelationCutoffs *cutoffs)
{
	DropList	list;
	int			i;

	purge->set = set;
	purge->covered = false;
	purge->leaf = NULL;
	purge->leaf_count = 0;
	(void) run_pieces(purge, list_leaves);
	for (i = 0; i < purge->leaf_count; i++)
	{
		purge->leaf = &purge->leaves[i];
		purge->leaf_bytes = 0;
		purge_leaf(purge, tc_purge_way(purge->leaf, cutoffs));
	}
	purge->leaf = NULL;
	(void) run_pieces(purge, list_leaves);
	find_droppable(purge, purge->leaves, purge->leaf_count, cutoffs, &list);
	/* who does not get the lock leaves them: they cost nothing */
	purge->droppable = list.count;
	if (list.count > 0)
		(void) run_pieces(purge, drop_piece);
}

static void
plain_piece(void *argument)
{
	Purge	   *purge = argument;
	StoreFrame	frame;
	const RelationCutoffs *cutoffs = begin_piece(purge, &frame);
	PurgeCount	count = {.cutoff = DT_NOBEGIN,.newest = DT_NOBEGIN};
	int64		place = purge->place;

	purge->more = tc_purge_rows(&tc_purge_relations[purge->relation], cutoffs, PIECE_ROWS,
								&place, &count);
	note_piece(purge, PURGE_DEFAULT, &count, NULL);
	tc_store_end(&frame);
	purge->place = place;
}

static void
purge_relation(Purge *purge, const RelationCutoffs *cutoffs)
{
	const PurgeRelation *relation = &tc_purge_relations[purge->relation];
	int32		class;

	if (!relation->partitioned)
	{
		purge->leaf = NULL;
		purge->place = 0;
		if (tc_purge_latest(cutoffs) != DT_NOBEGIN && !run_pieces(purge, plain_piece))
			purge->totals->busy++;
		return;
	}
	for (class = TC_CLASS_DEFAULT; class <= TC_CLASS_OWN; class++)
	{
		int			set = tc_partition_set_of(relation->name, class);

		if (set >= 0)
			purge_set(purge, set, cutoffs);
	}
}

void
tc_purge(const PurgeHost *host, TimestampTz now, PurgeTotals *totals)
{
	Purge		purge = {.host = host,.totals = totals,.now = now};
	RelationCutoffs *cutoffs;
	StoreFrame	frame;

	MemSet(totals, 0, sizeof(PurgeTotals));
	purge.context = AllocSetContextCreate(host->context, "taskcenter purge", ALLOCSET_DEFAULT_SIZES);
	purge.piece_context = AllocSetContextCreate(purge.context, "taskcenter piece of a purge",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(purge.context);
	tc_store_begin(&frame);
	cutoffs = tc_retention_load(now, true);
	tc_store_end(&frame);
	(void) run_pieces(&purge, usage_piece);
	for (purge.relation = 0; purge.relation < tc_purge_relation_count; purge.relation++)
		purge_relation(&purge, &cutoffs[purge.relation]);
	MemoryContextSwitchTo(host->context);
	MemoryContextDelete(purge.context);
}
