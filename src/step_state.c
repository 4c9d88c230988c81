/*-------------------------------------------------------------------------
 *
 * step_state.c
 *		What a step notes in its row for its next look.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "step_state.h"

Jsonb *
tc_state_object(const char *const *keys, const char *const *values, int count)
{
	JsonbParseState *state = NULL;
	JsonbValue	value;
	int			i;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < count; i++)
	{
		if (values[i] == NULL)
			continue;
		value.type = jbvString;
		value.val.string.val = unconstify(char *, keys[i]);
		value.val.string.len = strlen(keys[i]);
		(void) pushJsonbValue(&state, WJB_KEY, &value);
		value.val.string.val = unconstify(char *, values[i]);
		value.val.string.len = strlen(values[i]);
		(void) pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

char *
tc_state_text(const Jsonb *state, const char *key)
{
	JsonbValue *value;

	if (state == NULL)
		return NULL;
	value = getKeyJsonValueFromContainer(&unconstify(Jsonb *, state)->root, key, strlen(key),
										 NULL);
	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

Jsonb *
tc_params_over(const Jsonb *under, const char *key, const Jsonb *over)
{
	JsonbParseState *state = NULL;
	JsonbIterator *iterator = JsonbIteratorInit(&unconstify(Jsonb *, under)->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	bool		outermost = true;

	while ((token = JsonbIteratorNext(&iterator, &value, !outermost)) != WJB_END_OBJECT)
	{
		outermost = false;
		(void) pushJsonbValue(&state, token, token == WJB_BEGIN_OBJECT ? NULL : &value);
	}
	/* of two equal keys the last one counts */
	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	(void) pushJsonbValue(&state, WJB_KEY, &value);
	if (JB_ROOT_IS_SCALAR(over))
		(void) JsonbExtractScalar(&unconstify(Jsonb *, over)->root, &value);
	else
		JsonbToJsonbValue(unconstify(Jsonb *, over), &value);
	(void) pushJsonbValue(&state, WJB_VALUE, &value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

TimestampTz
tc_state_later(TimestampTz now, int64 delay)
{
	if (delay > DT_NOEND - now - 1)
		return DT_NOEND;
	return now + delay;
}

int64
tc_state_number(const Jsonb *state, const char *key)
{
	char	   *text = tc_state_text(state, key);

	return text == NULL ? 0 : strtoll(text, NULL, 10);
}

Jsonb *
tc_state_since(int64 since, int64 held_since)
{
	static const char *const keys[] = {"since", "held_since"};
	const char *values[2];

	values[0] = psprintf("%lld", (long long) since);
	values[1] = held_since != 0 ? psprintf("%lld", (long long) held_since) : NULL;
	return tc_state_object(keys, values, 2);
}
