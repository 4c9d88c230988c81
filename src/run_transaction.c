/*-------------------------------------------------------------------------
 *
 * run_transaction.c
 *		The transaction of a run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "jit/jit.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/slot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "run_transaction.h"

void
tc_run_transaction_begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}

void
tc_run_transaction_fire_deferred(void)
{
	ConstraintsSetStmt *all = makeNode(ConstraintsSetStmt);

	/* of no constraint in particular: SET CONSTRAINTS ALL IMMEDIATE */
	AfterTriggerSetState(all);
}

void
tc_run_transaction_commit(const char *wanted)
{
	const char *value = wanted;

	if (value == NULL && synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		value = "on";
	if (value != NULL)
		(void) set_config_option("synchronous_commit", value, PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

/* What the server's own main loop does after an error of a client's command. */
void
tc_run_transaction_abort(void)
{
	HOLD_INTERRUPTS();
	AbortOutOfAnyTransaction();
	PortalErrorCleanup();
	if (MyReplicationSlot != NULL)
		ReplicationSlotRelease();
	tc_replication_slot_cleanup();
	jit_reset_after_error();
	RESUME_INTERRUPTS();
	pgstat_report_stat(false);
}

void
tc_run_savepoint_begin(RunSavepoint *savepoint)
{
	savepoint->context = CurrentMemoryContext;
	savepoint->owner = CurrentResourceOwner;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(savepoint->context);
	savepoint->guc_level = NewGUCNestLevel();
}

/* The effects stay, the settings go. */
void
tc_run_savepoint_release(RunSavepoint *savepoint)
{
	AtEOXact_GUC(false, savepoint->guc_level);
	ReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(savepoint->context);
	CurrentResourceOwner = savepoint->owner;
}

void
tc_run_savepoint_rollback(RunSavepoint *savepoint)
{
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(savepoint->context);
	CurrentResourceOwner = savepoint->owner;
}

char *
tc_run_setting_text(const char *name, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "on" : "off");
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("setting \"%s\" of the task must be a text, a number or a boolean",
							name)));
	}
	return NULL;
}

void
tc_run_settings_apply(const Jsonb *settings, bool local)
{
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *name = NULL;

	if (settings == NULL || JB_ROOT_COUNT(settings) == 0)
		return;
	iterator = JsonbIteratorInit(unconstify(JsonbContainer *, &settings->root));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			(void) set_config_option(name, tc_run_setting_text(name, &value),
									 superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION,
									 local ? GUC_ACTION_LOCAL : GUC_ACTION_SET, true, 0, false);
	}
}
