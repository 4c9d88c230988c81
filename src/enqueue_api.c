/*-------------------------------------------------------------------------
 *
 * enqueue_api.c
 *		enqueue_task() and enqueue_tasks().
 *
 * Run in the caller's session and transaction.  An element of enqueue_tasks()
 * has the arguments of enqueue_task() as keys; all elements are read and
 * checked first, then made by one statement.  Nothing is activated here: where
 * there is a task, there was a call that did it, or the database is a copy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "access.h"
#include "argument_values.h"
#include "arguments.h"
#include "audit_context.h"
#include "enqueue.h"
#include "redact.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_enqueue_task);
PG_FUNCTION_INFO_V1(taskcenter_enqueue_tasks);

#define MAX_KEY_LENGTH 1000		/* bytes of a unique key */
#define MAX_TRACE_ID_LENGTH 200
#define MAX_ATTEMPTS 10000

static const char *const until_choices[] = {"finished", "started", NULL};
static const char *const conflict_choices[] = {"existing", "replace", "error", NULL};
static const char *const option_keys[] = {"group_key", "max_attempts", "queue", "unique_for", NULL};
static const char *const element_keys[] = {
	"task", "params", "run_at", "priority", "unique_key", "unique_until", "on_conflict",
	"trace_id", "options", NULL
};

/* ---- what one run is asked for with ---- */

static RunOrigin
origin_of_call(void)
{
	RunOrigin	origin;

	origin.now = GetCurrentTimestamp();
	origin.created_by = GetUserNameFromId(GetUserId(), false);
	origin.actor = tc_audit_actor(GetUserId());
	origin.reason = tc_audit_reason();
	return origin;
}

static EnqueueConflict
conflict_of(const char *label)
{
	tc_check_choice("on_conflict", label, conflict_choices);
	if (label == NULL || strcmp(label, "existing") == 0)
		return ENQUEUE_CONFLICT_EXISTING;
	if (strcmp(label, "replace") == 0)
		return ENQUEUE_CONFLICT_REPLACE;
	return ENQUEUE_CONFLICT_ERROR;
}

static void
set_key(EnqueueRequest *request, const char *unique_key, const char *unique_until,
		const char *on_conflict)
{
	request->unique_key = unique_key;
	tc_check_choice("unique_until", unique_until, until_choices);
	request->until_started = unique_until != NULL && strcmp(unique_until, "started") == 0;
	request->on_conflict = conflict_of(on_conflict);
	if (unique_key == NULL && request->until_started)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" needs a unique key", "unique_until"),
				 errdetail("\"unique_until\" is \"started\", and \"unique_key\" is null."),
				 errhint("Give the key that is to be unique.")));
	if (unique_key == NULL)
		return;
	tc_check_length("unique_key", unique_key, MAX_KEY_LENGTH);
	if (unique_key[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", "unique_key"),
				 errdetail("\"unique_key\" is \"\"."),
				 errhint("Leave it null for a run without a key.")));
}

static void
set_trace_id(EnqueueRequest *request, const char *trace_id)
{
	request->trace_id = trace_id != NULL ? tc_redact_text(trace_id) : tc_audit_trace_id();
	tc_check_length("trace_id", request->trace_id, MAX_TRACE_ID_LENGTH);
}

static void
set_options(EnqueueRequest *request, const Jsonb *options)
{
	tc_options_check(options, option_keys);
	request->queue = tc_option_text(options, "queue");
	request->group_key = tc_option_text(options, "group_key");
	if (request->group_key != NULL)
		tc_check_name("group_key", request->group_key);
	request->unique_for = tc_option_interval(options, "unique_for");
	tc_check_interval("unique_for", request->unique_for, 0, TC_INTERVAL_MAX);
	if (tc_option_int32(options, "max_attempts", &request->max_attempts))
		tc_check_int("max_attempts", request->max_attempts, 1, MAX_ATTEMPTS);
	if (request->unique_for != NULL && request->unique_key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" needs a unique key", "unique_for"),
				 errdetail("\"unique_key\" is null."),
				 errhint("Give the key that is to be kept.")));
}

/* Who was granted to enqueue a task does not choose where it runs. */
static void
check_queue(const TaskRow *task, const EnqueueRequest *request)
{
	if (request->queue != NULL && strcmp(request->queue, tc_task_text(task, TASK_QUEUE)) != 0)
		tc_access_check_task(task, TASK_RIGHT_OWN);
}

/* ---- one ---- */

static EnqueueRequest
request_of_arguments(FunctionCallInfo fcinfo)
{
	EnqueueRequest request = {0};

	request.params = tc_arg_object(fcinfo, 1, "params");
	request.run_at = tc_arg_timestamptz(fcinfo, 2, "run_at");
	request.has_priority = !PG_ARGISNULL(3);
	request.priority = tc_arg_int32(fcinfo, 3, 0);
	tc_check_int("priority", request.priority, -TC_MAX_PRIORITY, TC_MAX_PRIORITY);
	set_key(&request, tc_arg_text(fcinfo, 4), tc_arg_text(fcinfo, 5), tc_arg_text(fcinfo, 6));
	set_trace_id(&request, tc_arg_text(fcinfo, 7));
	set_options(&request, tc_arg_object(fcinfo, 8, "options"));
	return request;
}

Datum
taskcenter_enqueue_task(PG_FUNCTION_ARGS)
{
	char	   *name = tc_arg_required_text(fcinfo, 0, "task");
	EnqueueRequest request = request_of_arguments(fcinfo);
	RunOrigin	origin = origin_of_call();
	StoreFrame	frame;
	TaskRow		task;
	EnqueueResult result;

	tc_store_begin(&frame);
	tc_access_require_task(name, false, TASK_RIGHT_ENQUEUE, &task);
	check_queue(&task, &request);
	result = tc_enqueue(&task, &request, &origin);
	tc_store_end(&frame);
	PG_RETURN_INT64(result.run_id);
}

/* ---- many ---- */

static void
element_context(void *argument)
{
	errcontext("element %d of \"runs\"", *(int *) argument);
}

static Jsonb *
element_of(const JsonbValue *value)
{
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("each element of \"runs\" must be a JSON object"),
				 errdetail("An element is a single value or an array."),
				 errhint("Write an object such as {\"task\": \"name\", \"params\": {}}.")));
	return JsonbValueToJsonb(unconstify(JsonbValue *, value));
}

static void
check_element_keys(const Jsonb *element)
{
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;
	int			i;

	iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &element->root));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		for (i = 0; element_keys[i] != NULL; i++)
			if (value.val.string.len == (int) strlen(element_keys[i]) &&
				memcmp(value.val.string.val, element_keys[i], value.val.string.len) == 0)
				break;
		if (element_keys[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("key \"%s\" of an element of \"runs\" is not known",
							tc_shorten(pnstrdup(value.val.string.val, value.val.string.len))),
					 errdetail("The element has that key."),
					 errhint("Known keys: task, params, run_at, priority, unique_key, unique_until, on_conflict, trace_id, options.")));
	}
}

static EnqueueRequest
request_of_element(const Jsonb *element)
{
	EnqueueRequest request = {0};

	check_element_keys(element);
	request.params = tc_option_object(element, "params");
	request.run_at = tc_parse_instant("run_at", tc_option_text(element, "run_at"));
	request.has_priority = tc_option_int32(element, "priority", &request.priority);
	tc_check_int("priority", request.priority, -TC_MAX_PRIORITY, TC_MAX_PRIORITY);
	set_key(&request, tc_option_text(element, "unique_key"),
			tc_option_text(element, "unique_until"), tc_option_text(element, "on_conflict"));
	set_trace_id(&request, tc_option_text(element, "trace_id"));
	set_options(&request, tc_option_object(element, "options"));
	return request;
}

/* tasks that a call has met, by name */
typedef struct TaskEntry
{
	char		name[TC_MAX_NAME_LENGTH + 1];	/* hash key */
	TaskRow    *task;
} TaskEntry;

static HTAB *
make_task_table(void)
{
	HASHCTL		control = {0};

	control.keysize = TC_MAX_NAME_LENGTH + 1;
	control.entrysize = sizeof(TaskEntry);
	control.hcxt = CurrentMemoryContext;
	return hash_create("tasks of a call", 16, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static TaskRow *
task_of_element(const Jsonb *element, HTAB *tasks)
{
	char	   *name = tc_option_text(element, "task");
	TaskEntry  *entry;
	bool		found;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("key \"%s\" of an element of \"runs\" must not be null", "task"),
				 errdetail("The element names no task."),
				 errhint("Give the name of a task.")));
	if (strlen(name) > TC_MAX_NAME_LENGTH)
		tc_access_report_missing_task(name);
	entry = hash_search(tasks, name, HASH_ENTER, &found);
	if (!found)
	{
		entry->task = palloc(sizeof(TaskRow));
		tc_access_require_task(name, false, TASK_RIGHT_ENQUEUE, entry->task);
	}
	return entry->task;
}

/* Read all elements; returns their number. */
static int
read_elements(Jsonb *runs, TaskRow ***tasks, EnqueueRequest **requests)
{
	int			count = JB_ROOT_COUNT(runs);
	HTAB	   *table = make_task_table();
	ErrorContextCallback callback;
	JsonbIterator *iterator;
	JsonbValue	value;
	int			place = 0;

	*tasks = palloc(sizeof(TaskRow *) * Max(count, 1));
	*requests = MemoryContextAllocHuge(CurrentMemoryContext,
									   sizeof(EnqueueRequest) * Max(count, 1));
	callback.callback = element_context;
	callback.arg = &place;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	iterator = JsonbIteratorInit(&runs->root);
	(void) JsonbIteratorNext(&iterator, &value, false); /* WJB_BEGIN_ARRAY */
	while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM)
	{
		Jsonb	   *element;

		place++;
		element = element_of(&value);
		(*tasks)[place - 1] = task_of_element(element, table);
		tc_enqueue_check_task((*tasks)[place - 1]);
		(*requests)[place - 1] = request_of_element(element);
		check_queue((*tasks)[place - 1], &(*requests)[place - 1]);
	}
	error_context_stack = callback.previous;
	return place;
}

static void
put_results(FunctionCallInfo fcinfo, const EnqueueResult *results, int count)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		nulls[3] = {false};
	int			i;

	for (i = 0; i < count; i++)
	{
		Datum		values[3];

		values[0] = Int64GetDatum(i + 1);
		values[1] = Int64GetDatum(results[i].run_id);
		values[2] = BoolGetDatum(results[i].added);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

Datum
taskcenter_enqueue_tasks(PG_FUNCTION_ARGS)
{
	RunOrigin	origin = origin_of_call();
	StoreFrame	frame;
	Jsonb	   *runs;
	TaskRow   **tasks;
	EnqueueRequest *requests;
	int			count;

	tc_arg_require(fcinfo, 0, "runs");
	runs = PG_GETARG_JSONB_P(0);
	if (!JB_ROOT_IS_ARRAY(runs) || JB_ROOT_IS_SCALAR(runs))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a JSON array", "runs"),
				 errdetail("\"runs\" is not an array."),
				 errhint("Write an array of objects such as [{\"task\": \"name\"}].")));
	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	count = read_elements(runs, &tasks, &requests);
	if (count > 0)
		put_results(fcinfo, tc_enqueue_set((const TaskRow *const *) tasks, requests, count,
										   &origin), count);
	tc_store_end(&frame);
	return (Datum) 0;
}
