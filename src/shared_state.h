/*-------------------------------------------------------------------------
 *
 * shared_state.h
 *		What the processes of one server know of each other.
 *
 * Everything here is a hint that makes work start at once; the tables hold
 * the truth.  Without preloading there is no shared memory:
 * tc_shared_available() is false, every tc_shared_wake_* and tc_shared_touch_*
 * does nothing, and the readers answer "none".
 *
 * One LWLock (tc_shared->lock) protects all fields unless the field says
 * otherwise; it is held for microseconds and never across anything that can
 * wait.  Implemented by shared_state.c (memory, databases), shared_lanes.c,
 * shared_executors.c, shared_runs.c, shared_waiters.c, shared_workers.c,
 * shared_letters.c, shared_wake.c (effects at the end of a transaction) and
 * shared_hold.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SHARED_STATE_H
#define TC_SHARED_STATE_H

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "metric_counts.h"
#include "refusal.h"
#include "taskcenter.h"

/* ---- databases: launcher, schedulers, and who holds them off ---- */

typedef enum DatabasePhase
{
	DATABASE_PHASE_UNKNOWN,		/* to be probed by the launcher */
	DATABASE_PHASE_STARTING,	/* a scheduler was registered */
	DATABASE_PHASE_RUNNING,		/* the scheduler attached itself */
	DATABASE_PHASE_ABSENT,		/* probed: no extension there */
	DATABASE_PHASE_BACKOFF		/* the scheduler ended with an error; see
								 * restart_at */
} DatabasePhase;

#define TC_LATE_TOKENS 64

typedef struct DatabaseSlot
{
	Oid			database;		/* InvalidOid: slot is free */
	DatabasePhase phase;		/* launcher and scheduler */
	int			holds;			/* commands that keep our workers out */
	int			failures;		/* launcher: unsuccessful starts in a row */
	TimestampTz restart_at;		/* launcher: not before; DT_NOBEGIN: the
								 * scheduler failed, to be decided */
	TimestampTz scheduler_started_at;	/* tc_worker_init */
	int			scheduler_pid;	/* tc_worker_init, and its exit; 0: none */
	Latch	   *scheduler_latch;	/* the same; NULL: none */
	int			purger_pid;		/* tc_worker_init, and its exit; 0: none */
	Latch	   *purger_latch;	/* the same; NULL: none */
	bool		purge_again;	/* purger: something was locked; scheduler
								 * clears it */
	bool		stop_requested; /* holder or launcher: scheduler must end */
	bool		executor_wanted;	/* no slot was free for an executor;
									 * cleared, and the scheduler woken, when
									 * one is freed */
	uint64		control_version;	/* grows at each commit that changes
									 * tasks, queues, settings or the
									 * scheduler state */
	uint64		session_defaults_version;	/* grows at ALTER ROLE/DATABASE
											 * ... SET */
	bool		schedules_changed;	/* a commit changed schedules; scheduler
									 * clears it */
	TimestampTz schedules_earliest; /* the earliest next_run_at among them */
	bool		guards_altered; /* a commit touched triggers or functions of
								 * ours; scheduler clears it */
	bool		lanes_unknown;	/* lanes must be read from the table again */
	bool		signals_waiting;	/* for somebody to look who waits for them */
	bool		roots_waiting;	/* steps have ended that nobody is about to
								 * look at */
	TimestampTz lanes_left_out; /* the earliest due time of lanes for which
								 * there was no place; DT_NOEND: none */
	bool		later_changed;	/* a lane has work later than was known;
								 * scheduler clears it */
	bool		finish_wanted;	/* somebody waits for any finish */
	TimestampTz scheduler_sleeps_until; /* scheduler, before it waits */
	TimestampTz leases_earliest;	/* ends of leases that commits gave, and */
	TimestampTz deadlines_earliest; /* of graphs; scheduler clears them */
	TimestampTz redrives_earliest;	/* of dead letters; the same */
	int64		redrive_after;	/* scheduler: after how many microseconds;
								 * below 0: never */
	uint64		work_version;	/* grows at each commit that lets workers
								 * claim other runs than before */
	uint64		tenant_served;	/* whose turn it was last among those whose
								 * runs workers claim */
	TimestampTz last_cycle_at;	/* scheduler, after each cycle with work */
	int			refusals;		/* of refusals[] */
	int64		refusals_lost;	/* that found no place, or could not be
								 * written */
	int64		late_tokens[TC_LATE_TOKENS];	/* those counted last */
	uint32		late_count;		/* how many were */
	DatabaseMetrics metrics;	/* everybody, at commit */
	char		waiting_reason[TC_REASON_LENGTH];	/* why no run is started,
													 * empty: none */
	char		barred[TC_REASON_LENGTH];	/* scheduler: why nothing may be
											 * done here, whatever the tables
											 * say; empty: it may */
} DatabaseSlot;

/* ---- lanes: where claimable runs lie ---- */

typedef struct LaneKey
{
	Oid			database;
	Oid			role;
	int64		queue_id;
	int64		gate;
	int32		priority;
	int32		unused;			/* keys are compared as memory: always 0 */
} LaneKey;

typedef struct Lane
{
	LaneKey		key;
	bool		used;
	bool		blocked;		/* paused, or its limit is reached; cleared by
								 * finishes and by control changes */
	bool		paced;			/* next_due is that of its rate limit */
	uint64		version;		/* grows at each lowering, even if nothing got
								 * lower: rows came that a snapshot misses */
	uint64		changed_version;	/* of the last lowering for a run that was
									 * there before: claims may have locked it */
	uint64		unblock_version;	/* grows at each unblocking */
	TimestampTz bound_at;		/* every claimable run of the lane is at or
								 * after (bound_at, bound_run) */
	int64		bound_run;
	TimestampTz next_due;		/* when a claim can succeed: DT_NOBEGIN
								 * unknown, DT_NOEND empty */
	TimestampTz bound_reset_at; /* when bound_at was last DT_NOBEGIN */

	/*
	 * The lowest position that was lowered to after version recent[0].base,
	 * and after the older recent[1].base: how far a claim may raise the bound
	 * although rows came since it began.
	 */
	struct
	{
		uint64		base;
		TimestampTz at;
		int64		run;
	}			recent[2];
	TimestampTz recent_since;	/* of recent[0] */
} Lane;

/* ---- executors ---- */

typedef enum ExecutorState
{
	EXECUTOR_STATE_FREE,
	EXECUTOR_STATE_STARTING,	/* registered by the scheduler */
	EXECUTOR_STATE_IDLE,		/* waits on its latch */
	EXECUTOR_STATE_WOKEN,		/* somebody set its latch for new work */
	EXECUTOR_STATE_BUSY,
	EXECUTOR_STATE_ENDED		/* process is gone; the scheduler of the
								 * database must settle its runs, then frees
								 * the slot */
} ExecutorState;

typedef struct ClaimedRun
{
	int64		run_id;
	int64		token;
	int64		task_id;
	int32		attempt;
	bool		cancel_requested;	/* canceller, under the lock: before it
									 * began */
} ClaimedRun;

typedef struct ExecutorSlot
{
	ExecutorState state;
	Oid			database;
	Oid			role;
	int64		executor_id;	/* live_runs.executor_id; never used again */
	int			pid;			/* executor */
	Latch	   *latch;			/* executor */
	bool		began;			/* it took a run */
	bool		terminated;		/* its signal handler: somebody ended it */
	bool		failed;			/* at ENDED: by an error before it took a run */
	bool		ended_clean;	/* at ENDED: no claim of it was rolled back */
	bool		stop_requested; /* end as soon as no run is executing */
	uint64		session_defaults;	/* the database's session_defaults_version
									 * before the executor connected */
	TimestampTz state_since;	/* of state */
	TimestampTz served_since;	/* start of the process */

	/*
	 * Whom somebody makes room for here: nobody else takes the slot for a
	 * second after it was freed.  InvalidOid: nobody.
	 */
	Oid			promised_database;
	Oid			promised_role;
	TimestampTz promised_until; /* DT_NOEND: not free yet */

	/*
	 * The claimed list.  runs[] is written by the executor before it sets
	 * position; position packs (next << 32 | limit).  The executor takes
	 * entry `next` by compare-and-swap; the scheduler, or a canceller, gives
	 * the tail back by lowering `limit` the same way, and owns the entries it
	 * cut off.
	 */
	pg_atomic_uint64 position;
	ClaimedRun	runs[TC_MAX_CLAIM];

	/* cut off the list and not given back yet; scheduler, under the lock */
	int			cut_count;
	ClaimedRun	cut[TC_MAX_CUT];

	/* the run that executes now; written by the executor under the lock */
	int64		current_run;	/* 0: none */
	int64		current_task;
	int64		current_token;
	int32		current_attempt;
	int64		ended_token;	/* attempt that executed last */
	TimestampTz current_started_at;
	TimestampTz current_deadline;	/* DT_NOEND: no time limit */
	bool		slow_front;		/* set by its timer: a slow run holds others
								 * up */
	bool		has_roots;		/* steps have ended here; it looks before its
								 * next claim */
	int64		cancel_token;	/* attempt that somebody wants cancelled */
	TimestampTz cancel_requested_at;
	bool		terminate_sent;
	char		cancel_reason[TC_REASON_LENGTH];
	char		cancel_actor[NAMEDATALEN];

	/* live progress; written by the executor under the lock */
	int64		progress_done;
	int64		progress_total; /* -1: not known */
	char		progress_phase[TC_PHASE_LENGTH];
} ExecutorSlot;

/* ---- cancellations ---- */

/*
 * One that met no executing attempt, at the commit of whoever asked for it.
 * Where the attempt was claimed it is marked there, and cancelled when it
 * begins; the scheduler sees to it that none is forgotten on the way.
 */
typedef struct CancelRequest
{
	Oid			database;
	int64		run_id;			/* 0: free */
	int32		attempt;
	TimestampTz requested_at;
	char		reason[TC_REASON_LENGTH];
	char		actor[NAMEDATALEN];
} CancelRequest;

/* ---- waiters: sessions in wait_for_run, wait_until_idle, await_runs ---- */

#define TC_WAITER_QUEUES 8

typedef struct WaiterSlot
{
	Latch	   *latch;			/* NULL: free */
	Oid			database;
	int64		run_id;			/* 0: any finish */
	bool		for_work;		/* a worker: for runs to claim instead */
	bool		for_room;		/* and for a finish, since a limit is reached */
	bool		woken;			/* and has not looked since */
	TimestampTz woken_at;
	bool		looking;		/* and does not know yet when to look again */
	TimestampTz look_at;		/* when it is to look unless it is woken */
	int			queue_count;	/* of a worker; more than queues[]: any */
	int64		queues[TC_WAITER_QUEUES];
} WaiterSlot;

typedef struct SharedState
{
	LWLock	   *lock;
	uint64		incarnation;	/* start time of server or crash restart */
	TimestampTz started_at;
	bool		started_as_standby; /* no @reboot when it is promoted */
	int			launcher_pid;	/* launcher; 0: none */
	Latch	   *launcher_latch;
	bool		databases_changed;	/* launcher must look at pg_database */
	bool		probe_all;		/* launcher must forget who had no extension */
	ConditionVariable gone;		/* broadcast when a worker of ours ended */
	uint64		lane_version;	/* source of versions, never used twice */
	int			lane_count;		/* high-water mark of lanes[] */
	int			waiter_count;	/* used entries of waiters[] */
	int			executor_capacity;	/* usable entries of executors[]:
									 * taskcenter.max_executors at start */
	DatabaseSlot databases[TC_MAX_DATABASES];
	Lane		lanes[TC_MAX_LANES];
	WaiterSlot	waiters[TC_MAX_WAITERS];
	uint64		refusal_number; /* the last one given */
	Refusal		refusals[TC_MAX_REFUSALS];	/* whoever was refused, scheduler */
	MetricSeries series[TC_MAX_SERIES]; /* everybody, at commit */
	int			cancel_count;	/* used entries of cancels[] */
	CancelRequest cancels[TC_MAX_CANCELS];
	ExecutorSlot executors[TC_MAX_EXECUTORS];
} SharedState;

extern SharedState *tc_shared;	/* NULL without preloading */

/* ---- shared_state.c ---- */

/* postmaster, from _PG_init when preloaded: install the request and startup hooks */
extern void tc_shared_install_hooks(void);
extern bool tc_shared_available(void);

/* scheduler: nothing is started in its database from now; NULL: it may again */
extern void tc_shared_bar(const char *reason);

/* that reason, copied; NULL: none */
extern char *tc_shared_barred(Oid database);

/* slot of a database; NULL if it has none.  Caller holds the lock. */
extern DatabaseSlot *tc_shared_database(Oid database);

/* the same, making one; NULL if all are taken.  Caller holds the lock exclusively. */
extern DatabaseSlot *tc_shared_database_make(Oid database);

/* forget a database with its lanes and what is left of its executors.  Caller holds the lock exclusively. */
extern void tc_shared_database_free(DatabaseSlot *slot);

/* ask the scheduler and all executors to end.  Caller holds the lock exclusively. */
extern void tc_shared_database_stop(DatabaseSlot *slot);
extern void tc_shared_wake_launcher(void);	/* sets databases_changed */

/* set the scheduler's latch, if it runs; caller need not hold the lock */
extern void tc_shared_wake_scheduler(Oid database);

/* ---- shared_lanes.c: callers do not hold the lock ---- */

/*
 * Note that runs of a lane may have become claimable from (run_at, run_id)
 * on: lowers bound and next_due, clears blocked.  Makes the lane; where there
 * is no place for it lowers the database's lanes_left_out instead.
 */
extern void tc_shared_lane_lower(const LaneKey *key, TimestampTz run_at, int64 run_id);

/*
 * Copies of the lanes of one role (or all roles: InvalidOid) that are due and
 * not blocked, and of `also` (NULL: none) in any case; returns the count.
 */
extern int	tc_shared_lanes_due(Oid database, Oid role, TimestampTz now,
								const LaneKey *also, Lane lanes[TC_MAX_LANES]);

/*
 * Scheduler: the earliest due time of lanes that have no place; DT_NOEND: none.
 * clear: they are about to be found in the table again.
 */
extern TimestampTz tc_shared_lanes_left_out(bool clear);

/* a claim read `seen` before its snapshot: raise the bound, unless lowered since */
extern void tc_shared_lane_raise(const Lane *seen, TimestampTz bound_at, int64 bound_run);

/*
 * A claim that read `seen` has committed: runs that changed since may have been
 * locked by it for nothing, and passed by by others; they are looked at again.
 */
extern void tc_shared_lane_let_go(const Lane *seen);

/*
 * A claim found the lane empty until next_due, unless lowered since.
 * provisional: who says so will look again, and asks for the scheduler if not.
 */
extern void tc_shared_lane_drained(const Lane *seen, TimestampTz next_due, bool provisional);
extern void tc_shared_lane_block(const Lane *seen);
extern void tc_shared_lane_pace(const Lane *seen, TimestampTz until);	/* by a rate limit */

/* a finish: lanes of this queue or of this task's gates that were blocked may go on */
extern bool tc_shared_lanes_unblock(Oid database, int64 queue_id, int64 task_id);

/* all blocked lanes of a database may go on: each claim finds out anew */
extern void tc_shared_lanes_unblock_all(Oid database);

/* forget bounds of a role's lanes, if a slot that ended says that claims were rolled back */
extern void tc_shared_lanes_reset(Oid database, Oid role);

/* forget all lanes of a database */
extern void tc_shared_lanes_forget(Oid database);

/* earliest next_due of unblocked lanes after now; DT_NOEND: none */
extern TimestampTz tc_shared_lanes_next_due(Oid database, TimestampTz now);

/* does the role have an unblocked lane that is due at now? */
extern bool tc_shared_lanes_ready(Oid database, Oid role, TimestampTz now);

/* ---- shared_executors.c ---- */

extern ExecutorSlot *tc_my_executor;	/* in an executor: its slot */

/* scheduler: take a free slot; -1: none */
extern int	tc_shared_executor_reserve(Oid database, Oid role, int64 executor_id,
									   TimestampTz now);
extern void tc_shared_executor_release(int slot);

/*
 * Executor: become the owner of the slot; false: the slot is no longer meant
 * for us.  tc_worker_init() does it before it connects; again it only asks.
 */
extern bool tc_shared_executor_attach(int slot, int64 executor_id, TimestampTz now);

/* executor: go idle unless a lane of the role is due or a stop is requested; true: idle now */
extern bool tc_shared_executor_idle(TimestampTz now);

/* executor: about to claim; what it cannot take, it calls others for */
extern void tc_shared_executor_look(TimestampTz now);
extern void tc_shared_executor_busy(TimestampTz now);

/* the first slot after `after` (-1: from the start) of the database in a state; -1: none */
extern int	tc_shared_executor_find(Oid database, ExecutorState state, int after);

/* is there a slot that this role may take now? */
extern bool tc_shared_executor_available(Oid database, Oid role, TimestampTz now);

/* with the lock: ask an executor to end and promise its slot */
extern void tc_shared_executor_promise(ExecutorSlot *slot, Oid database, Oid role);

/*
 * scheduler without a free slot: ask the executor that is idle for longest, in
 * any database, and not of (database, role), to end; false: none is idle.  The
 * scheduler is woken when a slot is freed.
 */
extern bool tc_shared_executor_make_room(Oid database, Oid role);

/* wake an idle executor of the role, else its scheduler; caller holds no lock */
extern void tc_shared_wake_role(Oid database, Oid role);

/* ask one executor of (database, role), an idle one if there is, or, InvalidOid, all of the database to end */
extern void tc_shared_executors_stop(Oid database, Oid role);

/* number of executors that exist or are starting; InvalidOid: of any database, any role */
extern int	tc_shared_executors_count(Oid database, Oid role);

/* ---- shared_runs.c ---- */

/* executor: publish what a claim returned */
extern void tc_shared_executor_publish(const ClaimedRun *runs, int count);

/* executor: one more, if there is room; its place among the claimed ones */
extern int	tc_shared_executor_append(const ClaimedRun *run);
extern bool tc_shared_executor_has_room(void);

/* executor: take the next claimed run; -1: none left */
extern int	tc_shared_executor_take(void);
extern bool tc_shared_executor_has_more(void);

/* anybody: cut off what the executor has not taken; copies it, returns the count */
extern int	tc_shared_executor_cut(int slot, ClaimedRun *tail);

/*
 * Scheduler: the same, noting it in the slot; copies all that is noted there,
 * and who the executor is.  Then say what is still to be given back.
 */
extern int	tc_shared_executor_cut_noted(int slot, ClaimedRun cut[TC_MAX_CUT],
										 int64 *executor_id);
extern void tc_shared_executor_cut_left(int slot, const ClaimedRun *left, int count);

/*
 * Executor: state which run executes, and that it ended.  A run that was
 * cancelled after it was taken is signalled to ourselves in begin.  End: was it?
 */
extern void tc_shared_run_begin(const ClaimedRun *run, TimestampTz started_at, TimestampTz deadline);
extern bool tc_shared_run_end(char reason[TC_REASON_LENGTH], char actor[NAMEDATALEN]);

/* executor, in a signal handler too: is the executing attempt to be cancelled? */
extern bool tc_shared_cancel_wanted(void);

/* scheduler: copies of what it was asked to see to; returns the count */
extern int	tc_shared_cancels_copy(Oid database, CancelRequest *requests);

/* scheduler: signal the executor that executes the attempt; false: none does */
extern bool tc_shared_cancel_signal(const CancelRequest *request);

/* scheduler: the slot whose claimed list holds the attempt, not begun; -1: none */
extern int	tc_shared_cancel_holder(const CancelRequest *request);

/* scheduler: it is seen to */
extern void tc_shared_cancel_done(const CancelRequest *request);

extern void tc_shared_progress(int64 done, int64 total, const char *phase);

/* ---- shared_wake.c: what this transaction does to others when it ends ---- */

extern void tc_shared_wake_init(void);	/* once per process: registers the
										 * callbacks */

typedef enum LaneTouch
{
	LANE_TOUCH_NEW,				/* nobody has seen it yet */
	LANE_TOUCH_CHANGED,			/* it was there, and was not claimable */
	LANE_TOUCH_LOCKED,			/* it was claimable, and claims pass it by
								 * now: lowered at abort, too */
	LANE_TOUCH_CLAIMED			/* by a worker: it is there again if that
								 * aborts */
} LaneTouch;

/* A run will be claimable in a lane: lowered at commit. */
extern void tc_shared_touch_lane(Oid role, int64 queue_id, int32 priority, int64 gate,
								 TimestampTz run_at, int64 run_id, LaneTouch touch);

#define TC_MAX_ROOTS 64			/* graphs that a process notes; see
								 * shared_roots.h */

/* Copies of the lanes of a role that this transaction touched, due now. */
extern int	tc_shared_touched_lanes(Oid role, TimestampTz now, Lane *lanes, int max);

/*
 * What lanes may give changed: the scheduler finds those that hold work.  A
 * claim that met a pause before it was told of it calls its lane empty.
 */
extern void tc_shared_touch_all_lanes(void);
extern void tc_shared_touch_guards(void);	/* triggers of our relations */
extern void tc_shared_touch_control(void);	/* tasks, queues, settings, state
											 * changed */
extern void tc_shared_touch_schedules(TimestampTz next_run_at);
extern void tc_shared_touch_finish(int64 run_id, int64 queue_id, int64 task_id);

/* the extension was created, or the database adopted: a scheduler is to look */
extern void tc_shared_touch_databases(void);
extern void tc_shared_touch_extension_dropped(void);
extern void tc_shared_touch_database_list(void);	/* pg_database changed */

/* the defaults of sessions changed, in one database or (InvalidOid) in all */
extern void tc_shared_touch_session_defaults(Oid database);
extern void tc_shared_cancel_at_commit(int64 run_id, int32 attempt,
									   const char *reason, const char *actor);

/* ---- shared_letters.c: dead letters that are redriven by themselves ---- */

extern void tc_shared_redrive_after(int64 after);	/* scheduler; see above */
extern void tc_shared_touch_letter(void);	/* one was opened */

/* ---- shared_purger.c ---- */

/* purger: take the database's place for one; false: it is taken, or nobody wants us */
extern bool tc_shared_purger_enter(Oid database);

/* purger: may it go on? */
extern bool tc_shared_purger_wanted(void);

/* purger, at its end: not all could be done */
extern void tc_shared_purger_again(void);

/* scheduler: is one there?  *again: the last one asks for another */
extern bool tc_shared_purger_exists(bool *again);

/* ---- shared_hold.c: a command that needs our workers out of a database ---- */

typedef enum HoldManner
{
	HOLD_PATIENTLY,				/* wait for executing runs, then go on */
	HOLD_FIRMLY					/* wait, then terminate them */
} HoldManner;

/*
 * Keep our workers out of a database until the (sub)transaction ends or the
 * process exits, ask the present ones to end, and wait until they are gone: at
 * once when idle, run_grace_ms for an executing run.  Returns true when they
 * are gone.
 */
extern bool tc_shared_hold(Oid database, HoldManner manner, int run_grace_ms);

#endif							/* TC_SHARED_STATE_H */
