/*-------------------------------------------------------------------------
 *
 * row_count.h
 *		How many rows a table has, told by an index.
 *
 * Layer 2.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ROW_COUNT_H
#define TC_ROW_COUNT_H

/*
 * The exact number, if the table is vacuumed and not written to since: every
 * entry of an index is then a row that everybody sees.  False: ask the table.
 * The caller has locked it.
 */
extern bool tc_row_count(Oid relation, int64 *rows);

#endif							/* TC_ROW_COUNT_H */
