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

#include "rows.h"
#include "taskcenter.h"

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
	char	   *barred;			/* why neither is true nor may be, whatever
								 * the state; NULL: nothing is wrong */
	char	   *state;			/* NULL: not activated */
	TimestampTz rebooted_at;
	int			queue_count;
	QueueState *queues;
} ControlState;

/* NULL: no such task */
extern TaskDefinition *tc_definition_load(int64 task_id);
extern ControlState *tc_control_load(void);
extern const QueueState *tc_control_queue(const ControlState *control, int64 queue_id);

/*
 * auto mode proved to need autonomous execution: stored, shown, not repeated
 * after a crash; false: somebody else changed the task so before
 */
extern bool tc_definition_learn_autonomous(int64 task_id);

/* tasks of a role that cannot execute any more, but for those that somebody holds */
extern int	tc_definition_quarantine_role(Oid role, const char *reason);
extern int	tc_definition_quarantine_task(int64 task_id, const char *reason);

#endif							/* TC_DEFINITION_STORE_H */
