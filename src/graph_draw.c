/*-------------------------------------------------------------------------
 *
 * graph_draw.c
 *		A graph as text.
 *
 * Plain ASCII but for the names: any database can hold it.  A tree shows each
 * step under the one of those before it that is deepest, and names the
 * others; what is too deep for a line stays at the same column and says how
 * deep it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "graph_draw.h"

#define MAX_INDENT 16			/* levels of a tree that are drawn as such */
#define LABEL_WIDTH 60			/* columns of a label in DOT and Mermaid */
#define NOTE_WIDTH 30			/* of what a step does, there */

/* ---- pieces ---- */

/* as much of a text as fits; control characters become blanks.  Columns left. */
static int
append_fitted(StringInfo out, const char *source, int columns)
{
	while (*source != '\0')
	{
		int			length = pg_mblen(source);
		int			width = Max(pg_dsplen(source), 0);
		bool		control = (unsigned char) *source < 0x20 || *source == 0x7f;

		if (control)
			width = 1;
		if (width > columns)
			break;
		if (control)
			appendStringInfoChar(out, ' ');
		else
			appendBinaryStringInfo(out, source, length);
		columns -= width;
		source += length;
	}
	return columns;
}

/* the same, with dots for what is left out */
static char *
fitted(const char *text, int columns)
{
	StringInfoData out;

	initStringInfo(&out);
	columns = append_fitted(&out, text, columns);
	if (pg_mbstrlen(text) > pg_mbstrlen(out.data))
	{
		int			kept = pg_mbcharcliplen(out.data, out.len,
											Max(pg_mbstrlen(out.data) - 3, 0));

		out.len = kept;
		out.data[kept] = '\0';
		appendStringInfoString(&out, "...");
	}
	return out.data;
}

static char *
joined(char *const *words, int count)
{
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	for (i = 0; i < count; i++)
		appendStringInfo(&out, "%s%s", i > 0 ? ", " : "", words[i]);
	return out.data;
}

static char *
duration_text(int64 usecs)
{
	int64		seconds = usecs / USECS_PER_SEC;

	if (seconds >= SECS_PER_DAY && seconds % SECS_PER_DAY == 0)
		return psprintf("%lld d", (long long) (seconds / SECS_PER_DAY));
	if (seconds >= SECS_PER_HOUR && seconds % SECS_PER_HOUR == 0)
		return psprintf("%lld h", (long long) (seconds / SECS_PER_HOUR));
	if (seconds >= SECS_PER_MINUTE && seconds % SECS_PER_MINUTE == 0)
		return psprintf("%lld min", (long long) (seconds / SECS_PER_MINUTE));
	return psprintf("%g s", (double) usecs / USECS_PER_SEC);
}

/* what a step is, in a few words */
static char *
what_it_is(const GraphStep *step)
{
	switch (step->kind)
	{
		case STEP_COMMAND:
			return pstrdup("command");
		case STEP_TASK:
			return psprintf("task %s", step->task);
		case STEP_WAIT:
			if (step->wait_until != DT_NOBEGIN)
				return pstrdup("wait until a time");
			return psprintf("wait %s", duration_text(step->wait_for));
		case STEP_CHECK:
			return step->check->hold_for > 0
				? psprintf("check for %s", duration_text(step->check->hold_for))
				: pstrdup("check");
		case STEP_APPROVAL:
			return psprintf("approval by %s",
							joined(step->approval->roles, step->approval->role_count));
		case STEP_SIGNAL:
			return psprintf("signal %s", step->signal);
	}
	return NULL;
}

/* by which it starts, and what becomes of it, where that is not the usual */
static char *
conditions_of(const GraphStep *step)
{
	StringInfoData out;

	initStringInfo(&out);
	if (step->rule == STEP_RULE_K_OF_N)
		appendStringInfo(&out, ", %d of %d", step->k, step->before_count);
	else if (step->rule != STEP_RULE_ALL_SUCCESS)
		appendStringInfo(&out, ", %s", tc_step_rule_label(step->rule));
	if (step->for_each != NULL)
		appendStringInfoString(&out, ", for each");
	if (step->condition != NULL)
		appendStringInfoString(&out, ", conditional");
	if (step->requires_flag != NULL)
		appendStringInfo(&out, ", flag %s", step->requires_flag);
	if (step->goes_on)
		appendStringInfoString(&out, ", goes on");
	if (step->compensate != NULL)
		appendStringInfoString(&out, ", undone");
	return out.data;
}

static char *
look_text(const GraphLook *look)
{
	if (look == NULL || look->status == NULL)
		return pstrdup("");
	if (look->detail == NULL)
		return psprintf(" [%s]", look->status);
	return psprintf(" [%s, %s]", look->status, look->detail);
}

static const GraphLook *
look_of(const GraphLook *looks, int step)
{
	return looks == NULL ? NULL : &looks[step];
}

/* ---- tree ---- */

typedef struct Tree
{
	const Graph *graph;
	int		   *parent;			/* -1: none */
	int		   *depth;			/* from 1 */
	int		   *first_child;	/* -1: none; of step -1 at [count] */
	int		   *next_sibling;
} Tree;

static Tree
grow_tree(const Graph *graph)
{
	Tree		tree;
	int			i;
	int			j;

	tree.graph = graph;
	tree.parent = palloc(sizeof(int) * graph->count);
	tree.depth = palloc(sizeof(int) * graph->count);
	tree.first_child = palloc(sizeof(int) * (graph->count + 1));
	tree.next_sibling = palloc(sizeof(int) * graph->count);
	for (i = 0; i < graph->count; i++)
	{
		int			at = graph->order[i];
		const GraphStep *step = &graph->steps[at];
		int			parent = -1;

		for (j = 0; j < step->before_count; j++)
		{
			if (parent < 0 || tree.depth[step->before[j]] > tree.depth[parent])
				parent = step->before[j];
		}
		tree.parent[at] = parent;
		tree.depth[at] = parent < 0 ? 1 : tree.depth[parent] + 1;
	}
	for (i = 0; i <= graph->count; i++)
		tree.first_child[i] = -1;
	for (i = graph->count - 1; i >= 0; i--)
	{
		int			at = graph->order[i];
		int			above = tree.parent[at] < 0 ? graph->count : tree.parent[at];

		tree.next_sibling[at] = tree.first_child[above];
		tree.first_child[above] = at;
	}
	return tree;
}

/* those before a step that are not above it */
static char *
others_before(const Tree *tree, int at)
{
	const GraphStep *step = &tree->graph->steps[at];
	StringInfoData out;
	int			j;

	initStringInfo(&out);
	for (j = 0; j < step->before_count && out.len < TC_DRAW_WIDTH; j++)
	{
		if (step->before[j] == tree->parent[at])
			continue;
		appendStringInfo(&out, "%s%s", out.len == 0 ? ", also after " : ", ",
						 tree->graph->steps[step->before[j]].name);
	}
	return out.data;
}

/* more: at each level, does something follow there? */
static void
draw_line(StringInfo out, const Tree *tree, int at, const bool *more, const GraphLook *look)
{
	const GraphStep *step = &tree->graph->steps[at];
	int			depth = tree->depth[at];
	int			shown = Min(depth, MAX_INDENT);
	int			width = TC_DRAW_WIDTH - 3 * shown;
	int			i;
	char	   *text;

	for (i = 1; i < shown; i++)
		appendStringInfoString(out, more[i] ? "|  " : "   ");
	appendStringInfoString(out, more[shown] ? "|- " : "`- ");
	text = psprintf("%s%s: %s%s%s", step->name, look_text(look), what_it_is(step),
					conditions_of(step), others_before(tree, at));

	if (depth > MAX_INDENT)
		text = psprintf("(%d) %s", depth, text);

	appendStringInfo(out, "%s\n", fitted(text, width));
	pfree(text);
}

/* the step that comes after this one in the text; -1: none */
static int
next_line(const Tree *tree, int at)
{
	if (tree->first_child[at] >= 0)
		return tree->first_child[at];
	while (at >= 0 && tree->next_sibling[at] < 0)
		at = tree->parent[at];
	return at < 0 ? -1 : tree->next_sibling[at];
}

static char *
without_last_newline(StringInfo out)
{
	if (out->len > 0 && out->data[out->len - 1] == '\n')
		out->data[--out->len] = '\0';
	return out->data;
}

char *
tc_graph_draw_tree(const Graph *graph, const char *title, const GraphLook *looks)
{
	Tree		tree = grow_tree(graph);
	bool		more[MAX_INDENT + 1] = {false};
	StringInfoData out;
	int			at;

	initStringInfo(&out);
	appendStringInfo(&out, "%s\n", fitted(title, TC_DRAW_WIDTH));
	for (at = tree.first_child[graph->count]; at >= 0; at = next_line(&tree, at))
	{
		int			level = Min(tree.depth[at], MAX_INDENT);

		more[level] = tree.next_sibling[at] >= 0 ||
			(tree.depth[at] >= MAX_INDENT && tree.first_child[at] >= 0);
		draw_line(&out, &tree, at, more, look_of(looks, at));
	}
	return without_last_newline(&out);
}

/* ---- DOT ---- */

static const char *
color_of(const char *status)
{
	static const char *const colors[][2] = {
		{"succeeded", "palegreen"},
		{"failed", "salmon"},
		{"timed_out", "salmon"},
		{"running", "lightblue"},
		{"queued", "khaki"},
		{"retrying", "khaki"},
		{"cancelled", "lightgray"},
		{"skipped", "lightgray"}
	};
	int			i;

	for (i = 0; i < (int) lengthof(colors); i++)
	{
		if (strcmp(colors[i][0], status) == 0)
			return colors[i][1];
	}
	return "white";
}

static void
append_dot(StringInfo out, const char *source, int columns)
{
	for (source = fitted(source, columns); *source != '\0'; source++)
	{
		if (*source == '"' || *source == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *source);
	}
}

static void
draw_dot_step(StringInfo out, const GraphStep *step, int number, const GraphLook *look)
{
	appendStringInfo(out, "  s%d [label=\"", number);
	append_dot(out, step->name, NOTE_WIDTH);
	appendStringInfoString(out, "\\n");
	append_dot(out, psprintf("%s%s", what_it_is(step), conditions_of(step)), NOTE_WIDTH);
	if (look != NULL && look->status != NULL)
	{
		appendStringInfo(out, "\", fillcolor=%s];\n", color_of(look->status));
		appendStringInfo(out, "  s%d [xlabel=\"", number);
		append_dot(out, look_text(look) + 1, LABEL_WIDTH);
	}
	appendStringInfoString(out, "\"];\n");
}

char *
tc_graph_draw_dot(const Graph *graph, const char *title, const GraphLook *looks)
{
	StringInfoData out;
	int			i;
	int			j;

	initStringInfo(&out);
	appendStringInfoString(&out, "digraph \"");
	append_dot(&out, title, LABEL_WIDTH);
	appendStringInfoString(&out, "\" {\n  rankdir=LR;\n  node [shape=box, style=filled, fillcolor=white];\n");
	for (i = 0; i < graph->count; i++)
		draw_dot_step(&out, &graph->steps[i], i, look_of(looks, i));
	for (i = 0; i < graph->count; i++)
	{
		const GraphStep *step = &graph->steps[i];

		for (j = 0; j < step->before_count; j++)
			appendStringInfo(&out, "  s%d -> s%d%s;\n", step->before[j], i,
							 step->condition != NULL ? " [style=dashed]" : "");
	}
	appendStringInfoString(&out, "}");
	return out.data;
}

/* ---- Mermaid ---- */

static void
append_mermaid(StringInfo out, const char *source, int columns)
{
	for (source = fitted(source, columns); *source != '\0'; source++)
	{
		if (strchr("\"#<>&;`\\", *source) != NULL)
			appendStringInfo(out, "#%d;", (int) (unsigned char) *source);
		else
			appendStringInfoChar(out, *source);
	}
}

static void
draw_mermaid_step(StringInfo out, const GraphStep *step, int number, const GraphLook *look)
{
	int			line = out->len;

	appendStringInfo(out, "  s%d[\"", number);
	append_mermaid(out, step->name, NOTE_WIDTH);
	appendStringInfoString(out, "<br/>");
	append_mermaid(out, psprintf("%s%s", what_it_is(step), conditions_of(step)), NOTE_WIDTH);
	if (look != NULL && look->status != NULL)
	{
		int			room;

		appendStringInfoString(out, "<br/>");
		room = TC_DRAW_WIDTH - (out->len - line) - (int) strlen(look->status) - 5;
		append_mermaid(out, look_text(look) + 1, Min(NOTE_WIDTH, Max(room, NOTE_WIDTH / 2)));
		appendStringInfo(out, "\"]:::%s\n", look->status);
	}
	else
		appendStringInfoString(out, "\"]\n");
}

static void
draw_mermaid_classes(StringInfo out)
{
	static const char *const classes[][2] = {
		{"succeeded", "#98fb98"},
		{"failed", "#fa8072"},
		{"timed_out", "#fa8072"},
		{"running", "#add8e6"},
		{"queued", "#f0e68c"},
		{"retrying", "#f0e68c"},
		{"cancelled", "#d3d3d3"},
		{"skipped", "#d3d3d3"}
	};
	int			i;

	for (i = 0; i < (int) lengthof(classes); i++)
		appendStringInfo(out, "  classDef %s fill:%s,color:#000\n", classes[i][0], classes[i][1]);
}

char *
tc_graph_draw_mermaid(const Graph *graph, const char *title, const GraphLook *looks)
{
	StringInfoData out;
	int			i;
	int			j;

	initStringInfo(&out);
	appendStringInfo(&out, "%%%% %s\nflowchart LR\n", fitted(title, LABEL_WIDTH));
	for (i = 0; i < graph->count; i++)
		draw_mermaid_step(&out, &graph->steps[i], i, look_of(looks, i));
	for (i = 0; i < graph->count; i++)
	{
		const GraphStep *step = &graph->steps[i];

		for (j = 0; j < step->before_count; j++)
			appendStringInfo(&out, "  s%d %s s%d\n", step->before[j],
							 step->condition != NULL ? "-.->" : "-->", i);
	}
	if (looks != NULL)
		draw_mermaid_classes(&out);
	return without_last_newline(&out);
}
