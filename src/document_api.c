/*-------------------------------------------------------------------------
 *
 * document_api.c
 *		export_tasks() and apply_tasks(): the tasks of an application as one
 *		document.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "document_apply.h"
#include "document_write.h"
#include "graph_save.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_export_tasks);
PG_FUNCTION_INFO_V1(taskcenter_apply_tasks);

/* ---- export_tasks() ---- */

/* export_tasks(application) */
/* NULL: it has none */
static const Jsonb *
graph_of(const TaskRow *task)
{
	if (strcmp(task->kind, TC_KIND_COMPOSITE) != 0)
		return NULL;
	return tc_graph_newest_document(task->task_id);
}

Datum
taskcenter_export_tasks(PG_FUNCTION_ARGS)
{
	char	   *application = tc_arg_text(fcinfo, 0);
	DocumentWriter writer;
	StoreFrame	frame;
	TaskName   *tasks;
	TaskRow		task;
	ScheduleRow *schedules;
	int			count;
	int			schedule_count;
	TaskSet		visible;
	int			i;

	if (application != NULL)
		tc_check_name("application", application);
	tc_document_begin(&writer, application);
	tc_store_begin(&frame);
	tc_access_tasks(tc_statement_caller(), TASK_RIGHT_READ, &visible);
	count = tc_task_list(application, &tasks, CurrentMemoryContext);
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!tc_access_has(&visible, tasks[i].task_id, tasks[i].owner_id) ||
			!tc_task_find_id(tasks[i].task_id, false, &task))
			continue;
		schedule_count = tc_schedules_of_task(task.task_id, false, &schedules,
											  CurrentMemoryContext);
		tc_document_add(&writer, &task, graph_of(&task), schedules, schedule_count);
	}
	tc_store_end(&frame);
	PG_RETURN_JSONB_P(tc_document_end(&writer));
}

/* ---- apply_tasks() ---- */

static void
put_change(const char *action, const char *object_type, const char *name,
		   const Jsonb *changes, void *argument)
{
	ReturnSetInfo *set = argument;
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(action);
	values[1] = CStringGetTextDatum(object_type);
	values[2] = CStringGetTextDatum(name);
	values[3] = PointerGetDatum(changes);
	nulls[3] = changes == NULL;
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

/* apply_tasks(document, application, dry_run, prune) */
Datum
taskcenter_apply_tasks(PG_FUNCTION_ARGS)
{
	Jsonb	   *document;
	DocumentOrder order;

	tc_arg_require(fcinfo, 0, "document");
	document = tc_arg_object(fcinfo, 0, "document");
	if (document == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "document"),
				 errdetail("\"document\" is null and has no default."),
				 errhint("taskcenter.export_tasks() shows what a document looks like.")));
	order.application = tc_arg_required_text(fcinfo, 1, "application");
	tc_check_name("application", order.application);
	order.dry_run = tc_arg_bool(fcinfo, 2, false);
	order.prune = tc_arg_bool(fcinfo, 3, false);
	order.now = GetCurrentTimestamp();
	order.report = put_change;
	order.argument = fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	tc_document_apply(document, &order);
	return (Datum) 0;
}
