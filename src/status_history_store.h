/*-------------------------------------------------------------------------
 *
 * status_history_store.h
 *		The rows of task_status_history.
 *
 * Layer 3.  No function has a frame of its own: they are called between
 * tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_STATUS_HISTORY_STORE_H
#define TC_STATUS_HISTORY_STORE_H

/*
 * Give the history its foreign key to tasks, unless it has one.  Orphans,
 * which a partial restore may leave, do not hinder it.
 */
extern void tc_status_history_link(void);

#endif							/* TC_STATUS_HISTORY_STORE_H */
