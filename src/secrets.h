/*-------------------------------------------------------------------------
 *
 * secrets.h
 *		Params that name a secret get it when their run starts.
 *
 * Layer 2.5.  {"$secret": "name"}, wherever it stands, becomes what the
 * function of the setting secret_function returns for the name.  The function
 * is called with the current user's rights and search path, in the current
 * transaction, as a security-restricted operation whose settings do not stay;
 * the result is never stored.  Until tc_secrets_forget() texts
 * that are redacted lose the secrets as well.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SECRETS_H
#define TC_SECRETS_H

#include "utils/jsonb.h"

/* is there one? */
extern bool tc_secrets_has(const Jsonb *params);

/*
 * A copy of the params with the secrets, in CurrentMemoryContext; raises what
 * the function raises, 55000 where it is not set or returns null.
 */
extern Jsonb *tc_secrets_resolve(Jsonb *params, const char *function);

/* what was resolved is no secret of this process any more */
extern void tc_secrets_forget(void);

/* raises unless it names a function of one text with its schema */
extern void tc_secrets_check_function(const char *function);

#endif							/* TC_SECRETS_H */
