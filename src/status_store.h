/*-------------------------------------------------------------------------
 *
 * status_store.h
 *		What the checks of status ask the catalogs and our tables.
 *
 * Layer 3, reading only.  Called between tc_store_begin() and tc_store_end().
 * Nothing here reads more than a bounded number of rows of runs or records:
 * status answers at once however much there is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STATUS_STORE_H
#define TC_STATUS_STORE_H

#include "datatype/timestamp.h"

/* counts of runs end here: "that many or more" */
#define TC_STATUS_COUNT_LIMIT 5000

#define TC_STATUS_PARENTS 16

typedef struct WorkFacts
{
	int64		due;			/* runs that could start, at most the limit */
	TimestampTz due_since;		/* of the oldest; DT_NOBEGIN: none */
	int64		running;		/* at most the limit */
	int64		stuck;			/* running without anybody alive */
	int64		a_stuck_run;	/* 0: none */
	int64		lost;			/* unfinished runs that lost an executor */
	int64		a_lost_run;		/* 0: none */
} WorkFacts;

typedef struct DefinitionFacts
{
	int64		quarantined;	/* tasks and schedules */
	char	   *a_quarantined;	/* a task's name; NULL: none */
	int64		disabled;
	int64		paused;			/* tasks and schedules */
	char	   *paused_queues;	/* NULL: none */
	int64		homeless;		/* active tasks whose role cannot execute */
	char	   *a_homeless;
	int64		without_next;	/* active schedules that will never fire */
	char	   *a_without_next; /* task/schedule */
	int64		overdue;		/* schedules due for long */
	TimestampTz overdue_since;
	char	   *an_overdue;
} DefinitionFacts;

typedef struct HouseFacts
{
	TimestampTz partitions_until;	/* the first end among the partitioned
									 * tables; DT_NOBEGIN: one has none */
	char	   *filled_defaults;	/* default partitions with rows; NULL:
									 * none */
	bool		owner_is_sane;	/* no login, no superuser, no members */
	char	   *privileges;		/* who holds what he must not; NULL: nobody */
	char	   *unsecured;		/* tables without their row security; NULL:
								 * none */
	char	   *invalid_indexes;	/* NULL: none */
	char	   *not_vacuumed;	/* tables kept from autovacuum; NULL: none */
	int64		dead_rows;		/* of live_runs */
	int64		live_rows;
	int64		total_bytes;
	char	   *largest;		/* relation with all its partitions */
	int64		largest_bytes;
	int64		prepared;		/* prepared transactions here, old ones */
	int			locks_per_scan; /* of a query over all partitions */
} HouseFacts;

typedef struct RetentionFacts
{
	int			count;
	char	   *parents[TC_STATUS_PARENTS]; /* partitioned by time, with a
											 * setting */
	TimestampTz oldest_until[TC_STATUS_PARENTS];	/* end of the oldest
													 * partition with rows;
													 * DT_NOBEGIN: none */
	int64		held;			/* tasks whose history is held */
} RetentionFacts;

/* alive: ids of the executors of this database that exist now */
extern void tc_status_work(TimestampTz now, const int64 *alive, int alive_count,
						   WorkFacts *facts);
extern void tc_status_definitions(TimestampTz now, DefinitionFacts *facts);
extern void tc_status_house(TimestampTz now, HouseFacts *facts);
extern void tc_status_retention(RetentionFacts *facts);

#endif							/* TC_STATUS_STORE_H */
