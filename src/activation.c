/*-------------------------------------------------------------------------
 *
 * activation.c
 *		Whether this database may work, and making it so.
 *
 * The identity is the server's system identifier with the database's OID: a
 * clone by template changes the OID, a dump and restore the server or the OID.
 * The name is kept to be shown: a renamed database is the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "usage_store.h"
#include "utils/guc.h"

#include "activation.h"
#include "adoption_store.h"
#include "arguments.h"
#include "audit_context.h"
#include "control_store.h"
#include "failure_code_store.h"
#include "partition_store.h"
#include "recover_store.h"
#include "shared_state.h"
#include "statement.h"
#include "status_history_store.h"
#include "task_store.h"
#include "workflow_store.h"

/* made in the session's transaction; the scheduler makes the rest */
#define DAYS_AT_ACTIVATION 2

static char *
system_identifier(void)
{
	return psprintf(UINT64_FORMAT, GetSystemIdentifier());
}

static void
make_first_partitions(TimestampTz now)
{
	int			set;

	for (set = 0; set < TC_PARTITION_SET_COUNT; set++)
	{
		const char *key = tc_partition_retention_key(set);

		tc_partition_ensure(set, key == NULL ? TC_RETENTION_KEEP :
							tc_parse_retention(key, tc_setting_value(key)),
							now, DAYS_AT_ACTIVATION);
	}
}

static void
make_first_queues(TimestampTz now)
{
	(void) tc_queue_insert(TC_DEFAULT_QUEUE, -1, "For tasks that name no queue", now);
	(void) tc_queue_insert(TC_CONTROL_QUEUE, -1,
						   "For tasks that steer others: it runs while all else is paused",
						   now);
}

ActivationStatus
tc_activation_status(char **detail)
{
	StoreFrame	frame;
	SchedulerStateRow row;
	bool		exists;
	char	   *difference = NULL;

	tc_store_begin(&frame);
	exists = tc_control_state(false, &row);
	tc_store_end(&frame);
	if (exists && strcmp(row.system_identifier, system_identifier()) != 0)
		difference = psprintf("It was adopted on the server with system identifier %s; this one has %s.",
							  row.system_identifier, system_identifier());
	else if (exists && row.database_id != MyDatabaseId)
		difference = psprintf("It was adopted as the database \"%s\" with OID %u; this one has OID %u.",
							  row.database_name, row.database_id, MyDatabaseId);
	if (detail != NULL)
		*detail = difference;
	if (!exists)
		return ACTIVATION_NONE;
	return difference == NULL ? ACTIVATION_OWN : ACTIVATION_FOREIGN;
}

/* the scripts of pg_dump, and pg_restore, begin by this setting */
bool
tc_activation_restoring(void)
{
	return !check_function_bodies || tc_activation_status(NULL) != ACTIVATION_OWN;
}

bool
tc_activate_if_fresh(TimestampTz now)
{
	StoreFrame	frame;
	SchedulerStateRow row;
	char	   *actor = tc_audit_actor(GetUserId());
	bool		done = false;

	tc_store_begin(&frame);
	if (!tc_control_state(false, &row) && !tc_control_has_content() &&
		tc_control_insert_identity(system_identifier(), MyDatabaseId,
								   get_database_name(MyDatabaseId), actor, now))
	{
		make_first_queues(now);
		tc_workflow_row_seed(now);
		tc_failure_codes_seed(now);
		tc_usage_seed(now);
		make_first_partitions(now);
		tc_status_history_link();
		done = true;
	}
	tc_store_end(&frame);
	if (done)
		tc_shared_touch_databases();
	return done;
}

/* Runs that were running where the copy was taken: nobody executes them here. */
static int
cancel_orphans(const char *reason, const char *actor, TimestampTz now)
{
	LostRun    *orphans;
	int			count = tc_runs_find_lost(NULL, 0, &orphans);
	int64	   *run_ids = palloc(sizeof(int64) * Max(count, 1));
	int64	   *tokens = palloc(sizeof(int64) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
	{
		run_ids[i] = orphans[i].run_id;
		tokens[i] = orphans[i].token;
	}
	return tc_runs_end_lost(run_ids, tokens, count, "cancelled", reason, actor, now);
}

int64
tc_activation_adopt(bool cancel, const char *reason, TimestampTz now)
{
	StoreFrame	frame;
	SchedulerStateRow row;
	char	   *actor = tc_audit_actor(GetUserId());
	const char *database = get_database_name(MyDatabaseId);
	bool		copied = tc_activation_status(NULL) != ACTIVATION_OWN;
	int64		cancelled = 0;

	tc_store_begin(&frame);
	if (copied)
		tc_adoption_advance_sequences();
	if (!tc_control_state(true, &row))
		(void) tc_control_insert_identity(system_identifier(), MyDatabaseId,
										  database, actor, now);
	else
	{
		/* roles have other OIDs on another server */
		if (strcmp(row.system_identifier, system_identifier()) != 0)
		{
			tc_adoption_map_roles(now);
			tc_usage_map_roles();
		}
		tc_control_change_identity(system_identifier(), MyDatabaseId, database,
								   actor, now);
	}
	make_first_queues(now);
	tc_workflow_row_seed(now);
	tc_failure_codes_seed(now);
	tc_usage_seed(now);
	if (copied)
		tc_adoption_own_partitions();
	make_first_partitions(now);
	tc_status_history_link();
	if (cancel)
		cancelled = tc_task_cancel_unstarted(0, reason, actor, now);
	tc_store_end(&frame);
	if (cancel && copied)
		cancelled += cancel_orphans(reason, actor, now);
	tc_shared_touch_databases();
	return cancelled;
}
