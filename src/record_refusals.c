/*-------------------------------------------------------------------------
 *
 * record_refusals.c
 *		Writing the history of plain UPDATEs that were refused.
 *
 * Nobody is waited for: whoever locks the row of his task would otherwise
 * hold up the scheduler of everybody.  What cannot be written is counted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "guarded.h"
#include "record_refusals.h"
#include "shared_refusals.h"
#include "statement.h"
#include "status_history_store.h"
#include "worker_process.h"

#define RETRY_US (1 * USECS_PER_SEC)

typedef struct Recording
{
	const Refusal *refusal;
	bool		written;
} Recording;

static const char *
text_or_null(const char *field)
{
	return field[0] != '\0' ? field : NULL;
}

static void
write_refusal(void *argument)
{
	Recording  *recording = argument;
	const Refusal *refusal = recording->refusal;
	StatusHistoryRow row = {0};
	StoreFrame	frame;

	row.task_id = refusal->task_id;
	row.relation = text_or_null(refusal->relation);
	row.row_key = text_or_null(refusal->row_key);
	row.owner_id = refusal->owner_id;
	row.old_status = text_or_null(refusal->old_status);
	row.requested_status = refusal->requested_status;
	row.problems = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
													  CStringGetDatum(refusal->problems)));
	row.reason = text_or_null(refusal->reason);
	row.actor = refusal->actor;
	row.at = refusal->refused_at;

	recording->written = true;
	tc_store_begin(&frame);
	if (row.task_id == 0)
		tc_status_history_insert(&row);
	else
		recording->written = tc_status_history_insert_patiently(&row);
	tc_store_end(&frame);
}

TimestampTz
tc_refusals_record(TimestampTz now, int *left)
{
	Refusal    *refusals;
	int			count = tc_shared_refusals_copy(&refusals);
	Recording  *recordings = palloc0(sizeof(Recording) * Max(count, 1));
	bool	   *failed = palloc0(sizeof(bool) * Max(count, 1));
	char	   *error = NULL;
	int			i;

	*left = 0;
	if (count == 0)
		return DT_NOEND;
	tc_worker_begin("record refused updates");
	for (i = 0; i < count; i++)
	{
		recordings[i].refusal = &refusals[i];
		failed[i] = !tc_guarded(write_refusal, &recordings[i], &error);
	}
	tc_worker_commit();
	for (i = 0; i < count; i++)
	{
		if (failed[i] || recordings[i].written)
			tc_shared_refusal_done(refusals[i].number, failed[i]);
		else
			(*left)++;
	}
	return *left > 0 ? now + RETRY_US : DT_NOEND;
}
