/*-------------------------------------------------------------------------
 *
 * worker_process.c
 *		Registration and frame of our background workers.
 *
 * Only the launcher is static and restarts; what it and the schedulers start
 * is dynamic and never restarts by itself, or it would come back beside its
 * successor after a crash.  A worker enters its slot before it connects and
 * leaves it after the server has taken it out of the database: who waits for
 * a database to be empty waits for the slot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "settings.h"
#include "shared_state.h"
#include "taskcenter.h"
#include "worker_process.h"

#define LAUNCHER_RESTART_SECONDS 4	/* so that it is back within 5 s */

StaticAssertDecl(sizeof(WorkerArguments) <= BGW_EXTRALEN,
				 "WorkerArguments do not fit into bgw_extra");

static WorkerArguments my_arguments;
static MemoryContext caller_context = NULL;
static uint32 reloads = 0;
static volatile sig_atomic_t was_terminated = false;

/* ---- registration ---- */

static void
describe(BackgroundWorker *worker, const char *kind, const char *main_function)
{
	MemSet(worker, 0, sizeof(BackgroundWorker));
	snprintf(worker->bgw_type, BGW_MAXLEN, "taskcenter %s", kind);
	strlcpy(worker->bgw_name, worker->bgw_type, BGW_MAXLEN);
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, TC_LIBRARY, BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, main_function, BGW_MAXLEN);
}

void
tc_worker_register_launcher(void)
{
	BackgroundWorker worker;

	describe(&worker, "launcher", "taskcenter_launcher_main");
	worker.bgw_restart_time = LAUNCHER_RESTART_SECONDS;
	RegisterBackgroundWorker(&worker);
}

static bool
start_worker(BackgroundWorker *worker, const WorkerArguments *arguments,
			 BackgroundWorkerHandle **handle)
{
	memcpy(worker->bgw_extra, arguments, sizeof(WorkerArguments));
	worker->bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(worker, handle);
}

bool
tc_worker_start_scheduler(Oid database, const char *name, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;
	WorkerArguments arguments = {0};

	describe(&worker, "scheduler", "taskcenter_scheduler_main");
	snprintf(worker.bgw_name, BGW_MAXLEN, "taskcenter scheduler (%s)", name);
	arguments.database = database;
	arguments.incarnation = tc_shared->incarnation;
	return start_worker(&worker, &arguments, handle);
}

bool
tc_worker_start_executor(const WorkerArguments *arguments, Oid database, Oid role,
						 BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;
	WorkerArguments complete = *arguments;

	describe(&worker, "executor", "taskcenter_executor_main");
	if (IsTransactionState())
		snprintf(worker.bgw_name, BGW_MAXLEN, "taskcenter executor (%.30s, %.30s)",
				 get_database_name(database), GetUserNameFromId(role, true));
	complete.database = database;
	complete.role = role;
	complete.incarnation = tc_shared->incarnation;
	return start_worker(&worker, &complete, handle);
}

bool
tc_worker_start_purger(Oid database)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	WorkerArguments arguments = {.database = database,.purger = true};

	describe(&worker, "purger", "taskcenter_purger_main");
	arguments.incarnation = tc_shared->incarnation;
	if (!start_worker(&worker, &arguments, &handle))
		return false;
	pfree(handle);
	return true;
}

bool
tc_worker_start_self_test(Oid database, Oid role, uint32 segment,
						  BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;
	WorkerArguments arguments = {.database = database,.role = role,.self_test = true,
	.segment = segment};

	describe(&worker, "self test", "taskcenter_self_test_main");
	arguments.incarnation = tc_shared->incarnation;
	return start_worker(&worker, &arguments, handle);
}

const WorkerArguments *
tc_worker_arguments(void)
{
	memcpy(&my_arguments, MyBgworkerEntry->bgw_extra, sizeof(my_arguments));
	return &my_arguments;
}

/* ---- a scheduler's slot ---- */

/*
 * What the launcher shall think of the scheduler's end: it reported that there
 * is no extension, somebody wanted it to end, or it failed.
 */
static DatabasePhase
phase_at_exit(const DatabaseSlot *slot)
{
	if (slot->stop_requested || slot->holds > 0 || was_terminated || !tc_enabled)
		return DATABASE_PHASE_UNKNOWN;
	if (slot->phase == DATABASE_PHASE_ABSENT)
		return DATABASE_PHASE_ABSENT;
	return DATABASE_PHASE_BACKOFF;
}

static void
leave_scheduler_slot(int code, Datum database)
{
	DatabaseSlot *slot;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(DatumGetObjectId(database));
	if (slot != NULL && slot->scheduler_pid == MyProcPid)
	{
		slot->phase = phase_at_exit(slot);
		slot->restart_at = DT_NOBEGIN;
		slot->scheduler_pid = 0;
		slot->scheduler_latch = NULL;
		slot->scheduler_sleeps_until = DT_NOEND;
		if (tc_shared->launcher_latch != NULL)
			SetLatch(tc_shared->launcher_latch);
	}
	LWLockRelease(tc_shared->lock);
	ConditionVariableBroadcast(&tc_shared->gone);
}

/* False: another one runs, or the database is held, or the start was revoked. */
static bool
enter_scheduler_slot(Oid database)
{
	DatabaseSlot *slot;
	bool		entered = false;

	on_shmem_exit(leave_scheduler_slot, ObjectIdGetDatum(database));
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(database);
	if (slot != NULL && slot->scheduler_pid == 0 &&
		slot->phase == DATABASE_PHASE_STARTING)
	{
		entered = slot->holds == 0 && !slot->stop_requested;
		if (entered)
		{
			slot->scheduler_pid = MyProcPid;
			slot->scheduler_latch = MyLatch;
			slot->scheduler_started_at = GetCurrentTimestamp();
		}
		else
		{
			slot->phase = DATABASE_PHASE_UNKNOWN;
			if (tc_shared->launcher_latch != NULL)
				SetLatch(tc_shared->launcher_latch);
		}
	}
	LWLockRelease(tc_shared->lock);
	return entered;
}

static bool
enter_slot(const WorkerArguments *arguments)
{
	if (tc_shared == NULL || arguments->incarnation != tc_shared->incarnation)
		return false;
	if (arguments->purger)
		return tc_shared_purger_enter(arguments->database);
	if (arguments->self_test)
		return true;
	if (OidIsValid(arguments->role))
		return tc_shared_executor_attach(arguments->slot, arguments->executor_id,
										 GetCurrentTimestamp());
	return enter_scheduler_slot(arguments->database);
}

/* ---- the frame ---- */

/* An end that somebody asked for is no failure. */
static void
handle_terminate(SIGNAL_ARGS)
{
	was_terminated = true;
	if (tc_my_executor != NULL)
		tc_my_executor->terminated = true;
	die(postgres_signal_arg);
}

static void
pin_settings(void)
{
	static const char *const pinned[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"row_security", "off"},
		{"session_replication_role", "origin"},
		{"zero_damaged_pages", "off"}
	};

	for (int i = 0; i < (int) lengthof(pinned); i++)
		SetConfigOption(pinned[i][0], pinned[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

void
tc_worker_init(Oid database, Oid role, bool user_sql)
{
	pqsignal(SIGTERM, handle_terminate);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	if (OidIsValid(database) && !enter_slot(tc_worker_arguments()))
		proc_exit(0);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, role, 0);
	if (!user_sql)
		pin_settings();
	caller_context = CurrentMemoryContext;
}

/* ---- the transaction bracket ---- */

void
tc_worker_begin(const char *label)
{
	caller_context = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactIsoLevel = XACT_READ_COMMITTED;
	XactReadOnly = false;
	XactDeferrable = false;
	if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		(void) set_config_option("synchronous_commit", "local",
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, label);
}

static void
after_transaction(void)
{
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(caller_context);
}

void
tc_worker_commit(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	after_transaction();
}

void
tc_worker_commit_lazily(void)
{
	(void) set_config_option("synchronous_commit", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	tc_worker_commit();
}

void
tc_worker_abort(void)
{
	AbortCurrentTransaction();
	after_transaction();
}

/* ---- waiting ---- */

uint32
tc_worker_reloads(void)
{
	return reloads;
}

static void
serve_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		reloads++;
	}
}

void
tc_worker_wait(TimestampTz until, uint32 wait_event)
{
	long		timeout = TC_CLOCK_CHECK_MS;

	serve_interrupts();
	if (until != DT_NOEND)
		timeout = Min(timeout,
					  TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until));
	if (timeout > 0)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 timeout, wait_event);
	ResetLatch(MyLatch);
	serve_interrupts();
}
