/*-------------------------------------------------------------------------
 *
 * argument_values.c
 *		Values that stand as text or as a number in the JSON of an argument.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "argument_values.h"
#include "arguments.h"

typedef struct NamedText
{
	const char *name;
	const char *text;
} NamedText;

static void
explain_instant(void *argument)
{
	NamedText  *given = argument;

	errdetail("\"%s\" is \"%s\".", given->name, tc_shorten(given->text));
	errhint("Write a date and time such as \"2030-01-31 12:00+00\".");
}

static TimestampTz
read_instant(const char *name, const char *source)
{
	NamedText	given = {name, source};
	ErrorContextCallback callback;
	Datum		value;

	callback.callback = explain_instant;
	callback.arg = &given;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	value = DirectFunctionCall3(timestamptz_in, CStringGetDatum(source),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	error_context_stack = callback.previous;
	return DatumGetTimestampTz(value);
}

TimestampTz
tc_parse_instant(const char *name, const char *source)
{
	TimestampTz value;

	if (source == NULL)
		return DT_NOBEGIN;
	value = read_instant(name, source);
	if (TIMESTAMP_NOT_FINITE(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a finite time", name),
				 errdetail("\"%s\" is \"%s\".", name, tc_shorten(source)),
				 errhint("Give a date and time, or leave \"%s\" out.", name)));
	return value;
}

int64
tc_parse_id(const char *name, Numeric number)
{
	Datum		trimmed = DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(number));
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, trimmed));
	int64		value;

	/* whole, and of no more digits than ids have */
	if (strspn(text, "-0123456789") != strlen(text) || strlen(text) > 16)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is out of range", name),
				 errdetail("\"%s\" is %s.", name, tc_shorten(text)),
				 errhint("Use a whole number that taskcenter gave out.")));
	value = strtoll(text, NULL, 10);
	tc_check_id(name, value);
	return value;
}
