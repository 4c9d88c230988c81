/*-------------------------------------------------------------------------
 *
 * status_house.c
 *		The checks of our relations, and of the server that they live in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/twophase.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/autovacuum.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/guc.h"

#include "arguments.h"
#include "control_store.h"
#include "event_store.h"
#include "guard_list_store.h"
#include "guarded_table_store.h"
#include "server_look.h"
#include "setting_keys.h"
#include "status_house.h"

#define OLD_SNAPSHOT_S 3600
#define LATE_EVENTS_S 300
#define LATE_PURGE_DAYS 2
#define MANY_XIDS INT64CONST(50000000)

/* live_runs is small: so many dead rows mean that nobody removes them */
#define MANY_DEAD_ROWS 200000

/* queries over all partitions that must have room for their locks at once */
#define SCANS_AT_ONCE 4

/* While one is not in force the scheduler starts nothing, see lockstep.h. */
static void
check_guards(CheckList *list)
{
	char	   *broken;
	char	   *foreign;

	tc_guard_list_look(&broken, &foreign);
	if (broken != NULL)
		tc_check_put(list, "guards", CHECK_FAIL,
					 psprintf("Not in force, so that no run is started: %s.", broken),
					 "Find out who did that, then call taskcenter.repair_guards(). Runbook \"Guards are not in force\".");
	else
		tc_check_that(list, "guards", foreign == NULL, CHECK_WARN,
					  foreign == NULL ? "All guards are in force."
					  : psprintf("Others act on our relations: %s.", foreign),
					  "Drop what is not meant; what it does to our rows is not supported.");
}

/* Their owners' affair: nothing of ours stops. */
static void
check_guarded_tables(CheckList *list)
{
	char	   *lapsed = tc_guarded_look();

	tc_check_that(list, "guarded_tables", lapsed == NULL, CHECK_WARN,
				  lapsed == NULL ? "All guarded tables are guarded."
				  : psprintf("Not guarded, or not always: %s.", lapsed),
				  "ALTER TABLE ... ENABLE ALWAYS TRIGGER its triggers that call taskcenter.guard_row(), or unguard_table() and guard_table() it.");
}

static void
check_partitions(CheckList *list, const HouseFacts *house)
{
	bool		ahead = house->partitions_until > list->now + USECS_PER_DAY;

	tc_check_that(list, "partitions", ahead, CHECK_WARN,
				  TIMESTAMP_NOT_FINITE(house->partitions_until)
				  ? "A partitioned table has no partition for a time to come."
				  : psprintf("Partitions exist until %s.",
							 timestamptz_to_str(house->partitions_until)),
				  "The scheduler makes them ahead; until it does, rows go to the default partitions.");
	tc_check_that(list, "default_partitions", house->filled_defaults == NULL, CHECK_WARN,
				  house->filled_defaults == NULL ? "The default partitions are empty."
				  : psprintf("These hold rows: %s.", house->filled_defaults),
				  "The scheduler moves them to partitions of their own; taskcenter.repair_partitions() does so at once.");
}

static void
check_security(CheckList *list, const HouseFacts *house)
{
	tc_check_that(list, "owner_role", house->owner_is_sane, CHECK_FAIL,
				  house->owner_is_sane ? "Role taskcenter_owner cannot log in and has no members."
				  : "Role taskcenter_owner can log in, is superuser or has members.",
				  "ALTER ROLE taskcenter_owner NOLOGIN NOSUPERUSER, and revoke it from its members.");
	if (house->unsecured != NULL)
		tc_check_put(list, "privileges", CHECK_FAIL,
					 psprintf("Without their row security, or of another owner: %s.",
							  house->unsecured),
					 "ALTER TABLE ... ENABLE ROW LEVEL SECURITY, OWNER TO taskcenter_owner.");
	else
		tc_check_that(list, "privileges", house->privileges == NULL, CHECK_FAIL,
					  house->privileges == NULL ? "Only taskcenter_owner can write our tables."
					  : psprintf("Somebody can pass the functions by: %s.", house->privileges),
					  "Revoke it.");
}

static void
check_capacity(CheckList *list, const HouseFacts *house)
{
	int64		limit = tc_parse_size(TC_SETTING_CAPACITY_WARNING,
									  tc_setting_value(TC_SETTING_CAPACITY_WARNING));

	tc_check_that(list, "capacity", house->largest_bytes < limit, CHECK_WARN,
				  psprintf("All relations: %lld MB; the largest is %s with %lld MB.",
						   (long long) (house->total_bytes >> 20), house->largest,
						   (long long) (house->largest_bytes >> 20)),
				  "The view taskcenter.storage shows what grows. Shorten a retention, or raise the setting capacity_warning if that is meant.");
}

/* the setting that rules the rows of a parent; NULL: none does */
static const char *
retention_key(const char *parent)
{
	if (strcmp(parent, "finished_runs_1") == 0)
		return TC_SETTING_RUNS_RETENTION;
	if (strcmp(parent, "finished_runs_2") == 0)
		return TC_SETTING_FAILED_RUNS_RETENTION;
	if (strcmp(parent, "task_run_history_1") == 0)
		return TC_SETTING_RUN_HISTORY_RETENTION;
	if (strcmp(parent, "task_run_logs_1") == 0)
		return TC_SETTING_RUN_LOGS_RETENTION;
	return NULL;
}

static void
check_retention(CheckList *list)
{
	RetentionFacts facts;
	const char *late = NULL;
	int64		days = 0;
	int			i;

	tc_status_retention(&facts);
	for (i = 0; i < facts.count; i++)
	{
		const char *key = retention_key(facts.parents[i]);
		int64		kept = key == NULL ? TC_RETENTION_KEEP
		: tc_parse_retention(key, tc_setting_value(key));
		int64		lag;

		if (kept == TC_RETENTION_KEEP || TIMESTAMP_NOT_FINITE(facts.oldest_until[i]))
			continue;
		lag = (list->now - kept - facts.oldest_until[i]) / USECS_PER_DAY;
		if (lag > days)
		{
			days = lag;
			late = facts.parents[i];
		}
	}
	tc_check_that(list, "retention", days <= LATE_PURGE_DAYS, CHECK_WARN,
				  days > LATE_PURGE_DAYS
				  ? psprintf("%s holds rows that went out of policy %lld days ago; tasks held: %lld.",
							 late, (long long) days, (long long) facts.held)
				  : psprintf("Nothing is long out of policy; tasks held: %lld.",
							 (long long) facts.held),
				  "CALL taskcenter.purge(), which says what it cannot take and why; the view taskcenter.purges shows what was taken. Runbook \"Rows are not purged, or tables grow\".");
}

static void
check_vacuum(CheckList *list, const HouseFacts *house)
{
	bool		running = autovacuum_start_daemon && pgstat_track_counts;

	if (!running || house->not_vacuumed != NULL)
		tc_check_put(list, "vacuum", CHECK_WARN,
					 !running ? "Autovacuum is off on this server."
					 : psprintf("Autovacuum is switched off for: %s.", house->not_vacuumed),
					 "Turn autovacuum and track_counts on; ALTER TABLE ... RESET (autovacuum_enabled).");
	else
		tc_check_that(list, "vacuum", house->dead_rows < MANY_DEAD_ROWS ||
					  house->dead_rows < house->live_rows, CHECK_WARN,
					  psprintf("Unfinished runs: about %lld rows, %lld dead ones.",
							   (long long) house->live_rows, (long long) house->dead_rows),
					  "Autovacuum does not keep up: see the check snapshots, and autovacuum_max_workers.");
	tc_check_that(list, "indexes", house->invalid_indexes == NULL, CHECK_FAIL,
				  house->invalid_indexes == NULL ? "All indexes are valid."
				  : psprintf("Invalid: %s.", house->invalid_indexes), "REINDEX INDEX.");
}

static void
check_snapshots(CheckList *list, const HouseFacts *house)
{
	HeldSnapshot oldest = tc_server_oldest_snapshot();
	int64		age = oldest.pid == 0 ? 0 : tc_check_seconds_since(list, oldest.since);
	int64		xids = tc_server_held_xids();

	if (house->prepared > 0)
		tc_check_put(list, "snapshots", CHECK_WARN,
					 psprintf("Prepared transactions older than 5 minutes: %lld.",
							  (long long) house->prepared),
					 "COMMIT PREPARED or ROLLBACK PREPARED: pg_prepared_xacts lists them; they keep locks and old rows.");
	else if (age > OLD_SNAPSHOT_S)
		tc_check_put(list, "snapshots", CHECK_WARN,
					 psprintf("Process %d has kept a snapshot for %lld s; removed rows pile up.",
							  oldest.pid, (long long) age),
					 "pg_stat_activity shows what it does; end it if it is forgotten.");
	else
		tc_check_that(list, "snapshots", xids < MANY_XIDS, CHECK_WARN,
					  psprintf("Old rows are kept for %lld transactions.", (long long) xids),
					  "A replication slot, a standby's feedback or a prepared transaction keeps them: pg_replication_slots, pg_stat_replication, pg_prepared_xacts.");
}

/* Every query over all partitions locks each of them, with its indexes. */
static void
check_server_settings(CheckList *list, const HouseFacts *house)
{
	int64		room = (int64) max_locks_per_xact * (MaxBackends + max_prepared_xacts);
	int64		needed = (int64) house->locks_per_scan * SCANS_AT_ONCE;

	if (!enableFsync || !fullPageWrites)
		tc_check_put(list, "server_settings", CHECK_WARN,
					 psprintf("%s is off: a crash of the machine can destroy the database.",
							  enableFsync ? "full_page_writes" : "fsync"),
					 "Turn it on.");
	else
		tc_check_that(list, "server_settings", needed <= room, CHECK_WARN,
					  psprintf("A query over all partitions takes %d of %lld locks.",
							   house->locks_per_scan, (long long) room),
					  "Raise max_locks_per_transaction and restart.");
}

/* one transaction that writes events and stays open holds up what comes after it */
static void
check_event_stream(CheckList *list)
{
	TimestampTz since;
	int			pid = tc_events_holder(&since);
	int64		age = pid == 0 ? 0 : tc_check_seconds_since(list, since);

	if (pid < 0)
		tc_check_put(list, "event_stream", CHECK_WARN,
					 "A prepared transaction holds up the events after its own.",
					 "COMMIT PREPARED or ROLLBACK PREPARED: pg_prepared_xacts lists it.");
	else
		tc_check_that(list, "event_stream", age <= LATE_EVENTS_S, CHECK_WARN,
					  age <= LATE_EVENTS_S ? "Events reach their readers at once."
					  : psprintf("The transaction of process %d, open for %lld s, holds up the events after its own.",
								 pid, (long long) age),
					  "pg_stat_activity shows what it does; it wrote an event and goes on. End it if it is forgotten.");
}

void
tc_status_house_checks(CheckList *list, const HouseFacts *house, bool activated)
{
	check_guards(list);
	if (activated)
		check_guarded_tables(list);
	if (activated)
		check_partitions(list, house);
	check_security(list, house);
	check_retention(list);
	check_capacity(list, house);
	check_vacuum(list, house);
	check_snapshots(list, house);
	check_server_settings(list, house);
	check_event_stream(list);
}
