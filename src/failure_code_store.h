/*-------------------------------------------------------------------------
 *
 * failure_code_store.h
 *		The rows of failure_codes.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_FAILURE_CODE_STORE_H
#define TC_FAILURE_CODE_STORE_H

#include "datatype/timestamp.h"

/* false: there is no such code; retryable: is a failure with it worth another attempt? */
extern bool tc_failure_code_find(const char *code, bool *retryable);

/* those that come with taskcenter, unless they are there */
extern void tc_failure_codes_seed(TimestampTz now);

typedef enum FailureCodeChange
{
	FAILURE_CODE_UNCHANGED,
	FAILURE_CODE_CREATED,
	FAILURE_CODE_CHANGED
} FailureCodeChange;

/* description NULL: as it is, or that of a code without one; *was: retryable before */
extern FailureCodeChange tc_failure_code_set(const char *code, bool retryable,
											 const char *description, const char *actor,
											 TimestampTz now, bool *was);

#endif							/* TC_FAILURE_CODE_STORE_H */
