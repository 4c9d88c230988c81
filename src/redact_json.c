/*-------------------------------------------------------------------------
 *
 * redact_json.c
 *		Secrets out of JSON that is about to be kept.
 *
 * The document is walked without recursion, and built anew on the way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "redact.h"
#include "redact_json.h"

/* strings of a jsonb are shorter than this */
#define MAX_STRING_LENGTH 0x0FFFFFFF

static void
mark(JsonbValue *value)
{
	value->type = jbvString;
	value->val.string.val = pstrdup(TC_REDACTED);
	value->val.string.len = strlen(TC_REDACTED);
}

/* true: it had something to hide */
static bool
redact_string(JsonbValue *value)
{
	char	   *redacted;
	int			length;

	if (value->type != jbvString)
		return false;
	redacted = tc_redact_bytes(value->val.string.val, value->val.string.len, &length);
	if (redacted == NULL)
		return false;
	if (length > MAX_STRING_LENGTH)
		mark(value);
	else
	{
		value->val.string.val = redacted;
		value->val.string.len = length;
	}
	return true;
}

/* a value that stays one: is it to be hidden whole? */
static bool
redact_value(JsonbValue *value, bool secret, int depth)
{
	if (!secret && !(value->type == jbvBinary && depth >= TC_REDACT_MAX_DEPTH))
		return redact_string(value);
	mark(value);
	return true;
}

/* the name of a secret is none */
static bool
is_reference(const JsonbValue *key)
{
	return key->val.string.len == (int) strlen(TC_SECRET_KEY) &&
		memcmp(key->val.string.val, TC_SECRET_KEY, key->val.string.len) == 0;
}

Jsonb *
tc_redact_json(Jsonb *json)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbParseState *state = NULL;
	JsonbValue	value;
	JsonbValue *result = NULL;
	bool		scalar = false;
	bool		secret = false;
	bool		single = false;
	bool		reference = false;
	bool		found = false;
	bool		skip = false;
	int			depth = 0;

	if (json == NULL)
		return NULL;
	iterator = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&iterator, &value, skip)) != WJB_DONE)
	{
		switch (token)
		{
			case WJB_BEGIN_ARRAY:
			case WJB_BEGIN_OBJECT:
				if (depth++ == 0 && token == WJB_BEGIN_ARRAY)
					scalar = value.val.array.rawScalar;
				single = token == WJB_BEGIN_OBJECT && value.val.object.nPairs == 1;
				result = pushJsonbValue(&state, token, NULL);
				break;
			case WJB_END_ARRAY:
			case WJB_END_OBJECT:
				depth--;
				result = pushJsonbValue(&state, token, NULL);
				break;
			case WJB_KEY:
				secret = tc_redact_is_secret_name(value.val.string.val, value.val.string.len);
				reference = single && is_reference(&value);
				found |= redact_string(&value);
				result = pushJsonbValue(&state, token, &value);
				break;
			case WJB_VALUE:
			case WJB_ELEM:
				if (reference && value.type == jbvString)
					secret = false;
				reference = false;
				found |= redact_value(&value, secret, depth);
				result = pushJsonbValue(&state, token, &value);
				secret = false;
				break;
			case WJB_DONE:
				break;
		}
		/* a container that is replaced is not entered */
		skip = secret || depth >= TC_REDACT_MAX_DEPTH;
	}
	if (!found)
		return json;
	if (result->type == jbvArray)
		result->val.array.rawScalar = scalar;
	return JsonbValueToJsonb(result);
}
