/*-------------------------------------------------------------------------
 *
 * access.h
 *		Who may do what: the one place that decides.
 *
 * Layer 4.  The caller is the user of the session or of the SECURITY DEFINER
 * function around the call, never taskcenter_owner: functions that are called
 * between tc_store_begin() and tc_store_end() ask tc_statement_caller().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ACCESS_H
#define TC_ACCESS_H

#include "compat.h"
#include "access_levels.h"
#include "run_control_store.h"
#include "task_store.h"

/* superuser, or owner of the database */
extern bool tc_access_is_admin(Oid role);

/* 42501 unless the caller is; what completes "permission denied to ..." */
extern void tc_access_require_admin(const char *what);

/* 42501 unless the caller is admin, monitor, or bypasses row security */
extern void tc_access_require_monitor(const char *what);

/* sees everything of everybody but params and outputs */
extern bool tc_access_is_monitor(Oid role);

/*
 * Has the role the right to the task: by the owner's privileges, as monitor,
 * or by a grant?  Grants are looked up last.  Between tc_store_begin() and
 * tc_store_end().
 */
extern bool tc_access_may(Oid role, const TaskRow *task, TaskRight right);

/* all tasks to which the role has the right; as above */
extern void tc_access_tasks(Oid role, TaskRight right, TaskSet *tasks);

/* is the task among them? */
extern bool tc_access_has(const TaskSet *tasks, int64 task_id, Oid owner_id);

/* 42501 unless the caller has the right to the task; as above */
extern void tc_access_check_task(const TaskRow *task, TaskRight right);

/* did the role make the run, in the time that it was granted to? */
extern bool tc_access_made_run(Oid role, const TaskRow *task, const RunFacts *run);

/*
 * The same for one run of the task: who may enqueue has all rights to what he
 * made himself.
 */
extern bool tc_access_may_run(Oid role, const TaskRow *task, const RunFacts *run,
							  TaskRight right);
extern void tc_access_check_run(const TaskRow *task, const RunFacts *run, TaskRight right);

/* 42501 unless the caller is admin, or was granted the right to the queue */
extern void tc_access_require_queue(const char *queue, TaskRight right, const char *what);

/*
 * The task of this name that is not archived: 42704 if there is none, 42501
 * if the caller has not the right.  Between tc_store_begin() and
 * tc_store_end().
 */
extern void tc_access_require_task(const char *name, bool lock, TaskRight right,
								   TaskRow *task);

/* the 42704 */
tc_noreturn extern void tc_access_report_missing_task(const char *name);

/* OID of a role: 42704 */
extern Oid	tc_access_find_role(const char *argument, const char *name);

/* OID of a role that the caller could become: 42704, 42501 */
extern Oid	tc_access_require_role(const char *argument, const char *name);

/*
 * 42501 unless the caller could become the role: asked of whoever decides
 * what a role executes.
 */
extern void tc_access_require_become(const char *argument, Oid role);

/* 55000 unless the role may execute tasks here and now */
extern void tc_access_require_executable(const char *argument, Oid role);

#endif							/* TC_ACCESS_H */
