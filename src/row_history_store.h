/*-------------------------------------------------------------------------
 *
 * row_history_store.h
 *		The history of rows of guarded tables: rows of task_status_history,
 *		written in sets where sets are changed.
 *
 * Layer 3.  What is added is written when the triggers of the outermost
 * statement have fired, in the order of the changes; a (sub)transaction that
 * aborts takes what it added with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ROW_HISTORY_STORE_H
#define TC_ROW_HISTORY_STORE_H


/* what all changes of one guarded table share */
typedef struct RowHistoryTable
{
	const char *relation;		/* what the history knows it by */
	Oid			owner_id;
} RowHistoryTable;

/* old_status NULL: none; command: the one that made the change.  Texts are copied. */
extern void tc_row_history_add(const RowHistoryTable *table, const char *row_key,
							   const char *old_status, const char *new_status,
							   CommandId command);

/* the same row has another key now */
extern void tc_row_history_add_key_change(const RowHistoryTable *table, const char *row_key,
										  const char *old_row_key, const char *old_status,
										  const char *new_status, CommandId command);

/*
 * The newest rows of a key, newest first, left as the result of the statement;
 * within a frame.  Columns as those of status_history_store.h.
 */
extern void tc_row_history_read(const char *relation, const char *row_key, int max_rows);

#endif							/* TC_ROW_HISTORY_STORE_H */
