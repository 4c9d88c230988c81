/*-------------------------------------------------------------------------
 *
 * plain_writer.c
 *		May whoever writes to our relations by plain SQL do so?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/datum.h"
#include "utils/rel.h"

#include "plain_writer.h"
#include "statement.h"

bool
tc_plain_is_trusted(void)
{
	return tc_statement_is_own() || IsLogicalWorker() ||
		superuser_arg(tc_statement_caller());
}

static void
refuse(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to write to \"%s\" by plain SQL",
					RelationGetRelationName(rel)),
			 errdetail("Role \"%s\" is not superuser.",
					   GetUserNameFromId(tc_statement_caller(), true)),
			 errhint("Use the functions of taskcenter.")));
}

void
tc_plain_check(Relation rel)
{
	if (!tc_plain_is_trusted())
		refuse(rel);
}

static bool
is_free(const char *name, const char *const *free_columns)
{
	int			i;

	for (i = 0; free_columns[i] != NULL; i++)
	{
		if (strcmp(free_columns[i], name) == 0)
			return true;
	}
	return false;
}

void
tc_plain_check_columns(Relation rel, HeapTuple old, HeapTuple new,
					   const char *const *free_columns)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	if (tc_plain_is_trusted())
		return;
	for (i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i - 1);
		bool		old_null;
		bool		new_null;
		Datum		before;
		Datum		after;

		if (attribute->attisdropped || attribute->attgenerated != '\0' ||
			is_free(NameStr(attribute->attname), free_columns))
			continue;
		before = heap_getattr(old, i, desc, &old_null);
		after = heap_getattr(new, i, desc, &new_null);
		if (old_null != new_null ||
			(!old_null && !datum_image_eq(before, after, attribute->attbyval,
										  attribute->attlen)))
			refuse(rel);
	}
}
