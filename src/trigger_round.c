/*-------------------------------------------------------------------------
 *
 * trigger_round.c
 *		Do something once, when the AFTER triggers of a statement have fired.
 *
 * Every executor run of the process passes through the hook; one that nobody
 * waits for costs it a comparison.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"

#include "trigger_round.h"

static ExecutorFinish_hook_type previous_finish = NULL;
static int	depth = 0;			/* rounds that are open */
static RoundEnd at_end = NULL;	/* asked for in the present outermost round */

int
tc_trigger_round_depth(void)
{
	return depth;
}

void
tc_trigger_round_at_end(RoundEnd call)
{
	Assert(depth > 0);
	at_end = call;
}

static void
finish(QueryDesc *query)
{
	RoundEnd	call;

	depth++;
	PG_TRY();
	{
		if (previous_finish)
			previous_finish(query);
		else
			standard_ExecutorFinish(query);
		if (depth == 1 && at_end != NULL)
		{
			call = at_end;
			at_end = NULL;
			call();
		}
	}
	PG_FINALLY();
	{
		depth--;
		if (depth == 0)
			at_end = NULL;
	}
	PG_END_TRY();
}

void
tc_trigger_round_install(void)
{
	previous_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
}
