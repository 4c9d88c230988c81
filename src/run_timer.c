/*-------------------------------------------------------------------------
 *
 * run_timer.c
 *		The executor's own time limit, which a command cannot disarm.
 *
 * The server's own timeout machinery does the timing.  It leaves its alarm
 * pending across runs, so a start costs no system call as long as an earlier
 * alarm is still due before the new limit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "run_timer.h"

/* How often the cancellation is repeated once the limit has passed. */
#define REPEAT_MS	1000

/* A limit beyond this is none: it would overflow the server's clock. */
#define MAX_LIMIT_MS	(INT64CONST(1000) * 366 * 24 * 3600 * 1000)

static TimeoutId run_timeout;
static bool registered = false;
static bool armed = false;
static volatile sig_atomic_t fired = false;
static volatile sig_atomic_t signalled = false;
static volatile sig_atomic_t begun = false; /* and not settled */

static void
handle_run_timeout(void)
{
	fired = true;
	tc_run_cancel_raise();
}

void
tc_run_timer_init(void)
{
	Assert(!registered);
	run_timeout = RegisterTimeout(USER_TIMEOUT, handle_run_timeout);
	registered = true;
}

void
tc_run_timer_start(int64 limit_ms)
{
	Assert(registered && !armed);

	fired = false;
	signalled = false;
	begun = true;
	if (limit_ms <= 0 || limit_ms > MAX_LIMIT_MS)
		return;
	armed = true;
	enable_timeout_every(run_timeout,
						 TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													 limit_ms),
						 REPEAT_MS);
}

void
tc_run_timer_stop(void)
{
	if (!armed)
		return;
	disable_timeout(run_timeout, false);
	armed = false;
}

bool
tc_run_timer_fired(void)
{
	return fired;
}

void
tc_run_timer_settle(void)
{
	Assert(!armed);

	begun = false;

	/*
	 * InterruptPending is left alone: it may stand for other interrupts, and
	 * when it does not, servicing it finds nothing to do.  A lock timeout
	 * that came too late must not change the wording of a later cancellation.
	 */
	QueryCancelPending = false;
	(void) get_timeout_indicator(LOCK_TIMEOUT, true);
}

void
tc_run_cancel_hold(void)
{
	HOLD_CANCEL_INTERRUPTS();
}

void
tc_run_cancel_release(void)
{
	/* An error in between has reset the counter. */
	if (QueryCancelHoldoffCount > 0)
		RESUME_CANCEL_INTERRUPTS();
}

void
tc_run_cancel_raise(void)
{
	int			save_errno = errno;

	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
	errno = save_errno;
}

void
tc_run_cancel_signal(SIGNAL_ARGS)
{
	if (!begun)
		return;
	signalled = true;
	StatementCancelHandler(postgres_signal_arg);
}

bool
tc_run_cancel_signalled(void)
{
	return signalled;
}
