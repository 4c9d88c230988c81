/*-------------------------------------------------------------------------
 *
 * enqueue.c
 *		Making runs on request.
 *
 * Runs in the caller's session.  A key is decided by the unique index on the
 * live runs and the primary key of the kept keys: whoever finds it taken looks
 * at the holder with a fresh snapshot, and tries again if that one is gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "arguments.h"
#include "enqueue.h"
#include "graph_cache.h"
#include "shared_state.h"
#include "shared_workers.h"

/* the queues that a call has met, by name */
typedef struct QueueMemo
{
	const char *name;
	int64		queue_id;
} QueueMemo;

void
tc_enqueue_check_task(const TaskRow *task)
{
	const char *hint;

	if (strcmp(task->kind, TC_KIND_MANUAL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task \"%s\" has no runs", task->name),
				 errdetail("Its kind is \"%s\": people move it, nothing of it is executed.",
						   task->kind),
				 errhint("Use taskcenter.set_task_status() to move it.")));
	if (strcmp(task->kind, TC_KIND_COMPOSITE) == 0 && tc_graph_newest(task->task_id) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task \"%s\" has no graph", task->name),
				 errdetail("Its kind is \"%s\", and no graph of steps was saved.", task->kind),
				 errhint("Give it one with taskcenter.save_graph().")));
	if (tc_task_accepts_runs(task))
		return;
	if (strcmp(task->state, "archived") == 0)
		hint = "Call taskcenter.unarchive_task() first.";
	else
		hint = "Call taskcenter.enable_task() first.";
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("task \"%s\" accepts no runs", task->name),
			 task->state_reason == NULL
			 ? errdetail("Its state is \"%s\".", task->state)
			 : errdetail("Its state is \"%s\": %s", task->state, task->state_reason),
			 errhint("%s", hint)));
}

static int64
queue_id_of(const char *name, QueueMemo *memo)
{
	int64		queue_id;

	if (memo->name != NULL && strcmp(memo->name, name) == 0)
		return memo->queue_id;
	queue_id = tc_enqueue_find_queue(name);
	if (queue_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name),
				 errdetail("There is no queue of that name."),
				 errhint("Make it with taskcenter.create_queue().")));
	memo->name = name;
	memo->queue_id = queue_id;
	return queue_id;
}

/* The task's params under those of the call; a null inside stays null. */
static Jsonb *
merge_params(const TaskRow *task, Jsonb *given)
{
	Jsonb	   *merged = DatumGetJsonbP(task->values[TASK_PARAMS]);

	if (given != NULL && JB_ROOT_COUNT(merged) > 0)
		merged = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(merged),
													JsonbPGetDatum(given)));
	else if (given != NULL)
		merged = given;
	if (VARSIZE(merged) > TC_MAX_PARAMS_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("params of a run are too large"),
				 errdetail("Those for task \"%s\" take %u bytes.", task->name,
						   (unsigned) VARSIZE(merged)),
				 errhint("Use at most %d bytes; keep large data in a table and give its key.",
						 TC_MAX_PARAMS_SIZE)));
	return merged;
}

static void
fill_run(NewRun *run, const TaskRow *task, const EnqueueRequest *request,
		 TimestampTz now, QueueMemo *memo)
{
	const char *queue = request->queue;

	if (queue == NULL)
		queue = tc_task_text(task, TASK_QUEUE);
	run->run_id = 0;
	run->task_id = task->task_id;
	run->run_as_id = task->run_as_id;
	run->owner_id = task->owner_id;
	run->queue_id = queue_id_of(queue, memo);
	run->gate = tc_task_gate(task);
	/* a time in the past must not jump the queue */
	run->run_at = Max(request->run_at, now);
	run->priority = request->has_priority ? request->priority
		: tc_task_int32(task, TASK_PRIORITY);
	run->max_attempts = request->max_attempts > 0 ? request->max_attempts
		: tc_task_int32(task, TASK_MAX_ATTEMPTS);
	run->retention_class = task->retention_class;
	run->params = merge_params(task, request->params);
	run->unique_key = request->unique_key;
	run->unique_until = request->unique_key == NULL ? NULL
		: request->until_started ? "started" : "finished";
	run->trace_id = request->trace_id;
	run->group_key = request->group_key;
	if (run->group_key != NULL && strcmp(task->kind, TC_KIND_EXTERNAL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("option \"%s\" is only for external tasks", "group_key"),
				 errdetail("Task \"%s\" is of kind \"%s\".", task->name, task->kind),
				 errhint("Leave the key out; the task may have one.")));
}

/* ---- keys ---- */

static void
refuse_taken(const TaskRow *task, const NewRun *run, const KeyHolder *holder)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("unique key \"%s\" of task \"%s\" is taken", run->unique_key, task->name),
			 errdetail("Run %lld has it; its status is %s.", (long long) holder->run_id,
					   holder->status == NULL ? "final" : holder->status),
			 errhint("Use another key, or on_conflict => 'existing' or 'replace'.")));
}

static void
refuse_other_params(const TaskRow *task, const NewRun *run, const KeyHolder *holder)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("unique key \"%s\" of task \"%s\" is taken by a run with other params",
					run->unique_key, task->name),
			 errdetail("Run %lld has the key; the params of this call differ from its own.",
					   (long long) holder->run_id),
			 errhint("Repeat the call with the same params, use another key, or on_conflict => 'replace'.")));
}

static void
refuse_replace(const TaskRow *task, const NewRun *run, const KeyHolder *holder)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("run %lld cannot be replaced", (long long) holder->run_id),
			 errdetail("It has the unique key \"%s\" of task \"%s\", and it %s.",
					   run->unique_key, task->name,
					   holder->status == NULL ? "has finished" : "is running"),
			 holder->status == NULL
			 ? errhint("Use another key, or wait until the key is free again.")
			 : errhint("Use unique_until => 'started' for runs that may follow each other.")));
}

static TimestampTz
kept_until(const NewRun *run, const Interval *unique_for)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(run->run_at),
												   IntervalPGetDatum(unique_for)));
}

/* The key is new here: keep it beyond the end of the run, if that was asked. */
static void
keep_key(const TaskRow *task, const EnqueueRequest *request, const NewRun *run,
		 TimestampTz now)
{
	if (request->unique_for == NULL ||
		tc_enqueue_keep_key(run, kept_until(run, request->unique_for), now))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("unique key \"%s\" of task \"%s\" was taken at the same time",
					run->unique_key, task->name),
			 errdetail("Another transaction made a run with that key."),
			 errhint("Repeat the transaction.")));
}

/* The key's holder did not ask to keep it, but this call does. */
static void
keep_key_of_holder(const EnqueueRequest *request, const NewRun *run,
				   const KeyHolder *holder, TimestampTz now)
{
	NewRun		kept = *run;

	kept.run_id = holder->run_id;
	(void) tc_enqueue_keep_key(&kept, kept_until(&kept, request->unique_for), now);
}

/*
 * A key until the start promises a run that starts after this transaction, and
 * so sees what it did.  Claims pass the run by meanwhile, and must look again.
 */
static bool
hold_until_commit(const NewRun *run)
{
	NewRun		held;

	if (!tc_enqueue_hold_key(run->task_id, run->unique_key, &held))
		return false;
	if (held.run_as_id == TC_ROLE_WORKERS)
		tc_shared_touch_work(held.queue_id, LANE_TOUCH_LOCKED);
	else
		tc_shared_touch_lane((Oid) held.run_as_id, held.queue_id, held.priority, held.gate,
							 held.run_at, held.run_id, LANE_TOUCH_LOCKED);
	return true;
}

/* What a run that holds the key means for this call; 0: it is gone by now. */
static int64
settle_taken(const TaskRow *task, const EnqueueRequest *request, const NewRun *run,
			 const KeyHolder *holder, const RunOrigin *origin)
{
	int64		run_id;

	switch (request->on_conflict)
	{
		case ENQUEUE_CONFLICT_EXISTING:
			if (compareJsonbContainers(&holder->params->root, &run->params->root) != 0)
				refuse_other_params(task, run, holder);
			if (request->until_started && holder->status != NULL && !hold_until_commit(run))
				return 0;
			if (request->unique_for != NULL && holder->status != NULL)
				keep_key_of_holder(request, run, holder, origin->now);
			return holder->run_id;
		case ENQUEUE_CONFLICT_REPLACE:
			if (tc_enqueue_replace(run, origin, &run_id))
				return run_id;
			if (holder->status == NULL || strcmp(holder->status, "running") == 0)
				refuse_replace(task, run, holder);
			return 0;
		case ENQUEUE_CONFLICT_ERROR:
			refuse_taken(task, run, holder);
	}
	return 0;
}

/* ---- one ---- */

static EnqueueResult
enqueue_filled(const TaskRow *task, const EnqueueRequest *request, NewRun *run,
			   const RunOrigin *origin)
{
	EnqueueResult result = {0, false};
	KeyHolder	holder;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (run->unique_key != NULL &&
			tc_enqueue_find_key(run->task_id, run->unique_key, origin->now, &holder))
		{
			result.run_id = settle_taken(task, request, run, &holder, origin);
			if (result.run_id != 0)
				return result;
		}
		else if (tc_enqueue_insert(run, origin))
		{
			keep_key(task, request, run, origin->now);
			result.run_id = run->run_id;
			result.added = true;
			return result;
		}
	}
}

EnqueueResult
tc_enqueue(const TaskRow *task, const EnqueueRequest *request, const RunOrigin *origin)
{
	QueueMemo	memo = {0};
	NewRun		run;

	tc_enqueue_check_task(task);
	fill_run(&run, task, request, origin->now, &memo);
	return enqueue_filled(task, request, &run, origin);
}

/* ---- many ---- */

static void
element_context(void *argument)
{
	errcontext("element %d of \"runs\"", *(int *) argument + 1);
}

static void
enter_element(ErrorContextCallback *callback, int *place)
{
	callback->callback = element_context;
	callback->arg = place;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

/*
 * Runs of a set that were not inserted: their key is taken, also by an earlier
 * element of the set.  Those that only ask for the existing run are answered
 * from one look at all keys.
 */
static void
settle_rest(const TaskRow *const *tasks, const EnqueueRequest *requests, NewRun *runs,
			const int *places, int count, const RunOrigin *origin, EnqueueResult *results)
{
	NewRun	   *rest = palloc(sizeof(NewRun) * count);
	KeyHolder  *holders = palloc(sizeof(KeyHolder) * count);
	ErrorContextCallback callback;
	int			place = 0;
	int			i;

	for (i = 0; i < count; i++)
		rest[i] = runs[places[i]];
	tc_enqueue_find_keys(rest, count, origin->now, holders);
	enter_element(&callback, &place);
	for (i = 0; i < count; i++)
	{
		place = places[i];
		if (holders[i].run_id != 0 &&
			requests[place].on_conflict == ENQUEUE_CONFLICT_EXISTING)
			results[place].run_id = settle_taken(tasks[place], &requests[place], &rest[i],
												 &holders[i], origin);
		if (results[place].run_id == 0)
			results[place] = enqueue_filled(tasks[place], &requests[place], &rest[i], origin);
	}
	error_context_stack = callback.previous;
}

EnqueueResult *
tc_enqueue_set(const TaskRow *const *tasks, const EnqueueRequest *requests, int count,
			   const RunOrigin *origin)
{
	NewRun	   *runs = palloc(sizeof(NewRun) * count);
	NewRun	   *batch = palloc(sizeof(NewRun) * count);
	int		   *places = palloc(sizeof(int) * count);
	EnqueueResult *results = palloc0(sizeof(EnqueueResult) * count);
	QueueMemo	memo = {0};
	ErrorContextCallback callback;
	int			in_batch = 0;
	int			left = 0;
	int			i;

	enter_element(&callback, &i);
	for (i = 0; i < count; i++)
	{
		if (i == 0 || tasks[i] != tasks[i - 1])
			tc_enqueue_check_task(tasks[i]);
		fill_run(&runs[i], tasks[i], &requests[i], origin->now, &memo);
	}

	/* a key to be kept is a decision of its own, and made first */
	for (i = 0; i < count; i++)
	{
		if (requests[i].unique_for == NULL)
			batch[in_batch++] = runs[i];
		else
			results[i] = enqueue_filled(tasks[i], &requests[i], &runs[i], origin);
	}
	error_context_stack = callback.previous;
	if (in_batch > 0)
		tc_enqueue_insert_set(batch, in_batch, origin);

	in_batch = 0;
	for (i = 0; i < count; i++)
	{
		if (requests[i].unique_for != NULL)
			continue;
		results[i].run_id = batch[in_batch++].run_id;
		results[i].added = results[i].run_id != 0;
		if (!results[i].added)
			places[left++] = i;
	}
	if (left > 0)
		settle_rest(tasks, requests, runs, places, left, origin, results);
	return results;
}
