/*-------------------------------------------------------------------------
 *
 * definition_store.h
 *		What executors and the scheduler must know of a task, and of what is
 *		allowed to run in this database now.
 *
 * Layer 3, reading only but for what an executor learns.  Called inside a
 * transaction; results are allocated in CurrentMemoryContext.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DEFINITION_STORE_H
#define TC_DEFINITION_STORE_H

#include "backoff.h"
#include "taskcenter.h"
#include "utils/jsonb.h"

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
	TransactionMode mode;		/* as it is to be executed; AUTO: atomic unless
								 * it proves impossible */
	bool		runnable;		/* state allows its runs to start */
	bool		role_renamed;	/* run_as is not the name of run_as_id any more */
	bool		capture_output;
	bool		process_isolation;
	bool		has_delay;		/* a schedule counts from the end of its runs */
	int			batch;
	int			max_running;	/* -1: not limited */
	int64		timeout;		/* microseconds, 0: none */
	BackoffKind backoff;
	int64		backoff_base;	/* microseconds */
	int64		backoff_cap;	/* microseconds */
	char	   *log_level;
	char	   *synchronous_commit; /* NULL: on */
	Jsonb	   *settings;
	Jsonb	   *retry_rules;
} TaskDefinition;

typedef struct QueueState
{
	int64		queue_id;
	char	   *name;
	bool		active;
	bool		control;		/* the queue that pause and drain exempt */
	int			max_running;	/* -1: not limited */
} QueueState;

typedef struct ControlState
{
	bool		activated;		/* there is a scheduler_state row */
	bool		adopted;		/* and it names this server and database */
	bool		running;		/* adopted and state is running */
	bool		disabled;		/* no maintenance either */
	char	   *state;			/* NULL: not activated */
	TimestampTz rebooted_at;
	int			queue_count;
	QueueState *queues;
} ControlState;

/* NULL: no such task */
extern TaskDefinition *tc_definition_load(int64 task_id);
extern ControlState *tc_control_load(void);
extern const QueueState *tc_control_queue(const ControlState *control, int64 queue_id);

/* auto mode proved to need autonomous execution: stored, shown, not repeated after a crash */
extern void tc_definition_learn_autonomous(int64 task_id);
/* tasks of a role that cannot execute any more */
extern int	tc_definition_quarantine_role(Oid role, const char *reason);
extern int	tc_definition_quarantine_task(int64 task_id, const char *reason);

#endif							/* TC_DEFINITION_STORE_H */
