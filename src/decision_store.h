/*-------------------------------------------------------------------------
 *
 * decision_store.h
 *		What people decided about approvals, and signals.
 *
 * Layer 3.  Called inside a transaction.  Nobody who decides locks a run that
 * is being looked at, and nobody who looks waits for a session of a user's:
 * a decision makes its run due, and is read when that is claimed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_DECISION_STORE_H
#define TC_DECISION_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct Decisions
{
	int			approved;
	char	   *rejected_by;	/* NULL: nobody did */
	Jsonb	   *all;			/* as the output of the step shows them */
} Decisions;

extern void tc_decisions_read(int64 run_id, Decisions *decisions);

typedef struct NewDecision
{
	int64		run_id;
	Oid			role_id;
	const char *role;
	int64		owner_id;
	const char *decision;
	const char *note;			/* NULL: none */
	Jsonb	   *evidence;		/* NULL: none */
} NewDecision;

/* false: that role has decided already */
extern bool tc_decision_insert(const NewDecision *decision, TimestampTz now);

/* lock an approval that waits; false: it does not, or somebody has it */
extern bool tc_approval_hold(int64 run_id);

/*
 * One more has decided; settled: it is due.  The row changes in any case, so
 * that who decides by an older snapshot, and cannot count this decision, hears
 * of it.
 */
extern void tc_approval_note(int64 run_id, bool settled, TimestampTz now);

/* what a step waits for */
typedef struct SignalWait
{
	char	   *signal;
	char	   *key;			/* NULL: none */
} SignalWait;

extern void tc_signal_wait_of(const Jsonb *state, SignalWait *wait);
extern Jsonb *tc_signal_state(const SignalWait *wait, const char *since);

/* the oldest one is used up; false: there is none */
extern bool tc_signal_take(const SignalWait *wait, int64 run_id, TimestampTz now,
						   Jsonb **payload);
extern int64 tc_signal_insert(const SignalWait *wait, Jsonb *payload, const char *sent_by,
							  Oid sender, TimestampTz now);

/* steps for which a signal lies there are due; false: somebody holds one of them */
extern bool tc_signals_match(TimestampTz now);

#endif							/* TC_DECISION_STORE_H */
