/*-------------------------------------------------------------------------
 *
 * granted.h
 *		What grants give a role, beyond what it owns.
 *
 * Layer 3.8.  A grant passes on what its owner has himself, as long as he has
 * it: it holds for those tasks of its scope whose owner's privileges he has.
 * A role that was dropped, made again or renamed since is not the one that
 * was meant.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRANTED_H
#define TC_GRANTED_H

#include "grant_store.h"
#include "task_store.h"

/* Is the role in the grant, and the one it stands for, who was meant? */
extern bool tc_grant_is_valid(const GrantRow *grant);

/* does a grant give the role this right to the task? */
extern bool tc_granted(Oid role, const TaskRow *task, TaskRight right);

/* the same of a queue itself, on behalf of the owner of the database */
extern bool tc_granted_queue(Oid role, const char *queue, TaskRight right);

/* does a grant on the queue, whoever's, give the right to tasks in it, now or later? */
extern bool tc_granted_in_queue(Oid role, const char *queue, TaskRight right);

/* when the role was first granted the right, of those grants that hold; DT_NOEND: never */
extern TimestampTz tc_granted_since(Oid role, TaskRight right);

/* ids of all tasks to which grants give the role the right, in ascending order */
extern int	tc_granted_tasks(Oid role, TaskRight right, int64 **task_ids);

/*
 * The grant by which a role may hand out lower levels on this task, or on
 * exactly this scope of this owner.  False: there is none.
 */
extern bool tc_granted_admin(Oid role, const TaskRow *task, GrantRow *grant);
extern bool tc_granted_admin_of_scope(Oid role, const GrantScope *scope, Oid owner,
									  GrantRow *grant);

#endif							/* TC_GRANTED_H */
