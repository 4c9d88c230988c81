/*-------------------------------------------------------------------------
 *
 * ids.c
 *		Arrays of ids.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "ids.h"

static int
compare_ids(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

int
tc_ids_sort(int64 *ids, int count)
{
	int			kept = 0;
	int			i;

	if (count > 1)
		qsort(ids, count, sizeof(int64), compare_ids);
	for (i = 0; i < count; i++)
	{
		if (kept == 0 || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	}
	return kept;
}

bool
tc_ids_contain(const int64 *ids, int count, int64 id)
{
	return count > 0 && bsearch(&id, ids, count, sizeof(int64), compare_ids) != NULL;
}
