/*-------------------------------------------------------------------------
 *
 * row_key.h
 *		The key of a row of a user's table, as a JSON object in text: one
 *		spelling for one key, whatever the session's settings are.
 *
 * Layer 2.  Only types whose text says all and depends on no setting can be
 * parts of a key.  One that is longer than TC_MAX_ROW_KEY_LENGTH is told by
 * its digest, {"sha256": ...}.  Labels are the keys of the object; they stay what they
 * were when the key was chosen, though columns be renamed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ROW_KEY_H
#define TC_ROW_KEY_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/jsonb.h"

typedef enum KeyKind
{
	KEY_NUMBER,					/* written as JSON number by its output */
	KEY_TEXT,					/* its bytes are the text */
	KEY_BOOLEAN,
	KEY_TIME,					/* ISO 8601, in UTC */
	KEY_OUTPUT					/* a string, by its output function */
} KeyKind;

typedef struct KeyColumn
{
	AttrNumber	number;			/* in the relation at hand */
	const char *label;
	Oid			type;			/* of the column */
	Oid			base_type;		/* below domains */
	Oid			output;			/* function */
	KeyKind		kind;
} KeyColumn;

typedef struct RowKey
{
	int			count;
	KeyColumn  *columns;
} RowKey;

/* false: a type that can be no part of a key */
extern bool tc_row_key_type(Oid type, Oid *base_type, KeyKind *kind);

/* fill in type, base_type, output and kind of a column whose number is set */
extern void tc_row_key_column(KeyColumn *column, TupleDesc desc);

/* the text of a row's key */
extern char *tc_row_key_text(const RowKey *key, HeapTuple tuple, TupleDesc desc);
extern char *tc_row_key_values_text(const RowKey *key, const Datum *values, const bool *nulls);

/*
 * Values out of an object: each label, or current name of the column in desc,
 * exactly once, and nothing else; 22023 otherwise, and what the types' input
 * raises.  No value is null.
 */
extern Datum *tc_row_key_parse(const RowKey *key, TupleDesc desc, const Jsonb *object);

#endif							/* TC_ROW_KEY_H */
