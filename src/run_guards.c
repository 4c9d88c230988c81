/*-------------------------------------------------------------------------
 *
 * run_guards.c
 *		Triggers on runs, history and logs: every row in a legal status, every
 *		change a legal move, whoever writes and by whatever way.
 *
 * Fire as ENABLE ALWAYS row triggers in the writer's process.  Our own
 * statements write their history themselves, in sets; for any other writer
 * the guard records the move.  An INSERT is checked for validity only (a
 * restore loads rows in any valid state).  Logical apply workers are
 * validated, not recorded: the publisher's history arrives by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "activation.h"
#include "guard_store.h"
#include "plain_writer.h"
#include "run_status.h"
#include "shared_metrics.h"
#include "shared_state.h"
#include "shared_workers.h"
#include "statement.h"
#include "trigger_call.h"
#include "work_notice.h"

/* columns of live_runs, in the order of the table */
#define LIVE_RUN_ID 1
#define LIVE_TASK_ID 2
#define LIVE_RUN_AS_ID 3
#define LIVE_OWNER_ID 4
#define LIVE_QUEUE_ID 5
#define LIVE_GATE 6
#define LIVE_RUN_AT 7
#define LIVE_CREATED_AT 8
#define LIVE_PRIORITY 9
#define LIVE_ATTEMPT 10
#define LIVE_LOST 12
#define LIVE_STATUS 15
#define LIVE_TOKEN 21

PG_FUNCTION_INFO_V1(taskcenter_guard_live_run);
PG_FUNCTION_INFO_V1(taskcenter_guard_finished_run);
PG_FUNCTION_INFO_V1(taskcenter_guard_record);
PG_FUNCTION_INFO_V1(taskcenter_guard_alert);
PG_FUNCTION_INFO_V1(taskcenter_guard_truncate);

/* The columns are read by number: they must stand where we think. */
static void
check_columns(Relation rel)
{
	static bool checked = false;
	TupleDesc	desc = RelationGetDescr(rel);

	if (checked)
		return;
	if (desc->natts < LIVE_TOKEN ||
		strcmp(NameStr(TupleDescAttr(desc, LIVE_TOKEN - 1)->attname), "token") != 0 ||
		strcmp(NameStr(TupleDescAttr(desc, LIVE_STATUS - 1)->attname), "status") != 0 ||
		strcmp(NameStr(TupleDescAttr(desc, LIVE_PRIORITY - 1)->attname), "priority") != 0 ||
		strcmp(NameStr(TupleDescAttr(desc, LIVE_RUN_AT - 1)->attname), "run_at") != 0)
		elog(ERROR, "relation \"%s\" is not laid out as this library expects",
			 RelationGetRelationName(rel));
	checked = true;
}

static Datum
column(HeapTuple tuple, TupleDesc desc, int number)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, number, desc, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("column \"%s\" of a run must not be null",
						NameStr(TupleDescAttr(desc, number - 1)->attname))));
	return value;
}

static RunStatus
status_of(HeapTuple tuple, Relation rel)
{
	text	   *label = DatumGetTextPP(column(tuple, RelationGetDescr(rel), LIVE_STATUS));
	RunStatus	status;

	if (!tc_run_status_parse(VARDATA_ANY(label), VARSIZE_ANY_EXHDR(label), &status))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("no such status of a run: \"%s\"", text_to_cstring(label)),
				 errtablecol(rel, LIVE_STATUS)));
	return status;
}

/* ---- runs that workers claim ---- */

static bool
is_for_workers(HeapTuple tuple, TupleDesc desc)
{
	return DatumGetInt64(column(tuple, desc, LIVE_RUN_AS_ID)) == TC_ROLE_WORKERS;
}

static int
column_number(TupleDesc desc, const char *name)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	elog(ERROR, "column \"%s\" of runs is missing", name);
	return 0;
}

/* Who chooses the key must not be able to choose the number: it could be that of another task. */
static uint64
number_of_group(uint64 task_id, const text *key)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	uint64		number;

	if (pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) &task_id, sizeof(task_id)) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) < 0 ||
		pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not hash a group key: %s", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);
	memcpy(&number, digest, sizeof(number));
	return number;
}

/* Whatever the writer thinks: a lane of workers holds one task and one tenant. */
static int64
gate_for_workers(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		group = heap_getattr(tuple, column_number(desc, "group_key"), desc, &isnull);
	uint64		task_id = (uint64) DatumGetInt64(column(tuple, desc, LIVE_TASK_ID));
	text	   *key = isnull ? NULL : DatumGetTextPP(group);
	uint64		number;

	if (key == NULL)
		number = hash_bytes_extended((const unsigned char *) &task_id, sizeof(task_id), 0);
	else
		number = number_of_group(task_id, key);
	return TC_GATE_WORKERS + (int64) (number & (TC_GATE_WORKERS - 1));
}

/* The tuple to be written, with the gate that it must have. */
static HeapTuple
with_gate(HeapTuple tuple, TupleDesc desc)
{
	int			number = LIVE_GATE;
	bool		isnull = false;
	int64		gate;
	Datum		value;

	if (!is_for_workers(tuple, desc))
		return tuple;
	gate = DatumGetInt64(column(tuple, desc, LIVE_GATE));
	/* scheduled runs that take turns have a lane of their own */
	if (gate < TC_GATE_SUSPECT)
		return tuple;
	value = Int64GetDatum(gate_for_workers(tuple, desc));
	if (DatumGetInt64(value) == gate)
		return tuple;
	return heap_modify_tuple_by_cols(tuple, desc, 1, &number, &value, &isnull);
}

static void
touch_lane(HeapTuple tuple, TupleDesc desc, LaneTouch touch)
{
	if (is_for_workers(tuple, desc))
	{
		int64		queue_id = DatumGetInt64(column(tuple, desc, LIVE_QUEUE_ID));

		tc_shared_touch_work(queue_id, touch);
		if ((touch == LANE_TOUCH_NEW || touch == LANE_TOUCH_CHANGED) && tc_statement_is_own())
			tc_work_notice(queue_id);
		return;
	}
	tc_shared_touch_lane((Oid) DatumGetInt64(column(tuple, desc, LIVE_RUN_AS_ID)),
						 DatumGetInt64(column(tuple, desc, LIVE_QUEUE_ID)),
						 DatumGetInt32(column(tuple, desc, LIVE_PRIORITY)),
						 DatumGetInt64(column(tuple, desc, LIVE_GATE)),
						 DatumGetTimestampTz(column(tuple, desc, LIVE_RUN_AT)),
						 DatumGetInt64(column(tuple, desc, LIVE_RUN_ID)), touch);
}

static void
refuse_move(Relation rel, RunStatus from, RunStatus to)
{
	StringInfoData allowed;
	int			i;

	initStringInfo(&allowed);
	for (i = 0; i < RUN_STATUS_COUNT; i++)
		if (tc_run_status_may_become(from, (RunStatus) i))
			appendStringInfo(&allowed, "%s%s", allowed.len > 0 ? ", " : "",
							 tc_run_status_label((RunStatus) i));
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a run cannot go from \"%s\" to \"%s\"",
					tc_run_status_label(from), tc_run_status_label(to)),
			 errdetail("From \"%s\" it may go to: %s.", tc_run_status_label(from),
					   allowed.len > 0 ? allowed.data : "nothing, it is final"),
			 errtablecol(rel, LIVE_STATUS)));
}

static void
refuse_change(Relation rel, const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot %s \"%s\"", what, RelationGetRelationName(rel)),
			 errdetail("The relation is kept by taskcenter and guarded for every role."),
			 errhint("%s", hint)));
}

static void
check_claimed(Relation rel, HeapTuple tuple, RunStatus status)
{
	bool		claimed = !heap_attisnull(tuple, LIVE_TOKEN, RelationGetDescr(rel));

	if (claimed == (status == RUN_STATUS_RUNNING))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a run that is \"%s\" cannot be %s", tc_run_status_label(status),
					claimed ? "claimed" : "without a token"),
			 errtablecol(rel, LIVE_TOKEN)));
}

static void
check_identity_kept(Relation rel, HeapTuple old, HeapTuple new)
{
	static const int kept[] = {LIVE_RUN_ID, LIVE_TASK_ID, LIVE_RUN_AS_ID,
	LIVE_OWNER_ID, LIVE_CREATED_AT};
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	for (i = 0; i < (int) lengthof(kept); i++)
	{
		/*
		 * a run that goes back follows its task to other roles; a step that
		 * has asked its condition becomes a run of the task that it names
		 */
		if (tc_statement_is_own() && (kept[i] == LIVE_RUN_AS_ID || kept[i] == LIVE_OWNER_ID ||
									  kept[i] == LIVE_TASK_ID))
			continue;
		/* all of them are eight bytes wide and passed by value */
		if (column(old, desc, kept[i]) != column(new, desc, kept[i]))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("column \"%s\" of a run cannot be changed",
							NameStr(TupleDescAttr(desc, kept[i] - 1)->attname)),
					 errtablecol(rel, kept[i])));
	}
}

static void
count_move(HeapTuple old, HeapTuple new, TupleDesc desc, RunStatus from, RunStatus to)
{
	int64		queue_id = DatumGetInt64(column(new, desc, LIVE_QUEUE_ID));
	int64		task_id = DatumGetInt64(column(new, desc, LIVE_TASK_ID));

	if (from == to || !tc_statement_is_own() || IsLogicalWorker())
		return;
	if (to == RUN_STATUS_RUNNING)
		tc_metric_run(RUN_COUNTER_CLAIMS, queue_id, task_id, -1, -1, false);
	else if (to == RUN_STATUS_RETRYING)
		tc_metric_run(RUN_COUNTER_RETRIES, queue_id, task_id, -1, -1, false);
	if (DatumGetInt32(column(new, desc, LIVE_LOST)) > DatumGetInt32(column(old, desc, LIVE_LOST)))
		tc_metric_run(RUN_COUNTER_LOST, queue_id, task_id, -1, -1, false);
}

/* A step that is made running is claimed, too. */
static void
count_handover(HeapTuple tuple, TupleDesc desc, RunStatus status)
{
	if (status == RUN_STATUS_RUNNING && tc_statement_is_own() && !IsLogicalWorker())
		tc_metric_run(RUN_COUNTER_CLAIMS, DatumGetInt64(column(tuple, desc, LIVE_QUEUE_ID)),
					  DatumGetInt64(column(tuple, desc, LIVE_TASK_ID)), -1, -1, false);
}

static void
check_update(Relation rel, HeapTuple old, HeapTuple new)
{
	TupleDesc	desc = RelationGetDescr(rel);
	RunStatus	from = status_of(old, rel);
	RunStatus	to = status_of(new, rel);

	/* a run may claim another, by perform_run(), and fail then */
	bool		claim = tc_my_executor != NULL && tc_my_executor->current_run == 0 &&
	to == RUN_STATUS_RUNNING;
	bool		by_worker = to == RUN_STATUS_RUNNING && is_for_workers(new, desc);

	check_identity_kept(rel, old, new);
	if (from != to && !tc_run_status_may_become(from, to))
		refuse_move(rel, from, to);
	check_claimed(rel, new, to);
	if (from != to && !tc_statement_is_own() && !IsLogicalWorker())
		tc_guard_record_move(DatumGetInt64(column(new, desc, LIVE_RUN_ID)),
							 DatumGetInt64(column(new, desc, LIVE_OWNER_ID)),
							 DatumGetInt64(column(new, desc, LIVE_TASK_ID)),
							 DatumGetInt32(column(new, desc, LIVE_ATTEMPT)),
							 tc_run_status_label(from), tc_run_status_label(to),
							 GetCurrentTimestamp());

	count_move(old, new, desc, from, to);

	/*
	 * whoever holds a ready row makes claims pass it by: look again at his
	 * end
	 */
	if (tc_run_status_is_ready(from) && !claim)
		touch_lane(old, desc, by_worker ? LANE_TOUCH_CLAIMED : LANE_TOUCH_LOCKED);
	if (tc_run_status_is_ready(to))
		touch_lane(new, desc, LANE_TOUCH_CHANGED);
	if (from == RUN_STATUS_RUNNING && to != RUN_STATUS_RUNNING)
		tc_shared_touch_finish(DatumGetInt64(column(old, desc, LIVE_RUN_ID)),
							   DatumGetInt64(column(old, desc, LIVE_QUEUE_ID)),
							   DatumGetInt64(column(old, desc, LIVE_TASK_ID)));
}

static void
check_leave(Relation rel, HeapTuple old)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (!tc_statement_is_own() && !IsLogicalWorker())
		refuse_change(rel, "delete from",
					  "Use taskcenter.cancel_run(); retention removes finished runs.");
	if (tc_run_status_is_ready(status_of(old, rel)))
		touch_lane(old, desc, LANE_TOUCH_LOCKED);
	tc_shared_touch_finish(DatumGetInt64(column(old, desc, LIVE_RUN_ID)),
						   DatumGetInt64(column(old, desc, LIVE_QUEUE_ID)),
						   DatumGetInt64(column(old, desc, LIVE_TASK_ID)));
}

Datum
taskcenter_guard_live_run(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);
	Relation	rel = call->tg_relation;

	check_columns(rel);
	tc_plain_check(rel);
	if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
	{
		RunStatus	status = status_of(call->tg_trigtuple, rel);

		check_claimed(rel, call->tg_trigtuple, status);
		count_handover(call->tg_trigtuple, RelationGetDescr(rel), status);
		if (tc_run_status_is_ready(status))
			touch_lane(call->tg_trigtuple, RelationGetDescr(rel), LANE_TOUCH_NEW);
		return PointerGetDatum(with_gate(call->tg_trigtuple, RelationGetDescr(rel)));
	}
	if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
	{
		check_update(rel, call->tg_trigtuple, call->tg_newtuple);
		return PointerGetDatum(with_gate(call->tg_newtuple, RelationGetDescr(rel)));
	}
	check_leave(rel, call->tg_trigtuple);
	return PointerGetDatum(call->tg_trigtuple);
}

/* A finished run is final: it leaves by retry_run() or by retention only. */
Datum
taskcenter_guard_finished_run(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);

	if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		refuse_change(call->tg_relation, "update",
					  "A finished run is final; use taskcenter.retry_run() to run it again.");
	if (TRIGGER_FIRED_BY_DELETE(call->tg_event) &&
		!tc_statement_is_own() && !IsLogicalWorker())
		refuse_change(call->tg_relation, "delete from",
					  "Retention removes finished runs; see taskcenter.set_setting().");
	return PointerGetDatum(call->tg_trigtuple);
}

/*
 * History, logs, audit: rows are added, and removed by retention only.  Rows
 * of the audit, and of moves, are added by the changes that they tell of.
 */
Datum
taskcenter_guard_record(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);

	if (TRIGGER_FIRED_BY_INSERT(call->tg_event) &&
		!tc_statement_is_own() && !IsLogicalWorker() && !tc_activation_restoring())
		refuse_change(call->tg_relation, "insert into",
					  "Each change writes its row itself; a dump is restored before the database is adopted.");
	if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		refuse_change(call->tg_relation, "update", "Records are never rewritten.");
	if (TRIGGER_FIRED_BY_DELETE(call->tg_event) &&
		!tc_statement_is_own() && !IsLogicalWorker())
		refuse_change(call->tg_relation, "delete from",
					  "Retention removes records; see taskcenter.set_setting().");
	return PointerGetDatum(call->tg_trigtuple);
}

/* Alerts are a record, too, in which the scheduler notes when they were told. */
Datum
taskcenter_guard_alert(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);

	if (!TRIGGER_FIRED_BY_UPDATE(call->tg_event))
		return taskcenter_guard_record(fcinfo);
	if (!tc_statement_is_own() && !IsLogicalWorker())
		refuse_change(call->tg_relation, "update",
					  "taskcenter.acknowledge_alert() says that somebody looks after one.");
	return PointerGetDatum(call->tg_newtuple);
}

/* A purge empties whole partitions; nobody else may. */
Datum
taskcenter_guard_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *call = tc_trigger_call(fcinfo);

	if (!tc_statement_is_own() && !IsLogicalWorker())
		refuse_change(call->tg_relation, "truncate",
					  "Retention removes what is out of policy; DROP EXTENSION removes all.");
	return PointerGetDatum(NULL);
}
