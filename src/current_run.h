/*-------------------------------------------------------------------------
 *
 * current_run.h
 *		What the run that executes in this process may know of itself.
 *
 * Layer 2: process memory, no tables, no settings, so a command can neither
 * forge nor lose it.  The executor begins and ends a run here; perform_run()
 * does the same inside a session, nested at need.  current_run(), param(),
 * write_log(), set_output() and report_progress() read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_CURRENT_RUN_H
#define TC_CURRENT_RUN_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#define TC_RUN_MAX_LOG_LINES	1000	/* kept of a performed run */
#define TC_RUN_MAX_LOG_TOTAL	(1024 * 1024)

/* a line that write_log() gave to a run that perform_run() executes */
typedef struct RunLogLine
{
	TimestampTz logged_at;
	const char *level;
	const char *message;
	Jsonb	   *metadata;		/* NULL: none */
} RunLogLine;

typedef struct CurrentRun
{
	/* set before begin, never changed by this module; not copied */
	int64		run_id;
	int64		task_id;
	int64		parent_run_id;	/* 0: none */
	int64		token;
	int32		attempt;
	int32		max_attempts;
	const char *task;
	const char *queue;
	const char *step;			/* NULL: none */
	const char *trace_id;		/* NULL: none */
	Jsonb	   *params;			/* never NULL */
	TimestampTz scheduled_for;	/* DT_NOBEGIN: not made by a schedule */
	TimestampTz catchup_from;	/* DT_NOBEGIN: none */
	int64		catchup_count;
	bool		is_catchup;
	bool		performed;		/* by perform_run(): log lines are kept here,
								 * not by the message capture */
	int			log_level;		/* an elog level: write_log() drops what is
								 * below */
	MemoryContext context;		/* of output and logs; must outlive the run */

	/* written by what runs, also in a subtransaction that is rolled back */
	Jsonb	   *output;			/* of set_output(); NULL: none */

	/* private */
	List	   *logs;			/* of RunLogLine */
	Size		log_bytes;
	struct CurrentRun *outer;
} CurrentRun;

/*
 * Begin and end a run.  The struct, and all that it points to, is the
 * caller's and must live until end.  begin clears what the run writes; end
 * leaves it readable in the struct, and is called after an error as well.
 */
extern void tc_current_run_begin(CurrentRun *run);
extern void tc_current_run_end(CurrentRun *run);

/* The run that executes in this process now; NULL: none. */
extern CurrentRun *tc_current_run(void);

/* Everything is copied into the run's context.  A run must be executing. */
extern void tc_current_run_set_output(const Jsonb *output);

/* Keep a log line of a performed run; false: dropped, there are too many. */
extern bool tc_current_run_log(TimestampTz logged_at, const char *level,
							   const char *message, const Jsonb *metadata);

#endif							/* TC_CURRENT_RUN_H */
