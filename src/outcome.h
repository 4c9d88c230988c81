/*-------------------------------------------------------------------------
 *
 * outcome.h
 *		What an attempt leaves behind: its outcome, its log, the next instant
 *		of a schedule that counts from its end.
 *
 * Layer 3.8, executors only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_OUTCOME_H
#define TC_OUTCOME_H

#include "attempt.h"

/*
 * In the command's own transaction, whatever it left in force: the run has
 * succeeded.  Returns how many log lines were written.
 */
extern int	tc_outcome_success(Attempt *attempt);

/* lines that came after those: from deferred triggers, say; a transaction of its own */
extern void tc_outcome_late_logs(Attempt *attempt, int written);

/* in a transaction of its own: retrying, or ended */
extern void tc_outcome_failure(Attempt *attempt);

#endif							/* TC_OUTCOME_H */
