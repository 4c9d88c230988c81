/*-------------------------------------------------------------------------
 *
 * perform_store.h
 *		The statements of a session that executes runs itself.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PERFORM_STORE_H
#define TC_PERFORM_STORE_H

#include "datatype/timestamp.h"
#include "postgres_ext.h"
#include "utils/jsonb.h"

/* what a performed run must know; tokens and history are as an executor's */
typedef struct PerformedRun
{
	int64		run_id;
	int64		token;
	int64		task_id;
	int64		parent_run_id;	/* 0: none */
	int32		attempt;
	int32		max_attempts;
	int32		retention_class;
	bool		is_catchup;
	TimestampTz scheduled_for;	/* DT_NOBEGIN: none */
	TimestampTz catchup_from;	/* DT_NOBEGIN: none */
	int64		catchup_count;
	Jsonb	   *params;
	char	   *trace_id;		/* NULL: none */
	char	   *step;			/* NULL: none */
	char	   *queue;
} PerformedRun;

/* lock the run and mark it running; false: it is not ready, or not the role's */
extern bool tc_perform_start(int64 run_id, Oid role, const char *actor, TimestampTz now,
							 PerformedRun *run);

/* ready runs of the role that are due, of one task or (0) any; in their order */
extern int	tc_perform_due(Oid role, int64 task_id, TimestampTz now, int64 **run_ids);

#endif							/* TC_PERFORM_STORE_H */
