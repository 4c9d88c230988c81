/*-------------------------------------------------------------------------
 *
 * task_declare.h
 *		The definition of a task that is described as a whole: its kind, its
 *		roles, what it must pass, and how it replaces the one that exists.
 *
 * Layer 4.  All but the kind are called between tc_store_begin() and
 * tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TASK_DECLARE_H
#define TC_TASK_DECLARE_H

#include "task_store.h"

/* the kind, by default sql; raises unless tasks of it can be made */
extern char *tc_declare_kind(const char *kind);

/* run_as NULL: the owner; 42704 and 42501 as of tc_access_require_role() */
extern void tc_declare_set_roles(TaskRow *task, Oid owner, const char *run_as);

/* 55000 unless the role that the argument names may execute it, if it is executed at all */
extern void tc_declare_require_executable(const TaskRow *task, const char *argument);

/* 42704 unless the task's queue exists */
extern void tc_declare_require_queue(const TaskRow *task);

/*
 * Let `wanted`, which holds the properties as described, be the definition of
 * the task that exists: ids, state and owner are those of `before`.  on_crash
 * NULL: not given; then a task that was learned to be autonomous keeps what was
 * decided with it.  False: nothing differs.
 */
extern bool tc_declare_over(const TaskRow *before, TaskRow *wanted, const char *run_as,
							const char *on_crash);

/* may the caller write what differs? */
extern void tc_declare_check_change(const TaskRow *before, const TaskRow *after);

#endif							/* TC_TASK_DECLARE_H */
