/*-------------------------------------------------------------------------
 *
 * graph_part.c
 *		Reading the keys of one object of a graph.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "graph_part.h"

bool
tc_part_fail(const GraphPart *part, const char *key, char *problem)
{
	const char *inside = part->name == NULL ? key
	: psprintf("%s.%s", part->name, key);

	return tc_graph_fail(part->reader, tc_graph_place(part->step, inside), problem);
}

/* ---- keys and their types ---- */

static const char *
type_name(KeyType type)
{
	switch (type)
	{
		case KEY_TEXT:
			return "a text";
		case KEY_INT:
			return "an integer";
		case KEY_BOOL:
			return "true or false";
		case KEY_OBJECT:
			return "an object";
		case KEY_ARRAY:
			return "an array";
	}
	return NULL;
}

static bool
read_integer(const JsonbValue *value, int *number)
{
	bool		overflow;
	Numeric		back;

	*number = numeric_int4_opt_error(value->val.numeric, &overflow);
	if (overflow)
		return false;
	back = int64_to_numeric(*number);
	return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(back),
											NumericGetDatum(value->val.numeric)));
}

static bool
has_type(const JsonbValue *value, KeyType type)
{
	int			number;

	switch (type)
	{
		case KEY_TEXT:
			return value->type == jbvString;
		case KEY_INT:
			return value->type == jbvNumeric && read_integer(value, &number);
		case KEY_BOOL:
			return value->type == jbvBool;
		case KEY_OBJECT:
			return tc_graph_object(value) != NULL;
		case KEY_ARRAY:
			return tc_graph_array(value) != NULL;
	}
	return false;
}

static const StepKey *
find_key(const JsonbValue *name, const StepKey *keys, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (tc_graph_is(name, keys[i].key))
			return &keys[i];
	}
	return NULL;
}

static bool
is_kind(const JsonbValue *name)
{
	int			i;

	for (i = 0; i < STEP_KIND_COUNT; i++)
	{
		if (tc_graph_is(name, tc_step_kind_label((StepKind) i)))
			return true;
	}
	return false;
}

static bool
check_key(const GraphPart *part, const JsonbValue *name, const JsonbValue *value,
		  const StepKey *keys, int count)
{
	const StepKey *key = find_key(name, keys, count);
	char	   *written = tc_graph_clip(name->val.string.val, name->val.string.len);

	if (value->type == jbvNull && (key != NULL || is_kind(name)))
		return true;
	if (key == NULL)
		return tc_part_fail(part, written, pstrdup("is not a known key"));
	if ((key->kinds & OF(part->step->kind)) == 0)
		return tc_part_fail(part, written,
							psprintf("does not fit a step of kind \"%s\"",
									 tc_step_kind_label(part->step->kind)));
	if (!has_type(value, key->type))
		return tc_part_fail(part, written, psprintf("is not %s", type_name(key->type)));
	return true;
}

/* `others` ends with NULL: keys whose values are read by hand */
bool
tc_part_check(const GraphPart *part, const StepKey *keys, int count, const char *const *others)
{
	JsonbIterator *iterator = JsonbIteratorInit(part->object);
	JsonbValue	name;
	JsonbValue	value;
	JsonbIteratorToken token;
	int			i;

	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		for (i = 0; others[i] != NULL && !tc_graph_is(&name, others[i]); i++)
			;
		if (others[i] == NULL && !check_key(part, &name, &value, keys, count))
			return false;
	}
	return true;
}

/* ---- values whose types are known to fit ---- */

bool
tc_part_text(const GraphPart *part, const char *key, int max_length, char **text)
{
	JsonbValue *value = tc_graph_member(part->object, key);

	*text = NULL;
	if (value == NULL)
		return true;
	if (value->val.string.len == 0)
		return tc_part_fail(part, key, pstrdup("is empty"));
	if (value->val.string.len > max_length)
		return tc_part_fail(part, key, psprintf("has more than %d bytes", max_length));
	*text = pnstrdup(value->val.string.val, value->val.string.len);
	return true;
}

bool
tc_part_int(const GraphPart *part, const char *key, int min, int max, int *number)
{
	JsonbValue *value = tc_graph_member(part->object, key);

	if (value == NULL)
		return true;
	if (read_integer(value, number) && *number >= min && *number <= max)
		return true;
	return tc_part_fail(part, key, psprintf("is %d, not from %d to %d", *number, min, max));
}

/* usecs keeps its value if the key is not there */
bool
tc_part_duration(const GraphPart *part, const char *key, int64 min, int64 *usecs)
{
	JsonbValue *value = tc_graph_member(part->object, key);
	char	   *text;

	if (value == NULL)
		return true;
	text = pnstrdup(value->val.string.val, value->val.string.len);

	if (!tc_graph_duration(text, usecs))
		return tc_part_fail(part, key, psprintf("is \"%s\", not an interval such as \"90 seconds\"",
												tc_graph_clip(text, strlen(text))));
	if (*usecs < min)
		return tc_part_fail(part, key, psprintf("is \"%s\", which is too short",
												tc_graph_clip(text, strlen(text))));
	return true;
}

/* one of two words, the first by default */
bool
tc_part_choice(const GraphPart *part, const char *key, const char *usual, const char *other,
			   bool *is_other)
{
	JsonbValue *value = tc_graph_member(part->object, key);

	*is_other = value != NULL && tc_graph_is(value, other);
	if (value == NULL || *is_other || tc_graph_is(value, usual))
		return true;
	return tc_part_fail(part, key, psprintf("is \"%s\", neither \"%s\" nor \"%s\"",
											tc_graph_clip(value->val.string.val, value->val.string.len),
											usual, other));
}

bool
tc_part_require(const GraphPart *part, const char *key)
{
	return tc_graph_member(part->object, key) != NULL ||
		tc_part_fail(part, key, pstrdup("is missing"));
}

Jsonb *
tc_part_jsonb(const JsonbValue *value)
{
	return JsonbValueToJsonb(unconstify(JsonbValue *, value));
}
