/*-------------------------------------------------------------------------
 *
 * dead_letter.h
 *		Letting the run of a dead letter go again.
 *
 * Layer 4.5.  Called between tc_store_begin() and tc_store_end(), for a letter
 * whose task the caller may operate.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DEAD_LETTER_H
#define TC_DEAD_LETTER_H

#include "dead_letter_store.h"
#include "run_control_store.h"
#include "task_store.h"

/* what became of it */
typedef struct Redrive
{
	int64		run_id;			/* that goes again */
	const char *problem;		/* NULL: it does */
	const char *hint;
	bool		unfinished;		/* the problem is that it, or its composite,
								 * has not ended */
} Redrive;

/* why a letter in its state is not to be redriven or closed; NULL: it is open */
extern const char *tc_dead_letter_state_problem(const DeadLetter *letter);

/*
 * Let the run go again at run_at, or only look whether it could.  The letter is
 * as it was found; whoever is second learns what the first one did.
 */
extern Redrive tc_dead_letter_redrive(const DeadLetter *letter, const TaskRow *task,
									  TimestampTz run_at, bool dry_run,
									  const RunChange *change);

#endif							/* TC_DEAD_LETTER_H */
