/*-------------------------------------------------------------------------
 *
 * work_notice.c
 *		NOTIFY for workers that listen, if the setting notify_workers says so.
 *
 * Called for each run that a statement makes claimable: setting and queue are
 * looked up once for a statement of the client's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "commands/async.h"
#include "utils/memutils.h"

#include "bindings.h"
#include "control_store.h"
#include "setting_keys.h"
#include "work_notice.h"

#define CHANNEL "taskcenter_runs"

static Statement name_queue = {
	.label = "name a queue",
	.text = "SELECT q.queue FROM taskcenter.queues AS q WHERE q.queue_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static TimestampTz looked_at = 0;	/* start of the statement */
static bool wanted = false;
static int64 last_queue = 0;	/* told in that statement already */

static bool
is_wanted(void)
{
	if (looked_at == GetCurrentStatementStartTimestamp())
		return wanted;
	wanted = strcmp(tc_setting_value(TC_SETTING_NOTIFY_WORKERS), "true") == 0;
	looked_at = GetCurrentStatementStartTimestamp();
	last_queue = 0;
	return wanted;
}

void
tc_work_notice(int64 queue_id)
{
	StoreFrame	frame;
	Bindings	bindings = {0};

	if (looked_at == GetCurrentStatementStartTimestamp() && (!wanted || last_queue == queue_id))
		return;
	tc_store_begin(&frame);
	if (is_wanted())
	{
		tc_bind_int64(&bindings, queue_id);
		if (tc_run_bound(&name_queue, &bindings) > 0)
			Async_Notify(CHANNEL, tc_get_text(0, 1));
		last_queue = queue_id;
	}
	tc_store_end(&frame);
}
