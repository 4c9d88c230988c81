/*-------------------------------------------------------------------------
 *
 * taskcenter.c
 *		The library's entry point.
 *
 * Preloaded, it reserves shared memory, registers the launcher and watches
 * the commands that concern its workers.  Loaded by a session it defines the
 * settings and nothing else: the SQL functions work, nothing executes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "compat.h"
#include "database_hook.h"
#include "settings.h"
#include "shared_state.h"
#include "trigger_round.h"
#include "worker_process.h"

TC_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	tc_settings_define();
	tc_trigger_round_install();

	/* pg_upgrade copies catalogs: there must be no worker to change them. */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;

	tc_shared_install_hooks();
	tc_database_hook_install();
	tc_worker_register_launcher();
}
