/*-------------------------------------------------------------------------
 *
 * schedule_define.c
 *		Stored schedules brought to life: read, made, made anew, resumed.
 *
 * Runs in the session that defines or resumes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "arguments.h"
#include "control_store.h"
#include "schedule_define.h"
#include "setting_keys.h"
#include "zone.h"

#define MAX_JITTER USECS_PER_DAY

static const char *const states[] = {"active", "paused", NULL};
static const char *const misfires[] = {"run_once", "skip", "run_all", NULL};
static const char *const gaps[] = {"default", "skip", "shift_forward", "gap_end", NULL};
static const char *const repeats[] = {"default", "first", "second", "both", NULL};

/* ---- reading ---- */

Schedule *
tc_define_parse(const char *text)
{
	ScheduleError error;
	Schedule   *schedule = tc_schedule_parse(text, &error);
	const char *hint;

	if (schedule != NULL)
		return schedule;
	hint = error.hint != NULL ? error.hint :
		"Write a schedule such as \"0 3 * * *\", \"every 15 minutes\" or \"at 2030-12-01 03:00\".";
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("schedule is not valid: %s", error.message),
			 error.position < 0
			 ? errdetail("\"schedule\" is \"%s\".", tc_shorten(text))
			 : errdetail("\"schedule\" is \"%s\"; the problem is at character %d.",
						 tc_shorten(text),
						 pg_mbstrlen_with_len(text, Min(error.position, (int) strlen(text))) + 1),
			 errhint("%s", hint)));
	return NULL;
}

void
tc_define_context(const ScheduleRow *row, ScheduleContext *context)
{
	const char *gap = row->dst_gap != NULL ? row->dst_gap : row->task_dst_gap;
	const char *repeat = row->dst_repeat != NULL ? row->dst_repeat : row->task_dst_repeat;

	context->tz = tc_zone_require(row->timezone);
	context->anchor = row->anchor_at;
	context->starts_at = row->starts_at;
	context->ends_at = TIMESTAMP_NOT_FINITE(row->ends_at) ? DT_NOEND : row->ends_at;
	context->gap = SCHEDULE_GAP_DEFAULT;
	context->repeat = SCHEDULE_REPEAT_DEFAULT;
	if (gap != NULL && !tc_schedule_gap_parse(gap, &context->gap))
		elog(ERROR, "schedule has the unknown dst_gap \"%s\"", gap);
	if (repeat != NULL && !tc_schedule_repeat_parse(repeat, &context->repeat))
		elog(ERROR, "schedule has the unknown dst_repeat \"%s\"", repeat);
}

TimestampTz
tc_define_next(const ScheduleRow *row, const Schedule *schedule, TimestampTz after)
{
	ScheduleContext context;
	TimestampTz next;

	tc_define_context(row, &context);
	if (tc_schedule_next(schedule, &context, after, &next))
		return next;
	/* a fixed delay whose first instant has passed counts from here */
	if (tc_schedule_kind(schedule) == SCHEDULE_DELAY &&
		tc_schedule_delay_after(schedule, &context, after, &next))
		return next;
	return DT_NOBEGIN;
}

/* ---- defining ---- */

void
tc_define_request(ScheduleRequest *request, const char *name)
{
	memset(request, 0, sizeof(ScheduleRequest));
	request->name = name;
	request->starts_at = DT_NOBEGIN;
	request->ends_at = DT_NOBEGIN;
	request->max_catchup = -1;
}

void
tc_define_check(const ScheduleRequest *request)
{
	tc_check_name("name", request->name);
	if (request->schedule != NULL)
		(void) tc_define_parse(request->schedule);
	if (request->timezone != NULL)
		(void) tc_zone_require(request->timezone);
	tc_check_choice("state", request->state, states);
	tc_check_choice("misfire", request->misfire, misfires);
	tc_check_choice("dst_gap", request->dst_gap, gaps);
	tc_check_choice("dst_repeat", request->dst_repeat, repeats);
	tc_check_interval("jitter", request->jitter, 0, MAX_JITTER);
	tc_check_interval("misfire_grace", request->misfire_grace, 0, TC_INTERVAL_MAX);
	if (request->max_catchup != -1)
		tc_check_int("max_catchup", request->max_catchup, 1, 10000);
	if (!TIMESTAMP_NOT_FINITE(request->starts_at) && !TIMESTAMP_NOT_FINITE(request->ends_at) &&
		request->ends_at < request->starts_at)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the schedule ends before it starts"),
				 errdetail("\"ends_at\" is %s, \"starts_at\" is %s.",
						   pstrdup(timestamptz_to_str(request->ends_at)),
						   pstrdup(timestamptz_to_str(request->starts_at))),
				 errhint("Give an end that lies after the start.")));
}

static char *
copy_or(const char *given, char *otherwise)
{
	return given != NULL ? pstrdup(given) : otherwise;
}

/* what the row is to become; `old` is NULL where there is none */
static void
merge(const ScheduleRequest *request, const ScheduleRow *old, TimestampTz now,
	  ScheduleRow *row)
{
	const ScheduleRow *kept = request->keep ? old : NULL;

	row->name = pstrdup(request->name);
	row->schedule = copy_or(request->schedule, kept ? kept->schedule : NULL);
	row->timezone = copy_or(request->timezone, kept ? kept->timezone : NULL);
	if (row->timezone == NULL)
		row->timezone = tc_setting_value(TC_SETTING_DEFAULT_TIMEZONE);
	row->starts_at = request->starts_at;
	row->ends_at = request->ends_at;
	row->jitter = request->jitter;
	row->misfire = copy_or(request->misfire, kept ? kept->misfire : NULL);
	row->misfire_grace = request->misfire_grace;
	row->max_catchup = request->max_catchup;
	row->dst_gap = copy_or(request->dst_gap, kept ? kept->dst_gap : NULL);
	row->dst_repeat = copy_or(request->dst_repeat, kept ? kept->dst_repeat : NULL);
	if (kept != NULL)
	{
		if (TIMESTAMP_NOT_FINITE(row->starts_at))
			row->starts_at = kept->starts_at;
		if (TIMESTAMP_NOT_FINITE(row->ends_at))
			row->ends_at = kept->ends_at;
		if (row->jitter == NULL)
			row->jitter = kept->jitter;
		if (row->misfire_grace == NULL)
			row->misfire_grace = kept->misfire_grace;
		if (row->max_catchup == -1)
			row->max_catchup = kept->max_catchup;
	}
	if (!TIMESTAMP_NOT_FINITE(row->starts_at))
		row->anchor_at = row->starts_at;
	else if (old != NULL && TIMESTAMP_NOT_FINITE(old->starts_at))
		row->anchor_at = old->anchor_at;
	else
		row->anchor_at = now - now % USECS_PER_SEC;
}

static bool
same_text(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return strcmp(one, other) == 0;
}

static bool
same_interval(const Interval *one, const Interval *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return one->time == other->time && one->day == other->day && one->month == other->month;
}

/* NULL: the text cannot be read, as that of a quarantined schedule may be */
static char *
canonical(const char *text)
{
	ScheduleError error;
	Schedule   *schedule = tc_schedule_parse(text, &error);

	return schedule == NULL ? NULL : tc_schedule_canonical(schedule);
}

static bool
same_instants(const ScheduleRow *one, const ScheduleRow *other)
{
	return same_text(canonical(one->schedule), canonical(other->schedule)) &&
		strcmp(one->timezone, other->timezone) == 0 &&
		one->starts_at == other->starts_at && one->ends_at == other->ends_at &&
		one->anchor_at == other->anchor_at &&
		same_text(one->dst_gap, other->dst_gap) &&
		same_text(one->dst_repeat, other->dst_repeat);
}

static bool
same_definition(const ScheduleRow *one, const ScheduleRow *other)
{
	return strcmp(one->schedule, other->schedule) == 0 && same_instants(one, other) &&
		same_interval(one->jitter, other->jitter) &&
		same_text(one->misfire, other->misfire) &&
		same_interval(one->misfire_grace, other->misfire_grace) &&
		one->max_catchup == other->max_catchup;
}

static void
refuse_never(const ScheduleRow *row, const Schedule *schedule)
{
	bool		once = tc_schedule_kind(schedule) == SCHEDULE_ONCE;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg(once ? "the schedule's instant has passed" : "the schedule never fires"),
			 errdetail("\"schedule\" is \"%s\" in the time zone \"%s\".",
					   tc_shorten(row->schedule), row->timezone),
			 once ? errhint("Give a time in the future, or use taskcenter.enqueue_task() to run it now.")
			 : errhint("Use taskcenter.preview_schedule() to see when a schedule fires.")));
}

/* has it nothing to say but what is over? */
static bool
is_over(const ScheduleRow *row, const Schedule *schedule, TimestampTz now)
{
	return tc_schedule_kind(schedule) == SCHEDULE_ONCE ||
		(!TIMESTAMP_NOT_FINITE(row->ends_at) && row->ends_at <= now);
}

/* set the cursor of a schedule that is new or has other instants now */
static void
start(ScheduleRow *row, bool declared, TimestampTz now)
{
	Schedule   *schedule = tc_define_parse(row->schedule);

	row->next_run_at = tc_define_next(row, schedule, now);
	if (!TIMESTAMP_NOT_FINITE(row->next_run_at) ||
		tc_schedule_kind(schedule) == SCHEDULE_REBOOT)
		return;
	if (!declared || !is_over(row, schedule, now))
		refuse_never(row, schedule);
	row->state = pstrdup("completed");
	row->state_reason = NULL;
}

static void
plan_creation(const TaskRow *task, const ScheduleRequest *request, TimestampTz now,
			  SchedulePlan *plan)
{
	ScheduleRow *row = &plan->row;

	row->task_id = task->task_id;
	row->owner_id = task->owner_id;
	row->state = pstrdup(request->paused ? "paused" : "active");
	start(row, request->declared, now);
	plan->result = DEFINITION_CREATED;
}

static void
plan_change(const ScheduleRequest *request, TimestampTz now, SchedulePlan *plan)
{
	const ScheduleRow *old = &plan->old;
	ScheduleRow *row = &plan->row;
	bool		was_over;

	if (same_definition(old, row) && strcmp(old->state, "quarantined") != 0)
		return;
	plan->result = DEFINITION_CHANGED;
	was_over = strcmp(old->state, "completed") == 0 ||
		strcmp(old->state, "quarantined") == 0;
	row->state = was_over ? pstrdup("active") : old->state;
	row->state_reason = was_over ? NULL : old->state_reason;
	if (same_instants(old, row) && strcmp(old->state, "quarantined") != 0)
	{
		row->state = old->state;
		row->state_reason = old->state_reason;
		row->next_run_at = old->next_run_at;
	}
	else
		start(row, request->declared, now);
}

/* pause or resume it; one that is over stays so */
static void
plan_state(const ScheduleRequest *request, SchedulePlan *plan)
{
	ScheduleRow *row = &plan->row;

	if (request->state == NULL || strcmp(request->state, row->state) == 0 ||
		strcmp(row->state, "completed") == 0)
		return;
	plan->result = DEFINITION_CHANGED;
	plan->resumed = strcmp(request->state, "active") == 0;
	row->state = pstrdup(request->state);
	row->state_reason = NULL;
}

void
tc_define_plan(const TaskRow *task, const ScheduleRequest *request, bool lock,
			   TimestampTz now, SchedulePlan *plan)
{
	bool		exists;

	memset(plan, 0, sizeof(SchedulePlan));
	if (strcmp(task->kind, TC_KIND_MANUAL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task \"%s\" has no schedules", task->name),
				 errdetail("Its kind is \"%s\": people move it, nothing of it is executed.",
						   task->kind),
				 errhint("Use taskcenter.set_task_status() to move it.")));
	exists = task->task_id != 0 &&
		tc_schedule_find(task->task_id, request->name, lock, &plan->old);
	if (exists)
		plan->row = plan->old;
	plan->row.task_dst_gap = tc_task_text(task, TASK_DST_GAP);
	plan->row.task_dst_repeat = tc_task_text(task, TASK_DST_REPEAT);
	merge(request, exists ? &plan->old : NULL, now, &plan->row);
	if (plan->row.schedule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task \"%s\" has no schedule \"%s\"", task->name, request->name),
				 errdetail("\"timezone\" alone makes no schedule."),
				 errhint("Give \"schedule\" as well.")));
	if (!exists)
	{
		plan_creation(task, request, now, plan);
		return;
	}
	plan->result = DEFINITION_UNCHANGED;
	plan_change(request, now, plan);
	plan_state(request, plan);
}

int64
tc_define_carry_out(SchedulePlan *plan, TimestampTz now)
{
	int64		schedule_id = plan->old.schedule_id;

	switch (plan->result)
	{
		case DEFINITION_CREATED:
			schedule_id = tc_schedule_insert(&plan->row, now);
			if (schedule_id == 0)
				elog(ERROR, "schedule \"%s\" appeared while its task was locked",
					 plan->row.name);
			break;
		case DEFINITION_CHANGED:
			tc_schedule_update(&plan->row, now);
			if (plan->resumed)
				tc_define_resume(&plan->row, "paused", now);
			break;
		case DEFINITION_UNCHANGED:
			break;
	}
	return schedule_id;
}

Definition
tc_define_schedule(const TaskRow *task, const ScheduleRequest *request,
				   TimestampTz now, int64 *schedule_id)
{
	SchedulePlan plan;

	tc_define_plan(task, request, true, now, &plan);
	*schedule_id = tc_define_carry_out(&plan, now);
	return plan.result;
}

/* ---- resuming ---- */

static void
record_missed(const ScheduleRow *row, const Schedule *schedule, const char *reason,
			  TimestampTz now)
{
	ScheduleContext context;
	TimestampTz last;
	int64		instants;

	tc_define_context(row, &context);
	instants = tc_schedule_count(schedule, &context, row->next_run_at - 1, now);
	if (!tc_schedule_previous(schedule, &context, now, &last) || last < row->next_run_at)
		last = row->next_run_at;
	tc_schedule_record_skip(row, row->next_run_at, last, Max(instants, 1), reason, now);
}

void
tc_define_resume(ScheduleRow *row, const char *reason, TimestampTz now)
{
	Schedule   *schedule = tc_define_parse(row->schedule);
	bool		due = !TIMESTAMP_NOT_FINITE(row->next_run_at);

	if (due && row->next_run_at > now)
		return;
	if (!due && tc_schedule_kind(schedule) == SCHEDULE_REBOOT)
		return;
	if (due)
		record_missed(row, schedule, reason, now);
	row->next_run_at = tc_define_next(row, schedule, now);
	if (TIMESTAMP_NOT_FINITE(row->next_run_at))
		row->state = pstrdup("completed");
	tc_schedule_update(row, now);
}

void
tc_define_resume_task(int64 task_id, const char *reason, TimestampTz now)
{
	ScheduleRow *rows;
	int			count = tc_schedules_of_task(task_id, true, &rows, CurrentMemoryContext);
	int			i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(rows[i].state, "active") == 0)
			tc_define_resume(&rows[i], reason, now);
	}
}
