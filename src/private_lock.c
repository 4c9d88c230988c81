/*-------------------------------------------------------------------------
 *
 * private_lock.c
 *		Locks of ours that nobody takes with SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"

#include "private_lock.h"

static bool
try_lock(PrivateLock lock, uint64 number, bool session)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (number >> 32), (uint32) number, lock);
	return LockAcquire(&tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

bool
tc_private_lock_try(PrivateLock lock, uint64 number)
{
	return try_lock(lock, number, false);
}

bool
tc_private_lock_try_session(PrivateLock lock, uint64 number)
{
	return try_lock(lock, number, true);
}
