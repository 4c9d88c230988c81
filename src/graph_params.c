/*-------------------------------------------------------------------------
 *
 * graph_params.c
 *		The params of a step, with what they refer to in place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph_internal.h"
#include "graph_params.h"

typedef struct Resolver
{
	const Graph *graph;
	const Jsonb *root_params;
	GraphOutput output;
	void	   *argument;
	JsonbParseState *state;
	JsonbValue *result;			/* of what was pushed last */
	char	   *problem;
} Resolver;

/* ---- paths ---- */

/* the root as a value; a scalar is the only element of an array */
static JsonbValue *
root_value(const Jsonb *content)
{
	JsonbContainer *root = unconstify(JsonbContainer *, &content->root);
	JsonbValue *value;

	if (JB_ROOT_IS_SCALAR(content))
		return getIthJsonbValueFromContainer(root, 0);
	value = palloc(sizeof(JsonbValue));
	value->type = jbvBinary;
	value->val.binary.data = root;
	value->val.binary.len = VARSIZE(content) - VARHDRSZ;
	return value;
}

static JsonbValue *
element_of(JsonbContainer *array, const char *place, int length)
{
	uint32		number = 0;
	int			i;

	if (length == 0 || length > 9)
		return NULL;
	for (i = 0; i < length; i++)
	{
		if (place[i] < '0' || place[i] > '9')
			return NULL;
		number = number * 10 + (place[i] - '0');
	}
	return getIthJsonbValueFromContainer(array, number);
}

/* NULL: it leads to nothing */
static JsonbValue *
follow(JsonbValue *value, const char *path, int length)
{
	const char *end = path + length;

	while (value != NULL && path <= end)
	{
		const char *dot = memchr(path, '.', end - path);
		int			step = (dot != NULL ? dot : end) - path;
		JsonbContainer *object = tc_graph_object(value);
		JsonbContainer *array = tc_graph_array(value);

		if (object != NULL)
			value = getKeyJsonValueFromContainer(object, path, step, NULL);
		else
			value = array != NULL ? element_of(array, path, step) : NULL;
		path += step + 1;
	}
	return value;
}

/* ---- references ---- */

static JsonbValue *
find_param(Resolver *resolver, const JsonbValue *name)
{
	JsonbValue *value = NULL;

	if (resolver->root_params != NULL)
		value = follow(root_value(resolver->root_params), name->val.string.val,
					   name->val.string.len);
	if (value == NULL)
		resolver->problem = psprintf("there is no param \"%s\"",
									 tc_graph_clip(name->val.string.val, name->val.string.len));
	return value;
}

static JsonbValue *
find_output(Resolver *resolver, const JsonbValue *name)
{
	const char *source = name->val.string.val;
	const char *path;
	int			step = tc_graph_find_output(resolver->graph, source, name->val.string.len, &path);
	const Jsonb *output = step < 0 ? NULL : resolver->output(step, resolver->argument);
	JsonbValue *value = output == NULL ? NULL : root_value(output);

	if (value != NULL && path != NULL)
		value = follow(value, path, source + name->val.string.len - path);
	if (step < 0)
		resolver->problem = psprintf("there is no step for the output \"%s\"",
									 tc_graph_clip(source, name->val.string.len));
	else if (output == NULL)
		resolver->problem = psprintf("step \"%s\" has no output",
									 resolver->graph->steps[step].name);
	else if (value == NULL)
		resolver->problem = psprintf("the output of step \"%s\" has no \"%s\"",
									 resolver->graph->steps[step].name,
									 tc_graph_clip(path, source + name->val.string.len - path));
	return value;
}

static bool
is_reference(const Resolver *resolver, const JsonbValue *key)
{
	return tc_graph_is(key, "$param") ||
		(resolver->output != NULL && tc_graph_is(key, "$output"));
}

/* ---- the whole ---- */

/* a value where the state stands; the first one is the whole */
static void
push_resolved(Resolver *resolver, JsonbValue *value)
{
	if (resolver->state == NULL)
		resolver->result = value;
	else
		resolver->result = pushJsonbValue(&resolver->state,
										  resolver->state->contVal.type == jbvArray
										  ? WJB_ELEM : WJB_VALUE, value);
}

/* An object with one key was begun.  False: what it refers to is missing. */
static bool
resolve_object(Resolver *resolver, JsonbIterator **iterator, JsonbValue *object)
{
	JsonbValue	key;
	JsonbValue	name;
	JsonbValue *value;

	(void) JsonbIteratorNext(iterator, &key, false);
	if (!is_reference(resolver, &key))
	{
		pushJsonbValue(&resolver->state, WJB_BEGIN_OBJECT, NULL);
		pushJsonbValue(&resolver->state, WJB_KEY, &key);
		return true;
	}
	(void) JsonbIteratorNext(iterator, &name, true);
	(void) JsonbIteratorNext(iterator, object, true);
	if (name.type != jbvString)
	{
		resolver->problem = pstrdup("a reference is not a text");
		return false;
	}
	value = tc_graph_is(&key, "$param") ? find_param(resolver, &name)
		: find_output(resolver, &name);
	if (value == NULL)
		return false;
	push_resolved(resolver, value);
	return true;
}

static bool
resolve_all(Resolver *resolver, const Jsonb *content)
{
	JsonbIterator *iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &content->root));
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		bool		has_value = token == WJB_KEY || token == WJB_VALUE || token == WJB_ELEM;

		if (token == WJB_BEGIN_OBJECT && value.val.object.nPairs == 1)
		{
			if (!resolve_object(resolver, &iterator, &value))
				return false;
		}
		else
			resolver->result = pushJsonbValue(&resolver->state, token,
											  has_value ? &value : NULL);
	}
	return true;
}

Jsonb *
tc_graph_resolve(const Graph *graph, const Jsonb *content, const Jsonb *root_params,
				 GraphOutput output, void *argument, char **problem)
{
	Resolver	resolver = {graph, root_params, output, argument};

	if (JB_ROOT_IS_SCALAR(content))
		return unconstify(Jsonb *, content);
	if (resolve_all(&resolver, content))
		return JsonbValueToJsonb(resolver.result);
	*problem = resolver.problem;
	return NULL;
}
