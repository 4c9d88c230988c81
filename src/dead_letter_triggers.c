/*-------------------------------------------------------------------------
 *
 * dead_letter_triggers.c
 *		Triggers of dead letters: what the end of a run means for its letter,
 *		and who may write to them.
 *
 * Runs that a statement ends wait in process memory until its triggers have
 * fired, so that a set of runs is one statement of ours.  Only ends that our
 * own statements bring count: what a restore loads, or logical replication,
 * comes with its letters.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "activation.h"
#include "failure_report.h"
#include "letter_end_store.h"
#include "shared_state.h"
#include "statement.h"
#include "trigger_call.h"
#include "trigger_round.h"

PG_FUNCTION_INFO_V1(taskcenter_note_dead_letter);
PG_FUNCTION_INFO_V1(taskcenter_guard_dead_letter);

#define PIECE 1000				/* runs for one statement */
#define FRESH_US (10 * USECS_PER_MINUTE)	/* older rows did not end now */

typedef struct WaitingEnd
{
	EndedRun	run;			/* texts are copies */
	int32		attempt;
	int			level;			/* of the transaction that ended it */
} WaitingEnd;

static MemoryContext context = NULL;	/* of what waits */
static WaitingEnd *waiting = NULL;
static int	waiting_count = 0;

/* ---- what waits ---- */

static void
forget_all(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	waiting_count = 0;
	waiting = NULL;
	context = NULL;				/* gone with the transaction's memory */
}

static void
forget_sub(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (waiting_count > 0 && waiting[waiting_count - 1].level >= level)
		waiting_count--;
}

static void
make_room(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(forget_all, NULL);
		RegisterSubXactCallback(forget_sub, NULL);
		registered = true;
	}
	if (context == NULL)
		context = AllocSetContextCreate(TopTransactionContext, "taskcenter dead letters",
										ALLOCSET_SMALL_SIZES);
	if (waiting == NULL)
		waiting = MemoryContextAlloc(context, sizeof(WaitingEnd) * PIECE);
}

/* those that failed, or the others, as an array */
static int
choose(bool failed, EndedRun *runs)
{
	int			count = 0;
	int			i;

	for (i = 0; i < waiting_count; i++)
	{
		const char *status = waiting[i].run.status;

		if (failed == (strcmp(status, "failed") == 0 || strcmp(status, "timed_out") == 0))
			runs[count++] = waiting[i].run;
	}
	return count;
}

/* those that may be composites that went on */
static int
choose_composites(EndedRun *runs)
{
	int			count = 0;
	int			i;

	for (i = 0; i < waiting_count; i++)
	{
		if (waiting[i].attempt > 1 && !waiting[i].run.is_step)
			runs[count++] = waiting[i].run;
	}
	return count;
}

static void
write_waiting(void)
{
	MemoryContext old;
	EndedRun   *runs;
	StoreFrame	frame;
	int			count;

	if (waiting_count == 0)
		return;
	old = MemoryContextSwitchTo(context);
	runs = palloc(sizeof(EndedRun) * waiting_count);

	/*
	 * while a copy is adopted rows only move, and their letters came with
	 * them
	 */
	if (tc_activation_status(NULL) == ACTIVATION_OWN)
	{
		tc_store_begin(&frame);
		count = choose(true, runs);
		if (count > 0)
		{
			tc_dead_letters_open(runs, count, GetCurrentTransactionStartTimestamp() - FRESH_US);
			tc_shared_touch_letter();
		}
		count = choose(false, runs);
		if (count > 0)
			tc_dead_letters_settle(runs, count);
		count = choose_composites(runs);
		if (count > 0)
		{
			tc_dead_letters_settle_steps(runs, count);
			tc_shared_touch_letter();
		}
		tc_store_end(&frame);
	}
	MemoryContextSwitchTo(old);
	waiting_count = 0;
	waiting = NULL;
	MemoryContextReset(context);
}

/* ---- the end of a run ---- */

static Datum
column(Relation rel, HeapTuple tuple, const char *name)
{
	bool		isnull;

	return tc_column_value(rel, tuple, name, &isnull);
}

static bool
is_null(Relation rel, HeapTuple tuple, const char *name)
{
	bool		isnull;

	(void) tc_column_value(rel, tuple, name, &isnull);
	return isnull;
}

static void
add(Relation rel, HeapTuple tuple)
{
	MemoryContext old;
	WaitingEnd *end;
	const char *report;

	make_room();
	old = MemoryContextSwitchTo(context);
	end = &waiting[waiting_count++];
	end->level = GetCurrentTransactionNestLevel();
	end->run.run_id = DatumGetInt64(column(rel, tuple, "run_id"));
	end->run.finished_at = DatumGetTimestampTz(column(rel, tuple, "finished_at"));
	end->run.retention_class = DatumGetInt32(column(rel, tuple, "retention_class"));
	end->run.status = TextDatumGetCString(column(rel, tuple, "status"));
	end->run.is_step = !is_null(rel, tuple, "parent_run_id");
	end->attempt = DatumGetInt32(column(rel, tuple, "attempt"));
	report = tc_failure_report_of(end->run.run_id);
	end->run.report = report == NULL ? NULL : pstrdup(report);
	MemoryContextSwitchTo(old);
}

/* In rounds within the round nobody waits: who writes later may see another order. */
Datum
taskcenter_note_dead_letter(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_row_trigger_call(fcinfo);

	if (!tc_statement_is_own() || IsLogicalWorker())
		return PointerGetDatum(NULL);

	add(call->tg_relation, call->tg_trigtuple);
	if (tc_trigger_round_depth() == 1)
		tc_trigger_round_at_end(write_waiting);
	if (tc_trigger_round_depth() != 1 || waiting_count == PIECE)
		write_waiting();
	return PointerGetDatum(NULL);
}

/* ---- the guard ---- */

Datum
taskcenter_guard_dead_letter(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);
	bool		inserted = TRIGGER_FIRED_BY_INSERT(call->tg_event);

	if (!tc_statement_is_own() && !IsLogicalWorker() &&
		!(inserted && tc_activation_restoring()))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" is not changed by plain SQL",
						RelationGetRelationName(call->tg_relation)),
				 errdetail("The relation is kept by taskcenter and guarded for every role."),
				 errhint("Use taskcenter.redrive_dead_letter(), resolve_dead_letter(), discard_dead_letter() or set_failure_code(); retention removes closed dead letters.")));
	if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		return PointerGetDatum(call->tg_newtuple);
	return PointerGetDatum(call->tg_trigtuple);
}
