/*-------------------------------------------------------------------------
 *
 * failure_code.h
 *		The failure codes that come with taskcenter, and which of them an
 *		SQLSTATE stands for.
 *
 * Layer 1: pure.  The table failure_codes holds these and those that people
 * added; see failure_code_store.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_FAILURE_CODE_H
#define TC_FAILURE_CODE_H

typedef struct FailureCode
{
	const char *code;
	bool		retryable;
	const char *description;
} FailureCode;

/* in the order of their names; the last one has the code NULL */
extern const FailureCode tc_failure_codes[];

/* where nothing is known of a failure */
#define TC_FAILURE_UNKNOWN "UNKNOWN"

/*
 * The code of a run that ended so; sqlstate NULL: none is known, as of a run
 * that lost its executor.
 */
extern const char *tc_failure_code_of(const char *sqlstate, const char *run_status);

/* 1 to 50 capital letters, digits and underscores, beginning with a letter */
extern bool tc_failure_code_is_valid(const char *code);

#endif							/* TC_FAILURE_CODE_H */
