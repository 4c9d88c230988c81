/*-------------------------------------------------------------------------
 *
 * run_secrets.h
 *		The params of a run as it starts, with the secrets that they name.
 *
 * Layer 3.8.  As the current user, in the current transaction, outside of any
 * frame.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_SECRETS_H
#define TC_RUN_SECRETS_H

#include "utils/jsonb.h"

/* the params themselves if they name none, else a copy in the context */
extern Jsonb *tc_run_params(Jsonb *params, MemoryContext context);

#endif							/* TC_RUN_SECRETS_H */
