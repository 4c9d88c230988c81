/*-------------------------------------------------------------------------
 *
 * procedure_call.c
 *		Procedures that end transactions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"

#include "procedure_call.h"

void
tc_require_no_transaction(FunctionCallInfo fcinfo, const char *procedure, const char *detail,
						  const char *hint)
{
	if (fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
		!((CallContext *) fcinfo->context)->atomic)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			 errmsg("%s() cannot be called in a transaction block", procedure),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}
