/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *		The process that runs one database: fires schedules, gives roles their
 *		executors, settles what executors left behind, keeps partitions.
 *
 * It never runs SQL of the user's.  It waits until the earliest instant that
 * it knows of, or until it is woken; with nothing due it touches nothing but
 * the clock.  An error ends it, the launcher starts it again, and the tables
 * hold the truth.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "attention.h"
#include "compat.h"
#include "decision_store.h"
#include "definition_store.h"
#include "dispatch.h"
#include "fire.h"
#include "fire_store.h"
#include "graph_advance.h"
#include "graph_limit.h"
#include "guarded.h"
#include "keep_metrics.h"
#include "lease.h"
#include "lockstep.h"
#include "partitions.h"
#include "purge_start.h"
#include "record_refusals.h"
#include "recover.h"
#include "redrive.h"
#include "settings.h"
#include "shared_state.h"
#include "watch_alerts.h"
#include "worker_process.h"

#define UNSETTLED_US (200 * INT64CONST(1000))	/* between two looks at lost
												 * runs that somebody holds */
#define HELD_GRAPH_US (1 * USECS_PER_SEC)	/* between two looks at a graph
											 * that a user's session holds */
#define LEFT_OUT_US (500 * INT64CONST(1000))	/* between two looks for lanes
												 * that have no place */
#define MAINTENANCE_US (6 * USECS_PER_HOUR)
#define MAINTENANCE_RETRY_US (1 * USECS_PER_MINUTE)
#define MAINTENANCE_QUIET_US (10 * USECS_PER_MINUTE)	/* between two log lines */
#define BARRED_QUIET_US (1 * USECS_PER_HOUR)	/* the same, of one reason */

extern PGDLLEXPORT void taskcenter_scheduler_main(Datum main_arg);

/* what this process knows between cycles */
typedef struct SchedulersView
{
	MemoryContext control_context;
	ControlState *control;
	uint64		control_version;
	TimestampTz next_fire;		/* DT_NOBEGIN: look; DT_NOEND: none */
	TimestampTz next_lease;		/* when a worker's lease ends; as above */
	TimestampTz next_maintenance;
	TimestampTz last_seen;		/* wall clock at the end of the last cycle */
	bool		graphs_known;	/* advanced since we may dispatch */
	TimestampTz graphs_again;	/* somebody held one of them */
	TimestampTz signals_again;	/* or a step whose signal has come */
	TimestampTz next_redrive;	/* when a dead letter goes again; as above */
	TimestampTz next_limit;		/* when a graph's time limit passes; as above */
	bool		lanes_known;	/* found in the table since we may dispatch */
	TimestampTz lanes_found_at;
	bool		settled;		/* what the server lost, since we may work
								 * here */
	bool		metrics_known;	/* what was saved is loaded */
	bool		verified;		/* version and guards were, once */
	bool		barred;			/* nothing may start: see lockstep.h */
	TimestampTz barred_logged_at;
	int			refusals_left;	/* that wait for others, or until we may work
								 * here */
} SchedulersView;

static SchedulersView view;

static bool
extension_exists(void)
{
	bool		exists;

	tc_worker_begin("look for the extension");
	exists = OidIsValid(get_extension_oid(TC_LIBRARY, true));
	tc_worker_commit();
	return exists;
}

/* Report to the launcher what was found; false: another scheduler is there. */
static void
report_phase(DatabasePhase phase)
{
	DatabaseSlot *slot;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
		slot->phase = phase;
	LWLockRelease(tc_shared->lock);
}

/* What others told us through shared memory since the last look. */
typedef struct Calls
{
	bool		stop;
	bool		schedules_changed;
	bool		lanes_unknown;
	bool		guards_altered;
	bool		roots_waiting;
	bool		signals_waiting;
	TimestampTz schedules_earliest;
	TimestampTz leases_earliest;
	TimestampTz deadlines_earliest;
	TimestampTz redrives_earliest;
	uint64		control_version;
	int			refusals;
} Calls;

/*
 * Has an executor ended steps, and is now held up by a slow run?  Has one died
 * before it looked what comes after them?  The lock is held.
 */
static bool
has_slow_roots(void)
{
	for (int i = 0; i < tc_shared->executor_capacity; i++)
	{
		const ExecutorSlot *slot = &tc_shared->executors[i];

		if (slot->database == MyDatabaseId && slot->has_roots &&
			(slot->slow_front || slot->state == EXECUTOR_STATE_ENDED))
			return true;
	}
	return false;
}

static Calls
take_calls(void)
{
	Calls		calls = {.stop = true,.leases_earliest = DT_NOEND,.deadlines_earliest = DT_NOEND,
	.redrives_earliest = DT_NOEND};
	DatabaseSlot *slot;

	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
	{
		calls.stop = slot->stop_requested || slot->holds > 0 || !tc_enabled;
		calls.schedules_changed = slot->schedules_changed;
		calls.schedules_earliest = slot->schedules_earliest;
		calls.lanes_unknown = slot->lanes_unknown;
		calls.guards_altered = slot->guards_altered;
		calls.control_version = slot->control_version;
		calls.refusals = slot->refusals;
		calls.leases_earliest = slot->leases_earliest;
		slot->leases_earliest = DT_NOEND;
		calls.deadlines_earliest = slot->deadlines_earliest;
		slot->deadlines_earliest = DT_NOEND;
		calls.redrives_earliest = slot->redrives_earliest;
		slot->redrives_earliest = DT_NOEND;
		slot->schedules_changed = false;
		slot->schedules_earliest = DT_NOEND;
		calls.roots_waiting = slot->roots_waiting || has_slow_roots();
		slot->roots_waiting = false;
		calls.signals_waiting = slot->signals_waiting;
		slot->signals_waiting = false;
		slot->lanes_unknown = false;
		slot->guards_altered = false;
		slot->later_changed = false;
	}
	LWLockRelease(tc_shared->lock);
	return calls;
}

static void
load_control(uint64 version)
{
	MemoryContext old;

	MemoryContextReset(view.control_context);
	tc_worker_begin("look at the scheduler's state");
	old = MemoryContextSwitchTo(view.control_context);
	view.control = tc_control_load();
	tc_alerts_load(GetCurrentTimestamp());
	tc_redrive_load();
	MemoryContextSwitchTo(old);
	tc_worker_commit();
	view.control_version = version;
	/* what was paused may be due */
	view.next_fire = view.next_redrive = DT_NOBEGIN;
}

/* @reboot fires once per start of the server, not when a standby is promoted. */
static void
fire_reboot(void)
{
	if (tc_shared->started_as_standby || !view.control->running ||
		view.control->rebooted_at >= tc_shared->started_at)
		return;
	tc_worker_begin("fire @reboot");
	if (tc_fire_reboot(tc_shared->started_at, GetCurrentTimestamp()))
		view.control->rebooted_at = tc_shared->started_at;
	tc_worker_commit();
}

static void
fire(const Calls *calls, TimestampTz now)
{
	if (calls->schedules_changed)
	{
		tc_fire_lower_bound(calls->schedules_earliest);
		view.next_fire = Min(view.next_fire, calls->schedules_earliest);
	}
	/* the clock was set back: what was computed from it may be too late */
	if (now < view.last_seen)
		view.next_fire = DT_NOBEGIN;
	if (!view.control->running)
		return;
	fire_reboot();
	if (view.next_fire <= now)
		view.next_fire = tc_fire_due(now);
}

typedef struct PartitionCall
{
	int			set;
	TimestampTz now;
} PartitionCall;

static void
make_partitions(void *argument)
{
	const PartitionCall *call = argument;

	(void) tc_partitions_ensure(call->set, call->now);
}

static void
report_maintenance(const char *error, TimestampTz now)
{
	static TimestampTz last_line = 0;

	if (now - last_line < MAINTENANCE_QUIET_US)
		return;
	last_line = now;
	ereport(WARNING,
			(errmsg("taskcenter could not make partitions ahead: %s", error),
			 errdetail("It tries again each minute; rows that belong into them go to the default partitions.")));
}

/*
 * Partitions are made ahead; whoever holds a lock on the parents is not waited
 * for.  A lock, or an event trigger that refuses, must not keep runs waiting.
 */
static void
maintain(TimestampTz now)
{
	PartitionCall call = {0, now};

	if (now < view.next_maintenance)
		return;
	view.next_maintenance = now + MAINTENANCE_US;
	for (; call.set < tc_partitions_count(); call.set++)
	{
		char	   *error;

		tc_worker_begin("make partitions ahead");
		(void) set_config_option("lock_timeout", "200ms", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
		if (!tc_guarded(make_partitions, &call, &error))
		{
			view.next_maintenance = now + MAINTENANCE_RETRY_US;
			report_maintenance(error, now);
		}
		tc_worker_commit();
	}
}

static void
report_barred(const char *problem, TimestampTz now)
{
	if (now - view.barred_logged_at < BARRED_QUIET_US)
		return;
	view.barred_logged_at = now;
	ereport(WARNING,
			(errmsg("taskcenter starts nothing in database \"%s\"", get_database_name(MyDatabaseId)),
			 errdetail("It found that %s.", problem),
			 errhint("Call taskcenter.repair_guards() for the guards; for the version ALTER EXTENSION taskcenter UPDATE, or restart with the library that fits.")));
}

/* is it what everybody is told already?  Shared memory keeps the beginning. */
static bool
is_told(const char *problem, const char *told)
{
	if (problem == NULL || told == NULL)
		return problem == told;
	return strncmp(problem, told, TC_REASON_LENGTH - 1) == 0;
}

/* Asked at the start, when triggers were altered, and again while something is wrong. */
static void
verify_lockstep(const Calls *calls, TimestampTz now)
{
	char	   *problem;
	char	   *told;

	if (view.verified && !view.barred && !calls->guards_altered)
		return;
	tc_worker_begin("verify the guards");
	problem = tc_lockstep_problem();
	told = tc_shared_barred(MyDatabaseId);
	if (problem != NULL)
		report_barred(problem, now);
	else if (told != NULL)
		ereport(LOG, (errmsg("taskcenter goes on: version and guards are as they must be")));
	view.verified = true;
	view.barred = problem != NULL;
	if (!is_told(problem, told))
		tc_shared_bar(problem);
	tc_worker_commit();
}

/* When lanes that have no place among the others are to be looked for again. */
static TimestampTz
left_out_until(TimestampTz now)
{
	TimestampTz due = tc_shared_lanes_left_out(false);

	/* the clock may have been set back */
	if (due == DT_NOEND || now < view.lanes_found_at)
		return due;
	return Max(due, view.lanes_found_at + LEFT_OUT_US);
}

static void
find_lanes(const Calls *calls, TimestampTz now)
{
	if (view.lanes_known && !calls->lanes_unknown && left_out_until(now) > now)
		return;
	(void) tc_shared_lanes_left_out(true);
	tc_dispatch_find_lanes();
	view.lanes_known = true;
	view.lanes_found_at = now;
}

/* Time limits of graphs that pass now; nothing is looked at before that. */
static TimestampTz
limit_graphs(const Calls *calls, TimestampTz now)
{
	view.next_limit = Min(view.next_limit, calls->deadlines_earliest);
	/* the clock was set back: what began since ends earlier */
	if (!view.graphs_known || now < view.last_seen)
		view.next_limit = DT_NOBEGIN;
	if (view.next_limit <= now)
		view.next_limit = tc_graph_limits_enforce(now);
	return view.next_limit;
}

/* Graphs that no executor advances; all of them at the start. */
static TimestampTz
advance_graphs(const Calls *calls, TimestampTz now)
{
	if (calls->signals_waiting || !view.graphs_known || view.signals_again <= now)
	{
		tc_worker_begin("look who waits for signals");
		view.signals_again = tc_signals_match(now) ? DT_NOEND : now + HELD_GRAPH_US;
		tc_worker_commit();
	}
	if (view.graphs_known && !calls->roots_waiting && now < view.graphs_again)
		return Min(view.graphs_again, view.signals_again);
	view.graphs_again = DT_NOEND;
	if (!tc_graph_sweep(!view.graphs_known, now))
		view.graphs_again = now + HELD_GRAPH_US;
	view.graphs_known = true;
	return Min(view.graphs_again, view.signals_again);
}

/* In a copy that is not adopted, not even what was lost is touched. */
static TimestampTz
settle_lost(TimestampTz now)
{
	if (!view.control->adopted)
		view.settled = false;
	else if (!view.settled)
	{
		view.settled = tc_recover_all(now);
		/* what runs again may belong to what was cancelled */
		view.graphs_known = false;
	}
	return view.control->adopted && !view.settled ? now + UNSETTLED_US : DT_NOEND;
}

/* Leases of external workers that end now; nothing is scanned before that. */
static TimestampTz
settle_leases(const Calls *calls, TimestampTz now)
{
	view.next_lease = Min(view.next_lease, calls->leases_earliest);
	/* the clock was set back: what was given since ends earlier */
	if (now < view.last_seen)
		view.next_lease = DT_NOBEGIN;
	if (!view.control->adopted)
		view.next_lease = DT_NOBEGIN;
	else if (view.next_lease <= now)
		view.next_lease = tc_leases_settle(now);
	return view.control->adopted ? view.next_lease : DT_NOEND;
}

/* Dead letters that go again by themselves; nothing is looked at before that. */
static TimestampTz
redrive(const Calls *calls, TimestampTz now)
{
	view.next_redrive = Min(view.next_redrive, calls->redrives_earliest);
	/* the clock was set back: what failed since goes earlier */
	if (now < view.last_seen)
		view.next_redrive = DT_NOBEGIN;
	if (!view.control->running)
		return DT_NOEND;
	if (view.next_redrive <= now)
		view.next_redrive = tc_redrive_due(now);
	return view.next_redrive;
}

/* Returns when the next cycle is needed at the latest. */
static TimestampTz
cycle(void)
{
	Calls		calls = take_calls();
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz again;

	if (calls.stop)
		proc_exit(0);
	verify_lockstep(&calls, now);
	if (view.control == NULL || view.control_version != calls.control_version)
		load_control(calls.control_version);
	if (view.control->adopted && !view.metrics_known)
		tc_metrics_load();
	view.metrics_known = view.metrics_known || view.control->adopted;
	again = tc_dispatch_note_failures(now);
	again = Min(again, settle_lost(now));
	again = Min(again, settle_leases(&calls, now));
	again = Min(again, tc_recover_ended(now));
	again = Min(again, tc_recover_tails(now));
	again = Min(again, tc_recover_cancels(now));
	again = Min(again, tc_recover_hung(now));
	view.refusals_left = calls.refusals;
	if (view.control->adopted && calls.refusals > 0)
		again = Min(again, tc_refusals_record(now, &view.refusals_left));
	if (view.control->adopted)
		again = Min(again, tc_metrics_save(now));
	if (!view.control->adopted || view.control->disabled)
	{
		view.lanes_known = view.graphs_known = false;
		return again;
	}

	find_lanes(&calls, now);
	again = Min(again, limit_graphs(&calls, now));
	again = Min(again, advance_graphs(&calls, now));
	again = Min(again, redrive(&calls, now));
	fire(&calls, now);
	now = GetCurrentTimestamp();
	again = Min(again, tc_dispatch(now));
	again = Min(again, left_out_until(now));
	maintain(now);
	/* what is released now takes its place among the notices first */
	tc_attention_act(now);
	again = Min(again, tc_alerts_evaluate(now));
	again = Min(again, tc_alerts_notice_failures(now));
	again = Min(again, tc_attention_next(now));
	again = Min(again, tc_purge_start(now));
	if (view.control->running)
		again = Min(again, view.next_fire);
	return Min(again, view.next_maintenance);
}

static void
note_cycle(TimestampTz sleep_until)
{
	DatabaseSlot *slot;

	view.last_seen = GetCurrentTimestamp();
	LWLockAcquire(tc_shared->lock, LW_EXCLUSIVE);
	slot = tc_shared_database(MyDatabaseId);
	if (slot != NULL)
	{
		slot->last_cycle_at = view.last_seen;
		slot->scheduler_sleeps_until = sleep_until;
	}
	LWLockRelease(tc_shared->lock);
}

/* Is there anything to do but wait on?  Looked at under the lock, without a query. */
static bool
was_called(void)
{
	DatabaseSlot *slot;
	bool		called;

	LWLockAcquire(tc_shared->lock, LW_SHARED);
	slot = tc_shared_database(MyDatabaseId);
	called = slot == NULL || slot->stop_requested || slot->schedules_changed ||
		slot->lanes_unknown || slot->guards_altered || slot->later_changed ||
		slot->roots_waiting || slot->signals_waiting ||
		slot->control_version != view.control_version ||
		slot->leases_earliest < view.next_lease ||
		slot->deadlines_earliest < view.next_limit ||
		slot->redrives_earliest < view.next_redrive ||
		slot->refusals > view.refusals_left;
	LWLockRelease(tc_shared->lock);
	return called;
}

/*
 * As the server itself removes temporary relations at this point: an error is
 * reported, and the process ends all the same.
 */
static void
save_at_exit(int code, Datum argument)
{
	if (code <= 1 && PostmasterIsAlive())
		tc_metrics_save_all(GetCurrentTimestamp());
}

static void
serve(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "taskcenter cycle",
												  ALLOCSET_DEFAULT_SIZES);
	uint32		wait_event = tc_wait_event_new("TaskcenterSchedulerMain");

	view.control_context = AllocSetContextCreate(TopMemoryContext, "taskcenter control",
												 ALLOCSET_SMALL_SIZES);
	view.next_fire = DT_NOBEGIN;
	view.next_lease = DT_NOBEGIN;
	view.next_limit = DT_NOBEGIN;
	view.next_maintenance = DT_NOBEGIN;
	MemoryContextSwitchTo(context);
	tc_shared_lanes_forget(MyDatabaseId);
	before_shmem_exit(save_at_exit, (Datum) 0);
	report_phase(DATABASE_PHASE_RUNNING);
	for (;;)
	{
		TimestampTz until = cycle();

		MemoryContextReset(context);
		note_cycle(until);
		if (!was_called())
			tc_worker_wait(until, wait_event);
	}
}

void
taskcenter_scheduler_main(Datum main_arg)
{
	const WorkerArguments *arguments = tc_worker_arguments();

	if (tc_shared == NULL || arguments->incarnation != tc_shared->incarnation)
		proc_exit(0);
	tc_worker_init(arguments->database, InvalidOid, false);
	tc_shared_wake_init();
	if (!extension_exists())
	{
		report_phase(DATABASE_PHASE_ABSENT);
		proc_exit(0);
	}
	serve();
}
