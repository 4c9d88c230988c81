/*-------------------------------------------------------------------------
 *
 * run_cancel.c
 *		Asking whoever executes an attempt to end it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lease_store.h"
#include "run_cancel.h"
#include "shared_state.h"
#include "statement.h"

bool
tc_run_ask_worker(int64 run_id, int32 attempt, const char *reason, TimestampTz now)
{
	StoreFrame	frame;
	bool		asked;

	tc_store_begin(&frame);
	asked = tc_lease_request_cancel(run_id, attempt, reason, now);
	tc_store_end(&frame);
	return asked;
}

/* What somebody holds is about to end; the scheduler looks again. */
void
tc_run_ask_to_end(int64 run_id, int32 attempt, const char *reason, const char *actor,
				  TimestampTz now)
{
	if (!tc_run_ask_worker(run_id, attempt, reason, now))
		tc_shared_cancel_at_commit(run_id, attempt, reason, actor);
}
