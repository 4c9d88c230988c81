/*-------------------------------------------------------------------------
 *
 * guarded_table_store.h
 *		The rows of guarded_tables.
 *
 * Layer 3.  The triggers on a table carry the id of its row.  A table owns the
 * row if the row knows it by OID; or, after a restore gave it another OID, if
 * no other table does and the owner is the same.  No function has a frame of
 * its own: they are called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_GUARDED_TABLE_STORE_H
#define TC_GUARDED_TABLE_STORE_H

#include "datatype/timestamp.h"

/* the trigger function, as the text of an identifier and as a name to look up */
#define TC_GUARD_FUNCTION "guard_row"

typedef struct GuardedTableRow
{
	int64		guarded_table_id;
	char	   *relation;		/* what the history knows it by */
	Oid			relation_id;
	char	   *owner;
	Oid			owner_id;
	char	   *status_column;
	int			key_count;
	char	  **key_columns;
	char	   *workflow;
	bool		guarded;
} GuardedTableRow;

/* what the catalogs say of a table that bears a guard, or of the root of its partitions */
typedef struct GuardBearer
{
	Oid			relation_id;
	char	   *name;			/* qualified and quoted */
	Oid			owner_id;
	char	   *owner;
} GuardBearer;

/* the table itself, or the partitioned table that its guard was cloned from */
extern void tc_guarded_bearer(Oid relation, GuardBearer *bearer);

/* the row of this id, if the bearer owns it */
extern bool tc_guarded_find(int64 id, const GuardBearer *bearer, GuardedTableRow *row);

/* the row that a table had before it was unguarded */
extern bool tc_guarded_find_former(const GuardBearer *bearer, GuardedTableRow *row);

/* id 0: a new row, known by the relation or, if that is taken, by it and the id; returns the id */
extern int64 tc_guarded_save(const GuardedTableRow *row, const char *guarded_by,
							 TimestampTz now);

/* tables whose guard is not, or not always, in force, for a DETAIL; NULL: none */
extern char *tc_guarded_look(void);

/* OID of the relation guarded_tables */
extern Oid	tc_guarded_relation(void);

#endif							/* TC_GUARDED_TABLE_STORE_H */
