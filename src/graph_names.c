/*-------------------------------------------------------------------------
 *
 * graph_names.c
 *		What a graph names.
 *
 * Each name is looked up once, at the first step that has it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "access.h"
#include "arguments.h"
#include "control_store.h"
#include "graph_names.h"
#include "graph_store.h"
#include "statement.h"

typedef struct NameEntry
{
	char		name[TC_MAX_NAME_LENGTH + 1];	/* hash key */
} NameEntry;

/* a composite that was looked into */
typedef struct NestedEntry
{
	int64		task_id;		/* hash key */
	int			height;			/* levels of composites below it; -1: not
								 * known yet */
} NestedEntry;

typedef struct Names
{
	const TaskRow *composite;
	GraphPromise promise;
	void	   *argument;
	HTAB	   *met;			/* NameEntry, of one kind at a time */
	HTAB	   *nested;			/* NestedEntry */
	const char *path[TC_MAX_NESTING + 2];	/* of composites, from this one */
} Names;

static HTAB *
make_table(Size key, Size entry, int flags)
{
	HASHCTL		control = {0};

	control.keysize = key;
	control.entrysize = entry;
	control.hcxt = CurrentMemoryContext;
	return hash_create("names of a graph", 64, &control, HASH_ELEM | HASH_CONTEXT | flags);
}

static void
begin_names(Names *names)
{
	names->met = make_table(TC_MAX_NAME_LENGTH + 1, sizeof(NameEntry), HASH_STRINGS);
}

static bool
is_new(Names *names, const char *name)
{
	bool		found;

	(void) hash_search(names->met, name, HASH_ENTER, &found);
	return !found;
}

/* ---- queues and roles ---- */

static void
check_queue(const GraphStep *step)
{
	QueueRow	row;

	if (!tc_queue_find(step->queue, false, &row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", step->queue),
				 errdetail("\"steps.%s.queue\" names it.", step->name),
				 errhint("Make it with taskcenter.create_queue().")));
}

static void
check_roles(const GraphStep *step)
{
	int			i;

	for (i = 0; i < step->approval->role_count; i++)
	{
		const char *role = step->approval->roles[i];

		if (!OidIsValid(get_role_oid(role, true)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("role \"%s\" does not exist", role),
					 errdetail("\"steps.%s.approval.roles[%d]\" names it.", step->name, i),
					 errhint("Write the role's name in its own letters, without quotes around it.")));
	}
}

/* ---- composites in composites ---- */

static char *
path_text(const Names *names, int level)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	for (i = 0; i <= level; i++)
		appendStringInfo(&text, "%s\"%s\"", i > 0 ? " runs " : "", names->path[i]);
	return text.data;
}

static void
refuse_nesting(const Names *names, int level, const char *problem, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", problem),
			 errdetail("%s.", path_text(names, level)),
			 errhint("%s", hint)));
}

static void
refuse_depth(const Names *names, int level)
{
	refuse_nesting(names, level,
				   psprintf("composite tasks are nested more than %d deep", TC_MAX_NESTING),
				   "Let a graph hold the steps of the one that it runs.");
}

/*
 * How many levels of composites a task has below it.  Calls itself, but only
 * as deep as composites may be nested.
 */
static int
height_of(Names *names, int64 task_id, const char *name, int level)
{
	NestedEntry *entry;
	TaskName   *tasks;
	int			height = 0;
	int			count;
	bool		found;
	int			i;

	CHECK_FOR_INTERRUPTS();
	names->path[level] = name;
	if (level > 0 && task_id == names->composite->task_id)
		refuse_nesting(names, level, "the composite task would run itself",
					   "Name tasks that do not lead back to this one.");
	if (level > TC_MAX_NESTING)
		refuse_depth(names, level);
	entry = hash_search(names->nested, &task_id, HASH_ENTER, &found);
	if (found && entry->height >= 0)
		return entry->height;
	entry->height = -1;
	count = tc_graph_row_nested(task_id, &tasks, CurrentMemoryContext);
	for (i = 0; i < count; i++)
		height = Max(height, 1 + height_of(names, tasks[i].task_id, tasks[i].name, level + 1));
	entry = hash_search(names->nested, &task_id, HASH_FIND, &found);
	entry->height = height;
	return height;
}

static void
check_nesting(Names *names, const TaskRow *task)
{
	if (names->nested == NULL)
	{
		/* nobody else ties a knot meanwhile */
		tc_task_lock_definitions();
		names->nested = make_table(sizeof(int64), sizeof(NestedEntry), HASH_BLOBS);
	}
	names->path[0] = names->composite->name;
	if (1 + height_of(names, task->task_id, task->name, 1) > TC_MAX_NESTING)
		refuse_depth(names, 1);
}

/* ---- tasks ---- */

static void
refuse_task(const GraphStep *step, int code, const char *problem, const char *hint)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("task \"%s\" %s", step->task, problem),
			 errdetail("\"steps.%s.task\" names it.", step->name),
			 errhint("%s", hint)));
}

static void
check_may_run(const Names *names, const GraphStep *step, const TaskRow *task)
{
	Oid			owner = names->composite->owner_id;
	Oid			caller = tc_statement_caller();
	Oid			barred = InvalidOid;

	if (!tc_access_may(caller, task, TASK_RIGHT_ENQUEUE))
		barred = caller;
	else if (!tc_access_may(owner, task, TASK_RIGHT_ENQUEUE))
		barred = owner;
	if (!OidIsValid(barred))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for task \"%s\"", task->name),
			 errdetail("\"steps.%s.task\" names it, and role \"%s\" may not enqueue it.",
					   step->name, GetUserNameFromId(barred, true)),
			 errhint("Ask its owner for taskcenter.grant_access(%s, 'enqueuer', task => %s).",
					 quote_literal_cstr(GetUserNameFromId(barred, false)),
					 quote_literal_cstr(task->name))));
}

static void
check_task(Names *names, const GraphStep *step)
{
	TaskRow		task;

	if (strcmp(step->task, names->composite->name) == 0)
		refuse_task(step, ERRCODE_INVALID_PARAMETER_VALUE, "would run itself",
					"Name another task.");
	if (!tc_task_find(step->task, false, &task))
	{
		if (names->promise != NULL && names->promise(step->task, names->argument))
			return;
		refuse_task(step, ERRCODE_UNDEFINED_OBJECT, "does not exist",
					"The view taskcenter.tasks shows the tasks that you may see.");
	}
	check_may_run(names, step, &task);
	if (strcmp(task.kind, TC_KIND_MANUAL) == 0)
		refuse_task(step, ERRCODE_INVALID_PARAMETER_VALUE, "has no runs",
					"Name a task of another kind than \"manual\".");
	if (strcmp(task.kind, TC_KIND_COMPOSITE) == 0)
		check_nesting(names, &task);
}

void
tc_graph_check_names(const TaskRow *composite, const Graph *graph,
					 GraphPromise promise, void *argument)
{
	Names		names = {composite, promise, argument};
	int			i;

	begin_names(&names);
	for (i = 0; i < graph->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (graph->steps[i].kind == STEP_TASK && is_new(&names, graph->steps[i].task))
			check_task(&names, &graph->steps[i]);
	}
	begin_names(&names);
	for (i = 0; i < graph->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (graph->steps[i].queue != NULL && is_new(&names, graph->steps[i].queue))
			check_queue(&graph->steps[i]);
		if (graph->steps[i].kind == STEP_APPROVAL)
			check_roles(&graph->steps[i]);
	}
}
