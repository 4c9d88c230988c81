/*-------------------------------------------------------------------------
 *
 * schedule_api.c
 *		Functions that define, steer and preview schedules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/binaryheap.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "audit_context.h"
#include "control_store.h"
#include "schedule_define.h"
#include "setting_keys.h"
#include "statement.h"

#define MAX_PREVIEW 1000		/* instants of preview_schedule() */
#define MAX_PLANNED 10000		/* rows of preview_fires() */

PG_FUNCTION_INFO_V1(taskcenter_schedule_task);
PG_FUNCTION_INFO_V1(taskcenter_pause_schedule);
PG_FUNCTION_INFO_V1(taskcenter_resume_schedule);
PG_FUNCTION_INFO_V1(taskcenter_drop_schedule);
PG_FUNCTION_INFO_V1(taskcenter_preview_schedule);
PG_FUNCTION_INFO_V1(taskcenter_preview_fires);

/* ---- defining ---- */

static void
read_request(FunctionCallInfo fcinfo, ScheduleRequest *request)
{
	static const char *const known[] = {"misfire_grace", "max_catchup", "dst_gap",
	"dst_repeat", "paused", NULL};
	Jsonb	   *options = tc_arg_object(fcinfo, 8, "options");
	char	   *name = tc_arg_text(fcinfo, 2);

	tc_define_request(request, name != NULL ? name : TC_DEFAULT_SCHEDULE);
	request->schedule = tc_arg_required_text(fcinfo, 1, "schedule");
	request->timezone = tc_arg_text(fcinfo, 3);
	request->starts_at = tc_arg_timestamptz(fcinfo, 4, "starts_at");
	request->ends_at = tc_arg_timestamptz(fcinfo, 5, "ends_at");
	request->jitter = tc_arg_interval(fcinfo, 6);
	request->misfire = tc_arg_text(fcinfo, 7);
	tc_options_check(options, known);
	request->misfire_grace = tc_option_interval(options, "misfire_grace");
	if (tc_option_int32(options, "max_catchup", &request->max_catchup))
		tc_check_int("max_catchup", request->max_catchup, 1, 10000);
	request->dst_gap = tc_option_text(options, "dst_gap");
	request->dst_repeat = tc_option_text(options, "dst_repeat");
	(void) tc_option_bool(options, "paused", &request->paused);
	tc_define_check(request);
}

Datum
taskcenter_schedule_task(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	StoreFrame	frame;
	TaskRow		task;
	ScheduleRequest request;
	int64		schedule_id;

	read_request(fcinfo, &request);
	tc_store_begin(&frame);
	tc_access_require_task(name, true, TASK_RIGHT_MANAGE, &task);
	(void) tc_define_schedule(&task, &request, now, &schedule_id);
	tc_store_end(&frame);
	PG_RETURN_INT64(schedule_id);
}

/* ---- steering ---- */

static void
report_missing(const TaskRow *task, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("schedule \"%s\" of task \"%s\" does not exist", tc_shorten(name), task->name),
			 errdetail("\"name\" is \"%s\".", tc_shorten(name)),
			 errhint("The view taskcenter.schedules shows the schedules of a task.")));
}

static void
refuse_move(const TaskRow *task, const ScheduleRow *row, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("schedule \"%s\" of task \"%s\" is %s", row->name, task->name, row->state),
			 errdetail("Only active schedules pause, and only paused ones resume."),
			 errhint("%s", hint)));
}

/* the schedule that (task, name, reason) names, locked, within a frame */
static void
require_schedule(FunctionCallInfo fcinfo, TaskRow *task, ScheduleRow *row)
{
	char	   *name = tc_arg_text(fcinfo, 1);

	tc_access_require_task(tc_arg_text(fcinfo, 0), true, TASK_RIGHT_OPERATE, task);
	if (name == NULL)
		name = pstrdup(TC_DEFAULT_SCHEDULE);
	if (!tc_schedule_find(task->task_id, name, true, row))
		report_missing(task, name);
}

Datum
taskcenter_pause_schedule(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	StoreFrame	frame;
	TaskRow		task;
	ScheduleRow row;
	char	   *reason = tc_arg_reason(fcinfo, 2);

	tc_arg_require(fcinfo, 0, "task");
	tc_audit_call_reason(reason);
	tc_store_begin(&frame);
	require_schedule(fcinfo, &task, &row);
	if (strcmp(row.state, "paused") != 0)
	{
		if (strcmp(row.state, "active") != 0)
			refuse_move(&task, &row, "Use taskcenter.schedule_task() to define it anew.");
		row.state = pstrdup("paused");
		row.state_reason = reason;
		tc_schedule_update(&row, now);
	}
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text("paused"));
}

Datum
taskcenter_resume_schedule(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	StoreFrame	frame;
	TaskRow		task;
	ScheduleRow row;

	tc_arg_require(fcinfo, 0, "task");
	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	tc_store_begin(&frame);
	require_schedule(fcinfo, &task, &row);
	if (strcmp(row.state, "active") != 0)
	{
		if (strcmp(row.state, "completed") == 0)
			refuse_move(&task, &row, "Use taskcenter.schedule_task() to define it anew.");
		row.state = pstrdup("active");
		row.state_reason = NULL;
		tc_schedule_update(&row, now);
		tc_define_resume(&row, "paused", now);
	}
	row.state = MemoryContextStrdup(frame.results, row.state);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_TEXT_P(cstring_to_text(row.state));
}

Datum
taskcenter_drop_schedule(PG_FUNCTION_ARGS)
{
	StoreFrame	frame;
	TaskRow		task;
	ScheduleRow row;
	char	   *task_name = tc_arg_required_text(fcinfo, 0, "task");
	char	   *name = tc_arg_text(fcinfo, 1);
	bool		found;
	bool		task_found;

	if (name == NULL)
		name = pstrdup(TC_DEFAULT_SCHEDULE);
	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	tc_store_begin(&frame);
	task_found = tc_task_find(task_name, false, &task);
	found = false;
	if (task_found || !tc_arg_bool(fcinfo, 3, false))
	{
		tc_access_require_task(task_name, true, TASK_RIGHT_MANAGE, &task);
		found = tc_schedule_find(task.task_id, name, true, &row);
		if (found)
			tc_schedule_delete(row.schedule_id);
		else if (!tc_arg_bool(fcinfo, 3, false))
			report_missing(&task, name);
	}
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	if (!found)
		ereport(NOTICE,
				(errmsg("schedule \"%s\" of task \"%s\" does not exist, skipping",
						tc_shorten(name), tc_shorten(task_name))));
	PG_RETURN_BOOL(found);
}

/* ---- preview_schedule() ---- */

static char *
default_zone(void)
{
	StoreFrame	frame;
	char	   *zone;

	tc_store_begin(&frame);
	zone = MemoryContextStrdup(frame.results, tc_setting_value(TC_SETTING_DEFAULT_TIMEZONE));
	tc_store_end(&frame);
	return zone;
}

/* preview_schedule(schedule, timezone, count, after) */
Datum
taskcenter_preview_schedule(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		count = tc_arg_int32(fcinfo, 2, 5);
	TimestampTz after = tc_arg_timestamptz(fcinfo, 3, "after");
	ScheduleRow row = {0};
	Schedule   *schedule;
	int			i;

	row.schedule = tc_arg_required_text(fcinfo, 0, "schedule");
	row.timezone = tc_arg_text(fcinfo, 1);
	tc_check_int("count", count, 1, MAX_PREVIEW);
	schedule = tc_define_parse(row.schedule);
	if (row.timezone == NULL)
		row.timezone = default_zone();
	if (TIMESTAMP_NOT_FINITE(after))
		after = GetCurrentTransactionStartTimestamp();
	row.anchor_at = after - (after % USECS_PER_SEC + USECS_PER_SEC) % USECS_PER_SEC;
	row.starts_at = row.ends_at = DT_NOBEGIN;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (i = 0; i < count; i++)
	{
		Datum		value;
		bool		isnull = false;

		CHECK_FOR_INTERRUPTS();
		after = tc_define_next(&row, schedule, after);
		if (TIMESTAMP_NOT_FINITE(after))
			break;
		value = TimestampTzGetDatum(after);
		tuplestore_putvalues(set->setResult, set->setDesc, &value, &isnull);
		/* where the next one counts from the end of a run, the first is all */
		if (tc_schedule_kind(schedule) == SCHEDULE_DELAY)
			break;
	}
	return (Datum) 0;
}

/* ---- preview_fires() ---- */

/* one schedule that still has instants to show */
typedef struct FirePlan
{
	const ScheduleRow *row;
	Schedule   *schedule;
	ScheduleContext context;
	TimestampTz next;
} FirePlan;

/* the other way round: the heap's first is the greatest */
static int
compare_plans(Datum a, Datum b, void *argument)
{
	const FirePlan *one = (const FirePlan *) DatumGetPointer(a);
	const FirePlan *other = (const FirePlan *) DatumGetPointer(b);

	if (one->next != other->next)
		return one->next < other->next ? 1 : -1;
	if (one->row->schedule_id != other->row->schedule_id)
		return one->row->schedule_id < other->row->schedule_id ? 1 : -1;
	return 0;
}

/* false: nothing in the window, or what is stored does not parse any more */
static bool
make_plan(const ScheduleRow *row, TimestampTz starting, TimestampTz ending, FirePlan *plan)
{
	ScheduleError error;

	plan->row = row;
	plan->next = row->next_run_at;
	plan->schedule = tc_schedule_parse(row->schedule, &error);
	if (plan->schedule == NULL)
		return false;
	tc_define_context(row, &plan->context);
	if (plan->next < starting &&
		!tc_schedule_next(plan->schedule, &plan->context, starting - 1, &plan->next))
		return false;
	return plan->next <= ending;
}

static void
put_fire(ReturnSetInfo *set, const FirePlan *plan)
{
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	values[0] = CStringGetTextDatum(plan->row->task);
	values[1] = CStringGetTextDatum(plan->row->name);
	values[2] = TimestampTzGetDatum(plan->next);
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

static void
merge_plans(ReturnSetInfo *set, binaryheap *heap, TimestampTz ending)
{
	int			shown;

	for (shown = 0; !binaryheap_empty(heap) && shown < MAX_PLANNED; shown++)
	{
		FirePlan   *plan = (FirePlan *) DatumGetPointer(binaryheap_first(heap));

		CHECK_FOR_INTERRUPTS();
		put_fire(set, plan);
		if (tc_schedule_kind(plan->schedule) != SCHEDULE_DELAY &&
			tc_schedule_next(plan->schedule, &plan->context, plan->next, &plan->next) &&
			plan->next <= ending)
			binaryheap_replace_first(heap, PointerGetDatum(plan));
		else
			(void) binaryheap_remove_first(heap);
	}
}

/* preview_fires(starting, ending, task) */
Datum
taskcenter_preview_fires(PG_FUNCTION_ARGS)
{
	TimestampTz starting = tc_arg_timestamptz(fcinfo, 0, "starting");
	TimestampTz ending = tc_arg_timestamptz(fcinfo, 1, "ending");
	char	   *name = tc_arg_text(fcinfo, 2);
	StoreFrame	frame;
	TaskRow		task = {0};
	TaskSet		visible;
	ScheduleRow *rows;
	FirePlan   *plans;
	binaryheap *heap;
	int			count;
	int			i;

	if (TIMESTAMP_NOT_FINITE(starting))
		starting = GetCurrentTransactionStartTimestamp();
	if (TIMESTAMP_NOT_FINITE(ending))
		ending = starting + USECS_PER_DAY;
	if (ending < starting)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the window ends before it starts"),
				 errdetail("\"starting\" is %s, \"ending\" is %s.",
						   pstrdup(timestamptz_to_str(starting)),
						   pstrdup(timestamptz_to_str(ending))),
				 errhint("Give an end that lies after the start.")));

	tc_store_begin(&frame);
	if (name != NULL)
		tc_access_require_task(name, false, TASK_RIGHT_VIEW, &task);
	tc_access_tasks(tc_statement_caller(), TASK_RIGHT_VIEW, &visible);
	count = tc_schedules_planned(&visible, task.task_id, ending, MAX_PLANNED, &rows,
								 frame.results);
	tc_store_end(&frame);

	InitMaterializedSRF(fcinfo, 0);
	plans = palloc(sizeof(FirePlan) * Max(count, 1));
	heap = binaryheap_allocate(Max(count, 1), compare_plans, NULL);
	for (i = 0; i < count; i++)
	{
		if (make_plan(&rows[i], starting, ending, &plans[i]))
			binaryheap_add_unordered(heap, PointerGetDatum(&plans[i]));
	}
	binaryheap_build(heap);
	merge_plans((ReturnSetInfo *) fcinfo->resultinfo, heap, ending);
	return (Datum) 0;
}
