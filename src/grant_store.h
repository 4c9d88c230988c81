/*-------------------------------------------------------------------------
 *
 * grant_store.h
 *		The rows of access_grants, and which tasks their scopes hold.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().  Whether a
 * grant holds is not decided here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GRANT_STORE_H
#define TC_GRANT_STORE_H

#include "access_levels.h"
#include "taskcenter.h"

/* what a grant is about: one of the three */
typedef struct GrantScope
{
	int64		task_id;		/* 0: none */
	const char *application;	/* NULL: none */
	const char *queue;			/* NULL: none */
} GrantScope;

typedef struct GrantRow
{
	int64		grant_id;
	const char *role;			/* name as stored */
	Oid			role_id;		/* InvalidOid: everybody */
	AccessLevel level;
	GrantScope	scope;
	const char *owner;			/* name as stored */
	Oid			owner_id;		/* whose rights it passes on */
	TimestampTz granted_at;
	int64		under;			/* grant of the admin who made it; 0: none */
	const char *under_role;		/* whose that is; NULL: gone */
	Oid			under_role_id;
} GrantRow;

/*
 * Grants to any of the roles; those that hold the task only, or all.  A scope
 * of a task names its application and queue besides (NULL: none).
 */
extern int	tc_grants_find(const int64 *roles, int role_count, const GrantScope *task,
						   GrantRow **rows);

/* those to a role of this name, or of this OID (InvalidOid: no such role), locked */
extern int	tc_grants_lock(const char *role, Oid role_id, GrantRow **rows);

/*
 * Ids of the tasks, in ascending order, that lie in one of the scopes and
 * belong to one of the owners; any_owner: to whomever.
 */
extern int	tc_grants_tasks(const GrantRow *grants, int grant_count, bool any_owner,
							const int64 *owners, int owner_count, int64 **task_ids);

/* how many grants pass on what this role has */
extern int64 tc_grants_count(Oid owner_id);

/* keep the grant for the transaction; false: it is gone */
extern bool tc_grant_hold(int64 grant_id);

/* make it, unless it exists; returns its id */
extern int64 tc_grant_store(const GrantRow *grant, const char *granted_by, TimestampTz now);

/* remove them, with those that were made under them; returns how many */
extern int64 tc_grants_remove(const int64 *grant_ids, int count);

#endif							/* TC_GRANT_STORE_H */
