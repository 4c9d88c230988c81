/*-------------------------------------------------------------------------
 *
 * run_secrets.c
 *		The params of a run as it starts, with the secrets that they name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "control_store.h"
#include "run_secrets.h"
#include "secrets.h"
#include "setting_keys.h"
#include "statement.h"

Jsonb *
tc_run_params(Jsonb *params, MemoryContext context)
{
	MemoryContext old;
	StoreFrame	frame;
	char	   *function;

	if (!tc_secrets_has(params))
		return params;
	old = MemoryContextSwitchTo(context);
	tc_store_begin(&frame);
	function = tc_setting_value(TC_SETTING_SECRET_FUNCTION);
	tc_store_end(&frame);
	PushActiveSnapshot(GetTransactionSnapshot());
	params = tc_secrets_resolve(params, function);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	return params;
}
