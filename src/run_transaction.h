/*-------------------------------------------------------------------------
 *
 * run_transaction.h
 *		The transaction of a run: it belongs to the user's command, and begins
 *		as a client's would.
 *
 * Layer 2, executors only.  Unlike the bracket of worker_process.h nothing is
 * pinned here: isolation level, read only and settings are the role's own
 * until the command says otherwise, and no snapshot is taken before it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_TRANSACTION_H
#define TC_RUN_TRANSACTION_H

#include "utils/jsonb.h"
#include "utils/resowner.h"

extern void tc_run_transaction_begin(void);

/* what the command has deferred to the commit happens now */
extern void tc_run_transaction_fire_deferred(void);

/* commit as durable as the task wants it: NULL means on, if the default is off */
extern void tc_run_transaction_commit(const char *synchronous_commit);

/* after an error: leave whatever is open */
extern void tc_run_transaction_abort(void);

/* one run of a batch: a sub-transaction and a level of settings of its own */
typedef struct RunSavepoint
{
	MemoryContext context;
	ResourceOwner owner;
	int			guc_level;
} RunSavepoint;

extern void tc_run_savepoint_begin(RunSavepoint *savepoint);
extern void tc_run_savepoint_release(RunSavepoint *savepoint);
extern void tc_run_savepoint_rollback(RunSavepoint *savepoint);

/*
 * Per-run settings: an object of parameter names and values.  local: until
 * the end of the transaction; else until the session is scrubbed.  Raises
 * what SET would raise for this user.
 */
extern void tc_run_settings_apply(const Jsonb *settings, bool local);

/* a value of that object as SET would take it */
extern char *tc_run_setting_text(const char *name, const JsonbValue *value);

#endif							/* TC_RUN_TRANSACTION_H */
