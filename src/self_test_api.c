/*-------------------------------------------------------------------------
 *
 * self_test_api.c
 *		self_test().
 *
 * What it tests needs transactions that commit, and a function has none: a
 * process of its own, connected as the caller's role, makes the checks, and
 * hands each result over through a queue in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "current_run.h"
#include "self_test_report.h"
#include "shared_state.h"
#include "worker_process.h"

PG_FUNCTION_INFO_V1(taskcenter_self_test);

#define COLUMNS 4
#define QUEUE_SIZE 16384

static void
check_circumstances(void)
{
	tc_access_require_admin("run the self test");
	if (!tc_shared_available())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("taskcenter is not preloaded"),
				 errdetail("Nothing can be executed on this server."),
				 errhint("Add taskcenter to shared_preload_libraries and restart the server.")));
	if (tc_current_run() != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("self_test() cannot be called inside a run"),
				 errdetail("It waits for runs that may need this executor."),
				 errhint("Call it in a session.")));
	tc_access_require_executable("role", GetUserId());
}

static BackgroundWorkerHandle *
start_process(dsm_segment *segment)
{
	BackgroundWorkerHandle *handle;

	if (!tc_worker_start_self_test(MyDatabaseId, GetUserId(), dsm_segment_handle(segment),
								   &handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker slot is free for the self test"),
				 errdetail("It needs one of its own."),
				 errhint("You might need to increase \"max_worker_processes\".")));
	return handle;
}

static void
put_report(ReturnSetInfo *result, const SelfTestReport *report)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};
	Interval   *took = palloc0(sizeof(Interval));

	took->time = report->took;
	values[0] = CStringGetTextDatum(report->check_name);
	values[1] = BoolGetDatum(report->ok);
	values[2] = CStringGetTextDatum(report->detail);
	values[3] = IntervalPGetDatum(took);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
taskcenter_self_test(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	dsm_segment *segment;
	shm_mq	   *queue;
	shm_mq_handle *reports;
	Size		size;
	void	   *message;
	int			count = 0;

	check_circumstances();
	InitMaterializedSRF(fcinfo, 0);
	segment = dsm_create(QUEUE_SIZE, 0);
	queue = shm_mq_create(dsm_segment_address(segment), QUEUE_SIZE);
	shm_mq_set_receiver(queue, MyProc);
	reports = shm_mq_attach(queue, segment, NULL);
	shm_mq_set_handle(reports, start_process(segment));
	while (shm_mq_receive(reports, &size, &message, false) == SHM_MQ_SUCCESS &&
		   size == sizeof(SelfTestReport))
	{
		put_report(result, message);
		count++;
	}
	dsm_detach(segment);
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("the process of the self test did not start"),
				 errdetail("It ended before its first check."),
				 errhint("The server log says more.")));
	return (Datum) 0;
}
