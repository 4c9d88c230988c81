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
static int	asked = 0;			/* depth of the innermost that is waited for */
static RoundEnd at_end = NULL;

bool
tc_trigger_round_at_end(RoundEnd call)
{
	Assert(at_end == NULL || at_end == call);
	if (depth == 0)
		return false;
	at_end = call;
	asked = depth;
	return true;
}

static void
finish(QueryDesc *query)
{
	depth++;
	PG_TRY();
	{
		if (previous_finish)
			previous_finish(query);
		else
			standard_ExecutorFinish(query);

		/* an enclosing round may wait for what could not be done here */
		if (asked >= depth)
		{
			asked = depth - 1;
			at_end();
		}
	}
	PG_FINALLY();
	{
		depth--;
		/* after an error: what an enclosing round gathered still waits */
		if (asked > depth)
			asked = depth;
	}
	PG_END_TRY();
}

void
tc_trigger_round_install(void)
{
	previous_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
}
