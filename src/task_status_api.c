/*-------------------------------------------------------------------------
 *
 * task_status_api.c
 *		Functions that move tasks of kind manual by their workflow, and show
 *		where they may go and where they were.
 *
 * A move that is refused is an answer, and its row is kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "arguments.h"
#include "audit_context.h"
#include "statement.h"
#include "status_change.h"

#define MAX_LISTED 10000
#define MAX_CHANGES 10000
#define MAX_METADATA_SIZE (64 * 1024)	/* bytes of jsonb */

PG_FUNCTION_INFO_V1(taskcenter_set_task_status);
PG_FUNCTION_INFO_V1(taskcenter_set_task_statuses);
PG_FUNCTION_INFO_V1(taskcenter_allowed_transitions);
PG_FUNCTION_INFO_V1(taskcenter_status_history);
PG_FUNCTION_INFO_V1(taskcenter_transition_failures);

/* ---- answers ---- */

/* (success, old_status, status, requested_status, allowed, problems) */
#define ANSWER_COLUMNS 6

static void
set_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

static Datum
allowed_array(const StatusAnswer *answer)
{
	const WorkflowStatus *status;
	Datum	   *names;
	int			i;

	i = answer->rules == NULL ? -1 : tc_workflow_find(answer->rules, answer->status);
	if (i < 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	status = &answer->rules->statuses[i];
	names = palloc(sizeof(Datum) * Max(status->move_count, 1));
	for (i = 0; i < status->move_count; i++)
		names[i] = CStringGetTextDatum(answer->rules->statuses[status->moves[i].to].name);
	return PointerGetDatum(construct_array(names, status->move_count, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

static void
form_answer(const StatusAnswer *answer, const char *requested, Datum *values, bool *nulls)
{
	memset(nulls, 0, sizeof(bool) * ANSWER_COLUMNS);
	values[0] = BoolGetDatum(answer->success);
	set_text(&values[1], &nulls[1], answer->old_status);
	set_text(&values[2], &nulls[2], answer->status);
	set_text(&values[3], &nulls[3], requested);
	values[4] = allowed_array(answer);
	values[5] = JsonbPGetDatum(tc_workflow_problems_jsonb(&answer->problems));
}

/* ---- set_task_status(task, to_status, reason, metadata, expected) ---- */

static void
check_metadata(const Jsonb *metadata)
{
	if (metadata != NULL && VARSIZE(metadata) > MAX_METADATA_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is too large", "metadata"),
				 errdetail("\"metadata\" has %u bytes.", (unsigned) VARSIZE(metadata)),
				 errhint("Use at most %d bytes, and keep large values in a table.",
						 MAX_METADATA_SIZE)));
}

static void
check_request(const StatusRequest *request)
{
	tc_check_length("to_status", request->to, TC_MAX_NAME_LENGTH);
	tc_check_length("expected", request->expected, TC_MAX_NAME_LENGTH);
	check_metadata(request->metadata);
}

static void
refuse_kind(const TaskRow *task)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("task \"%s\" has no workflow", task->name),
			 errdetail("Its kind is \"%s\".", task->kind),
			 errhint("Only tasks of kind \"manual\" are moved by people.")));
}

static bool
is_manual(const TaskRow *task)
{
	return strcmp(task->kind, TC_KIND_MANUAL) == 0;
}

Datum
taskcenter_set_task_status(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	StatusRequest request = {0};
	StatusAnswer answer;
	StoreFrame	frame;
	TaskRow		task;
	TupleDesc	desc;
	Datum		values[ANSWER_COLUMNS];
	bool		nulls[ANSWER_COLUMNS];

	request.to = tc_arg_required_text(fcinfo, 1, "to_status");
	request.metadata = tc_arg_object(fcinfo, 3, "metadata");
	request.expected = tc_arg_text(fcinfo, 4);
	check_request(&request);
	tc_audit_call_reason(tc_arg_reason(fcinfo, 2));
	request.reason = tc_audit_reason();
	request.actor = tc_audit_actor(GetUserId());
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "set_task_status() must return a row");

	tc_store_begin(&frame);
	tc_access_require_task(name, true, TASK_RIGHT_OPERATE, &task);
	if (!is_manual(&task))
		refuse_kind(&task);
	tc_status_change(&task, &request, now, &answer);
	form_answer(&answer, request.to, values, nulls);
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- set_task_statuses(changes) ---- */

typedef struct Change
{
	int			ordinal;
	char	   *task;
	StatusRequest request;
	StatusAnswer answer;
} Change;

static void
element_context(void *argument)
{
	errcontext("element %d of \"changes\"", *(int *) argument);
}

static Jsonb *
element_of(const JsonbValue *value)
{
	static const char *const known[] = {"task", "to_status", "reason", "metadata", "expected",
	NULL};
	Jsonb	   *element;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("each element of \"changes\" must be a JSON object"),
				 errdetail("An element is a single value or an array."),
				 errhint("Write an object such as {\"task\": \"name\", \"to_status\": \"done\"}.")));
	element = JsonbValueToJsonb(unconstify(JsonbValue *, value));
	tc_options_check(element, known);
	return element;
}

static char *
required_key(const Jsonb *element, const char *key)
{
	char	   *value = tc_option_text(element, key);

	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("key \"%s\" of an element of \"changes\" must not be null", key),
				 errdetail("The element has no such key."),
				 errhint("Write an object such as {\"task\": \"name\", \"to_status\": \"done\"}.")));
	return value;
}

static void
read_change(const JsonbValue *value, Change *change)
{
	Jsonb	   *element = element_of(value);

	memset(change, 0, sizeof(Change));
	change->task = required_key(element, "task");
	tc_check_length("task", change->task, TC_MAX_NAME_LENGTH);
	change->request.to = required_key(element, "to_status");
	change->request.reason = tc_option_text(element, "reason");
	tc_check_length("reason", change->request.reason, TC_MAX_REASON_LENGTH);
	if (change->request.reason == NULL || change->request.reason[0] == '\0')
		change->request.reason = tc_audit_reason();
	change->request.metadata = tc_option_object(element, "metadata");
	change->request.expected = tc_option_text(element, "expected");
	change->request.actor = tc_audit_actor(GetUserId());
	check_request(&change->request);
}

static Change *
read_changes(FunctionCallInfo fcinfo, int *count)
{
	ErrorContextCallback callback;
	Jsonb	   *changes;
	Change	   *result;
	int			place = 0;

	tc_arg_require(fcinfo, 0, "changes");
	changes = PG_GETARG_JSONB_P(0);
	if (!JB_ROOT_IS_ARRAY(changes) || JB_ROOT_IS_SCALAR(changes))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a JSON array", "changes"),
				 errdetail("\"changes\" is not an array."),
				 errhint("Write an array of objects such as [{\"task\": \"name\", \"to_status\": \"done\"}].")));
	*count = JB_ROOT_COUNT(changes);
	tc_check_int("changes", *count, 0, MAX_CHANGES);
	result = palloc_extended(sizeof(Change) * Max(*count, 1), MCXT_ALLOC_HUGE);
	callback.callback = element_context;
	callback.arg = &place;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	for (place = 1; place <= *count; place++)
	{
		read_change(getIthJsonbValueFromContainer(&changes->root, place - 1),
					&result[place - 1]);
		result[place - 1].ordinal = place;
	}
	error_context_stack = callback.previous;
	return result;
}

static int
compare_tasks(const void *a, const void *b)
{
	const Change *one = *(Change *const *) a;
	const Change *other = *(Change *const *) b;
	int			result = strcmp(one->task, other->task);

	return result != 0 ? result : one->ordinal - other->ordinal;
}

/* what a single call would raise is a problem of the item here */
static bool
find_task(Change *change, TaskRow *task)
{
	WorkflowProblems *problems = &change->answer.problems;
	Oid			caller = tc_statement_caller();

	if (!tc_task_find(change->task, false, task))
		tc_workflow_add_problem(problems, TC_PROBLEM_NO_SUCH_TASK, change->task,
								"No task of that name is there.");
	else if (!tc_access_may(caller, task, TASK_RIGHT_OPERATE))
		tc_workflow_add_problem(problems, TC_PROBLEM_NO_PERMISSION, change->task,
								"The caller may not move the task.");
	else if (!is_manual(task))
		tc_workflow_add_problem(problems, TC_PROBLEM_NOT_MANUAL, change->task,
								"The task has no workflow.");
	else if (!tc_task_find(change->task, true, task) ||
			 !tc_access_may(caller, task, TASK_RIGHT_OPERATE) || !is_manual(task))
		tc_workflow_add_problem(problems, TC_PROBLEM_CONFLICT, change->task,
								"The task was changed at the same time.");
	return problems->count == 0;
}

static void
put_change(FunctionCallInfo fcinfo, const Change *change)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[2 + ANSWER_COLUMNS];
	bool		nulls[2 + ANSWER_COLUMNS] = {false, false};

	values[0] = Int32GetDatum(change->ordinal);
	values[1] = CStringGetTextDatum(change->task);
	form_answer(&change->answer, change->request.to, &values[2], &nulls[2]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* In the order of names, whatever the order of the call: so two calls never wait for each other. */
Datum
taskcenter_set_task_statuses(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	int			count;
	Change	   *changes = read_changes(fcinfo, &count);
	Change	  **order = palloc(sizeof(Change *) * Max(count, 1));
	StoreFrame	frame;
	TaskRow		task;
	int			i;

	for (i = 0; i < count; i++)
		order[i] = &changes[i];
	qsort(order, count, sizeof(Change *), compare_tasks);
	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tc_audit_call_reason(order[i]->request.reason);
		if (find_task(order[i], &task))
			tc_status_change(&task, &order[i]->request, now, &order[i]->answer);
	}
	tc_store_end(&frame);
	tc_audit_call_reason(NULL);
	for (i = 0; i < count; i++)
		put_change(fcinfo, &changes[i]);
	return (Datum) 0;
}

/* ---- looking ---- */

/* the task that has the name now, or had it last */
static int64
require_any_task(const char *name, bool *contents)
{
	TaskRow		task;
	int64		archived;

	if (!tc_task_find(name, false, &task))
	{
		archived = strlen(name) > TC_MAX_NAME_LENGTH ? 0 : tc_status_history_archived(name);
		if (archived == 0 || !tc_task_find_id(archived, false, &task))
			tc_access_report_missing_task(name);
	}
	tc_access_check_task(&task, TASK_RIGHT_VIEW);
	*contents = tc_access_may(tc_statement_caller(), &task, TASK_RIGHT_READ);
	return task.task_id;
}

static void
put_transition(ReturnSetInfo *result, const TaskStatusRow *row, const Workflow *rules,
			   const WorkflowStatus *status, const WorkflowMove *move, TimestampTz now)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(row->status);
	values[1] = TimestampTzGetDatum(row->changed_at);
	values[2] = Int64GetDatum(Max(now - row->changed_at, 0) / USECS_PER_MINUTE);
	values[3] = BoolGetDatum(status->terminal);
	set_text(&values[4], &nulls[4],
			 move == NULL ? NULL : rules->statuses[move->to].name);
	nulls[5] = move == NULL;
	values[5] = move == NULL ? (Datum) 0 : JsonbPGetDatum(tc_workflow_needs_jsonb(move));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* allowed_transitions(task): (status, since, minutes_in_status, is_terminal, to_status, requires) */
Datum
taskcenter_allowed_transitions(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const CachedWorkflow *workflow;
	const WorkflowStatus *status;
	TaskStatusRow row;
	TaskRow		task;
	StoreFrame	frame;
	int			place;

	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	tc_access_require_task(name, false, TASK_RIGHT_VIEW, &task);
	if (!is_manual(&task))
		refuse_kind(&task);
	workflow = tc_workflow_hold(tc_task_text(&task, TASK_WORKFLOW));
	(void) tc_status_history_task(task.task_id, &row);
	tc_store_end(&frame);

	place = workflow == NULL ? -1 : tc_workflow_find(&workflow->rules, row.status);
	if (place < 0)
		return (Datum) 0;
	status = &workflow->rules.statuses[place];
	if (status->move_count == 0)
		put_transition(result, &row, &workflow->rules, status, NULL, now);
	for (place = 0; place < status->move_count; place++)
		put_transition(result, &row, &workflow->rules, status, &status->moves[place], now);
	return (Datum) 0;
}

/* the rows of the last statement, as they are */
static void
put_history(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	uint64		rows = tc_rows();
	uint64		row;
	int			i;

	for (row = 0; row < rows; row++)
	{
		Datum		values[STATUS_HISTORY_COLUMNS];
		bool		nulls[STATUS_HISTORY_COLUMNS];

		for (i = 0; i < STATUS_HISTORY_COLUMNS; i++)
			values[i] = tc_get_datum(row, i + 1, &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

Datum
taskcenter_status_history(PG_FUNCTION_ARGS)
{
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	int32		max_rows = tc_arg_int32(fcinfo, 1, 50);
	StoreFrame	frame;
	int64		task_id;
	bool		contents;

	tc_check_int("max_rows", max_rows, 1, MAX_LISTED);
	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	task_id = require_any_task(name, &contents);
	tc_status_history_of_task(task_id, contents, max_rows);
	put_history(fcinfo);
	tc_store_end(&frame);
	return (Datum) 0;
}

Datum
taskcenter_transition_failures(PG_FUNCTION_ARGS)
{
	char	   *name = tc_arg_text(fcinfo, 0);
	int32		max_rows = tc_arg_int32(fcinfo, 1, 50);
	TaskSet		tasks;
	StoreFrame	frame;
	int64		task_id;
	bool		contents;

	tc_check_int("max_rows", max_rows, 1, MAX_LISTED);
	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	if (name == NULL)
	{
		/* as the reader of the table itself sees them */
		tc_access_tasks(tc_statement_caller(), TASK_RIGHT_READ, &tasks);
		tasks.all = has_bypassrls_privilege(tc_statement_caller());
		tc_status_history_failures_of(&tasks, max_rows);
	}
	else
	{
		task_id = require_any_task(name, &contents);
		tc_status_history_failures(task_id, contents, max_rows);
	}
	put_history(fcinfo);
	tc_store_end(&frame);
	return (Datum) 0;
}
