/*-------------------------------------------------------------------------
 *
 * alias_store.h
 *		Views with the names and columns that other task systems use, in a
 *		schema of the user's.
 *
 * Layer 3.  The views belong to who makes them, show each reader what is his
 * (security_invoker), and are no members of the extension.  A comment marks
 * them as ours.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ALIAS_STORE_H
#define TC_ALIAS_STORE_H

#include "postgres_ext.h"

typedef enum AliasState
{
	ALIAS_MISSING,
	ALIAS_OURS,
	ALIAS_FOREIGN				/* something else has the name */
} AliasState;

extern int	tc_alias_count(void);
extern const char *tc_alias_name(int alias);

/* opens a frame of its own */
extern AliasState tc_alias_state(Oid schema_id, int alias);

/* as the current user, outside of any frame; make it anew if it is there */
extern void tc_alias_create(const char *schema, int alias);
extern void tc_alias_drop(const char *schema, int alias);

#endif							/* TC_ALIAS_STORE_H */
