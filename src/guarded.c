/*-------------------------------------------------------------------------
 *
 * guarded.c
 *		Evaluate something that may raise, without losing the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "guarded.h"

ErrorData *
tc_guarded_error(GuardedCall call, void *argument)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		call(argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *data;

		MemoryContextSwitchTo(context);
		data = CopyErrorData();

		/*
		 * a cancelled or terminated process must not take it for a bad
		 * definition
		 */
		if (data->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			data->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		error = data;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

bool
tc_guarded(GuardedCall call, void *argument, char **error)
{
	ErrorData  *data = tc_guarded_error(call, argument);

	if (data == NULL)
		return true;
	*error = data->message != NULL ? data->message : pstrdup("error without a message");
	return false;
}

bool
tc_heals_by_waiting(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE;
}
