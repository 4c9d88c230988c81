/*-------------------------------------------------------------------------
 *
 * self_test_steps.c
 *		The transactions that a check of the self test is made of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "self_test_steps.h"
#include "statement.h"
#include "worker_process.h"

MemoryContext tc_test_context;

typedef struct Step
{
	GuardedCall call;
	Check	   *check;
} Step;

static void
make_step(void *argument)
{
	Step	   *step = argument;
	MemoryContext old = MemoryContextSwitchTo(tc_test_context);
	StoreFrame	frame;

	tc_store_begin_as_caller(&frame);
	step->call(step->check);
	tc_store_end(&frame);
	MemoryContextSwitchTo(old);
}

bool
tc_test_step(Check *check, const char *label, GuardedCall call)
{
	Step		argument = {call, check};
	char	   *error;
	bool		done;

	tc_worker_begin(label);
	done = tc_guarded(make_step, &argument, &error);
	if (!done)
	{
		check->ok = false;
		check->detail = MemoryContextStrdup(tc_test_context, error);
	}
	tc_worker_commit();
	return done;
}

void
tc_test_say(Check *check, bool ok, char *detail)
{
	check->ok = ok;
	check->detail = detail;
}

/* ---- a worker ---- */

static void
register_worker(void *argument)
{
	Check	   *check = argument;

	check->worker_id = tc_self_test_register(check->task->name);
}

static void
unregister_worker(void *argument)
{
	tc_self_test_unregister(((Check *) argument)->worker_id);
}

static void
claim(void *argument)
{
	Check	   *check = argument;
	int64		run_id;

	check->found = tc_self_test_claim(check->worker_id, &run_id, &check->token) &&
		run_id == check->run_id;
}

static void
snooze(void *argument)
{
	Check	   *check = argument;

	tc_self_test_snooze(check->run_id, check->token);
	check->old_token = check->token;
}

static void
complete(void *argument)
{
	Check	   *check = argument;

	check->text = tc_self_test_complete(check->run_id, check->old_token != 0 ?
										check->old_token : check->token);
	check->old_token = 0;
}

static bool
claim_run(Check *check, const char *label)
{
	if (tc_test_step(check, label, claim) && !check->found)
		tc_test_say(check, false, "the worker could not claim the run");
	return check->found;
}

static void
work(Check *check)
{
	if (!claim_run(check, "claim") || !tc_test_step(check, "put off", snooze) ||
		!claim_run(check, "claim again") ||
		!tc_test_step(check, "complete with an old token", complete))
		return;
	if (strcmp(check->text, "lease lost") != 0)
		tc_test_say(check, false, psprintf("an old token was not refused: %s", check->text));
	else if (tc_test_step(check, "complete", complete))
		tc_test_say(check, strcmp(check->text, "succeeded") == 0,
					psprintf("claimed twice, an old token was refused; %s", check->text));
}

void
tc_test_worker(Check *check)
{
	if (!tc_test_step(check, "register a worker", register_worker))
		return;
	work(check);
	(void) tc_test_step(check, "unregister the worker", unregister_worker);
}
