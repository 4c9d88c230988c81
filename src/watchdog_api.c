/*-------------------------------------------------------------------------
 *
 * watchdog_api.c
 *		watchdog_metrics(), and when a running run gave its last sign of life.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/timestamp.h"

#include "engine_state.h"
#include "shared_state.h"
#include "shared_watchdog.h"
#include "statement.h"
#include "status_store.h"

PG_FUNCTION_INFO_V1(taskcenter_watchdog_metrics);
PG_FUNCTION_INFO_V1(taskcenter_last_beat);

#define LOOK_COLUMNS 8

static Datum
instant(TimestampTz value, bool *isnull)
{
	*isnull = value == 0 || TIMESTAMP_NOT_FINITE(value);
	return TimestampTzGetDatum(value);
}

Datum
taskcenter_watchdog_metrics(PG_FUNCTION_ARGS)
{
	int64		counters[WATCHDOG_COUNTER_COUNT];
	Datum		values[LOOK_COLUMNS];
	bool		nulls[LOOK_COLUMNS] = {false};
	TupleDesc	desc;
	EngineState engine;
	WorkFacts	work;
	StoreFrame	frame;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tc_engine_look(&engine);
	tc_store_begin(&frame);
	tc_status_work(GetCurrentTimestamp(), engine.alive, engine.executors, &work);
	tc_store_end(&frame);
	tc_shared_watchdog_read(counters);
	values[0] = Int64GetDatum(counters[WATCHDOG_CHECKED]);
	values[1] = Int64GetDatum(counters[WATCHDOG_STUCK]);
	values[2] = Int64GetDatum(counters[WATCHDOG_MOVED]);
	values[3] = Int64GetDatum(counters[WATCHDOG_LATE]);
	values[4] = Int64GetDatum(counters[WATCHDOG_TERMINATED]);
	values[5] = Int64GetDatum(work.running);
	values[6] = Int64GetDatum(work.stuck);
	values[7] = instant(engine.last_cycle_at, &nulls[7]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

Datum
taskcenter_last_beat(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0) && tc_shared_executor_lives(PG_GETARG_INT64(0)))
		PG_RETURN_TIMESTAMPTZ(GetCurrentTimestamp());
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(PG_GETARG_TIMESTAMPTZ(1));
}
