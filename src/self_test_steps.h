/*-------------------------------------------------------------------------
 *
 * self_test_steps.h
 *		A check of the self test, and the transactions it is made of.
 *
 * Layer 4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SELF_TEST_STEPS_H
#define TC_SELF_TEST_STEPS_H

#include "guarded.h"
#include "self_test_store.h"

/* the check that is made now */
typedef struct Check
{
	const char *name;
	void		(*make) (struct Check *check);
	bool		ok;
	char	   *detail;
	/* what its steps hand to each other */
	const SelfTestTask *task;
	int64		run_id;
	bool		found;
	int64		number;
	char	   *text;
	char	   *code;
	TimestampTz since;
	int64		worker_id;
	int64		token;
	int64		old_token;		/* 0: none */
	SelfTestRun run;
} Check;

/* what a check keeps from step to step */
extern MemoryContext tc_test_context;

/*
 * A transaction that calls what everybody calls.  False: it raised, and the
 * check has failed by that.
 */
extern bool tc_test_step(Check *check, const char *label, GuardedCall call);

extern void tc_test_say(Check *check, bool ok, char *detail);

/*
 * As an external worker: claim the run, put it off, claim it again.  The old
 * token must end nothing, the new one must.
 */
extern void tc_test_worker(Check *check);

#endif							/* TC_SELF_TEST_STEPS_H */
