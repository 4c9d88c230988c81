/*-------------------------------------------------------------------------
 *
 * dead_letter_api.c
 *		What people do with dead letters: redrive, resolve, discard, export,
 *		count.
 *
 * Run in the caller's session and transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "access.h"
#include "argument_values.h"
#include "arguments.h"
#include "audit.h"
#include "audit_context.h"
#include "dead_letter.h"
#include "run_change.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_redrive_dead_letter);
PG_FUNCTION_INFO_V1(taskcenter_redrive_dead_letters);
PG_FUNCTION_INFO_V1(taskcenter_resolve_dead_letter);
PG_FUNCTION_INFO_V1(taskcenter_discard_dead_letter);
PG_FUNCTION_INFO_V1(taskcenter_export_dead_letters);
PG_FUNCTION_INFO_V1(taskcenter_dlq_stats);

#define MAX_LETTERS 100000
#define MAX_PER_HOUR 3600000
#define REDRIVEN_COLUMNS 6

static const char *const run_statuses[] = {"failed", "timed_out", NULL};
static const char *const states[] = {"open", "redriven", "resolved", "discarded", NULL};
static const char *const filter_keys[] = {
	"task", "application", "queue", "code", "sqlstate", "status", "retryable", "since",
	"before", "dead_letter_ids", NULL
};
static const char *const export_keys[] = {
	"task", "application", "queue", "code", "sqlstate", "status", "retryable", "since",
	"before", "dead_letter_ids", "state", NULL
};

/* ---- one letter ---- */

/* ids can be guessed: names are not told to strangers */
static void
refuse_stranger(int64 dead_letter_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for dead letter %lld", (long long) dead_letter_id),
			 errdetail("Role \"%s\" has neither the privileges of the owner of its task nor a grant.",
					   GetUserNameFromId(tc_statement_caller(), true)),
			 errhint("The table taskcenter.dead_letters shows those that you may see.")));
}

/* the letter with its task, which the caller may operate */
static void
require_letter(int64 dead_letter_id, DeadLetter *letter, TaskRow *task)
{
	if (!tc_dead_letter_find(dead_letter_id, false, letter) ||
		!tc_task_find_id(letter->task_id, false, task))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dead letter %lld does not exist", (long long) dead_letter_id),
				 errdetail("No dead letter has that id."),
				 errhint("The table taskcenter.dead_letters shows those that you may see.")));
	if (!tc_access_may(tc_statement_caller(), task, TASK_RIGHT_VIEW))
		refuse_stranger(dead_letter_id);
	tc_access_check_task(task, TASK_RIGHT_OPERATE);
}

static void
refuse(const DeadLetter *letter, const char *what, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("dead letter %lld cannot be %s", (long long) letter->dead_letter_id, what),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static void
audit_one(const char *action, const DeadLetter *letter, const TaskRow *task,
		  const char *state, const RunChange *change)
{
	AuditRow	row = {0};

	row.action = action;
	row.object_type = "dead letter";
	row.object_id = letter->dead_letter_id;
	row.object_name = task->name;
	row.owner_id = task->owner_id;
	row.old_values = tc_audit_text("state", letter->state);
	row.new_values = tc_audit_text("state", state);
	row.reason = change->reason;
	tc_audit_record(&row, change->role, change->now);
}

Datum
taskcenter_redrive_dead_letter(PG_FUNCTION_ARGS)
{
	int64		id = tc_arg_id(fcinfo, 0, "dead_letter_id");
	RunChange	change = tc_run_change(fcinfo, 1, GetCurrentTimestamp());
	StoreFrame	frame;
	DeadLetter	letter;
	TaskRow		task;
	Redrive		redrive;

	tc_store_begin(&frame);
	require_letter(id, &letter, &task);
	redrive = tc_dead_letter_redrive(&letter, &task, change.now, false, &change);
	if (redrive.problem != NULL)
		refuse(&letter, "redriven", redrive.problem, redrive.hint);
	audit_one("redrive", &letter, &task, "redriven", &change);
	tc_store_end(&frame);
	PG_RETURN_INT64(redrive.run_id);
}

static Datum
close_letter(FunctionCallInfo fcinfo, const char *action, const char *state)
{
	int64		id = tc_arg_id(fcinfo, 0, "dead_letter_id");
	RunChange	change = tc_run_change(fcinfo, 1, GetCurrentTimestamp());
	LetterChange closed = {change.actor, change.reason, change.now};
	StoreFrame	frame;
	DeadLetter	letter;
	TaskRow		task;

	tc_store_begin(&frame);
	require_letter(id, &letter, &task);
	if (!tc_dead_letter_close(id, state, &closed))
	{
		const char *problem;

		require_letter(id, &letter, &task);
		problem = tc_dead_letter_state_problem(&letter);
		refuse(&letter, state, problem != NULL ? problem : "Somebody else changed it.",
			   "Only open dead letters are closed.");
	}
	audit_one(action, &letter, &task, state, &change);
	tc_store_end(&frame);
	PG_RETURN_TEXT_P(cstring_to_text(state));
}

Datum
taskcenter_resolve_dead_letter(PG_FUNCTION_ARGS)
{
	return close_letter(fcinfo, "resolve", "resolved");
}

Datum
taskcenter_discard_dead_letter(PG_FUNCTION_ARGS)
{
	return close_letter(fcinfo, "discard", "discarded");
}

/* ---- many: which ---- */

static void
check_keys(const Jsonb *filter, const char *const *known)
{
	char	   *key = tc_unknown_key(filter, known);

	if (key != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key \"%s\" of the filter is not known", tc_shorten(key)),
				 errdetail("\"filter\" has that key."),
				 errhint("Known keys: %s.", tc_join(known))));
}

static void
refuse_id(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("key \"%s\" of the filter must be an array of ids", "dead_letter_ids"),
			 errdetail("%s", detail),
			 errhint("Write it as in {\"dead_letter_ids\": [1, 2]}.")));
}

static void
read_ids(const Jsonb *filter, LetterFilter *result)
{
	Jsonb	   *array = tc_option_array(filter, "dead_letter_ids");
	int64	   *ids;
	int			i;

	if (array == NULL)
		return;
	result->by_ids = true;
	result->id_count = JB_ROOT_COUNT(array);
	if (result->id_count > MAX_LETTERS)
		refuse_id(psprintf("It has %d elements; %d are allowed.", result->id_count, MAX_LETTERS));
	result->ids = ids = palloc(sizeof(int64) * Max(result->id_count, 1));
	for (i = 0; i < result->id_count; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(&array->root, i);
		char	   *text;

		if (value->type != jbvNumeric)
			refuse_id(psprintf("Element %d is not a number.", i + 1));
		text = DatumGetCString(DirectFunctionCall1(numeric_out,
												   NumericGetDatum(value->val.numeric)));

		/* whole, and short enough for the range of ids */
		if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 16)
			refuse_id(psprintf("Element %d is %s.", i + 1, tc_shorten(text)));
		ids[i] = strtoll(text, NULL, 10);
	}
}

/* argument 0; inside a frame */
static LetterFilter
filter_of(const Jsonb *filter, const char *const *known, TaskRight right)
{
	LetterFilter result = {0};
	char	   *task = tc_option_text(filter, "task");

	check_keys(filter, known);
	tc_access_tasks(tc_statement_caller(), right, &result.tasks);
	if (task != NULL)
	{
		TaskRow		row;

		tc_access_require_task(task, false, right, &row);
		result.task_id = row.task_id;
	}
	result.application = tc_option_text(filter, "application");
	result.queue = tc_option_text(filter, "queue");
	result.code = tc_option_text(filter, "code");
	result.sqlstate = tc_option_text(filter, "sqlstate");
	result.run_status = tc_option_text(filter, "status");
	tc_check_choice("status", result.run_status, run_statuses);
	result.by_retryable = tc_option_bool(filter, "retryable", &result.retryable);
	result.since = tc_parse_instant("since", tc_option_text(filter, "since"));
	result.before = tc_parse_instant("before", tc_option_text(filter, "before"));
	read_ids(filter, &result);
	return result;
}

/* ---- many: redrive ---- */

/* how far apart runs are due; 0: all at once */
static int64
spacing(FunctionCallInfo fcinfo)
{
	int32		per_hour;

	if (PG_ARGISNULL(2))
		return 0;
	per_hour = PG_GETARG_INT32(2);
	tc_check_int("per_hour", per_hour, 1, MAX_PER_HOUR);
	return USECS_PER_HOUR / per_hour;
}

static void
put_redriven(FunctionCallInfo fcinfo, const DeadLetter *letter, const Redrive *redrive,
			 TimestampTz run_at)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		done = redrive->problem == NULL;
	Datum		values[REDRIVEN_COLUMNS];
	bool		nulls[REDRIVEN_COLUMNS] = {false};

	values[0] = Int64GetDatum(letter->dead_letter_id);
	values[1] = Int64GetDatum(done ? redrive->run_id : letter->run_id);
	values[2] = CStringGetTextDatum(letter->task);
	values[3] = CStringGetTextDatum(letter->code);
	nulls[4] = !done;
	values[4] = TimestampTzGetDatum(run_at);
	nulls[5] = done;
	values[5] = done ? (Datum) 0 : CStringGetTextDatum(redrive->problem);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Letters come in the order of their ids, those of a task often behind each other. */
static bool
find_task(int64 task_id, TaskRow *task)
{
	return task->task_id == task_id || tc_task_find_id(task_id, false, task);
}

/* a composite that goes on, and when */
typedef struct Resumed
{
	int64		run_id;
	TimestampTz run_at;
} Resumed;

static HTAB *
make_resumed(void)
{
	HASHCTL		control = {.keysize = sizeof(int64),.entrysize = sizeof(Resumed)};

	control.hcxt = CurrentMemoryContext;
	return hash_create("composites that go on", 64, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Letters of its steps go with the first one of them: is this one of the others? */
static bool
goes_along(FunctionCallInfo fcinfo, HTAB *resumed, const DeadLetter *letter)
{
	Resumed    *root = hash_search(resumed, &letter->root_run_id, HASH_FIND, NULL);
	Redrive		redrive = {.run_id = letter->root_run_id};

	if (root == NULL)
		return false;
	put_redriven(fcinfo, letter, &redrive, root->run_at);
	return true;
}

static void
note_resumed(HTAB *resumed, const DeadLetter *letter, TimestampTz run_at)
{
	Resumed    *root;

	if (letter->root_run_id == 0)
		return;
	root = hash_search(resumed, &letter->root_run_id, HASH_ENTER, NULL);
	root->run_at = run_at;
}

static int
redrive_all(FunctionCallInfo fcinfo, const TaskSet *tasks, const DeadLetter *letters, int count,
			int64 apart, bool dry_run, const RunChange *change)
{
	TimestampTz run_at = change->now;
	HTAB	   *resumed = make_resumed();
	TaskRow		task = {0};
	int			done = 0;
	int			i;

	/* behind those that wait from earlier calls */
	if (apart > 0)
		run_at = Max(run_at, tc_dead_letters_last_due(tasks) + apart);
	for (i = 0; i < count; i++)
	{
		Redrive		redrive;

		CHECK_FOR_INTERRUPTS();
		if (goes_along(fcinfo, resumed, &letters[i]))
		{
			done++;
			continue;
		}
		if (!find_task(letters[i].task_id, &task) ||
			(!dry_run && !tc_dead_letter_take_run(&letters[i])))
			continue;
		redrive = tc_dead_letter_redrive(&letters[i], &task, run_at, dry_run, change);
		put_redriven(fcinfo, &letters[i], &redrive, run_at);
		if (redrive.problem != NULL)
			continue;
		note_resumed(resumed, &letters[i], run_at);
		run_at += apart;
		done++;
	}
	return done;
}

/* one row for the call; each letter and the history of each run say the rest */
static void
audit_many(const char *task, int count, const Jsonb *filter, const RunChange *change)
{
	AuditRow	row = {0};

	if (count == 0)
		return;
	row.action = "redrive";
	row.object_type = "dead letter";
	row.object_name = task;
	row.owner_id = change->role;
	row.old_values = unconstify(Jsonb *, filter);
	row.new_values = tc_audit_text("redriven", psprintf("%d", count));
	row.reason = change->reason;
	tc_audit_record(&row, change->role, change->now);
}

Datum
taskcenter_redrive_dead_letters(PG_FUNCTION_ARGS)
{
	Jsonb	   *filter = tc_arg_object(fcinfo, 0, "filter");
	int32		max_runs = tc_arg_int32(fcinfo, 1, 1000);
	int64		apart = spacing(fcinfo);
	bool		dry_run = tc_arg_bool(fcinfo, 3, false);
	RunChange	change = tc_run_change(fcinfo, 4, GetCurrentTimestamp());
	StoreFrame	frame;
	LetterFilter chosen;
	DeadLetter *letters;
	int			count;

	tc_check_int("max_runs", max_runs, 1, MAX_LETTERS);
	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	chosen = filter_of(filter, filter_keys, TASK_RIGHT_OPERATE);
	chosen.state = "open";
	count = tc_dead_letters_match(&chosen, max_runs, !dry_run, &letters);
	count = redrive_all(fcinfo, &chosen.tasks, letters, count, apart, dry_run, &change);
	if (!dry_run)
		audit_many(tc_option_text(filter, "task"), count, filter, &change);
	tc_store_end(&frame);
	return (Datum) 0;
}

/* ---- looking ---- */

Datum
taskcenter_export_dead_letters(PG_FUNCTION_ARGS)
{
	Jsonb	   *filter = tc_arg_object(fcinfo, 0, "filter");
	int32		max_rows = tc_arg_int32(fcinfo, 1, 1000);
	StoreFrame	frame;
	LetterFilter chosen;
	Jsonb	   *letters;

	tc_check_int("max_rows", max_rows, 1, MAX_LETTERS);
	tc_store_begin(&frame);
	chosen = filter_of(filter, export_keys, TASK_RIGHT_READ);
	chosen.state = tc_option_text(filter, "state");
	tc_check_choice("state", chosen.state, states);
	letters = tc_dead_letters_export(&chosen, max_rows);
	tc_store_end(&frame);
	PG_RETURN_JSONB_P(letters);
}

Datum
taskcenter_dlq_stats(PG_FUNCTION_ARGS)
{
	StoreFrame	frame;
	TaskSet		tasks;
	Jsonb	   *numbers;

	tc_store_begin(&frame);
	tc_access_tasks(tc_statement_caller(), TASK_RIGHT_VIEW, &tasks);
	numbers = tc_dead_letters_stats(&tasks, GetCurrentTimestamp());
	tc_store_end(&frame);
	PG_RETURN_JSONB_P(numbers);
}
