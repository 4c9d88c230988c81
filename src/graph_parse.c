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
#include "utils/numeric.h"

#include "graph_rules.h"

#define MAX_CYCLE_SHOWN 20

typedef struct Reader
{
	Graph	   *graph;
	GraphFault *fault;
	int		   *named_by;		/* of each step: 1 + index of the step that
								 * named it last */
} Reader;

typedef enum KeyUse
{
	KEY_OF_ANY,
	KEY_OF_RUNS,				/* of commands and tasks */
	KEY_OF_COMMANDS
} KeyUse;

typedef struct StepKey
{
	const char *key;
	KeyUse		use;
	enum jbvType type;
} StepKey;

static const StepKey step_keys[] = {
	{"after", KEY_OF_ANY, jbvBinary},
	{"backoff", KEY_OF_COMMANDS, jbvString},
	{"backoff_base", KEY_OF_COMMANDS, jbvString},
	{"backoff_cap", KEY_OF_COMMANDS, jbvString},
	{"compensate", KEY_OF_RUNS, jbvString},
	{"description", KEY_OF_ANY, jbvString},
	{"for_each", KEY_OF_RUNS, jbvString},
	{"k", KEY_OF_ANY, jbvNumeric},
	{"max_attempts", KEY_OF_RUNS, jbvNumeric},
	{"max_items", KEY_OF_RUNS, jbvNumeric},
	{"on_crash", KEY_OF_COMMANDS, jbvString},
	{"on_error", KEY_OF_ANY, jbvString},
	{"params", KEY_OF_RUNS, jbvBinary},
	{"priority", KEY_OF_RUNS, jbvNumeric},
	{"queue", KEY_OF_COMMANDS, jbvString},
	{"rule", KEY_OF_ANY, jbvString},
	{"settings", KEY_OF_COMMANDS, jbvBinary},
	{"timeout", KEY_OF_COMMANDS, jbvString},
	{"transaction_mode", KEY_OF_COMMANDS, jbvString},
	{"when", KEY_OF_ANY, jbvString}
};

static bool
fail(Reader *reader, char *place, char *problem)
{
	reader->fault->place = place;
	reader->fault->problem = problem;
	return false;
}

static char *
place_in(const GraphStep *step, const char *key)
{
	return psprintf("steps.%s.%s", step->name, key);
}

static JsonbContainer *
object_in(const JsonbValue *value)
{
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return NULL;
	return value->val.binary.data;
}

static JsonbContainer *
array_in(const JsonbValue *value)
{
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		return NULL;
	return value->val.binary.data;
}

static JsonbValue *
member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);

	return value == NULL || value->type == jbvNull ? NULL : value;
}

static char *
member_text(JsonbContainer *object, const char *key)
{
	JsonbValue *value = member(object, key);

	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static bool
is_key(const JsonbValue *value, const char *key)
{
	return value->val.string.len == (int) strlen(key) &&
		memcmp(value->val.string.val, key, value->val.string.len) == 0;
}

/* ---- keys ---- */

static const char *
type_name(enum jbvType type)
{
	switch (type)
	{
		case jbvString:
			return "a text";
		case jbvNumeric:
			return "a number";
		default:
			return "of the right type";
	}
}

static const StepKey *
find_key(const JsonbValue *name)
{
	int			i;

	for (i = 0; i < (int) lengthof(step_keys); i++)
	{
		if (is_key(name, step_keys[i].key))
			return &step_keys[i];
	}
	return NULL;
}

static int
find_kind(const JsonbValue *name)
{
	int			i;

	for (i = 0; i < STEP_KIND_COUNT; i++)
	{
		if (is_key(name, tc_step_kind_label((StepKind) i)))
			return i;
	}
	return -1;
}

static bool
check_key(Reader *reader, const GraphStep *step, const JsonbValue *name,
		  const JsonbValue *value)
{
	const StepKey *key = find_key(name);
	char	   *written = pnstrdup(name->val.string.val,
								   pg_mbcliplen(name->val.string.val, name->val.string.len,
												TC_MAX_STEP_NAME));

	if (key == NULL)
		return fail(reader, place_in(step, written), pstrdup("is no key of a step"));
	if ((key->use == KEY_OF_RUNS && step->kind != STEP_COMMAND && step->kind != STEP_TASK) ||
		(key->use == KEY_OF_COMMANDS && step->kind != STEP_COMMAND))
		return fail(reader, place_in(step, written),
					psprintf("does not fit a step of kind \"%s\"",
							 tc_step_kind_label(step->kind)));
	if (value->type != jbvNull && value->type != key->type)
		return fail(reader, place_in(step, written),
					psprintf("is not %s", type_name(key->type)));
	return true;
}

/* The one key that says what the step is. */
static bool
read_kind(Reader *reader, GraphStep *step)
{
	JsonbIterator *iterator = JsonbIteratorInit(step->document);
	JsonbValue	value;
	JsonbIteratorToken token;
	int			found = -1;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		int			kind = token == WJB_KEY ? find_kind(&value) : -1;

		if (kind < 0)
			continue;
		if (found >= 0)
			return fail(reader, psprintf("steps.%s", step->name),
						psprintf("is both \"%s\" and \"%s\"",
								 tc_step_kind_label((StepKind) found),
								 tc_step_kind_label((StepKind) kind)));
		found = kind;
	}
	if (found < 0)
		return fail(reader, psprintf("steps.%s", step->name),
					pstrdup("is none of: command, task, wait, check, approval, signal"));
	step->kind = (StepKind) found;
	return true;
}

static bool
check_keys(Reader *reader, const GraphStep *step)
{
	JsonbIterator *iterator = JsonbIteratorInit(step->document);
	JsonbValue	name;
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (find_kind(&name) < 0 && !check_key(reader, step, &name, &value))
			return false;
	}
	return true;
}

/* ---- one step ---- */

static bool
read_rule(Reader *reader, GraphStep *step)
{
	JsonbValue *rule = member(step->document, "rule");
	JsonbValue *k = member(step->document, "k");
	int			found = STEP_RULE_ALL_SUCCESS;
	bool		too_large;

	if (rule != NULL)
		found = tc_step_rule_of(rule->val.string.val, rule->val.string.len);
	if (found < 0)
		return fail(reader, place_in(step, "rule"),
					pstrdup("is none of: all_success, all_done, all_failed, one_success, one_failed, none_failed, none_skipped, k_of_n"));
	step->rule = (StepRule) found;
	if ((step->rule == STEP_RULE_K_OF_N) != (k != NULL))
		return fail(reader, place_in(step, "k"),
					pstrdup(k == NULL ? "is missing: the rule k_of_n needs it"
							: "belongs to the rule k_of_n only"));
	if (k == NULL)
		return true;
	step->k = numeric_int4_opt_error(k->val.numeric, &too_large);
	return !too_large || fail(reader, place_in(step, "k"), pstrdup("is too large"));
}

static bool
read_on_error(Reader *reader, GraphStep *step)
{
	char	   *text = member_text(step->document, "on_error");

	step->goes_on = text !=NULL && strcmp(text, "continue") == 0;

	if (text == NULL || step->goes_on || strcmp(text, "stop") == 0)
		return true;
	return fail(reader, place_in(step, "on_error"), pstrdup("is neither \"stop\" nor \"continue\""));
}

static bool
read_step(Reader *reader, GraphStep *step)
{
	if (!read_kind(reader, step) || !check_keys(reader, step) ||
		!read_rule(reader, step) || !read_on_error(reader, step))
		return false;
	step->task = member_text(step->document, "task");
	step->condition = member_text(step->document, "when");
	step->for_each = member_text(step->document, "for_each");
	step->compensate = member_text(step->document, "compensate");
	return true;
}

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
check_name(Reader *reader, const char *name)
{
	const char *c;

	if (name[0] == '\0')
		return fail(reader, pstrdup("steps"), pstrdup("has a step without a name"));
	if (strlen(name) > TC_MAX_STEP_NAME)
		return fail(reader, psprintf("steps.%.*s", pg_mbcliplen(name, strlen(name),
																TC_MAX_STEP_NAME), name),
					psprintf("has a name of more than %d bytes", TC_MAX_STEP_NAME));
	for (c = name; *c != '\0'; c++)
	{
		if (*c == '/' || (unsigned char) *c < 0x20 || *c == 0x7f)
			return fail(reader, psprintf("steps.%s", name),
						pstrdup("has a slash or a control character in its name"));
	}
	return true;
}

static bool
read_steps(Reader *reader, JsonbContainer *steps)
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
		step->document = object_in(&value);
		if (step->document == NULL)
			return fail(reader, psprintf("steps.%s", step->name), pstrdup("is not an object"));
		if (!read_step(reader, step))
			return false;
		graph->count++;
	}
	return true;
}

/* ---- edges ---- */

static bool
read_edge(Reader *reader, int index, int position, const JsonbValue *value)
{
	GraphStep  *step = &reader->graph->steps[index];
	char	   *place = psprintf("steps.%s.after[%d]", step->name, position);
	int			before;

	if (value->type != jbvString)
		return fail(reader, place, pstrdup("is not a text"));
	before = tc_graph_find(reader->graph, value->val.string.val, value->val.string.len);
	if (before < 0)
		return fail(reader, place,
					psprintf("is \"%.*s\", which is no step of the graph",
							 pg_mbcliplen(value->val.string.val, value->val.string.len,
										  TC_MAX_STEP_NAME), value->val.string.val));
	if (before == index)
		return fail(reader, place, pstrdup("is the step itself"));
	if (reader->named_by[before] == index + 1)
		return fail(reader, place, psprintf("names \"%s\" twice", reader->graph->steps[before].name));
	reader->named_by[before] = index + 1;
	step->before[position] = before;
	return true;
}

static bool
read_after(Reader *reader, int index)
{
	GraphStep  *step = &reader->graph->steps[index];
	JsonbValue *value = member(step->document, "after");
	JsonbContainer *array;
	int			i;

	if (value == NULL)
		return true;
	array = array_in(value);
	if (array == NULL)
		return fail(reader, place_in(step, "after"), pstrdup("is not an array"));
	step->before_count = JsonContainerSize(array);
	reader->graph->edge_count += step->before_count;
	if (reader->graph->edge_count > TC_MAX_EDGES)
		return fail(reader, place_in(step, "after"),
					psprintf("makes more than %d edges", TC_MAX_EDGES));
	step->before = palloc(sizeof(int) * Max(step->before_count, 1));
	for (i = 0; i < step->before_count; i++)
	{
		if (!read_edge(reader, index, i, getIthJsonbValueFromContainer(array, i)))
			return false;
	}
	return true;
}

/* k_of_n with n from the edges */
static bool
check_k(Reader *reader, const GraphStep *step)
{
	if (step->rule != STEP_RULE_K_OF_N ||
		(step->k >= 1 && step->k <= step->before_count))
		return true;
	return fail(reader, place_in(step, "k"),
				psprintf("is %d, but the step comes after %d others", step->k,
						 step->before_count));
}

/* ---- order ---- */

/* the steps after each one, as one array with a beginning for each */
typedef struct Successors
{
	int		   *first;			/* count + 1 entries */
	int		   *steps;
} Successors;

static Successors
find_successors(const Graph *graph)
{
	Successors	after;
	int		   *next = palloc0(sizeof(int) * (graph->count + 1));
	int			i;
	int			j;

	after.first = palloc0(sizeof(int) * (graph->count + 2));
	after.steps = palloc(sizeof(int) * Max(graph->edge_count, 1));
	for (i = 0; i < graph->count; i++)
		for (j = 0; j < graph->steps[i].before_count; j++)
			after.first[graph->steps[i].before[j] + 1]++;
	for (i = 0; i < graph->count; i++)
		after.first[i + 1] += after.first[i];
	memcpy(next, after.first, sizeof(int) * graph->count);
	for (i = 0; i < graph->count; i++)
		for (j = 0; j < graph->steps[i].before_count; j++)
			after.steps[next[graph->steps[i].before[j]]++] = i;
	return after;
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
sort_steps(Reader *reader)
{
	Graph	   *graph = reader->graph;
	Successors	after = find_successors(graph);
	int		   *missing = palloc(sizeof(int) * graph->count);
	int			done = 0;
	int			sorted = 0;
	int			i;

	graph->order = palloc(sizeof(int) * graph->count);
	for (i = 0; i < graph->count; i++)
	{
		missing[i] = graph->steps[i].before_count;
		if (missing[i] == 0)
			graph->order[sorted++] = i;
	}
	for (; done < sorted; done++)
	{
		int			step = graph->order[done];

		for (i = after.first[step]; i < after.first[step + 1]; i++)
			if (--missing[after.steps[i]] == 0)
				graph->order[sorted++] = after.steps[i];
	}
	for (i = 0; i < graph->count; i++)
	{
		if (missing[i] > 0)
			return fail(reader, psprintf("steps.%s.after", graph->steps[i].name),
						psprintf("leads in a circle: %s", describe_cycle(graph, missing, i)));
	}
	return true;
}

/* ---- the whole ---- */

static bool
read_document(Reader *reader, const Jsonb *document)
{
	JsonbContainer *root = unconstify(JsonbContainer *, &document->root);
	JsonbContainer *steps = NULL;
	JsonbValue *value;
	int			i;

	if (JsonContainerIsObject(root))
	{
		value = member(root, "steps");
		steps = value == NULL ? NULL : object_in(value);
	}
	if (steps == NULL)
		return fail(reader, pstrdup("graph"), pstrdup("is not an object such as {\"steps\": {\"first\": {\"command\": \"...\"}}}"));
	if (JsonContainerSize(root) > 1)
		return fail(reader, pstrdup("graph"), pstrdup("has keys beside \"steps\""));
	if (JsonContainerSize(steps) == 0)
		return fail(reader, pstrdup("steps"), pstrdup("is empty"));
	if (JsonContainerSize(steps) > TC_MAX_STEPS)
		return fail(reader, pstrdup("steps"), psprintf("are more than %d", TC_MAX_STEPS));
	if (!read_steps(reader, steps))
		return false;
	reader->named_by = palloc0(sizeof(int) * reader->graph->count);
	for (i = 0; i < reader->graph->count; i++)
	{
		if (!read_after(reader, i) || !check_k(reader, &reader->graph->steps[i]))
			return false;
	}
	return sort_steps(reader);
}

bool
tc_graph_parse(const Jsonb *document, Graph *graph, GraphFault *fault)
{
	Reader		reader = {graph, fault, NULL};

	memset(graph, 0, sizeof(Graph));
	return read_document(&reader, document);
}
