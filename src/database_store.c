/*-------------------------------------------------------------------------
 *
 * database_store.c
 *		The databases of the server, by name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "database_store.h"
#include "statement.h"

static Statement list_databases = {
	.label = "list databases",
	.text =
	"SELECT oid::bigint, datname::text FROM pg_database"
	" WHERE datallowconn AND NOT datistemplate ORDER BY datname",
	.any_plan = true
};

int
tc_database_list(DatabaseRow **rows, MemoryContext where)
{
	int			count = (int) tc_run(&list_databases, NULL, NULL);
	int			i;

	*rows = MemoryContextAlloc(where, sizeof(DatabaseRow) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*rows)[i].database = (Oid) tc_get_int64(i, 1);
		(*rows)[i].name = tc_get_text(i, 2);
	}
	return count;
}
