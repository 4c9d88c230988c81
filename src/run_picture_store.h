/*-------------------------------------------------------------------------
 *
 * run_picture_store.h
 *		The runs under a run, as those need them who draw it.
 *
 * Layer 3, reading only.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_PICTURE_STORE_H
#define TC_RUN_PICTURE_STORE_H

#include "datatype/timestamp.h"

/* moments that have not come are DT_NOBEGIN */
typedef struct PictureRun
{
	int64		run_id;
	int64		task_id;
	char	   *status;
	bool		finished;
	int			graph_version;	/* 0: none */
	int			attempt;
	int			max_attempts;
	int			item;			/* of for_each; 0: none */
	int			decisions;		/* made about it, while it is not finished */
	TimestampTz created_at;
	TimestampTz run_at;
	TimestampTz started_at;
	TimestampTz finished_at;
	char	   *step;			/* NULL: it is none */
	char	   *reason;			/* NULL: none */
	char	   *error;			/* NULL: none */
} PictureRun;

/* of the steps or items under a run */
typedef struct PictureCount
{
	int64		run_id;
	int			total;
	int			succeeded;
	int			failed;
	int			skipped;
} PictureCount;

/* false: there is no such run */
extern bool tc_picture_run(int64 run_id, PictureRun *run);

/* the runs under it, in the order of their ids; allocated */
extern int	tc_picture_steps(int64 run_id, PictureRun **steps);

/* how far those of them are that have steps or items of their own; allocated */
extern int	tc_picture_progress(int64 run_id, PictureCount **counts);

/* what had ended under these runs; allocated */
extern int	tc_picture_ended(const int64 *run_ids, int count, PictureCount **counts);

#endif							/* TC_RUN_PICTURE_STORE_H */
