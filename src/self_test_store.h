/*-------------------------------------------------------------------------
 *
 * self_test_store.h
 *		What the self test does: calls of our own SQL functions, as anybody
 *		makes them.
 *
 * Layer 3.  Called between tc_store_begin_as_caller() and tc_store_end():
 * nothing is lifted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SELF_TEST_STORE_H
#define TC_SELF_TEST_STORE_H

#include "utils/timestamp.h"

#define TC_SELF_TEST_QUEUE "self_test"

typedef struct SelfTestTask
{
	const char *name;
	const char *command;
	int			max_attempts;
	const char *timeout;		/* interval; NULL: none */
	const char *kind;			/* NULL: sql */
} SelfTestTask;

typedef struct SelfTestRun
{
	char	   *status;
	int			attempt;
	char	   *sqlstate;		/* NULL: none */
	char	   *error;			/* NULL: none */
	double		delay_ms;		/* from due to started; below 0: not known */
	double		duration_ms;	/* the same */
} SelfTestRun;

/* nobody else in the database gets it until this process ends; false: somebody has it */
extern bool tc_self_test_lock(void);

extern void tc_self_test_open_queue(void);
extern void tc_self_test_open_task(const SelfTestTask *task);
extern int64 tc_self_test_enqueue(const char *task);

/* wait for its end, for so long; false: it is not there */
extern bool tc_self_test_wait(int64 run_id, int seconds, SelfTestRun *run);
extern bool tc_self_test_look(int64 run_id, SelfTestRun *run);
extern char *tc_self_test_cancel(int64 run_id);

/* its statuses, one after the other, and how many lines it logged */
extern char *tc_self_test_history(int64 run_id);
extern int64 tc_self_test_lines(int64 run_id);

/* what it waits for; NULL: nothing is known */
extern char *tc_self_test_explain(int64 run_id);

extern void tc_self_test_schedule(const char *task, const char *schedule);
extern void tc_self_test_unschedule(const char *task);

/* runs that its schedule made since, and that succeeded */
extern int64 tc_self_test_fired(const char *task, TimestampTz since);

/* the dead letter of a run: its state and code; false: it has none */
extern bool tc_self_test_dead_letter(int64 run_id, int64 *id, char **state, char **code);
extern void tc_self_test_resolve(int64 dead_letter_id);

/* as an external worker of one task, for so long */
extern int64 tc_self_test_register(const char *task);
extern void tc_self_test_unregister(int64 worker_id);

/* false: there was none to claim */
extern bool tc_self_test_claim(int64 worker_id, int64 *run_id, int64 *token);
extern void tc_self_test_snooze(int64 run_id, int64 token);

/* what complete_runs() says: the status, or the problem */
extern char *tc_self_test_complete(int64 run_id, int64 token);

/* those that are open, of all tasks of the test; returns how many */
extern int64 tc_self_test_discard(void);

/* archive it; unfinished runs are cancelled */
extern void tc_self_test_close_task(const char *task);

/* of all tasks of the test: unfinished runs */
extern int64 tc_self_test_unfinished(void);

#endif							/* TC_SELF_TEST_STORE_H */
