/*-------------------------------------------------------------------------
 *
 * purge_lock.c
 *		Purging and holding exclude each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"

#include "purge_lock.h"
#include "taskcenter.h"

/* objsubid of the lock: 0 is the extension itself */
#define PURGE_PART 1

static void
lock_purge(LOCKMODE mode)
{
	Oid			extension = get_extension_oid(TC_LIBRARY, true);

	LockDatabaseObject(ExtensionRelationId, extension, PURGE_PART, mode);
}

void
tc_lock_to_purge(void)
{
	lock_purge(ExclusiveLock);
}

void
tc_lock_to_hold(void)
{
	lock_purge(RowExclusiveLock);
}
