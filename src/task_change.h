/*-------------------------------------------------------------------------
 *
 * task_change.h
 *		Writing a changed task together with what has to follow it: its runs,
 *		its schedules.
 *
 * Layer 4.  Called between tc_store_begin() and tc_store_end(), with the
 * task's row locked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TASK_CHANGE_H
#define TC_TASK_CHANGE_H

#include "task_store.h"

/*
 * Write it; what is not running follows its roles, schedules its owner.  (A
 * trigger lets runs follow its gate.)
 */
extern void tc_task_change(const TaskRow *before, const TaskRow *after, TimestampTz now);

/* 55000 if its roles change while it runs; tc_task_change() asks it too */
extern void tc_task_check_roles(const TaskRow *before, const TaskRow *after);

/*
 * The task leaves a state in which its schedules did not fire: the reason
 * under which instants that it missed are to be recorded as skipped; NULL:
 * none are.
 */
extern const char *tc_task_wakes_from(const char *old_state, const char *new_state);

/* the task is archived: its unfinished runs are cancelled, nothing is due */
extern void tc_task_end_runs(const TaskRow *task, const char *reason, TimestampTz now);

#endif							/* TC_TASK_CHANGE_H */
