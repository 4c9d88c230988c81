/*-------------------------------------------------------------------------
 *
 * row_key.c
 *		The key of a row of a user's table, as a JSON object in text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "arguments.h"
#include "row_key.h"
#include "taskcenter.h"

bool
tc_row_key_type(Oid type, Oid *base_type, KeyKind *kind)
{
	*base_type = getBaseType(type);
	switch (*base_type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case NUMERICOID:
			*kind = KEY_NUMBER;
			return true;
		case BOOLOID:
			*kind = KEY_BOOLEAN;
			return true;
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			*kind = KEY_TIME;
			return true;
		case UUIDOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
			*kind = KEY_OUTPUT;
			return true;
		default:
			break;
	}
	*kind = KEY_OUTPUT;
	if (type_is_enum(*base_type))
		return true;
	*kind = KEY_TEXT;
	return IsBinaryCoercible(*base_type, TEXTOID);
}

void
tc_row_key_column(KeyColumn *column, TupleDesc desc)
{
	bool		is_varlena;

	column->type = TupleDescAttr(desc, column->number - 1)->atttypid;
	if (!tc_row_key_type(column->type, &column->base_type, &column->kind))
		elog(ERROR, "type %u cannot be part of a key", column->type);
	getTypeOutputInfo(column->base_type, &column->output, &is_varlena);
}

/* ---- writing ---- */

static void
append_number(StringInfo out, const KeyColumn *column, Datum value)
{
	char		digits[MAXINT8LEN + 1];

	switch (column->base_type)
	{
		case INT2OID:
			pg_lltoa(DatumGetInt16(value), digits);
			appendStringInfoString(out, digits);
			break;
		case INT4OID:
			pg_lltoa(DatumGetInt32(value), digits);
			appendStringInfoString(out, digits);
			break;
		case INT8OID:
			pg_lltoa(DatumGetInt64(value), digits);
			appendStringInfoString(out, digits);
			break;
		case NUMERICOID:
			/* equal numbers look equal, whatever their scale */
			value = DirectFunctionCall1(numeric_trim_scale, value);
			if (numeric_is_nan(DatumGetNumeric(value)) || numeric_is_inf(DatumGetNumeric(value)))
				escape_json(out, OidOutputFunctionCall(column->output, value));
			else
				appendStringInfoString(out, OidOutputFunctionCall(column->output, value));
			break;
		default:
			appendStringInfoString(out, OidOutputFunctionCall(column->output, value));
	}
}

static void
append_value(StringInfo out, const KeyColumn *column, Datum value)
{
	char		instant[MAXDATELEN + 1];
	int			utc = 0;

	switch (column->kind)
	{
		case KEY_NUMBER:
			append_number(out, column, value);
			break;
		case KEY_TEXT:
			escape_json(out, TextDatumGetCString(value));
			break;
		case KEY_BOOLEAN:
			appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
			break;
		case KEY_TIME:
			escape_json(out, JsonEncodeDateTime(instant, value, column->base_type, &utc));
			break;
		case KEY_OUTPUT:
			escape_json(out, OidOutputFunctionCall(column->output, value));
			break;
	}
}

static void
append_column(StringInfo out, const KeyColumn *column, Datum value, bool isnull)
{
	appendStringInfoString(out, out->len == 0 ? "{" : ", ");
	escape_json(out, column->label);
	appendStringInfoString(out, ": ");
	if (isnull)
		appendStringInfoString(out, "null");
	else
		append_value(out, column, value);
}

/* what is too long for an index has a digest instead */
static char *
finish(StringInfo out)
{
	StringInfoData digest;
	uint8		bytes[PG_SHA256_DIGEST_LENGTH];
	pg_cryptohash_ctx *hash;
	int			i;

	appendStringInfoChar(out, '}');
	if (out->len <= TC_MAX_ROW_KEY_LENGTH)
		return out->data;
	hash = pg_cryptohash_create(PG_SHA256);
	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) out->data, out->len) < 0 ||
		pg_cryptohash_final(hash, bytes, sizeof(bytes)) < 0)
		elog(ERROR, "could not compute the digest of a key");
	pg_cryptohash_free(hash);
	initStringInfo(&digest);
	appendStringInfoString(&digest, "{\"sha256\": \"");
	for (i = 0; i < (int) sizeof(bytes); i++)
		appendStringInfo(&digest, "%02x", bytes[i]);
	appendStringInfoString(&digest, "\"}");
	return digest.data;
}

char *
tc_row_key_text(const RowKey *key, HeapTuple tuple, TupleDesc desc)
{
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	for (i = 0; i < key->count; i++)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, key->columns[i].number, desc, &isnull);

		append_column(&out, &key->columns[i], value, isnull);
	}
	return finish(&out);
}

char *
tc_row_key_values_text(const RowKey *key, const Datum *values, const bool *nulls)
{
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	for (i = 0; i < key->count; i++)
		append_column(&out, &key->columns[i], values[i], nulls != NULL && nulls[i]);
	return finish(&out);
}

/* ---- reading ---- */

static void
refuse_key(const RowKey *key, const Jsonb *object, const char *problem)
{
	StringInfoData expected;
	int			i;

	initStringInfo(&expected);
	for (i = 0; i < key->count; i++)
	{
		appendStringInfoString(&expected, i > 0 ? ", " : "");
		escape_json(&expected, key->columns[i].label);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"row_key\" is not a key of this table: %s", problem),
			 errdetail("\"row_key\" is %s.",
					   tc_shorten(JsonbToCString(NULL, unconstify(JsonbContainer *, &object->root),
												 VARSIZE(object)))),
			 errhint("Write an object with a value for each of: %s.", expected.data)));
}

static JsonbValue *
key_field(const Jsonb *object, const char *name)
{
	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &object->root),
										name, strlen(name), NULL);
}

/* the text that the type's input function reads; NULL: the value is not a scalar */
static char *
scalar_text(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

Datum *
tc_row_key_parse(const RowKey *key, TupleDesc desc, const Jsonb *object)
{
	Datum	   *values = palloc(sizeof(Datum) * key->count);
	int			i;

	if ((int) JB_ROOT_COUNT(object) != key->count)
		refuse_key(key, object, "it has another number of fields");
	for (i = 0; i < key->count; i++)
	{
		const KeyColumn *column = &key->columns[i];
		Form_pg_attribute attribute = TupleDescAttr(desc, column->number - 1);
		JsonbValue *field = key_field(object, column->label);
		char	   *text;
		Oid			input;
		Oid			parameter;

		if (field == NULL)
			field = key_field(object, NameStr(attribute->attname));
		if (field == NULL)
			refuse_key(key, object, psprintf("it has no \"%s\"", column->label));
		text = scalar_text(field);

		if (text == NULL)
			refuse_key(key, object, psprintf("\"%s\" is not a plain value", column->label));
		getTypeInputInfo(column->type, &input, &parameter);
		values[i] = OidInputFunctionCall(input, text, parameter, -1);
	}
	return values;
}
