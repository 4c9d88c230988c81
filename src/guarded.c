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

bool
tc_guarded(GuardedCall call, void *argument, char **error)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool returned = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		call(argument);
		ReleaseCurrentSubTransaction();
		returned = true;
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
		*error = data->message != NULL ? data->message : pstrdup("error without a message");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return returned;
}
