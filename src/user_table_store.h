/*-------------------------------------------------------------------------
 *
 * user_table_store.h
 *		Statements on a user's table: its guard's triggers, and one row's
 *		status.
 *
 * Layer 3.  The only statements that are built: from identifiers that are
 * quoted here, and operators of the columns' own types; values are always
 * parameters, of the columns' own types.  They run with the caller's rights.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_USER_TABLE_STORE_H
#define TC_USER_TABLE_STORE_H

#include "access/tupdesc.h"

#include "guard_cache.h"

/* names of the triggers; the change is recorded before, a move decided after what other triggers do */
#define TC_TRIGGER_CHANGE "_taskcenter_guard_change"
#define TC_TRIGGER_INSERT "_taskcenter_guard_insert"
#define TC_TRIGGER_MOVE "zz_taskcenter_guard_move"

typedef struct UserTable
{
	const char *relation;		/* qualified and quoted */
	TupleDesc	desc;
	bool		partitioned;
	AttrNumber	status;
	int			key_count;
	const AttrNumber *key;
} UserTable;

/* within tc_store_begin(), with the caller's rights */
extern void tc_user_table_add_guard(const UserTable *table, const char *workflow,
									int64 guarded_table_id);
extern void tc_user_table_drop_trigger(const char *relation, const char *trigger);

/*
 * Within tc_store_begin_as_caller(): rows whose status is none of these; NULL:
 * there are none.  Else the first statuses with their numbers, for a DETAIL.
 */
extern char *tc_user_table_outsiders(const UserTable *table, char *const *statuses, int count);

/*
 * Within tc_store_begin_as_caller(): the rows with these values of the key,
 * and how many; the first one's status (NULL: none), and its key as stored.
 */
extern uint64 tc_user_table_find_row(const char *relation, TupleDesc desc,
									 const TableGuard *guard, const Datum *values, bool lock,
									 char **status, Datum *stored);

/* the same: set the status, given as the column's type; how many rows changed, and what it is now */
extern uint64 tc_user_table_set_status(const char *relation, TupleDesc desc,
									   const TableGuard *guard, const Datum *values,
									   Datum status, char **now);

#endif							/* TC_USER_TABLE_STORE_H */
