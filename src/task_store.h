/*-------------------------------------------------------------------------
 *
 * task_store.h
 *		The rows of tasks: read, written, and the live runs that must follow.
 *
 * Layer 3.  Functions without a frame of their own say so: they are called
 * between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TASK_STORE_H
#define TC_TASK_STORE_H

#include "rows.h"
#include "taskcenter.h"
#include "utils/jsonb.h"

/* What a task's definition consists of, in the order of the statements. */
typedef enum TaskProperty
{
	TASK_COMMAND,
	TASK_PARAMS,
	TASK_QUEUE,
	TASK_PRIORITY,
	TASK_MAX_ATTEMPTS,
	TASK_BACKOFF,
	TASK_BACKOFF_BASE,
	TASK_BACKOFF_CAP,
	TASK_TIMEOUT,
	TASK_OVERLAP,
	TASK_MISFIRE,
	TASK_TRANSACTION_MODE,
	TASK_ON_CRASH,
	TASK_DESCRIPTION,
	TASK_TAGS,
	TASK_APPLICATION,
	TASK_BATCH,
	TASK_ISOLATION,
	TASK_SYNCHRONOUS_COMMIT,
	TASK_SETTINGS,
	TASK_CAPTURE_OUTPUT,
	TASK_LOG_LEVEL,
	TASK_MAX_RUNNING,
	TASK_MAX_LOST,
	TASK_STUCK_AFTER,
	TASK_MISFIRE_GRACE,
	TASK_MAX_CATCHUP,
	TASK_DST_GAP,
	TASK_DST_REPEAT,
	TASK_RETENTION,
	TASK_FAILED_RETENTION,
	TASK_EVENTS,
	TASK_REQUIRES_FLAG,
	TASK_GROUP_KEY,
	TASK_RATE_LIMIT,
	TASK_WORKFLOW,
	TASK_RETRY_RULES
} TaskProperty;

#define TASK_PROPERTY_COUNT (TASK_RETRY_RULES + 1)

/* a task that people move by a workflow: nothing of it is executed */
#define TC_KIND_MANUAL "manual"

/* a task whose runs are graphs of steps */
#define TC_KIND_COMPOSITE "composite"

/* a task whose runs external workers claim: no role executes it */
#define TC_KIND_EXTERNAL "external"
#define TC_DEFAULT_WORKFLOW "editorial"

typedef struct TaskRow
{
	int64		task_id;
	char	   *name;
	char	   *kind;
	char	   *state;
	char	   *status;			/* in its workflow; NULL: it has none */
	char	   *state_reason;	/* NULL: none */
	char	   *owner;			/* name as stored */
	Oid			owner_id;
	char	   *run_as;			/* name as stored */
	Oid			run_as_id;
	char	   *learned_mode;	/* NULL, or "autonomous" */
	int64		definition_version;
	int32		retention_class;	/* of its new runs, their history and logs */
	Datum		values[TASK_PROPERTY_COUNT];
	bool		nulls[TASK_PROPERTY_COUNT];
} TaskRow;

/* typed access to a property; NULL or 0: it is null */
extern char *tc_task_text(const TaskRow *task, TaskProperty property);
extern int32 tc_task_int32(const TaskRow *task, TaskProperty property);

/* can a task in this state start runs?  (active or paused) */
extern bool tc_task_accepts_runs(const TaskRow *task);

/*
 * live_runs.gate of the task's runs: its id when claims must look at the task
 * one by one, else 0.
 */
extern int64 tc_task_gate(const TaskRow *task);

/* ---- no frame of their own ---- */

/*
 * The task of this name that is not archived, or the latest archived one;
 * locked for the transaction if asked.  False: none.
 */
extern bool tc_task_find(const char *name, bool lock, TaskRow *task);
extern bool tc_task_find_archived(const char *name, TaskRow *task);
extern bool tc_task_find_id(int64 task_id, bool lock, TaskRow *task);

typedef struct TaskName
{
	int64		task_id;
	char	   *name;
	Oid			owner_id;
} TaskName;

/* those of an application, or (NULL) all, that are not archived, by name; their number */
extern int	tc_task_list(const char *application, TaskName **tasks, MemoryContext where);

/* let others that do the same wait until this transaction ends */
extern void tc_task_lock_definitions(void);

/* false: the name is taken by now */
extern bool tc_task_insert(TaskRow *task, TimestampTz now);

/* write the definition, roles, state and name of a row that is locked */
extern void tc_task_update(const TaskRow *task, TimestampTz now);

/*
 * After a change of roles: let what is not running follow.  The caller makes
 * sure that nothing runs: an attempt that began as one role must not go on as
 * another.
 */
extern void tc_task_move_roles(const TaskRow *task);

/*
 * Cancel what is not running; with task_id 0 of all tasks and running ones
 * too.  Returns the number of runs.
 */
extern int64 tc_task_cancel_unstarted(int64 task_id, const char *reason,
									  const char *actor, TimestampTz now);

/* call back for each running run of a task (action may be NULL); how many there are */
typedef void (*RunningRunAction) (int64 run_id, int32 attempt, void *argument);
extern int64 tc_task_each_running(int64 task_id, RunningRunAction action, void *argument);

/* what explain_task() has to know besides the task */
typedef struct TaskCircumstances
{
	char	   *queue_state;	/* NULL: there is no such queue */
	char	   *queue_reason;
	int32		queue_limit;	/* -1: none */
	int64		queue_running;
	int64		waiting;
	int64		due;
	int64		later;
	int64		running;
	int64		schedules;
	int64		schedules_active;
	TimestampTz next_run_at;	/* DT_NOBEGIN: none */
	TimestampTz next_queued_at; /* DT_NOBEGIN: none */
	char	   *skip_reason;	/* of the latest skipped fire; NULL: none */
	TimestampTz skipped_to;
	TimestampTz skip_recorded_at;
	int64		skip_count;
	char	   *last_status;	/* of the run that finished last */
	char	   *last_error;
	TimestampTz last_finished_at;
} TaskCircumstances;

extern void tc_task_circumstances(const TaskRow *task, TimestampTz now,
								  TaskCircumstances *circumstances);

#endif							/* TC_TASK_STORE_H */
