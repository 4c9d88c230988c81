/*-------------------------------------------------------------------------
 *
 * graph_references.c
 *		What params refer to: {"$output": "step.path"} and {"$param": "path"}.
 *
 * An output can be referred to by a step that comes after it, directly or
 * not.  Whether it does is found for 64 of the steps that are referred to in
 * one pass over the graph: each step hands on to its successors a bit for
 * every one of the 64 that comes before it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "graph_internal.h"

#define STEPS_PER_PASS 64

typedef struct Reference
{
	int			step;			/* that refers */
	int			to;
	const char *key;			/* of the step: "params" or "signal.key" */
} Reference;

typedef struct References
{
	GraphReader *reader;
	Reference  *items;
	int			count;
	int			capacity;
} References;

int
tc_graph_find_output(const Graph *graph, const char *source, int length, const char **path)
{
	int			end;

	for (end = Min(length, TC_MAX_STEP_NAME + 1); end > 0; end--)
	{
		int			step;

		if (end < length && source[end] != '.')
			continue;
		step = tc_graph_find(graph, source, end);
		if (step < 0)
			continue;
		*path = end < length ? source + end + 1 : NULL;

		return step;
	}
	return -1;
}

/* ---- collecting ---- */

static void
add_reference(References *found, int step, int to, const char *key)
{
	Reference  *last = found->count > 0 ? &found->items[found->count - 1] : NULL;

	if (last != NULL && last->step == step && last->to == to)
		return;
	if (found->count == found->capacity)
	{
		found->capacity = Max(found->capacity * 2, 64);
		found->items = found->items == NULL
			? palloc(sizeof(Reference) * found->capacity)
			: repalloc_huge(found->items, sizeof(Reference) * found->capacity);
	}
	found->items[found->count].step = step;
	found->items[found->count].to = to;
	found->items[found->count++].key = key;
}

static bool
read_output(References *found, int step, const char *key, const JsonbValue *value)
{
	const GraphStep *node = &found->reader->graph->steps[step];
	const char *path;
	int			to;

	if (value->type != jbvString)
		return tc_graph_fail(found->reader, tc_graph_place(node, key),
							 pstrdup("has an \"$output\" that is not a text"));
	to = tc_graph_find_output(found->reader->graph, value->val.string.val,
							  value->val.string.len, &path);
	if (to < 0)
		return tc_graph_fail(found->reader, tc_graph_place(node, key),
							 psprintf("refers to the output of \"%s\", which is no step of the graph",
									  tc_graph_clip(value->val.string.val, value->val.string.len)));
	add_reference(found, step, to, key);
	return true;
}

/* the value of a key that begins with a dollar sign */
static bool
read_reference(References *found, int step, const char *key, const JsonbValue *name,
			   const JsonbValue *value, bool alone)
{
	const GraphStep *node = &found->reader->graph->steps[step];
	bool		output = tc_graph_is(name, "$output");

	if (!output && !tc_graph_is(name, "$param"))
		return true;
	if (!alone)
		return tc_graph_fail(found->reader, tc_graph_place(node, key),
							 psprintf("has an object with \"%s\" and other keys",
									  output ? "$output" : "$param"));
	if (output)
		return read_output(found, step, key, value);
	if (value->type == jbvString && value->val.string.len > 0)
		return true;
	return tc_graph_fail(found->reader, tc_graph_place(node, key),
						 pstrdup("has a \"$param\" that is not the name of a param"));
}

static bool
read_references(References *found, int step, const char *key, const Jsonb *content)
{
	JsonbIterator *iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &content->root));
	JsonbValue	value;
	JsonbValue	name;
	JsonbIteratorToken token;
	bool		alone = false;	/* the next token is the only key of an object */

	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		bool		only = alone;

		alone = token == WJB_BEGIN_OBJECT && value.val.object.nPairs == 1;
		if (token != WJB_KEY || value.val.string.len == 0 || value.val.string.val[0] != '$')
			continue;
		name = value;
		token = JsonbIteratorNext(&iterator, &value, false);
		if (!read_reference(found, step, key, &name, &value, only))
			return false;
		alone = token == WJB_BEGIN_OBJECT && value.val.object.nPairs == 1;
	}
	return true;
}

static bool
collect(References *found)
{
	const Graph *graph = found->reader->graph;
	int			i;

	for (i = 0; i < graph->count; i++)
	{
		const GraphStep *step = &graph->steps[i];

		if (step->params != NULL && !read_references(found, i, "params", step->params))
			return false;
		if (step->key != NULL && !read_references(found, i, "signal.key", step->key))
			return false;
	}
	return true;
}

/* ---- does it come before? ---- */

static int
compare_references(const void *a, const void *b)
{
	const Reference *one = a;
	const Reference *other = b;

	if (one->to != other->to)
		return one->to - other->to;
	return one->step - other->step;
}

/* marks the references from `first` on to at most 64 steps; the next one */
static int
mark_pass(const References *found, int first, int *bits)
{
	int			marked = 0;
	int			i;

	for (i = first; i < found->count; i++)
	{
		int			to = found->items[i].to;

		if (bits[to] >= 0)
			continue;
		if (marked == STEPS_PER_PASS)
			break;
		bits[to] = marked++;
	}
	return i;
}

static void
spread(const Graph *graph, const int *bits, uint64 *before)
{
	int			i;
	int			j;

	memset(before, 0, sizeof(uint64) * graph->count);
	for (i = 0; i < graph->count; i++)
	{
		int			at = graph->order[i];
		const GraphStep *step = &graph->steps[at];

		for (j = 0; j < step->before_count; j++)
		{
			int			prior = step->before[j];

			before[at] |= before[prior];
			if (bits[prior] >= 0)
				before[at] |= UINT64CONST(1) << bits[prior];
		}
	}
}

static bool
check_pass(const References *found, int first, int end, const int *bits,
		   const uint64 *before)
{
	const Graph *graph = found->reader->graph;
	int			i;

	for (i = first; i < end; i++)
	{
		const Reference *reference = &found->items[i];

		if ((before[reference->step] & (UINT64CONST(1) << bits[reference->to])) == 0)
			return tc_graph_fail(found->reader,
								 tc_graph_place(&graph->steps[reference->step], reference->key),
								 psprintf("refers to the output of \"%s\", which does not come before",
										  graph->steps[reference->to].name));
	}
	return true;
}

bool
tc_graph_check_references(GraphReader *reader)
{
	const Graph *graph = reader->graph;
	References	found = {reader, NULL, 0, 0};
	uint64	   *before;
	int		   *bits;
	int			first;
	int			end;
	int			i;

	if (!collect(&found))
		return false;
	if (found.count == 0)
		return true;
	qsort(found.items, found.count, sizeof(Reference), compare_references);
	before = palloc(sizeof(uint64) * graph->count);
	bits = palloc(sizeof(int) * graph->count);
	for (i = 0; i < graph->count; i++)
		bits[i] = -1;
	for (first = 0; first < found.count; first = end)
	{
		end = mark_pass(&found, first, bits);
		spread(graph, bits, before);
		if (!check_pass(&found, first, end, bits, before))
			return false;
		for (i = first; i < end; i++)
			bits[found.items[i].to] = -1;
	}
	return true;
}
