/*-------------------------------------------------------------------------
 *
 * lease_token.h
 *		Does a token hold its run still, and may the caller use it?
 *
 * Layer 4.  Between tc_store_begin() and tc_store_end(), but for
 * tc_token_argument().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_LEASE_TOKEN_H
#define TC_LEASE_TOKEN_H

#include "fmgr.h"

#include "lease_store.h"

/* the run and the token, arguments 0 and 1 */
typedef struct TokenArgument
{
	int64		run_id;
	int64		token;
} TokenArgument;

extern TokenArgument tc_token_argument(FunctionCallInfo fcinfo);

/* raises unless the caller has the privileges of the worker's role */
extern void tc_token_check_role(Oid worker_role, int64 run_id);

/*
 * The attempt, held for the transaction; false: it was ended by the same call
 * before, and *ended_as says how.  Raises for a stale token.
 */
extern bool tc_token_hold(const TokenArgument *argument, const char *const *same,
						  TimestampTz now, LeaseRow *lease, char **ended_as);

/* the same for what does not end it: it must go on */
extern void tc_token_look(const TokenArgument *argument, LeaseRow *lease, char **log_level);

/*
 * Outside of any frame: have the secrets of the run hidden in what is kept, until
 * tc_secrets_forget().  False: they cannot be had, so nothing that the worker says
 * can be kept.
 */
extern bool tc_token_know_secrets(const TokenArgument *argument);

/* The watchdog counts an end that came too late, and nothing else that has a wrong token. */
extern void tc_token_count_late(const TokenArgument *argument);

/* raises; ended_as NULL: the token does not hold the run */
extern void tc_token_refuse(const TokenArgument *argument, const char *ended_as);

#endif							/* TC_LEASE_TOKEN_H */
