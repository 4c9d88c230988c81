/*-------------------------------------------------------------------------
 *
 * status_history_store.h
 *		The rows of task_status_history, and the status of a task.
 *
 * Layer 3.  No function has a frame of its own: they are called between
 * tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STATUS_HISTORY_STORE_H
#define TC_STATUS_HISTORY_STORE_H

#include "datatype/timestamp.h"
#include "rows.h"
#include "utils/jsonb.h"

/*
 * Give the history its foreign key to tasks, unless it has one.  Orphans,
 * which a partial restore may leave, do not hinder it.
 */
extern void tc_status_history_link(void);

/* a move, or an attempt that was refused; of a task or of a guarded row */
typedef struct StatusHistoryRow
{
	int64		task_id;		/* 0: a guarded row */
	const char *relation;		/* NULL: a task */
	const char *row_key;		/* NULL: a task */
	Oid			owner_id;
	const char *old_status;		/* NULL: it was made */
	const char *new_status;		/* NULL: refused */
	const char *requested_status;	/* of a refused one */
	const Jsonb *problems;		/* of a refused one */
	const char *reason;			/* NULL: none */
	const Jsonb *metadata;		/* NULL: none */
	const char *actor;
	TimestampTz at;
} StatusHistoryRow;

extern void tc_status_history_insert(const StatusHistoryRow *row);

/*
 * The same for a refused attempt at a task that may be locked, or not exist
 * any more: false where its row is locked, true where it is written or there
 * is no such task.  Nothing is waited for.
 */
extern bool tc_status_history_insert_patiently(const StatusHistoryRow *row);

/* a task that is locked goes to the row's new status, with its history; the time is never before that of the last move */
extern void tc_status_history_move(const StatusHistoryRow *row);

/* what is known of a task's status */
typedef struct TaskStatusRow
{
	int64		task_id;
	char	   *name;
	char	   *state;
	char	   *workflow;		/* NULL: it has none */
	char	   *status;
	TimestampTz changed_at;
} TaskStatusRow;

extern bool tc_status_history_task(int64 task_id, TaskStatusRow *row);

/* id of the latest archived task of that name; 0: none */
extern int64 tc_status_history_archived(const char *name);

/* columns of a row, in the order of the table */
#define STATUS_HISTORY_COLUMNS 14

/*
 * The newest rows, newest first, left as the result of the statement: read
 * them by tc_rows() and tc_get_datum().  contents: else reason and metadata are
 * null.
 */
extern void tc_status_history_of_task(int64 task_id, bool contents, int max_rows);
extern void tc_status_history_failures(int64 task_id, bool contents, int max_rows);

/* refused attempts at these tasks, and at guarded rows of these owners */
extern void tc_status_history_failures_of(const TaskSet *tasks, int max_rows);

#endif							/* TC_STATUS_HISTORY_STORE_H */
