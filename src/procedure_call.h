/*-------------------------------------------------------------------------
 *
 * procedure_call.h
 *		Procedures that end transactions.
 *
 * Layer 2.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_PROCEDURE_CALL_H
#define TC_PROCEDURE_CALL_H

#include "fmgr.h"

/* 25001 when called where transactions cannot be ended */
extern void tc_require_no_transaction(FunctionCallInfo fcinfo, const char *procedure,
									  const char *detail, const char *hint);

#endif							/* TC_PROCEDURE_CALL_H */
