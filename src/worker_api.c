/*-------------------------------------------------------------------------
 *
 * worker_api.c
 *		register_worker(), claim_runs(), heartbeat() and what else concerns a
 *		worker as a whole.
 *
 * Run in the worker's session, with the rights of its role.  A worker is known
 * by its id and its role: whoever has the privileges of the role may act as
 * it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "activation.h"
#include "arguments.h"
#include "audit_context.h"
#include "control_store.h"
#include "granted.h"
#include "guarded.h"
#include "lease.h"
#include "run_secrets.h"
#include "secrets.h"
#include "shared_metrics.h"
#include "shared_state.h"
#include "shared_workers.h"
#include "statement.h"
#include "work.h"

PG_FUNCTION_INFO_V1(taskcenter_register_worker);
PG_FUNCTION_INFO_V1(taskcenter_unregister_worker);
PG_FUNCTION_INFO_V1(taskcenter_claim_runs);
PG_FUNCTION_INFO_V1(taskcenter_heartbeat);

#define MAX_WORKERS 10000		/* of a role, not ended */
#define MAX_QUEUES 100
#define MAX_TASKS 1000
#define MAX_METADATA 10000
#define TOUCH_US (10 * USECS_PER_SEC)	/* between two notes of a claim */
#define SHORTEST_LEASE USECS_PER_SEC
#define LONGEST_LEASE USECS_PER_DAY /* so long a dead worker keeps its runs */

#define CLAIMED_RUN_COLUMNS 14

/* ---- the worker ---- */

static void
check_role(const WorkerRow *worker)
{
	Oid			caller = tc_statement_caller();

	if (OidIsValid(worker->role_id) && has_privs_of_role(caller, worker->role_id))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for worker %lld", (long long) worker->worker_id),
			 errdetail("Role \"%s\" does not have the privileges of the role that registered it.",
					   GetUserNameFromId(caller, true)),
			 errhint("Register a worker of your own.")));
}

static void
require_worker(int64 worker_id, bool lock, WorkerRow *worker)
{
	if (!tc_worker_find(worker_id, lock, worker))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("worker %lld does not exist", (long long) worker_id),
				 errdetail("No worker has that id; ended ones are removed after a day."),
				 errhint("Call taskcenter.register_worker().")));
	check_role(worker);
}

static void
check_not_ended(const WorkerRow *worker)
{
	if (worker->ended)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("worker %lld has ended", (long long) worker->worker_id),
				 errdetail("It was unregistered."),
				 errhint("Call taskcenter.register_worker() for a new one.")));
}

/* ---- register ---- */

/* Each queue once: what is claimed from a lane is counted for it.  Returns how many are left. */
static int
drop_repeats(char **queues, int count)
{
	int			kept = 0;
	int			i;
	int			j;

	for (i = 0; i < count; i++)
	{
		for (j = 0; j < kept && strcmp(queues[j], queues[i]) != 0; j++)
			;
		if (j == kept)
			queues[kept++] = queues[i];
	}
	return kept;
}

static void
check_queues(char **queues, int count)
{
	QueueRow	row;
	int			i;

	tc_check_int("queues", count, 1, MAX_QUEUES);
	for (i = 0; i < count; i++)
	{
		if (!tc_queue_find(queues[i], false, &row))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("queue \"%s\" does not exist", tc_shorten(queues[i])),
					 errdetail("\"queues\" has \"%s\".", tc_shorten(queues[i])),
					 errhint("Make it with taskcenter.create_queue().")));
	}
}

/* A worker that could never claim anything is a mistake. */
static void
check_may_work(char **queues, int count)
{
	Oid			caller = tc_statement_caller();
	TaskSet		tasks;
	int			i;

	if (tc_access_is_admin(caller))
		return;
	tc_access_tasks(caller, TASK_RIGHT_WORK, &tasks);
	for (i = 0; i < count; i++)
	{
		if (tc_worker_queue_has(queues[i], &tasks) ||
			tc_granted_in_queue(caller, queues[i], TASK_RIGHT_WORK))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to work on queue \"%s\"", queues[i]),
				 errdetail("Role \"%s\" owns no external task of the queue and was granted none.",
						   GetUserNameFromId(caller, true)),
				 errhint("Ask the owner of the tasks for taskcenter.grant_access(%s, 'worker', queue => %s).",
						 quote_literal_cstr(GetUserNameFromId(caller, false)),
						 quote_literal_cstr(queues[i]))));
	}
}

static void
check_number(Oid role)
{
	if (tc_worker_count(role) >= MAX_WORKERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("role \"%s\" has too many workers", GetUserNameFromId(role, true)),
				 errdetail("%d are registered and not ended.", MAX_WORKERS),
				 errhint("Call taskcenter.unregister_worker() for those that are gone.")));
}

Datum
taskcenter_register_worker(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	WorkerRow	worker = {0};
	StoreFrame	frame;

	worker.name = tc_arg_required_text(fcinfo, 0, "name");
	tc_check_name("name", worker.name);
	tc_arg_require(fcinfo, 1, "queues");
	worker.queues = tc_arg_text_array(fcinfo, 1, "queues", &worker.queue_count);
	worker.tasks = tc_arg_text_array(fcinfo, 2, "tasks", &worker.task_count);
	if (worker.tasks != NULL)
		tc_check_int("tasks", worker.task_count, 1, MAX_TASKS);
	worker.metadata = tc_arg_object(fcinfo, 3, "metadata");
	if (worker.metadata != NULL)
		tc_check_int("size of metadata", VARSIZE(worker.metadata), 0, MAX_METADATA);
	worker.role_id = GetUserId();
	worker.role = GetUserNameFromId(worker.role_id, false);
	(void) tc_activate_if_fresh(now);

	tc_store_begin(&frame);
	check_queues(worker.queues, worker.queue_count);
	worker.queue_count = drop_repeats(worker.queues, worker.queue_count);
	check_may_work(worker.queues, worker.queue_count);
	check_number(worker.role_id);
	tc_worker_insert(&worker, now);
	tc_store_end(&frame);
	PG_RETURN_INT64(worker.worker_id);
}

Datum
taskcenter_unregister_worker(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		worker_id = tc_arg_id(fcinfo, 0, "worker_id");
	WorkerRow	worker;
	StoreFrame	frame;
	int64		released;
	char	   *actor;

	tc_store_begin(&frame);
	require_worker(worker_id, true, &worker);
	actor = psprintf("worker %s", worker.name);
	tc_worker_end(worker_id, now);
	tc_lease_leave(worker_id, actor, now);
	released = tc_worker_release(worker_id, "its worker left", actor);
	tc_shared_touch_workers();
	tc_store_end(&frame);
	PG_RETURN_INT64(released);
}

/* ---- claim ---- */

typedef struct ClaimRequestOfWorker
{
	int64		worker_id;
	int32		max_runs;
	int64		lease;			/* microseconds */
	char	  **queues;			/* NULL: all of the worker's */
	int			queue_count;
} ClaimRequestOfWorker;

static void
read_claim(FunctionCallInfo fcinfo, ClaimRequestOfWorker *request)
{
	static const char *const known[] = {"queues", NULL};
	Jsonb	   *options = tc_arg_object(fcinfo, 3, "options");
	Interval   *lease = tc_arg_interval(fcinfo, 2);

	request->worker_id = tc_arg_id(fcinfo, 0, "worker_id");
	request->max_runs = tc_arg_int32(fcinfo, 1, 1);
	tc_check_int("max_runs", request->max_runs, 1, TC_MAX_WORKER_CLAIM);
	tc_check_interval("lease", lease, SHORTEST_LEASE, LONGEST_LEASE);
	if (lease == NULL || !tc_interval_usecs(lease, &request->lease))
		request->lease = 2 * USECS_PER_MINUTE;
	tc_options_check(options, known);
	request->queues = tc_option_text_array(options, "queues", &request->queue_count);
}

/* what the claim is about; queues of the call must be the worker's */
static void
choose_queues(ClaimRequestOfWorker *request, const WorkerRow *worker)
{
	int			i;
	int			j;

	if (request->queues == NULL)
	{
		request->queues = worker->queues;
		request->queue_count = worker->queue_count;
		return;
	}
	tc_check_int("queues", request->queue_count, 1, MAX_QUEUES);
	for (i = 0; i < request->queue_count; i++)
	{
		for (j = 0; j < worker->queue_count; j++)
			if (strcmp(worker->queues[j], request->queues[i]) == 0)
				break;
		if (j == worker->queue_count)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("worker %lld does not claim from queue \"%s\"",
							(long long) worker->worker_id, tc_shorten(request->queues[i])),
					 errdetail("\"queues\" has \"%s\".", tc_shorten(request->queues[i])),
					 errhint("Name queues that the worker was registered with.")));
	}
	request->queue_count = drop_repeats(request->queues, request->queue_count);
}

/* Limits are counted, and runs taken, by what is there now. */
static void
check_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot claim runs in this transaction"),
				 errdetail("Its snapshot is fixed, so limits could be exceeded."),
				 errhint("Claim in a READ COMMITTED transaction.")));
}

static void
resolve_run(void *argument)
{
	WorkerRun  *run = argument;

	run->params = tc_run_params(run->params, CurrentMemoryContext);
}

/* The attempt of a run whose secrets cannot be had fails, and no other. */
static void
fail_unresolved(const WorkerRun *run, const ErrorData *error, const char *actor)
{
	TimestampTz now = GetCurrentTimestamp();
	LeaseFailure failure = {.retryable = true,.retry_after = -1};
	LeaseRow	lease;
	StoreFrame	frame;

	failure.error = error->message != NULL ? error->message : "error without a message";
	failure.sqlstate = unpack_sql_state(error->sqlerrcode);
	failure.actor = actor;
	tc_store_begin(&frame);
	if (tc_lease_hold(run->run_id, run->token, now, &lease))
		(void) tc_lease_fail(&lease, &failure, now);
	tc_store_end(&frame);
}

/* As the caller, outside of any frame; returns how many runs are left. */
static int
resolve_secrets(WorkerRun *runs, int count, const char *actor)
{
	int			kept = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		ErrorData  *error = NULL;

		if (tc_secrets_has(runs[i].params))
			error = tc_guarded_error(resolve_run, &runs[i]);
		if (error != NULL)
			fail_unresolved(&runs[i], error, actor);
		else
			runs[kept++] = runs[i];
	}
	tc_secrets_forget();
	return kept;
}

static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

static Datum
time_or_null(TimestampTz value, bool *isnull)
{
	*isnull = TIMESTAMP_NOT_FINITE(value);
	return TimestampTzGetDatum(value);
}

static void
put_run(FunctionCallInfo fcinfo, const WorkerRun *run)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[CLAIMED_RUN_COLUMNS];
	bool		nulls[CLAIMED_RUN_COLUMNS] = {false};

	values[0] = Int64GetDatum(run->run_id);
	values[1] = Int64GetDatum(run->token);
	values[2] = text_or_null(run->task, &nulls[2]);
	values[3] = JsonbPGetDatum(run->params);
	values[4] = text_or_null(run->queue, &nulls[4]);
	values[5] = Int32GetDatum(run->attempt);
	values[6] = Int32GetDatum(run->max_attempts);
	values[7] = time_or_null(run->lease_until, &nulls[7]);
	values[8] = time_or_null(run->deadline_at, &nulls[8]);
	values[9] = time_or_null(run->scheduled_for, &nulls[9]);
	values[10] = BoolGetDatum(run->is_catchup);
	values[11] = text_or_null(run->step, &nulls[11]);
	values[12] = Int64GetDatum(run->parent_run_id);
	nulls[12] = run->parent_run_id == 0;
	values[13] = text_or_null(run->trace_id, &nulls[13]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
taskcenter_claim_runs(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	ClaimRequestOfWorker request = {0};
	WorkerRow	worker;
	StoreFrame	frame;
	WorkerRun  *runs;
	char	   *actor;
	int			count;
	int			i;

	read_claim(fcinfo, &request);
	check_snapshot();
	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	require_worker(request.worker_id, false, &worker);
	check_not_ended(&worker);
	choose_queues(&request, &worker);
	count = tc_work_claim(&worker, request.queues, request.queue_count, request.max_runs,
						  request.lease, now, &runs);
	if (count == 0)
		tc_work_refuse_copy();
	else
	{
		/* who claimed nothing takes no lock */
		worker.ended = !tc_worker_hold(worker.worker_id);
		check_not_ended(&worker);
	}
	if (now - worker.last_heartbeat_at > TOUCH_US)
		tc_worker_touch(worker.worker_id, now);
	actor = psprintf("worker %s", worker.name);
	tc_store_end(&frame);
	count = resolve_secrets(runs, count, actor);
	for (i = 0; i < count; i++)
		put_run(fcinfo, &runs[i]);
	return (Datum) 0;
}

/* ---- heartbeat ---- */

static int64 *
ids_argument(FunctionCallInfo fcinfo, int n, int *count)
{
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int64	   *ids;
	int			i;

	*count = 0;
	if (PG_ARGISNULL(n))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(n);
	deconstruct_array(array, INT8OID, 8, true, TYPALIGN_DOUBLE, &elements, &nulls, count);
	ids = palloc(sizeof(int64) * Max(*count, 1));
	for (i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"run_ids\" must not hold nulls"),
					 errdetail("Element %d is null.", i + 1),
					 errhint("Leave \"run_ids\" out for all runs of the worker.")));
		ids[i] = DatumGetInt64(elements[i]);
	}
	return ids;
}

Datum
taskcenter_heartbeat(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		worker_id = tc_arg_id(fcinfo, 0, "worker_id");
	int			id_count;
	int64	   *ids = ids_argument(fcinfo, 1, &id_count);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	WorkerRow	worker;
	StoreFrame	frame;
	HeldRun    *held;
	int			count;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	tc_store_begin(&frame);
	require_worker(worker_id, false, &worker);
	check_not_ended(&worker);
	tc_worker_touch(worker_id, now);
	tc_metric_database(DATABASE_COUNTER_BEATS, 1);
	count = tc_worker_beat(worker_id, ids, id_count, now, &held);
	for (i = 0; i < count; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = Int64GetDatum(held[i].run_id);
		values[1] = TimestampTzGetDatum(held[i].lease_until);
		values[2] = BoolGetDatum(held[i].cancel_requested);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	tc_store_end(&frame);
	return (Datum) 0;
}
