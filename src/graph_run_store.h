/*-------------------------------------------------------------------------
 *
 * graph_run_store.h
 *		The runs of graphs and of their steps.
 *
 * Layer 3.  Called inside a transaction by whoever holds the progress of the
 * root.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRAPH_RUN_STORE_H
#define TC_GRAPH_RUN_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/* a root as its steps and those who end it must know it */
typedef struct RootRow
{
	int64		run_id;
	int64		task_id;
	int64		parent_run_id;	/* 0: none */
	int64		definition_id;	/* 0: none */
	int64		queue_id;
	int			graph_version;	/* 0: none */
	int			priority;
	int			item;			/* 0: none */
	TimestampTz since;			/* its steps ended after that: the clock may
								 * be set back by less than a day */
	char	   *step;			/* NULL: none */
	char	   *created_by;
	char	   *trace_id;		/* NULL: none */
	Jsonb	   *params;
} RootRow;

/* a step as an earlier go of its root left it */
typedef struct OldStep
{
	int64		run_id;
	int			item;			/* 0: none */
	char	   *step;
	char	   *status;
	int			attempt;
	bool		is_root;		/* it had steps or items of its own */
} OldStep;

/* an unfinished run of a root */
typedef struct LiveStep
{
	int64		run_id;
	int			attempt;
	bool		running;
	bool		waits;			/* for something that is no work */
} LiveStep;

/* ---- runs ---- */

extern bool tc_root_read(int64 run_id, RootRow *root);

/* running until its steps have ended; false: it is not this attempt's any more */
extern bool tc_root_start(int64 run_id, int64 token, int version, TimestampTz now);
extern bool tc_root_end(int64 run_id, const char *status, Jsonb *output, const char *reason,
						const char *error, TimestampTz now);

extern int	tc_steps_live(int64 root_run_id, LiveStep **steps);
extern int	tc_steps_old(const RootRow *root, OldStep **steps);

/* failed and skipped steps of an earlier go are queued again */
extern void tc_steps_again(const int64 *run_ids, int count, const RootRow *root,
						   TimestampTz now);

/*
 * Unfinished steps that are not executing: cancelled, but for those that
 * somebody holds, who may be about to claim them.  waiting_up_to 0: all; else
 * only those that merely wait, up to that run.
 */
extern void tc_steps_cancel(int64 root_run_id, int64 waiting_up_to, const char *reason,
							const char *actor, TimestampTz now);

/* the unfinished run of a step; 0: there is none */
extern int64 tc_step_find(int64 root_run_id, const char *step);

/* output of a finished step; NULL: it has none, or there is no such step */
extern Jsonb *tc_step_output(const RootRow *root, const char *step);

/* array of the outputs of the items of a step, in their order */
extern Jsonb *tc_items_output(const RootRow *root);

/* succeeded steps by when they ended, the last one first */
extern int	tc_steps_succeeded(const RootRow *root, char ***steps);

/* how many runs of that name have ended so since the root last began */
extern int	tc_steps_count(const RootRow *root, const char *like, bool succeeded);

#endif							/* TC_GRAPH_RUN_STORE_H */
