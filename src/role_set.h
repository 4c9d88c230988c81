/*-------------------------------------------------------------------------
 *
 * role_set.h
 *		All roles whose privileges a role has.
 *
 * Layer 2.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ROLE_SET_H
#define TC_ROLE_SET_H

/* OIDs as bigint, in CurrentMemoryContext, the role itself first; returns the count */
extern int	tc_roles_held_by(Oid role, int64 **ids);

#endif							/* TC_ROLE_SET_H */
