/*-------------------------------------------------------------------------
 *
 * graph_parse.c
 *		Reading a graph, and naming what is wrong with it.
 *
 * The first fault ends the reading; it names the place as people write it in
 * JSON.  Steps come in the order in which jsonb keeps the keys of an object,
 * shorter ones first, so that a name is found by halving.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "graph_internal.h"

#define MAX_CYCLE_SHOWN 20

/* ---- all steps ---- */

static int
compare_names(const char *one, int one_length, const char *other, int other_length)
{
	if (one_length != other_length)
		return one_length - other_length;
	return memcmp(one, other, one_length);
}

int
tc_graph_find(const Graph *graph, const char *name, int length)
{
	int			low = 0;
	int			high = graph->count - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		const char *found = graph->steps[middle].name;
		int			order = compare_names(name, length, found, strlen(found));

		if (order == 0)
			return middle;
		if (order < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return -1;
}

static bool
check_name(GraphReader *reader, const char *name)
{
	const char *c;

	if (name[0] == '\0')
		return tc_graph_fail(reader, pstrdup("steps"), pstrdup("has a step without a name"));
	if (strlen(name) > TC_MAX_STEP_NAME)
		return tc_graph_fail(reader, psprintf("steps.%.*s", pg_mbcliplen(name, strlen(name),
																		 TC_MAX_STEP_NAME), name),
							 psprintf("has a name of more than %d bytes", TC_MAX_STEP_NAME));
	if (strncmp(name, TC_UNDO_PREFIX, strlen(TC_UNDO_PREFIX)) == 0)
		return tc_graph_fail(reader, psprintf("steps.%s", name),
							 pstrdup("has a name that begins with \"" TC_UNDO_PREFIX "\", as runs that undo a step do"));
	for (c = name; *c != '\0'; c++)
	{
		if (*c == '/' || (unsigned char) *c < 0x20 || *c == 0x7f)
			return tc_graph_fail(reader, psprintf("steps.%s", name),
								 pstrdup("has a slash or a control character in its name"));
	}
	return true;
}

static bool
read_steps(GraphReader *reader, JsonbContainer *steps)
{
	Graph	   *graph = reader->graph;
	JsonbIterator *iterator = JsonbIteratorInit(steps);
	JsonbValue	name;
	JsonbValue	value;
	JsonbIteratorToken token;

	graph->steps = palloc0(sizeof(GraphStep) * JsonContainerSize(steps));
	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
	{
		GraphStep  *step = &graph->steps[graph->count];

		if (token != WJB_KEY)
			continue;
		step->name = pnstrdup(name.val.string.val, name.val.string.len);
		if (!check_name(reader, step->name))
			return false;
		(void) JsonbIteratorNext(&iterator, &value, true);
		step->document = tc_graph_object(&value);
		step->document_size = step->document == NULL ? 0 : value.val.binary.len;
		if (step->document == NULL)
			return tc_graph_fail(reader, psprintf("steps.%s", step->name), pstrdup("is not an object"));
		if (!tc_graph_read_step(reader, step))
			return false;
		graph->count++;
	}
	return true;
}

/* ---- edges ---- */

/* why a name of "after" is none */
static char *
problem_of_edge(const Graph *graph, int index, const JsonbValue *value)
{
	int			before;

	if (value->type != jbvString)
		return pstrdup("is not a text");
	before = tc_graph_find(graph, value->val.string.val, value->val.string.len);
	if (before < 0)
		return psprintf("is \"%s\", which is no step of the graph",
						tc_graph_clip(value->val.string.val, value->val.string.len));
	if (before == index)
		return pstrdup("is the step itself");
	return psprintf("names \"%s\" twice", graph->steps[before].name);
}

/* named_by: of each step 1 + the index of the step that named it last */
static bool
read_edge(GraphReader *reader, int index, int position, const JsonbValue *value,
		  int *named_by)
{
	Graph	   *graph = reader->graph;
	GraphStep  *step = &graph->steps[index];
	int			before = -1;

	if (value->type == jbvString)
		before = tc_graph_find(graph, value->val.string.val, value->val.string.len);
	if (before < 0 || before == index || named_by[before] == index + 1)
		return tc_graph_fail(reader, psprintf("steps.%s.after[%d]", step->name, position),
							 problem_of_edge(graph, index, value));
	named_by[before] = index + 1;
	step->before[position] = before;
	return true;
}

static bool
read_after(GraphReader *reader, int index, int *named_by)
{
	GraphStep  *step = &reader->graph->steps[index];
	JsonbValue *value = tc_graph_member(step->document, "after");
	JsonbContainer *array;
	int			i;

	if (value == NULL)
		return true;
	array = tc_graph_array(value);
	step->before_count = JsonContainerSize(array);
	reader->graph->edge_count += step->before_count;
	if (reader->graph->edge_count > TC_MAX_EDGES)
		return tc_graph_fail(reader, tc_graph_place(step, "after"),
							 psprintf("makes more than %d edges", TC_MAX_EDGES));
	step->before = palloc(sizeof(int) * Max(step->before_count, 1));
	for (i = 0; i < step->before_count; i++)
	{
		if (!read_edge(reader, index, i, getIthJsonbValueFromContainer(array, i), named_by))
			return false;
	}
	return true;
}

/* k_of_n with n from the edges */
static bool
check_k(GraphReader *reader, const GraphStep *step)
{
	if (step->rule != STEP_RULE_K_OF_N ||
		(step->k >= 1 && step->k <= step->before_count))
		return true;
	return tc_graph_fail(reader, tc_graph_place(step, "k"),
						 psprintf("is %d, but the step comes after %d others", step->k,
								  step->before_count));
}

/* ---- order ---- */

/* the steps after each one, in one array */
static void
find_successors(Graph *graph)
{
	int		   *next = palloc(sizeof(int) * Max(graph->edge_count, 1));
	int			i;
	int			j;

	for (i = 0; i < graph->count; i++)
		for (j = 0; j < graph->steps[i].before_count; j++)
			graph->steps[graph->steps[i].before[j]].after_count++;
	for (i = 0; i < graph->count; i++)
	{
		graph->steps[i].after = next;
		next += graph->steps[i].after_count;
		graph->steps[i].after_count = 0;
	}
	for (i = 0; i < graph->count; i++)
		for (j = 0; j < graph->steps[i].before_count; j++)
		{
			GraphStep  *before = &graph->steps[graph->steps[i].before[j]];

			before->after[before->after_count++] = i;
		}
}

/*
 * Every step that was left over comes after another one that was: going back
 * from any of them ends in the cycle.
 */
static char *
describe_cycle(const Graph *graph, const int *missing, int start)
{
	StringInfoData path;
	bool	   *seen = palloc0(sizeof(bool) * graph->count);
	int			shown = 0;
	int			at = start;
	int			first;
	int			j;

	for (; !seen[at]; at = graph->steps[at].before[j])
	{
		seen[at] = true;
		for (j = 0; missing[graph->steps[at].before[j]] == 0; j++)
			;
	}
	first = at;
	initStringInfo(&path);
	do
	{
		if (shown++ < MAX_CYCLE_SHOWN)
			appendStringInfo(&path, "%s after ", graph->steps[at].name);
		for (j = 0; missing[graph->steps[at].before[j]] == 0; j++)
			;
		at = graph->steps[at].before[j];
	} while (at != first);
	appendStringInfo(&path, "%s%s", shown > MAX_CYCLE_SHOWN ? "... after " : "",
					 graph->steps[first].name);
	return path.data;
}

static bool
sort_steps(GraphReader *reader)
{
	Graph	   *graph = reader->graph;
	int		   *missing = palloc(sizeof(int) * graph->count);
	int			done = 0;
	int			sorted = 0;
	int			i;

	find_successors(graph);
	graph->order = palloc(sizeof(int) * graph->count);
	for (i = 0; i < graph->count; i++)
	{
		missing[i] = graph->steps[i].before_count;
		if (missing[i] == 0)
			graph->order[sorted++] = i;
	}
	for (; done < sorted; done++)
	{
		const GraphStep *step = &graph->steps[graph->order[done]];

		for (i = 0; i < step->after_count; i++)
			if (--missing[step->after[i]] == 0)
				graph->order[sorted++] = step->after[i];
	}
	for (i = 0; i < graph->count; i++)
	{
		if (missing[i] > 0)
			return tc_graph_fail(reader, psprintf("steps.%s.after", graph->steps[i].name),
								 psprintf("leads in a circle: %s", describe_cycle(graph, missing, i)));
	}
	return true;
}

/* ---- the whole ---- */

static bool
read_document(GraphReader *reader, const Jsonb *document)
{
	JsonbContainer *root = unconstify(JsonbContainer *, &document->root);
	JsonbContainer *steps = NULL;
	JsonbValue *value;
	int		   *named_by;
	int			i;

	if (JsonContainerIsObject(root))
	{
		value = tc_graph_member(root, "steps");
		steps = value == NULL ? NULL : tc_graph_object(value);
	}
	if (steps == NULL)
		return tc_graph_fail(reader, pstrdup("graph"), pstrdup("is not an object such as {\"steps\": {\"first\": {\"command\": \"...\"}}}"));
	if (JsonContainerSize(root) > 1)
		return tc_graph_fail(reader, pstrdup("graph"), pstrdup("has keys beside \"steps\""));
	if (VARSIZE(document) > TC_MAX_GRAPH_SIZE)
		return tc_graph_fail(reader, pstrdup("graph"),
							 psprintf("has more than %d bytes", TC_MAX_GRAPH_SIZE));
	if (JsonContainerSize(steps) == 0)
		return tc_graph_fail(reader, pstrdup("steps"), pstrdup("is empty"));
	if (JsonContainerSize(steps) > TC_MAX_STEPS)
		return tc_graph_fail(reader, pstrdup("steps"), psprintf("are more than %d", TC_MAX_STEPS));
	if (!read_steps(reader, steps))
		return false;
	named_by = palloc0(sizeof(int) * reader->graph->count);
	for (i = 0; i < reader->graph->count; i++)
	{
		if (!read_after(reader, i, named_by) || !check_k(reader, &reader->graph->steps[i]))
			return false;
	}
	return sort_steps(reader) && tc_graph_check_references(reader);
}

bool
tc_graph_parse(const Jsonb *document, Graph *graph, GraphFault *fault)
{
	GraphReader reader = {graph, fault};

	memset(graph, 0, sizeof(Graph));
	return read_document(&reader, document);
}
