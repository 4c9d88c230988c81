/*-------------------------------------------------------------------------
 *
 * database_store.h
 *		The databases of the server, by name.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DATABASE_STORE_H
#define TC_DATABASE_STORE_H

typedef struct DatabaseRow
{
	Oid			database;
	char	   *name;
} DatabaseRow;

/* those that take connections and are no templates, in order; allocated in `where` */
extern int	tc_database_list(DatabaseRow **rows, MemoryContext where);

#endif							/* TC_DATABASE_STORE_H */
