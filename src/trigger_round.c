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

#define MAX_CALLS 8				/* modules that gather rows */

static ExecutorFinish_hook_type previous_finish = NULL;
static int	depth = 0;			/* rounds that are open */
static RoundEnd at_end[MAX_CALLS];	/* asked for in the present outermost
									 * round */
static int	calls = 0;

int
tc_trigger_round_depth(void)
{
	return depth;
}

void
tc_trigger_round_at_end(RoundEnd call)
{
	int			i;

	Assert(depth > 0);
	for (i = 0; i < calls; i++)
	{
		if (at_end[i] == call)
			return;
	}
	if (calls == MAX_CALLS)
		elog(ERROR, "too many modules wait for the end of the triggers");
	at_end[calls++] = call;
}

/* what they do can ask anew */
static void
call_all(void)
{
	while (calls > 0)
	{
		RoundEnd	call = at_end[--calls];

		call();
	}
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
		if (depth == 1)
			call_all();
	}
	PG_FINALLY();
	{
		depth--;
		if (depth == 0)
			calls = 0;
	}
	PG_END_TRY();
}

void
tc_trigger_round_install(void)
{
	previous_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
}
