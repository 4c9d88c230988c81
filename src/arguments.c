/*-------------------------------------------------------------------------
 *
 * arguments.c
 *		Reading what a person typed.
 *
 * Runs in sessions.  A NULL is asked for before a value is looked at: no
 * function of ours is STRICT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "redact.h"

#define MAX_SAFE_ID ((INT64CONST(1) << 53) - 1)

/* a value in a DETAIL is shown up to here */
#define SHOWN_LENGTH 100

const char *
tc_shorten(const char *value)
{
	int			length = strlen(value);

	if (length <= SHOWN_LENGTH)
		return value;
	return psprintf("%s...",
					pnstrdup(value, pg_mbcliplen(value, length, SHOWN_LENGTH)));
}

/* ---- arguments ---- */

void
tc_arg_require(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name),
				 errdetail("\"%s\" is null and has no default.", name),
				 errhint("Give a value for \"%s\".", name)));
}

char *
tc_arg_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

char *
tc_arg_required_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	tc_arg_require(fcinfo, n, name);
	return tc_arg_text(fcinfo, n);
}

bool
tc_arg_bool(FunctionCallInfo fcinfo, int n, bool otherwise)
{
	return PG_ARGISNULL(n) ? otherwise : PG_GETARG_BOOL(n);
}

int32
tc_arg_int32(FunctionCallInfo fcinfo, int n, int32 otherwise)
{
	return PG_ARGISNULL(n) ? otherwise : PG_GETARG_INT32(n);
}

int64
tc_arg_int64(FunctionCallInfo fcinfo, int n, int64 otherwise)
{
	return PG_ARGISNULL(n) ? otherwise : PG_GETARG_INT64(n);
}

TimestampTz
tc_arg_timestamptz(FunctionCallInfo fcinfo, int n, const char *name)
{
	TimestampTz value;

	if (PG_ARGISNULL(n))
		return DT_NOBEGIN;
	value = PG_GETARG_TIMESTAMPTZ(n);
	if (TIMESTAMP_NOT_FINITE(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a finite time", name),
				 errdetail("\"%s\" is %s.", name,
						   TIMESTAMP_IS_NOBEGIN(value) ? "-infinity" : "infinity"),
				 errhint("Give a date and time, or leave \"%s\" null.", name)));
	return value;
}

Interval *
tc_arg_interval(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : PG_GETARG_INTERVAL_P(n);
}

Jsonb *
tc_arg_object(FunctionCallInfo fcinfo, int n, const char *name)
{
	Jsonb	   *value;

	if (PG_ARGISNULL(n))
		return NULL;
	value = PG_GETARG_JSONB_P(n);
	if (JB_ROOT_IS_SCALAR(value))
	{
		JsonbValue *scalar = getIthJsonbValueFromContainer(&value->root, 0);

		if (scalar->type == jbvNull)
			return NULL;
	}
	if (!JB_ROOT_IS_OBJECT(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a JSON object", name),
				 errdetail("\"%s\" is %s.", name,
						   tc_shorten(JsonbToCString(NULL, &value->root, VARSIZE(value)))),
				 errhint("Write an object such as {\"key\": \"value\"}.")));
	return value;
}

char	  **
tc_arg_text_array(FunctionCallInfo fcinfo, int n, const char *name, int *count)
{
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	char	  **values;
	int			i;

	*count = 0;
	if (PG_ARGISNULL(n))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(n);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a simple array", name),
				 errdetail("\"%s\" has %d dimensions.", name, ARR_NDIM(array)),
				 errhint("Write an array such as '{one,two}'.")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, count);
	values = palloc(sizeof(char *) * (*count + 1));
	for (i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls", name),
					 errdetail("Element %d of \"%s\" is null.", i + 1, name),
					 errhint("Leave the element out.")));
		values[i] = TextDatumGetCString(elements[i]);
	}
	values[*count] = NULL;
	return values;
}

char *
tc_arg_reason(FunctionCallInfo fcinfo, int n)
{
	char	   *reason = tc_arg_text(fcinfo, n);

	if (reason == NULL || reason[0] == '\0')
		return NULL;
	tc_check_length("reason", reason, TC_MAX_REASON_LENGTH);
	return unconstify(char *, tc_redact_text(reason));
}

/* ---- checks ---- */

static void
refuse_name(const char *name, const char *value, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" is not a valid name", name),
			 errdetail("\"%s\" is \"%s\": %s.", name, tc_shorten(value), problem),
			 errhint("Use 1 to %d bytes without control characters and without blanks at either end.",
					 TC_MAX_NAME_LENGTH)));
}

void
tc_check_name(const char *name, const char *value)
{
	int			length = strlen(value);
	int			i;

	if (length == 0)
		refuse_name(name, value, "it is empty");
	if (length > TC_MAX_NAME_LENGTH)
		refuse_name(name, value, psprintf("it has %d bytes", length));
	for (i = 0; i < length; i++)
	{
		if ((unsigned char) value[i] < 0x20 || value[i] == 0x7f)
			refuse_name(name, value, psprintf("it has a control character at byte %d", i + 1));
	}
	if (value[0] == ' ' || value[length - 1] == ' ')
		refuse_name(name, value, "it begins or ends with a blank");
}

void
tc_check_length(const char *name, const char *value, int max_bytes)
{
	if (value != NULL && strlen(value) > (size_t) max_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is too long", name),
				 errdetail("\"%s\" has %zu bytes and begins with \"%s\".", name,
						   strlen(value), tc_shorten(value)),
				 errhint("Use at most %d bytes.", max_bytes)));
}

void
tc_check_int(const char *name, int64 value, int64 min, int64 max)
{
	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is out of range", name),
				 errdetail("\"%s\" is %lld.", name, (long long) value),
				 errhint("Use a number from %lld to %lld.", (long long) min, (long long) max)));
}

void
tc_check_id(const char *name, int64 value)
{
	tc_check_int(name, value, 1, MAX_SAFE_ID);
}

int64
tc_arg_id(FunctionCallInfo fcinfo, int n, const char *name)
{
	tc_arg_require(fcinfo, n, name);
	tc_check_id(name, PG_GETARG_INT64(n));
	return PG_GETARG_INT64(n);
}

char *
tc_join(const char *const *words)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; words[i] != NULL; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", words[i]);
	return list.data;
}

static bool
contains(const char *const *words, const char *word)
{
	int			i;

	for (i = 0; words[i] != NULL; i++)
	{
		if (strcmp(words[i], word) == 0)
			return true;
	}
	return false;
}

void
tc_check_choice(const char *name, const char *value, const char *const *choices)
{
	if (value == NULL || contains(choices, value))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" has a value that is not known", name),
			 errdetail("\"%s\" is \"%s\".", name, tc_shorten(value)),
			 errhint("Use one of: %s.", tc_join(choices))));
}

bool
tc_interval_usecs(const Interval *value, int64 *usecs)
{
	int64		days = (int64) value->month * DAYS_PER_MONTH + value->day;

	return !pg_mul_s64_overflow(days, USECS_PER_DAY, usecs) &&
		!pg_add_s64_overflow(*usecs, value->time, usecs);
}

static char *
interval_text(const Interval *value)
{
	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(value)));
}

/* a bound in words, for hints */
static char *
usecs_text(int64 usecs)
{
	Interval	bound = {0};

	bound.day = usecs / USECS_PER_DAY;
	bound.time = usecs % USECS_PER_DAY;
	return interval_text(&bound);
}

void
tc_check_interval(const char *name, const Interval *value, int64 min, int64 max)
{
	int64		usecs;

	if (value == NULL ||
		(tc_interval_usecs(value, &usecs) && usecs >= min && usecs <= max))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" is out of range", name),
			 errdetail("\"%s\" is %s.", name, interval_text(value)),
			 errhint("Use an interval from %s to %s.", usecs_text(min), usecs_text(max))));
}

typedef struct IntervalContext
{
	const char *name;
	const char *value;
	bool		may_keep;		/* is "keep" a value, too? */
} IntervalContext;

static void
explain_interval(void *argument)
{
	IntervalContext *context = argument;

	errdetail("\"%s\" is \"%s\".", context->name, tc_shorten(context->value));
	if (context->may_keep)
		errhint("Write an interval such as \"30 days\", or \"keep\" for ever.");
	else
		errhint("Write an interval such as \"90 seconds\" or \"1 day 12:00\".");
}

static Interval *
parse_interval(const char *name, const char *source, bool may_keep)
{
	IntervalContext context = {name, source, may_keep};
	ErrorContextCallback callback;
	Datum		value;

	callback.callback = explain_interval;
	callback.arg = &context;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	value = DirectFunctionCall3(interval_in, CStringGetDatum(source),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	error_context_stack = callback.previous;
	return DatumGetIntervalP(value);
}

Interval *
tc_parse_interval(const char *name, const char *source)
{
	return parse_interval(name, source, false);
}

int64
tc_parse_retention(const char *name, const char *source)
{
	Interval   *interval;
	int64		usecs;

	if (strcmp(source, "keep") == 0)
		return TC_RETENTION_KEEP;
	interval = parse_interval(name, source, true);
	tc_check_interval(name, interval, USECS_PER_HOUR, TC_INTERVAL_MAX);
	if (!tc_interval_usecs(interval, &usecs))
		elog(ERROR, "interval of \"%s\" does not fit", name);
	return usecs;
}

int64
tc_parse_size(const char *name, const char *source)
{
	char	   *rest;
	double		amount = strtod(source, &rest);
	int64		unit = 1;
	int			i;
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};

	while (*rest == ' ')
		rest++;
	for (i = 0; i < (int) lengthof(units); i++, unit *= 1024)
	{
		if (pg_strcasecmp(rest, units[i]) == 0)
			break;
	}
	if (rest[0] == '\0')
		unit = 1;
	else if (i == (int) lengthof(units))
		amount = -1;
	if (rest == source || !(amount >= 0) || amount * unit >= (double) (PG_INT64_MAX / 2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a size", name),
				 errdetail("\"%s\" is \"%s\".", name, tc_shorten(source)),
				 errhint("Write a number and a unit, as in \"500 MB\": B, kB, MB, GB or TB.")));
	return (int64) (amount * unit);
}

/* ---- options ---- */

char *
tc_unknown_key(const Jsonb *object, const char *const *known)
{
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (object == NULL)
		return NULL;
	iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &object->root));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *key;

		if (token != WJB_KEY)
			continue;
		key = pnstrdup(value.val.string.val, value.val.string.len);
		if (!contains(known, key))
			return key;
	}
	return NULL;
}

void
tc_options_check(const Jsonb *options, const char *const *known)
{
	char	   *key = tc_unknown_key(options, known);

	if (key != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" does not exist", tc_shorten(key)),
				 errdetail("\"options\" has the key \"%s\".", tc_shorten(key)),
				 known[0] == NULL ? errhint("This function has no options.")
				 : errhint("Known options: %s.", tc_join(known))));
}

/* NULL: not given */
static JsonbValue *
find_option(const Jsonb *options, const char *key)
{
	JsonbValue *value;

	if (options == NULL)
		return NULL;
	value = getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &options->root),
										 key, strlen(key), NULL);
	return (value == NULL || value->type == jbvNull) ? NULL : value;
}

bool
tc_options_has(const Jsonb *options, const char *key)
{
	return find_option(options, key) != NULL;
}

static void
refuse_option(const char *key, JsonbValue *value, const char *wanted)
{
	Jsonb	   *shown = JsonbValueToJsonb(value);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" must be %s", key, wanted),
			 errdetail("\"%s\" is %s.", key,
					   tc_shorten(JsonbToCString(NULL, &shown->root, VARSIZE(shown)))),
			 errhint("Write {\"%s\": ...} with %s, or leave the key out.", key, wanted)));
}

char *
tc_option_text(const Jsonb *options, const char *key)
{
	JsonbValue *value = find_option(options, key);

	if (value == NULL)
		return NULL;
	if (value->type != jbvString)
		refuse_option(key, value, "a string");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

bool
tc_option_int32(const Jsonb *options, const char *key, int32 *result)
{
	JsonbValue *value = find_option(options, key);
	Datum		whole;

	if (value == NULL)
		return false;
	if (value->type != jbvNumeric)
		refuse_option(key, value, "a whole number");
	whole = DirectFunctionCall1(numeric_floor, NumericGetDatum(value->val.numeric));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, whole,
										  NumericGetDatum(value->val.numeric))) ||
		DatumGetInt32(DirectFunctionCall2(numeric_cmp, whole,
										  NumericGetDatum(int64_to_numeric(PG_INT32_MAX)))) > 0 ||
		DatumGetInt32(DirectFunctionCall2(numeric_cmp, whole,
										  NumericGetDatum(int64_to_numeric(PG_INT32_MIN)))) < 0)
		refuse_option(key, value, "a whole number of four bytes");
	*result = DatumGetInt32(DirectFunctionCall1(numeric_int4, whole));
	return true;
}

bool
tc_option_bool(const Jsonb *options, const char *key, bool *result)
{
	JsonbValue *value = find_option(options, key);

	if (value == NULL)
		return false;
	if (value->type != jbvBool)
		refuse_option(key, value, "true or false");
	*result = value->val.boolean;
	return true;
}

Interval *
tc_option_interval(const Jsonb *options, const char *key)
{
	JsonbValue *value = find_option(options, key);

	if (value == NULL)
		return NULL;
	if (value->type != jbvString)
		refuse_option(key, value, "a string with an interval");
	return tc_parse_interval(key, pnstrdup(value->val.string.val, value->val.string.len));
}

static Jsonb *
container_option(const Jsonb *options, const char *key, bool is_array)
{
	JsonbValue *value = find_option(options, key);
	Jsonb	   *container;

	if (value == NULL)
		return NULL;
	container = JsonbValueToJsonb(value);
	if (value->type != jbvBinary ||
		is_array != (bool) JsonContainerIsArray(&container->root) ||
		JB_ROOT_IS_SCALAR(container))
		refuse_option(key, value, is_array ? "an array" : "an object");
	return container;
}

Jsonb *
tc_option_object(const Jsonb *options, const char *key)
{
	return container_option(options, key, false);
}

Jsonb *
tc_option_array(const Jsonb *options, const char *key)
{
	return container_option(options, key, true);
}

char	  **
tc_option_text_array(const Jsonb *options, const char *key, int *count)
{
	Jsonb	   *array = tc_option_array(options, key);
	char	  **values;
	int			i;

	*count = 0;
	if (array == NULL)
		return NULL;
	*count = JB_ROOT_COUNT(array);
	values = palloc(sizeof(char *) * (*count + 1));
	for (i = 0; i < *count; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(&array->root, i);

		if (value->type != jbvString)
			refuse_option(key, value, "an array of strings");
		values[i] = pnstrdup(value->val.string.val, value->val.string.len);
	}
	values[*count] = NULL;
	return values;
}
