/*-------------------------------------------------------------------------
 *
 * database_api.c
 *		What the view databases and the checks of status read from shared
 *		memory: the databases of the server and our processes in them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "database_store.h"
#include "shared_state.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(taskcenter_list_databases);
PG_FUNCTION_INFO_V1(taskcenter_scheduler_processes);

static const char *
phase_label(DatabasePhase phase)
{
	switch (phase)
	{
		case DATABASE_PHASE_UNKNOWN:
			return "unknown";
		case DATABASE_PHASE_STARTING:
			return "starting";
		case DATABASE_PHASE_RUNNING:
			return "running";
		case DATABASE_PHASE_ABSENT:
			return "absent";
		case DATABASE_PHASE_BACKOFF:
			return "backoff";
	}
	return "unknown";
}

static void
set_time(TimestampTz at, Datum *value, bool *isnull)
{
	*value = TimestampTzGetDatum(at);
	*isnull = TIMESTAMP_NOT_FINITE(at) || at == 0;
}

/* ---- list_databases() ---- */

#define DATABASE_COLUMNS 7

/* (database, phase, has_scheduler, scheduler_pid, executors, last_cycle_at, reason) */
static void
put_database(ReturnSetInfo *set, const DatabaseRow *row)
{
	Datum		values[DATABASE_COLUMNS] = {0};
	bool		nulls[DATABASE_COLUMNS];
	DatabaseSlot slot = {0};
	DatabaseSlot *found = NULL;

	memset(nulls, true, sizeof(nulls));
	if (tc_shared_available())
	{
		LWLockAcquire(tc_shared->lock, LW_SHARED);
		found = tc_shared_database(row->database);
		if (found != NULL)
			slot = *found;
		LWLockRelease(tc_shared->lock);
	}
	values[0] = CStringGetTextDatum(row->name);
	values[1] = CStringGetTextDatum(tc_shared_available() ? phase_label(slot.phase)
									: "not preloaded");
	values[2] = BoolGetDatum(slot.scheduler_pid != 0);
	nulls[0] = nulls[1] = nulls[2] = false;
	if (found != NULL)
	{
		values[3] = Int32GetDatum(slot.scheduler_pid);
		nulls[3] = slot.scheduler_pid == 0;
		values[4] = Int32GetDatum(tc_shared_executors_count(row->database, InvalidOid));
		nulls[4] = false;
		set_time(slot.last_cycle_at, &values[5], &nulls[5]);
		nulls[6] = slot.waiting_reason[0] == '\0';
		if (!nulls[6])
			values[6] = CStringGetTextDatum(slot.waiting_reason);
	}
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

Datum
taskcenter_list_databases(PG_FUNCTION_ARGS)
{
	StoreFrame	frame;
	DatabaseRow *rows;
	int			count;
	int			i;

	tc_store_begin(&frame);
	count = tc_database_list(&rows, frame.results);
	tc_store_end(&frame);
	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < count; i++)
		put_database((ReturnSetInfo *) fcinfo->resultinfo, &rows[i]);
	return (Datum) 0;
}

/* ---- scheduler_processes() ---- */

#define PROCESS_COLUMNS 5

/* (process, pid, database, state, state_since) */
static void
put_process(ReturnSetInfo *set, const char *process, int pid, Oid database,
			const char *state, TimestampTz since)
{
	Datum		values[PROCESS_COLUMNS] = {0};
	bool		nulls[PROCESS_COLUMNS] = {false, false, false, false, false};
	char	   *name = OidIsValid(database) ? get_database_name(database) : NULL;

	values[0] = CStringGetTextDatum(process);
	values[1] = Int32GetDatum(pid);
	nulls[2] = name == NULL;
	if (name != NULL)
		values[2] = CStringGetTextDatum(name);
	values[3] = CStringGetTextDatum(state);
	set_time(since, &values[4], &nulls[4]);
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

Datum
taskcenter_scheduler_processes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	DatabaseSlot *slots;
	TimestampTz started_at;
	int			launcher;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (!tc_shared_available())
		return (Datum) 0;
	slots = palloc(sizeof(DatabaseSlot) * TC_MAX_DATABASES);
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	launcher = tc_shared->launcher_pid;
	started_at = tc_shared->started_at;
	memcpy(slots, tc_shared->databases, sizeof(DatabaseSlot) * TC_MAX_DATABASES);
	LWLockRelease(tc_shared->lock);

	if (launcher != 0)
		put_process(set, "launcher", launcher, InvalidOid, "running", started_at);
	for (i = 0; i < TC_MAX_DATABASES; i++)
	{
		if (OidIsValid(slots[i].database) && slots[i].scheduler_pid != 0)
			put_process(set, "scheduler", slots[i].scheduler_pid, slots[i].database,
						phase_label(slots[i].phase), slots[i].last_cycle_at);
	}
	return (Datum) 0;
}
