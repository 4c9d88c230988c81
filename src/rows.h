/*-------------------------------------------------------------------------
 *
 * rows.h
 *		A run, its outcome and its task's definition, as the engine passes them
 *		around.
 *
 * Layer 0: types only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ROWS_H
#define TC_ROWS_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct RunRow
{
	int64		run_id;
	int64		token;
	int64		task_id;
	int64		schedule_id;	/* 0: none */
	int64		parent_run_id;	/* 0: none */
	int64		queue_id;
	int32		attempt;
	int32		max_attempts;
	int32		lost;
	int32		retention_class;	/* of history and logs */
	bool		is_catchup;
	TimestampTz run_at;
	TimestampTz scheduled_for;	/* DT_NOBEGIN: none */
	TimestampTz catchup_from;	/* DT_NOBEGIN: none */
	int64		catchup_count;
	Jsonb	   *params;
	char	   *trace_id;		/* NULL: none */
	char	   *step;			/* NULL: none */
	int64		definition_id;	/* of a step that its graph defines; 0: the
								 * task's own */
	int32		item;			/* of for_each; 0: none */
	Jsonb	   *step_state;		/* what a step noted for its next look; NULL:
								 * nothing */
	bool		special;		/* a step: there is more to do than a command */
	int64		cache_id;		/* by which task_cache.h knows its definition */
} RunRow;

/* how an attempt ended */
typedef struct RunOutcome
{
	const char *status;			/* label of the new status */
	TimestampTz started_at;
	TimestampTz finished_at;
	TimestampTz retry_at;		/* of retrying */
	Jsonb	   *output;			/* NULL: none */
	const char *reason;			/* NULL: none */
	const char *error;			/* NULL: none */
	const char *sqlstate;		/* NULL: none */
	const char *actor;
	Jsonb	   *step_state;		/* of retrying; NULL: as it was */
} RunOutcome;

typedef struct LogRow
{
	TimestampTz logged_at;
	const char *level;
	const char *message;
	Jsonb	   *metadata;		/* NULL: none */
} LogRow;

typedef enum TransactionMode
{
	TRANSACTION_MODE_AUTO,
	TRANSACTION_MODE_ATOMIC,
	TRANSACTION_MODE_BATCHED,
	TRANSACTION_MODE_AUTONOMOUS
} TransactionMode;

typedef struct TaskDefinition
{
	int64		task_id;
	int64		version;
	char	   *name;
	char	   *state;
	char	   *command;		/* NULL: none */
	char	   *run_as;			/* name when it was defined */
	Oid			run_as_id;
	int64		owner_id;
	TransactionMode mode;		/* as it is to be executed; AUTO: atomic
								 * unless it proves impossible */
	bool		runnable;		/* state allows its runs to start */
	bool		role_renamed;	/* run_as is not the name of run_as_id any
								 * more */
	bool		repeatable;		/* an attempt that a crash undid is repeated */
	bool		gated;			/* its runs have a lane of their own */
	bool		capture_output;
	bool		process_isolation;
	bool		composite;		/* its runs are graphs of steps */
	bool		has_delay;		/* a schedule counts from the end of its runs */
	int			batch;
	int			max_running;	/* -1: not limited */
	int64		timeout;		/* microseconds, 0: none */
	int			backoff;		/* BackoffKind */
	int64		backoff_base;	/* microseconds */
	int64		backoff_cap;	/* microseconds */
	char	   *log_level;
	char	   *synchronous_commit; /* NULL: on */
	Jsonb	   *settings;
	Jsonb	   *retry_rules;
	char	   *requires_flag;	/* NULL: none */
	char	   *flag_subject;	/* for whom that is decided */
	char	   *rate_limit;		/* of its runs, by queue; NULL: none */
	char	   *rate_key;		/* whom it shares that with; NULL: nobody */
} TaskDefinition;

/* tasks to which somebody has a right */
typedef struct TaskSet
{
	bool		all;
	const int64 *owners;		/* unless all: what these own */
	int			owner_count;
	const int64 *ids;			/* and these, in ascending order, whoever owns
								 * them */
	int			id_count;
} TaskSet;

/* which runs a call about many means */
typedef struct RunFilter
{
	int64		task_id;		/* 0: any */
	int64		task_owner;		/* if it is one */
	TaskSet		tasks;
	const char *const *statuses;	/* NULL: any */
	int			status_count;
} RunFilter;

#endif							/* TC_ROWS_H */
