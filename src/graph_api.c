/*-------------------------------------------------------------------------
 *
 * graph_api.c
 *		Functions that save, show, plan and draw the graphs of composite tasks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "audit_context.h"
#include "graph_cache.h"
#include "graph_draw.h"
#include "graph_plan.h"
#include "graph_save.h"
#include "graph_store.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_save_graph);
PG_FUNCTION_INFO_V1(taskcenter_get_graph);
PG_FUNCTION_INFO_V1(taskcenter_plan_task);
PG_FUNCTION_INFO_V1(taskcenter_task_tree);
PG_FUNCTION_INFO_V1(taskcenter_task_dot);
PG_FUNCTION_INFO_V1(taskcenter_task_mermaid);

/* ---- save_graph(task, graph, reason) ---- */

Datum
taskcenter_save_graph(PG_FUNCTION_ARGS)
{
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	GraphOrder	order = {0};
	GraphChange change;
	StoreFrame	frame;
	TaskRow		task;

	tc_arg_require(fcinfo, 1, "graph");
	order.document = PG_GETARG_JSONB_P(1);
	order.task = &task;
	order.now = GetCurrentTimestamp();
	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	tc_store_begin(&frame);
	tc_access_require_task(name, true, TASK_RIGHT_MANAGE, &task);
	tc_graph_save(&order, &change);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_INT32(change.version);
}

/* ---- what is stored ---- */

static void
report_no_graph(const TaskRow *task, int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("task \"%s\" has no such graph", task->name),
			 version == 0 ? errdetail("No graph of it was saved.")
			 : errdetail("There is no version %d of it.", version),
			 errhint("Save one with taskcenter.save_graph(); the table taskcenter.graphs shows the versions.")));
}

/* a task whose contents the caller may read, and which has graphs; version 0: the newest */
static void
find_task(const char *name, int *version, TaskRow *task)
{
	StoreFrame	frame;

	tc_store_begin(&frame);
	tc_access_require_task(name, false, TASK_RIGHT_READ, task);
	tc_graph_check_kind(task);
	if (*version == 0)
		*version = tc_graph_row_newest(task->task_id);
	if (*version == 0)
		report_no_graph(task, 0);
	tc_store_end(&frame);
}

/* get_graph(task, version) */
Datum
taskcenter_get_graph(PG_FUNCTION_ARGS)
{
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	int			version = tc_arg_int32(fcinfo, 1, 0);
	StoreFrame	frame;
	TaskRow		task;
	GraphRow	row;

	if (!PG_ARGISNULL(1))
		tc_check_int("version", version, 1, PG_INT32_MAX);
	find_task(name, &version, &task);
	tc_store_begin(&frame);
	if (!tc_graph_row_find(task.task_id, version, &row))
		report_no_graph(&task, version);
	tc_store_end(&frame);
	PG_RETURN_JSONB_P(row.graph);
}

static const CachedGraph *
newest_graph(const char *name, TaskRow *task)
{
	int			version = 0;
	const CachedGraph *graph;

	find_task(name, &version, task);
	graph = tc_graph(task->task_id, version);
	if (graph == NULL)
		report_no_graph(task, version);
	return graph;
}

/* ---- drawing ---- */

static char *
title_of(const TaskRow *task, const CachedGraph *graph)
{
	return psprintf("%s: version %d, %d step%s", task->name, graph->version,
					graph->graph.count, graph->graph.count == 1 ? "" : "s");
}

typedef char *(*DrawGraph) (const Graph *graph, const char *title, const GraphLook *looks);

static Datum
draw(FunctionCallInfo fcinfo, DrawGraph how)
{
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	TaskRow		task;
	const CachedGraph *graph = newest_graph(name, &task);

	PG_RETURN_TEXT_P(cstring_to_text(how(&graph->graph, title_of(&task, graph), NULL)));
}

Datum
taskcenter_task_tree(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, tc_graph_draw_tree);
}

Datum
taskcenter_task_dot(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, tc_graph_draw_dot);
}

Datum
taskcenter_task_mermaid(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, tc_graph_draw_mermaid);
}

/* ---- plan_task(task, params) ---- */

/* why the task of a step would accept no run; NULL: it does */
static char *
problem_of_task(const char *name, Oid owner)
{
	TaskRow		task;

	if (!tc_task_find(name, false, &task))
		return psprintf("task \"%s\" does not exist", name);
	if (!tc_access_may(owner, &task, TASK_RIGHT_ENQUEUE))
		return psprintf("the owner may not enqueue task \"%s\"", name);
	if (strcmp(task.kind, TC_KIND_MANUAL) == 0)
		return psprintf("task \"%s\" is of kind \"%s\"", name, task.kind);
	if (!tc_task_accepts_runs(&task))
		return psprintf("task \"%s\" is %s", name, task.state);
	if (strcmp(task.kind, TC_KIND_COMPOSITE) == 0 && tc_graph_row_newest(task.task_id) == 0)
		return psprintf("task \"%s\" has no graph", name);
	return NULL;
}

static const char **
problems_of(const Graph *graph, Oid owner)
{
	const char **problems = palloc0(sizeof(char *) * graph->count);
	StoreFrame	frame;
	int			last = -1;
	int			i;

	tc_store_begin(&frame);
	for (i = 0; i < graph->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (graph->steps[i].kind != STEP_TASK)
			continue;
		if (last >= 0 && strcmp(graph->steps[last].task, graph->steps[i].task) == 0)
			problems[i] = problems[last];
		else
			problems[i] = problem_of_task(graph->steps[i].task, owner);
		last = i;
	}
	tc_store_end(&frame);
	return problems;
}

static Datum
names_before(const Graph *graph, const GraphStep *step)
{
	Datum	   *names = palloc(sizeof(Datum) * Max(step->before_count, 1));
	int			i;

	for (i = 0; i < step->before_count; i++)
		names[i] = CStringGetTextDatum(graph->steps[step->before[i]].name);
	return PointerGetDatum(construct_array(names, step->before_count, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* what a step's run gets: its own params, else those of the root */
static const Jsonb *
params_of(const GraphStep *step, const PlannedStep *planned, const Jsonb *root_params)
{
	if (planned->outcome == PLAN_SKIPPED ||
		(step->kind != STEP_COMMAND && step->kind != STEP_TASK && step->kind != STEP_CHECK))
		return NULL;
	return step->params == NULL ? root_params : planned->params;
}

static void
put_planned(ReturnSetInfo *set, const Graph *graph, int ordinal, const PlannedStep *plan,
			const Jsonb *root_params)
{
	int			at = graph->order[ordinal];
	const GraphStep *step = &graph->steps[at];
	const Jsonb *params = params_of(step, &plan[at], root_params);
	Datum		values[9];
	bool		nulls[9] = {false};

	values[0] = Int32GetDatum(ordinal + 1);
	values[1] = CStringGetTextDatum(step->name);
	values[2] = CStringGetTextDatum(tc_step_kind_label(step->kind));
	values[3] = CStringGetTextDatum(tc_step_rule_label(step->rule));
	values[4] = names_before(graph, step);
	nulls[5] = step->task == NULL;
	values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(step->task);
	nulls[6] = params == NULL;
	values[6] = PointerGetDatum(params);
	values[7] = CStringGetTextDatum(tc_plan_outcome_label(plan[at].outcome));
	nulls[8] = plan[at].reason == NULL;
	values[8] = nulls[8] ? (Datum) 0 : CStringGetTextDatum(plan[at].reason);
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

Datum
taskcenter_plan_task(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	Jsonb	   *given = tc_arg_object(fcinfo, 1, "params");
	TaskRow		task;
	const CachedGraph *cached = newest_graph(name, &task);
	const Graph *graph = &cached->graph;
	Jsonb	   *params = DatumGetJsonbP(task.values[TASK_PARAMS]);
	const PlannedStep *plan;
	int			i;

	if (given != NULL)
		params = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(params),
													JsonbPGetDatum(given)));
	plan = tc_graph_plan(graph, params, problems_of(graph, task.owner_id));
	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < graph->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_planned(set, graph, i, plan, params);
	}
	return (Datum) 0;
}
