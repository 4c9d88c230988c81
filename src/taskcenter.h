/*-------------------------------------------------------------------------
 *
 * taskcenter.h
 *		Limits, names and the words that every module shares.
 *
 * Layer 0: no functions, no includes of other layers.  The words are those
 * of the README's glossary: task, schedule, run, attempt, executor, queue,
 * lane (the runs that one claim can take together: same role, queue,
 * priority and gate).
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKCENTER_H
#define TASKCENTER_H

#include "datatype/timestamp.h"

#define TC_SCHEMA "taskcenter"
#define TC_OWNER_ROLE "taskcenter_owner"
#define TC_LIBRARY "taskcenter"
#define TC_VERSION "1.0"		/* of the SQL objects that this library serves */

#define TC_MAX_NAME_LENGTH 200	/* bytes of a task, schedule or queue name */
#define TC_MAX_SCHEDULE_LENGTH 1000
#define TC_MAX_ROW_KEY_LENGTH 511	/* bytes of the key of a guarded row */
#define TC_MAX_PRIORITY 1000000
#define TC_MAX_CLAIM 64			/* runs that one claim can take */
#define TC_MAX_BATCH 60			/* runs that share a transaction */
#define TC_MAX_CUT (2 * TC_MAX_CLAIM)	/* claimed runs of one executor that
										 * are to be given back */
#define TC_MAX_EXECUTORS 64
#define TC_MAX_DATABASES 128
#define TC_MAX_LANES 2048
#define TC_MAX_WAITERS 256
#define TC_MAX_CANCELS 256		/* cancellations that wait for the scheduler */
#define TC_PHASE_LENGTH 64		/* bytes of report_progress()'s phase */
#define TC_REASON_LENGTH 256	/* bytes of a reason that crosses shared
								 * memory */

#define TC_CLOCK_CHECK_MS 5000	/* longest wait: the wall clock may have been
								 * set */

/* live_runs.gate of runs that were lost with their executor: claimed one by one */
#define TC_GATE_SUSPECT (-1)

/*
 * live_runs.gate of scheduled runs that take turns (overlap queue and
 * cancel_running): below TC_GATE_SUSPECT, one for each task.
 */
#define TC_GATE_IN_TURN(task_id) (-(task_id) - 1)
#define TC_GATE_TASK(gate) ((gate) > 0 ? (gate) : -(gate) - 1)

/*
 * Runs of external tasks are nobody's to execute: live_runs.run_as_id is this.
 * Their gate is a number of the task and the group key, from TC_GATE_WORKERS
 * on, so that a lane holds runs of one task and one tenant.
 */
#define TC_ROLE_WORKERS 0
#define TC_GATE_WORKERS (INT64CONST(1) << 60)

/* retention classes, the partition keys of finished_runs, history and logs */
#define TC_CLASS_DEFAULT 1
#define TC_CLASS_FAILED 2
#define TC_CLASS_OWN 3

#endif							/* TASKCENTER_H */
