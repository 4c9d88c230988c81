/*-------------------------------------------------------------------------
 *
 * row_history_store.h
 *		The history of rows of guarded tables: rows of task_status_history,
 *		written in sets where sets are changed.
 *
 * Layer 3.  What is added is written when the triggers of the statement have
 * fired, in order; a (sub)transaction that aborts takes what it added with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ROW_HISTORY_STORE_H
#define TC_ROW_HISTORY_STORE_H

#include "postgres_ext.h"

/* what all changes of one guarded table share */
typedef struct RowHistoryTable
{
	const char *relation;		/* what the history knows it by */
	Oid			owner_id;
} RowHistoryTable;

/* old_status NULL: none.  Texts are copied. */
extern void tc_row_history_add(const RowHistoryTable *table, const char *row_key,
							   const char *old_status, const char *new_status);

/* the same row has another key now */
extern void tc_row_history_add_key_change(const RowHistoryTable *table, const char *row_key,
										  const char *old_row_key, const char *old_status,
										  const char *new_status);

/* write what waits, now */
extern void tc_row_history_flush(void);

/*
 * The newest rows of a key, newest first, left as the result of the statement;
 * within a frame.  Columns as those of status_history_store.h.
 */
extern void tc_row_history_read(const char *relation, const char *row_key, int max_rows);

#endif							/* TC_ROW_HISTORY_STORE_H */
