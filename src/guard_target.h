/*-------------------------------------------------------------------------
 *
 * guard_target.h
 *		A table that somebody wants to be guarded, or no longer: may he, and
 *		can it be?
 *
 * Layer 4.  Every refusal has its SQLSTATE, DETAIL and HINT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GUARD_TARGET_H
#define TC_GUARD_TARGET_H

#include "utils/rel.h"

#include "compat.h"
#include "user_table_store.h"

/*
 * A table that the current user owns and that can have a guard, locked against
 * writers, with all its partitions, until the transaction ends.
 */
extern Relation tc_guard_open_table(Oid relation);

/* its columns; key_columns NULL: the primary key without the status */
extern void tc_guard_describe_table(Relation rel, const char *status_column,
									char *const *key_columns, int key_count,
									UserTable *table);

/* "cannot guard", and why */
tc_noreturn extern void tc_guard_refuse_table(Relation rel, int code, const char *why,
											  const char *hint);

extern char *tc_guard_qualified_name(Relation rel);

#endif							/* TC_GUARD_TARGET_H */
