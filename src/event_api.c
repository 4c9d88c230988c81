/*-------------------------------------------------------------------------
 *
 * event_api.c
 *		Events: the number of the next one, and reading them in their order.
 *
 * A reader keeps one number, that of the last event that he has dealt with.
 * He is told only what comes before everything that can still come, so that
 * no event is missed because its transaction was slow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"

#include "arguments.h"
#include "event_order.h"
#include "event_store.h"
#include "settings.h"
#include "shared_metrics.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_next_event_id);
PG_FUNCTION_INFO_V1(taskcenter_next_run_event_id);
PG_FUNCTION_INFO_V1(taskcenter_events_end);
PG_FUNCTION_INFO_V1(taskcenter_read_events);

#define MAX_EVENTS 10000
#define MAX_TYPES 100

/* numbers that are looked at in one go */
#define FIRST_WINDOW 500
#define LAST_WINDOW 50000

Datum
taskcenter_next_event_id(PG_FUNCTION_ARGS)
{
	tc_metric_database(DATABASE_COUNTER_OTHER_EVENTS, 1);
	PG_RETURN_INT64(tc_event_next_id());
}

Datum
taskcenter_next_run_event_id(PG_FUNCTION_ARGS)
{
	if (!tc_run_events)
		PG_RETURN_NULL();
	tc_metric_database(DATABASE_COUNTER_RUN_EVENTS, 1);
	PG_RETURN_INT64(tc_event_next_id());
}

/*
 * What is told must be seen: by a snapshot that is younger than the look at
 * who still writes, where those who write are.
 */
static void
require_fresh_look(const char *function)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot be called on a standby", function),
				 errdetail("Who writes events, and has not committed, is known to the primary server only."),
				 errhint("Call it on the primary server.")));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot be called in a transaction that keeps one snapshot", function),
				 errdetail("It would not see what was committed since the transaction began."),
				 errhint("Use the isolation level READ COMMITTED.")));
}

/* what a reader asked for */
typedef struct EventRequest
{
	int64		after;
	int			most;
	char	  **types;			/* NULL: any */
	int			type_count;
} EventRequest;

static void
read_request(FunctionCallInfo fcinfo, EventRequest *request)
{
	int			i;

	request->after = tc_arg_int64(fcinfo, 0, 0);
	tc_check_int("after", request->after, 0, PG_INT64_MAX);
	request->most = tc_arg_int32(fcinfo, 1, 100);
	tc_check_int("max_rows", request->most, 1, MAX_EVENTS);
	request->types = tc_arg_text_array(fcinfo, 2, "types", &request->type_count);
	if (request->types != NULL)
		tc_check_int("types", request->type_count, 1, MAX_TYPES);
	for (i = 0; i < request->type_count; i++)
		tc_check_name("types", request->types[i]);
}

static void
put_rows(ReturnSetInfo *result, int count)
{
	Datum		values[TC_EVENT_COLUMNS];
	bool		nulls[TC_EVENT_COLUMNS];
	int			row;
	int			i;

	for (row = 0; row < count; row++)
	{
		for (i = 0; i < TC_EVENT_COLUMNS; i++)
			values[i] = tc_get_datum(row, i + 1, &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static int64
find_end(void)
{
	StoreFrame	frame;
	int64		end;

	tc_store_begin(&frame);
	end = tc_events_end();
	tc_store_end(&frame);
	return end;
}

static int64
find_next(int64 after)
{
	StoreFrame	frame;
	int64		next;

	tc_store_begin(&frame);
	next = tc_events_next(after);
	tc_store_end(&frame);
	return next;
}

static int
read_window(ReturnSetInfo *result, const EventRequest *request, int64 first, int64 last)
{
	StoreFrame	frame;
	int			count;

	tc_store_begin_as_caller(&frame);
	count = tc_events_between(first - 1, last, request->types, request->type_count,
							  request->most);
	put_rows(result, count);
	tc_store_end(&frame);
	return count;
}

/*
 * A window of numbers after another, so that the rows of one are few to sort,
 * however far they reach; where there are no events the next window begins
 * with the next one.
 */
static void
read_stream(ReturnSetInfo *result, EventRequest *request, int64 end)
{
	int64		window = FIRST_WINDOW;

	while (request->most > 0 && request->after < end)
	{
		int64		first = find_next(request->after);
		int64		last;

		CHECK_FOR_INTERRUPTS();
		if (first > end)
			break;
		last = Min(end, first + window - 1);
		request->most -= read_window(result, request, first, last);
		request->after = last;
		window = Min(window * 2, LAST_WINDOW);
	}
}

/* read_events(after, max_rows, types) */
Datum
taskcenter_read_events(PG_FUNCTION_ARGS)
{
	EventRequest request = {0};

	read_request(fcinfo, &request);
	require_fresh_look("read_events()");
	InitMaterializedSRF(fcinfo, 0);
	read_stream((ReturnSetInfo *) fcinfo->resultinfo, &request, find_end());
	return (Datum) 0;
}

Datum
taskcenter_events_end(PG_FUNCTION_ARGS)
{
	require_fresh_look("events_end()");
	PG_RETURN_INT64(find_end());
}
