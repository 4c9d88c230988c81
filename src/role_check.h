/*-------------------------------------------------------------------------
 *
 * role_check.h
 *		May a role execute tasks in this database, now?
 *
 * Layer 2.  Asked inside a transaction: before an executor is started, at
 * every claim, and when a task is defined.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ROLE_CHECK_H
#define TC_ROLE_CHECK_H

/* NULL: it may; else the reason, a sentence in CurrentMemoryContext */
extern const char *tc_role_problem(Oid role);

/* the role's name is no longer the one that a task was defined with */
extern bool tc_role_is_renamed(Oid role, const char *name);

#endif							/* TC_ROLE_CHECK_H */
