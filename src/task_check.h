/*-------------------------------------------------------------------------
 *
 * task_check.h
 *		Do the properties of a task fit each other and its kind?
 *
 * Layer 4.1.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_TASK_CHECK_H
#define TC_TASK_CHECK_H

#include "task_store.h"

/*
 * What single values cannot tell: the command parses, goes with the mode, and
 * the bounds with each other; what the kind has no use for is not there.  Sets
 * learned_mode where the mode is auto and the command, which may have changed,
 * surely cannot run in a transaction.  before NULL: there was none.
 */
extern void tc_task_check(TaskRow *task, const TaskRow *before);

#endif							/* TC_TASK_CHECK_H */
