/*-------------------------------------------------------------------------
 *
 * server_look.c
 *		What the server knows of the transactions of sessions: who keeps old rows
 *		from being removed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "utils/backend_status.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "server_look.h"
#include "taskcenter.h"

HeldSnapshot
tc_server_oldest_snapshot(void)
{
	HeldSnapshot oldest = {0, DT_NOEND};
	int			count = pgstat_fetch_stat_numbackends();
	int			i;

	for (i = 1; i <= count; i++)
	{
		LocalPgBackendStatus *local = tc_backend_status(i);
		const PgBackendStatus *backend = local == NULL ? NULL : &local->backendStatus;

		if (backend == NULL || backend->st_procpid == MyProcPid ||
			backend->st_databaseid != MyDatabaseId ||
			!TransactionIdIsValid(local->backend_xmin) ||
			backend->st_xact_start_timestamp == 0 ||
			backend->st_xact_start_timestamp >= oldest.since)
			continue;
		oldest.pid = backend->st_procpid;
		oldest.since = backend->st_xact_start_timestamp;
	}
	return oldest;
}

TimestampTz
tc_server_transaction_start(int pid)
{
	int			count = pgstat_fetch_stat_numbackends();
	int			i;

	for (i = 1; i <= count; i++)
	{
		LocalPgBackendStatus *local = tc_backend_status(i);

		if (local != NULL && local->backendStatus.st_procpid == pid &&
			local->backendStatus.st_databaseid == MyDatabaseId)
			return local->backendStatus.st_xact_start_timestamp;
	}
	return 0;
}

TimestampTz
tc_server_oldest_transaction(void)
{
	TimestampTz oldest = DT_NOEND;
	int			count = pgstat_fetch_stat_numbackends();
	int			i;

	for (i = 1; i <= count; i++)
	{
		LocalPgBackendStatus *local = tc_backend_status(i);

		if (local == NULL || local->backendStatus.st_databaseid != MyDatabaseId)
			continue;
		/* without track_activities nobody knows */
		if (local->backendStatus.st_state == STATE_DISABLED)
			return DT_NOBEGIN;
		if (local->backendStatus.st_xact_start_timestamp != 0)
			oldest = Min(oldest, local->backendStatus.st_xact_start_timestamp);
	}
	return oldest;
}

int64
tc_server_held_xids(void)
{
	Oid			oid = get_relname_relid("live_runs", get_namespace_oid(TC_SCHEMA, false));
	TransactionId next;
	TransactionId oldest;
	Relation	relation;

	if (RecoveryInProgress() || !OidIsValid(oid))
		return 0;
	relation = table_open(oid, AccessShareLock);
	next = XidFromFullTransactionId(ReadNextFullTransactionId());
	oldest = GetOldestNonRemovableTransactionId(relation);
	table_close(relation, AccessShareLock);
	return TransactionIdPrecedes(oldest, next) ? (int64) (next - oldest) : 0;
}
