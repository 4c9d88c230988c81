/*-------------------------------------------------------------------------
 *
 * row_count.c
 *		How many rows a table has, told by an index.
 *
 * The server's own count(*) asks for each entry whether its page is all
 * visible; where all pages are, that is asked once here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/visibilitymap.h"
#include "catalog/pg_am_d.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "row_count.h"

#define LOOK_UP_EVERY 65536		/* entries between two looks at interrupts */

static bool
is_all_visible(Relation table)
{
	BlockNumber all_visible;

	visibilitymap_count(table, &all_visible, NULL);
	return all_visible == RelationGetNumberOfBlocks(table);
}

/* the smallest index that has all rows; NULL: none */
static Relation
open_index(Relation table)
{
	List	   *indexes = RelationGetIndexList(table);
	Relation	smallest = NULL;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		bool		fits = index->rd_rel->relam == BTREE_AM_OID &&
		index->rd_index->indisvalid && RelationGetIndexPredicate(index) == NIL &&
		(smallest == NULL ||
		 RelationGetNumberOfBlocks(index) < RelationGetNumberOfBlocks(smallest));

		if (fits && smallest != NULL)
			index_close(smallest, AccessShareLock);
		if (fits)
			smallest = index;
		else
			index_close(index, AccessShareLock);
	}
	return smallest;
}

static int64
count_entries(Relation table, Relation index)
{
	IndexScanDesc scan = tc_index_beginscan(table, index, GetActiveSnapshot());
	int64		count = 0;

	index_rescan(scan, NULL, 0, NULL, 0);
	while (index_getnext_tid(scan, ForwardScanDirection) != NULL)
	{
		if (++count % LOOK_UP_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
	}
	index_endscan(scan);
	return count;
}

bool
tc_row_count(Oid relation, int64 *rows)
{
	Relation	table = table_open(relation, AccessShareLock);
	Relation	index = is_all_visible(table) ? open_index(table) : NULL;

	if (index != NULL)
	{
		*rows = count_entries(table, index);
		index_close(index, AccessShareLock);
	}
	table_close(table, AccessShareLock);
	return index != NULL;
}
