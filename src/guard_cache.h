/*-------------------------------------------------------------------------
 *
 * guard_cache.h
 *		How the status of a table is guarded, as its triggers say.
 *
 * Layer 3.5.  The guard of a table is its AFTER UPDATE trigger that calls
 * taskcenter.guard_row(workflow, id): the columns in its WHEN condition are
 * the status, then the key.  So it follows renames, and partitions have it in
 * their own column numbers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GUARD_CACHE_H
#define TC_GUARD_CACHE_H

#include "utils/rel.h"

#include "row_history_store.h"
#include "row_key.h"

typedef enum StatusKind
{
	STATUS_TEXT,				/* its bytes are the text */
	STATUS_ENUM
} StatusKind;

typedef struct TableGuard
{
	Oid			relation_id;	/* the table at hand, perhaps a partition */
	Oid			bearer_id;		/* the table that was guarded */
	bool		valid;
	const char *workflow;
	int64		guarded_table_id;	/* 0: it is not registered */
	RowHistoryTable table;
	AttrNumber	status;
	Oid			status_type;
	StatusKind	status_kind;
	RowKey		key;
	MemoryContext context;
} TableGuard;

/* false: a type that can hold no status */
extern bool tc_status_type(Oid type, StatusKind *kind);

/* NULL: the value is null */
extern char *tc_status_text(const TableGuard *guard, HeapTuple tuple, TupleDesc desc);

/*
 * NULL: the table is not guarded.  Reads once per process and table, in a
 * frame of its own.  Valid until the next call.
 */
extern const TableGuard *tc_guard_of(Relation rel);

/* the same, a copy in CurrentMemoryContext, for who runs what a user wrote meanwhile */
extern TableGuard *tc_guard_copy_of(Relation rel);

/* the trigger function; InvalidOid without the extension */
extern Oid	tc_guard_function(void);

/* rows of guarded_tables changed: every process reads again */
extern void tc_guard_forget_at_commit(void);

#endif							/* TC_GUARD_CACHE_H */
