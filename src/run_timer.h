/*-------------------------------------------------------------------------
 *
 * run_timer.h
 *		The executor's own time limit, which a command cannot disarm.
 *
 * When the limit passes, the command is cancelled, and again every second for
 * as long as the timer runs: a command that catches the cancellation gets the
 * next one.  tc_run_timer_fired() stays true until the next start, so a run
 * that swallowed its time-out and "succeeded" can still be told from one in
 * time.
 *
 * Order for a run: start, execute, [bookkeeping], commit, stop, settle.  The
 * timer stays armed over the commit since deferred triggers are user code.
 * Bookkeeping in between stands inside tc_run_cancel_hold()/_release().  stop
 * and settle service no interrupts themselves: what fires before them hits the
 * run, what is pending at settle is forgotten, and nothing fires afterwards.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_TIMER_H
#define TC_RUN_TIMER_H

/* Once per process; takes one of the server's user timeouts. */
extern void tc_run_timer_init(void);

/* Begin a run; 0 or less means no limit and makes no system call. */
extern void tc_run_timer_start(int64 limit_ms);

/* Disarm; no effect if not armed. */
extern void tc_run_timer_stop(void);

/* Did the limit pass between the last start and its stop? */
extern bool tc_run_timer_fired(void);

/*
 * Forget a cancellation that was raised and not yet serviced, whoever raised
 * it, after the run it was meant for.  The timer must be stopped.  Termination
 * requests are untouched.
 */
extern void tc_run_timer_settle(void);

/*
 * Keep cancellations (not terminations) pending between these two.  An error
 * in between releases the hold by itself, as for all holds.
 */
extern void tc_run_cancel_hold(void);
extern void tc_run_cancel_release(void);

/* Cancel the command that is executing now; safe in a signal handler. */
extern void tc_run_cancel_raise(void);

/* Handler of SIGINT, which pg_cancel_backend() sends: concerns runs only. */
extern void tc_run_cancel_signal(SIGNAL_ARGS);

/* Did that come since the last start?  (A command can raise 57014 itself.) */
extern bool tc_run_cancel_signalled(void);

#endif							/* TC_RUN_TIMER_H */
