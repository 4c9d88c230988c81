/*-------------------------------------------------------------------------
 *
 * graph_check.c
 *		Is a document a graph that can be saved?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "graph_check.h"
#include "task_check.h"
#include "task_properties.h"
#include "user_command.h"

/* what a step has of a task's properties, beside its command */
static const TaskProperty step_properties[] = {
	TASK_QUEUE, TASK_PRIORITY, TASK_MAX_ATTEMPTS, TASK_BACKOFF, TASK_BACKOFF_BASE,
	TASK_BACKOFF_CAP, TASK_TIMEOUT, TASK_TRANSACTION_MODE, TASK_ON_CRASH, TASK_BATCH,
	TASK_ISOLATION, TASK_SYNCHRONOUS_COMMIT, TASK_SETTINGS, TASK_CAPTURE_OUTPUT,
	TASK_LOG_LEVEL, TASK_RETRY_RULES
};

/* ---- places ---- */

void
tc_graph_show_place(void *argument)
{
	GraphPlace *place = argument;
	int			position = geterrposition();

	/* a position in the graph's SQL is none in the statement that calls us */
	if (position > 0 && place->sql != NULL)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(place->sql);
	}
	if (place->key != NULL)
		errcontext("steps.%s.%s of the graph", place->step, place->key);
	else if (place->step != NULL)
		errcontext("steps.%s of the graph", place->step);
}

static const char *
what_to_do(const char *place)
{
	if (strncmp(place, "steps.", 6) == 0 && strstr(place, ".after") != NULL)
		return "\"after\" is an array of names of other steps of the graph, and leads in no circle.";
	if (strncmp(place, "steps.", 6) == 0 && strstr(place, ".params") != NULL)
		return "Write {\"$param\": \"day\"}, or {\"$output\": \"extract.rows\"} of a step that comes before.";
	return "It is like {\"steps\": {\"a\": {\"command\": \"...\"}, \"b\": {\"task\": \"...\", \"after\": [\"a\"]}}}.";
}

void
tc_graph_refuse(const GraphFault *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the document is no graph"),
			 errdetail("\"%s\" %s.", fault->place, fault->problem),
			 errhint("%s", what_to_do(fault->place))));
}

/* ---- SQL ---- */

static void
refuse_sql(const GraphPlace *place, char *problem)
{
	GraphFault	fault;

	fault.place = psprintf("steps.%s.%s", place->step, place->key);
	fault.problem = problem;
	tc_graph_refuse(&fault);
}

static void
check_query(GraphPlace *place, const char *key, const char *sql)
{
	UserCommand *query;

	if (sql == NULL)
		return;
	place->key = key;
	place->sql = sql;
	query = tc_user_command_prepare(sql, CurrentMemoryContext);
	if (!tc_user_command_is_query(query))
		refuse_sql(place, "is not one query: it has to be a single SELECT, VALUES or WITH");
	tc_user_command_release(query);
	place->sql = NULL;
}

static void
check_undo(GraphPlace *place, const char *sql)
{
	UserCommand *command;

	if (sql == NULL)
		return;
	place->key = "compensate";
	place->sql = sql;
	command = tc_user_command_prepare(sql, CurrentMemoryContext);
	if (tc_user_command_has_transaction_control(command))
		refuse_sql(place, "holds a statement such as BEGIN, COMMIT, ROLLBACK or SAVEPOINT");
	tc_user_command_release(command);
	place->sql = NULL;
}

/* ---- one step ---- */

/* By the rules for tasks; true: it surely cannot run in a transaction. */
static bool
check_execution(GraphPlace *place, const GraphStep *step, const TaskRow *defaults)
{
	TaskRow		task = *defaults;
	Jsonb	   *document = tc_graph_step_document(step);
	int			i;

	for (i = 0; i < (int) lengthof(step_properties); i++)
	{
		place->key = tc_property_name(step_properties[i]);
		tc_property_read(document, step_properties[i], &task);
	}
	/* what a check does not have is at its default, but for its command */
	place->key = step->kind == STEP_CHECK ? "check.sql" : "command";
	tc_property_set_text(&task, TASK_COMMAND,
						 step->kind == STEP_CHECK ? step->check->sql : step->command);
	tc_task_check(&task, NULL);
	return task.learned_mode != NULL;
}

/* true: its command surely cannot run in a transaction */
static bool
check_step(GraphPlace *place, const GraphStep *step, const TaskRow *defaults)
{
	bool		autonomous = false;

	place->step = step->name;
	if (step->kind == STEP_COMMAND || step->kind == STEP_CHECK)
		autonomous = check_execution(place, step, defaults);
	check_query(place, "when", step->condition);
	check_query(place, "for_each", step->for_each);
	if (step->kind == STEP_CHECK)
		check_query(place, "check.sql", step->check->sql);
	check_undo(place, step->compensate);
	return autonomous;
}

/* ---- all of them ---- */

static void
check_steps(CheckedGraph *checked, GraphPlace *place)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(outside, "taskcenter graph step",
											   ALLOCSET_DEFAULT_SIZES);
	TaskRow		defaults = {0};
	int			i;

	defaults.kind = "sql";
	tc_properties_default(&defaults);
	checked->autonomous = palloc(sizeof(int) * checked->graph.count);
	for (i = 0; i < checked->graph.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(each);
		if (check_step(place, &checked->graph.steps[i], &defaults))
			checked->autonomous[checked->autonomous_count++] = i;
		MemoryContextSwitchTo(outside);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
}

void
tc_graph_check(const Jsonb *document, CheckedGraph *checked)
{
	ErrorContextCallback callback;
	GraphPlace	place = {0};
	GraphFault	fault;

	memset(checked, 0, sizeof(CheckedGraph));
	if (!tc_graph_parse(document, &checked->graph, &fault))
		tc_graph_refuse(&fault);
	callback.callback = tc_graph_show_place;
	callback.arg = &place;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	check_steps(checked, &place);
	error_context_stack = callback.previous;
}
