/*-------------------------------------------------------------------------
 *
 * worker_process.h
 *		Background workers of taskcenter: registration, start, the frame of a
 *		process main, and the only transaction bracket.
 *
 * Layer 2.  Called by the launcher, the schedulers and the executors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_WORKER_PROCESS_H
#define TC_WORKER_PROCESS_H

#include "datatype/timestamp.h"
#include "postmaster/bgworker.h"

/* what a worker is told at its start, in bgw_extra */
typedef struct WorkerArguments
{
	Oid			database;
	Oid			role;			/* executor only */
	int32		slot;			/* executor only: index into executors[] */
	int64		executor_id;	/* executor only */
	bool		purger;			/* neither executor nor scheduler */
	bool		self_test;		/* the same */
	uint32		segment;		/* self test only: of dynamic shared memory */
	uint64		incarnation;	/* of the shared memory that it was made for */
} WorkerArguments;

/* postmaster: the one static worker */
extern void tc_worker_register_launcher(void);

/*
 * Launcher: start a scheduler; scheduler: start an executor.  False when no
 * worker slot is free.  The starter is notified by SIGUSR1 (its latch) when the
 * process starts or ends.
 */
extern bool tc_worker_start_scheduler(Oid database, const char *name,
									  BackgroundWorkerHandle **handle);
extern bool tc_worker_start_executor(const WorkerArguments *arguments, Oid database, Oid role,
									 BackgroundWorkerHandle **handle);

/* scheduler: start a purger */
extern bool tc_worker_start_purger(Oid database);

/* a session: start the process of a self test, as a role */
extern bool tc_worker_start_self_test(Oid database, Oid role, uint32 segment,
									  BackgroundWorkerHandle **handle);

/* of the running worker */
extern const WorkerArguments *tc_worker_arguments(void);

/*
 * First thing in a process main: signal handlers (SIGTERM die, SIGHUP reload,
 * never a SIGUSR1 handler of our own), unblocked; then connect (InvalidOid
 * database: shared catalogs only; InvalidOid role: bootstrap superuser); then
 * our own defaults with override priority where user_sql is false: pinned
 * search_path, no time-outs, read committed, read write, row_security off.
 *
 * Before it connects, a scheduler, purger or executor enters its slot (pid, latch, and
 * what happens at its exit), or exits quietly when it is not wanted any more.
 */
extern void tc_worker_init(Oid database, Oid role, bool user_sql);

/*
 * The transaction bracket.  begin: statement and transaction timestamps,
 * READ COMMITTED, read write whatever the defaults say, snapshot pushed,
 * activity reported as label.  commit: durable whatever the defaults say,
 * statistics reported, returns in the caller's memory context.
 */
extern void tc_worker_begin(const char *label);
extern void tc_worker_commit(void);

/* the same without waiting for the disk: for what may be lost with what follows it */
extern void tc_worker_commit_lazily(void);
extern void tc_worker_abort(void);

/* grows with each reload that tc_worker_wait() served */
extern uint32 tc_worker_reloads(void);

/* wait on MyLatch at most until `until` (wall clock) and at most 5 s; serves interrupts, reload */
extern void tc_worker_wait(TimestampTz until, uint32 wait_event);

#endif							/* TC_WORKER_PROCESS_H */
