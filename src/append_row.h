/*-------------------------------------------------------------------------
 *
 * append_row.h
 *		Append one row to a relation of ours, without a statement.
 *
 * Layer 2.  For rows that are written next to each single row that somebody
 * else writes: what a statement prepares and cleans up takes several times as
 * long as writing the row.  Only where an INSERT would do no more than that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_APPEND_ROW_H
#define TC_APPEND_ROW_H

#include "datatype/timestamp.h"

/* all that an INSERT would see of the relation; anything else, and it is one */
typedef struct AppendTarget
{
	const char *relation;
	int			column_count;
	const char *const *columns; /* in their order, none dropped or generated */
	int			check_count;	/* constraints that the caller's rows fulfil */
	const char *trigger;		/* that need not fire for the caller's rows */
} AppendTarget;

/*
 * Write the row as the current command, index entries too; the caller has
 * given it all its values, and no foreign key looks at it.  False, and nothing
 * is written: the relation is not as the target says.
 */
extern bool tc_append_row(const AppendTarget *target, const Datum *values, const bool *nulls);

/* what such a row has by default: the next value of a sequence of ours, and the time */
extern int64 tc_append_id(const char *sequence);
extern TimestampTz tc_append_time(void);

#endif							/* TC_APPEND_ROW_H */
