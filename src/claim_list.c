/*-------------------------------------------------------------------------
 *
 * claim_list.c
 *		The runs that an executor has claimed and not begun.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "claim_list.h"
#include "graph_handover.h"
#include "recover_store.h"
#include "shared_state.h"
#include "worker_process.h"

static ClaimedRun
claimed_run(const RunRow *row)
{
	ClaimedRun	claimed = {0};

	claimed.run_id = row->run_id;
	claimed.token = row->token;
	claimed.task_id = row->task_id;
	claimed.attempt = row->attempt;
	return claimed;
}

void
tc_claim_publish(const RunRow *rows, int count)
{
	ClaimedRun	claimed[TC_MAX_CLAIM];
	int			i;

	for (i = 0; i < count; i++)
		claimed[i] = claimed_run(&rows[i]);
	tc_shared_executor_publish(claimed, count);
}

void
tc_claim_handed_over(RunRow *rows)
{
	RunRow		row;
	ClaimedRun	claimed;
	int			place;

	if (!tc_handover_take(&row))
		return;
	claimed = claimed_run(&row);
	place = tc_shared_executor_append(&claimed);
	rows[place] = row;
}

void
tc_claim_give_back(const char *reason)
{
	ClaimedRun	tail[TC_MAX_CLAIM];
	int64		run_ids[TC_MAX_CLAIM];
	int64		tokens[TC_MAX_CLAIM];
	int			count = tc_shared_executor_cut((int) (tc_my_executor - tc_shared->executors), tail);
	int			i;

	if (count == 0)
		return;
	for (i = 0; i < count; i++)
	{
		run_ids[i] = tail[i].run_id;
		tokens[i] = tail[i].token;
	}
	tc_worker_begin("give runs back");
	tc_runs_give_back(run_ids, tokens, count, reason, "executor");
	tc_worker_commit();
}
