/*-------------------------------------------------------------------------
 *
 * status_api.c
 *		status and health(): is everything as it should be, and if not, what
 *		is to be done.
 *
 * Anybody may ask and learns each check's state.  What a check saw is told to
 * everybody where it concerns the processes only, else to superusers, the
 * owner of the database and members of pg_monitor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "access.h"
#include "check_list.h"
#include "engine_state.h"
#include "statement.h"
#include "status_engine.h"
#include "status_house.h"
#include "status_store.h"
#include "status_work.h"

PG_FUNCTION_INFO_V1(taskcenter_status_checks);
PG_FUNCTION_INFO_V1(taskcenter_health);

#define CHECK_COLUMNS 4
#define CLOSED_DETAIL "Told to members of pg_monitor and to the owner of the database."

static const char *
state_label(CheckState state)
{
	switch (state)
	{
		case CHECK_OK:
			return "ok";
		case CHECK_WARN:
			return "warn";
		case CHECK_FAIL:
			return "fail";
	}
	return "fail";
}

/* for those who may not read everything: what it saw, and whose */
static void
close_details(CheckList *list)
{
	int			i;

	for (i = 0; i < list->count; i++)
		if (!list->checks[i].open)
			list->checks[i].detail = CLOSED_DETAIL;
}

static CheckList *
run_checks(void)
{
	CheckList  *list = palloc0(sizeof(CheckList));
	bool		reads_all = has_bypassrls_privilege(GetUserId()) ||
	tc_access_is_monitor(GetUserId()) || tc_access_is_admin(GetUserId());
	EngineState engine;
	WorkFacts	work;
	DefinitionFacts definitions;
	HouseFacts	house;
	StoreFrame	frame;

	list->now = GetCurrentTimestamp();
	tc_engine_look(&engine);
	tc_store_begin(&frame);
	tc_status_work(list->now, engine.alive, engine.executors, &work);
	tc_status_definitions(list->now, &definitions);
	tc_status_house(list->now, &house);
	list->open = true;
	tc_status_engine(list, &engine, &work);
	list->open = false;
	tc_status_work_checks(list, &engine, &work, &definitions);
	tc_status_house_checks(list, &house, engine.control->activated);
	tc_store_end(&frame);
	if (!reads_all)
		close_details(list);
	return list;
}

Datum
taskcenter_status_checks(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CheckList  *list = run_checks();
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < list->count; i++)
	{
		const Check *check = &list->checks[i];
		Datum		values[CHECK_COLUMNS];
		bool		nulls[CHECK_COLUMNS] = {false};

		values[0] = CStringGetTextDatum(check->name);
		values[1] = CStringGetTextDatum(state_label(check->state));
		values[2] = CStringGetTextDatum(check->detail);
		nulls[3] = check->hint == NULL;
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(check->hint);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- health() ---- */

static void
append_member(StringInfo text, const char *key, const char *value)
{
	appendStringInfo(text, ", \"%s\": ", key);
	if (value == NULL)
		appendStringInfoString(text, "null");
	else
		escape_json(text, value);
}

static void
append_check(StringInfo text, const Check *check)
{
	appendStringInfoString(text, "{\"check_name\": ");
	escape_json(text, check->name);
	append_member(text, "state", state_label(check->state));
	append_member(text, "detail", check->detail);
	append_member(text, "hint", check->hint);
	appendStringInfoChar(text, '}');
}

static char *
time_text(TimestampTz at)
{
	char		buffer[MAXDATELEN + 1];

	JsonEncodeDateTime(buffer, TimestampTzGetDatum(at), TIMESTAMPTZOID, NULL);
	return pstrdup(buffer);
}

Datum
taskcenter_health(PG_FUNCTION_ARGS)
{
	int			counts[CHECK_FAIL + 1] = {0};
	StringInfoData text;
	CheckList  *list;
	instr_time	begun;
	instr_time	took;
	int			i;

	INSTR_TIME_SET_CURRENT(begun);
	list = run_checks();
	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, begun);
	for (i = 0; i < list->count; i++)
		counts[list->checks[i].state]++;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"ok\": %s, \"pass\": %d, \"warn\": %d, \"fail\": %d",
					 counts[CHECK_FAIL] == 0 ? "true" : "false",
					 counts[CHECK_OK], counts[CHECK_WARN], counts[CHECK_FAIL]);
	append_member(&text, "verdict", counts[CHECK_FAIL] > 0 ? "fail"
				  : counts[CHECK_WARN] > 0 ? "degraded" : "healthy");
	append_member(&text, "checked_at", time_text(list->now));
	appendStringInfo(&text, ", \"took_ms\": %.1f, \"checks\": [",
					 INSTR_TIME_GET_MILLISEC(took));
	for (i = 0; i < list->count; i++)
	{
		appendStringInfoString(&text, i > 0 ? ", " : "");
		append_check(&text, &list->checks[i]);
	}
	appendStringInfoString(&text, "]}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}
