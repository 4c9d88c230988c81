/*-------------------------------------------------------------------------
 *
 * purge_store.h
 *		Which relations are purged, and the rows that go from them.
 *
 * Layer 3.2.  One table names the relations: to purge another one, add a line.
 * All functions are called between tc_store_begin() and tc_store_end(); those
 * that take rows, under tc_lock_to_purge().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PURGE_STORE_H
#define TC_PURGE_STORE_H

#include "leaf_store.h"
#include "statement.h"

/* how the retention that a task has of its own concerns a relation */
typedef enum OwnRetention
{
	OWN_NONE,					/* not; but what is held stays */
	OWN_BY_OUTCOME,				/* rows are runs: failed ones have another */
	OWN_LONGER,					/* rows of runs: the longer of both counts */
	OWN_NOT_EVEN_HELD			/* no record of a task's: as the setting says,
								 * or of use until it expires */
} OwnRetention;

typedef struct PurgeRelation
{
	const char *name;
	const char *time;			/* column that the retention counts from */
	const char *key;			/* setting; NULL: the column says when it ends */
	const char *failed_key;		/* setting for rows that failed; NULL: the
								 * same */
	OwnRetention own;
	bool		usage;			/* rows are counted in usage before they go */
	bool		partitioned;	/* else the rest: */
	const char *walk;			/* ascending ids, about in the order of time;
								 * NULL: what is out of policy is found by an
								 * index */
	bool		scattered;		/* the ids say nothing of the time */
	const char *task;			/* expression for the task of the row r */
	const char *spared;			/* condition for what always stays; NULL: none */
	const char *run;			/* expression for the run of the row r, with
								 * which it goes; NULL: it goes by its age */
} PurgeRelation;

extern const PurgeRelation tc_purge_relations[];
extern const int tc_purge_relation_count;

/* why rows go */
typedef enum PurgePolicy
{
	PURGE_DEFAULT,				/* the relation's setting */
	PURGE_FAILED,				/* the setting for what failed */
	PURGE_OWN					/* the task's own retention */
} PurgePolicy;

#define PURGE_POLICY_COUNT (PURGE_OWN + 1)

extern const char *const tc_purge_policy_labels[];

/* everything before its cutoff is out of policy; DT_NOBEGIN: nothing is */
typedef struct Cutoffs
{
	TimestampTz standard;
	TimestampTz failed;			/* of what failed; elsewhere as standard */
} Cutoffs;

/* of one relation */
typedef struct RelationCutoffs
{
	TimestampTz now;			/* that they were made for */
	Cutoffs		by_setting;
	TimestampTz latest_own;		/* of all below; DT_NOBEGIN: there are none */
	TimestampTz earliest_own;	/* DT_NOEND: there are none */
	int			count;			/* tasks with an own retention, or held */
	int64	   *tasks;			/* in ascending order */
	Cutoffs    *own;
} RelationCutoffs;

/* from it on all rows stay */
extern TimestampTz tc_purge_latest(const RelationCutoffs *cutoffs);

/* what goes, or went, from a relation for one reason */
typedef struct PurgeCount
{
	int64		rows;
	int64		bytes;
	int64		partitions;
	int64		kept;			/* rows that were moved out of the way */
	TimestampTz cutoff;			/* the latest that applied */
	TimestampTz newest;			/* no row was younger; DT_NOBEGIN: no row */
} PurgeCount;

/* a task with an own retention, or held; both NULL: held */
typedef struct OwnPolicy
{
	int64		task_id;
	char	   *name;
	bool		held;
	char	   *retention;		/* NULL: by the setting */
	char	   *failed_retention;
} OwnPolicy;

extern int	tc_purge_own_policies(OwnPolicy **policies);

/* ids of the tasks that have rows in a partition whose index finds them */
extern int	tc_purge_leaf_tasks(const Leaf *leaf, int64 **tasks);

/* the statement for rows of a partition; good until tc_store_end() */
typedef struct LeafScan
{
	Statement	statement;
} LeafScan;

extern void tc_purge_scan_begin(LeafScan *scan, const PurgeRelation *relation,
								const Leaf *leaf, bool take);

/*
 * At most so many rows of one task that are out of policy and not before *at:
 * taken or looked at, the oldest first, and added to the counts.  Returns
 * their number; *at becomes the time of the last one.
 */
extern int64 tc_purge_scan(LeafScan *scan, int64 task_id, const Cutoffs *cutoffs, int64 most,
						   TimestampTz *at, PurgeCount *passed, PurgeCount *failed);

/* all rows in a partition that are out of policy by what their tasks have of their own */
extern void tc_purge_count_own(const PurgeRelation *relation, const Leaf *leaf,
							   const RelationCutoffs *cutoffs, PurgeCount *count);

/*
 * Of a partition that is out of policy as a whole: rows of tasks that are
 * held, or have a longer retention, and of unfinished runs, counted up to
 * `most`.
 */
extern int64 tc_purge_count_staying(const PurgeRelation *relation, const Leaf *leaf,
									const RelationCutoffs *cutoffs, int64 most);

/* move them, at most so many, to where single rows are looked at; returns how many */
extern int64 tc_purge_move_staying(const PurgeRelation *relation, const Leaf *leaf,
								   const RelationCutoffs *cutoffs, int64 most);

/* what is left of it goes: what is not counted in usage yet is, where it has to be */
extern void tc_purge_count_usage(const PurgeRelation *relation, const Leaf *leaf);

/*
 * The next `most` rows, with those of the same id, after *place of a relation
 * that is not partitioned:
 * those that are out of policy are taken.  False: the walk is at its end.
 */
extern bool tc_purge_rows(const PurgeRelation *relation, const RelationCutoffs *cutoffs,
						  int64 most, int64 *place, PurgeCount *count);

/* the same of all rows, which stay */
extern void tc_purge_look_at_rows(const PurgeRelation *relation,
								  const RelationCutoffs *cutoffs, PurgeCount *count);

/* what the audit says of a piece */
extern Jsonb *tc_purge_as_jsonb(PurgePolicy policy, const PurgeCount *count,
								const char *partition);

#endif							/* TC_PURGE_STORE_H */
