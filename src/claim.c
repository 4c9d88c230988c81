/*-------------------------------------------------------------------------
 *
 * claim.c
 *		Which runs an executor takes next.
 *
 * Lanes in shared memory say where claimable runs lie, so a claim never scans
 * what is not due, paused or at its limit; the statement itself checks again
 * what shared memory only hints at.  How many runs one claim takes follows
 * the recent duration of runs: about 50 ms of work.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/sequence.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "claim.h"
#include "claim_list.h"
#include "flag_check.h"
#include "flag_run_store.h"
#include "graph_advance.h"
#include "step_execute.h"
#include "recover_store.h"
#include "role_check.h"
#include "settings.h"
#include "shared_roots.h"
#include "shared_state.h"
#include "task_cache.h"
#include "task_rate.h"
#include "worker_process.h"

#define CLAIM_GROWTH 4			/* from one claim to the next */
#define DURATION_WEIGHT 0.2
#define FLAG_SKIPS 1000			/* runs that a claim skips at once */
#define MAX_TOUCHED 32
#define LOCKED_RETRY_US (1 * USECS_PER_SEC) /* look again at what a user has
											 * locked */

/* what one look at a lane decided */
typedef struct LanePlan
{
	int			max_runs;		/* 0: blocked */
	int64		limited_queue;	/* 0: not limited */
	int64		limited_task;	/* 0: not limited */
	int64		task_in_turn;	/* one scheduled run at a time; 0: any number */
	bool		batch;
	bool		needs_fresh_process;
	bool		repeatable;		/* a crash undoes attempt and claim together */
	const char *requires_flag;	/* NULL: none */
	const char *flag_subject;
	char	   *flag_reason;	/* why the flag is on, or off */
	TaskRate	rate;
} LanePlan;

static double recent_ms = -1;	/* of one run; < 0: not known */
static int	last_claim = 1;

/*
 * The lane that gave less than was asked for: what comes next in it is looked
 * up after the runs, which shall not wait for the answer.
 */
static LaneKey unknown_lane;
static bool has_unknown_lane = false;

/* There is nothing to do but to go on with graphs that others hold. */
static bool insists = false;

void
tc_claim_note_duration(double ms)
{
	if (recent_ms < 0)
		recent_ms = ms;
	else
		recent_ms += DURATION_WEIGHT * (ms - recent_ms);
}

/*
 * For a while after a start of the server every claim is durable before its
 * run begins, so that a run that kills the server each time is counted as
 * lost, and ends.
 */
static bool
is_strict(TimestampTz now)
{
	return now - tc_shared->started_at <= tc_strict_start * USECS_PER_SEC;
}

static int
adapted_claim(void)
{
	int			wanted;

	if (recent_ms < 0)
		return 1;
	wanted = recent_ms <= TC_CLAIM_WORK_MS / TC_MAX_CLAIM ? TC_MAX_CLAIM :
		(int) (TC_CLAIM_WORK_MS / recent_ms);
	return Max(1, Min(wanted, last_claim * CLAIM_GROWTH));
}

static int
compare_lanes(const void *a, const void *b)
{
	const Lane *left = a;
	const Lane *right = b;

	if (left->key.priority != right->key.priority)
		return left->key.priority < right->key.priority ? -1 : 1;
	if (left->bound_at != right->bound_at)
		return left->bound_at < right->bound_at ? -1 : 1;
	return 0;
}

/* How a gated lane is claimed: its task says so. */
static void
plan_gate(LanePlan *plan, int64 task_id, bool fresh)
{
	const TaskDefinition *task = tc_cache_task(task_id)->definition;

	if (task == NULL || !task->runnable)
	{
		plan->max_runs = 0;
		return;
	}
	if (task->max_running >= 0)
		plan->limited_task = task_id;
	if (task->process_isolation && !fresh)
		plan->needs_fresh_process = true;
	plan->batch = task->mode == TRANSACTION_MODE_BATCHED && !task->process_isolation;
	plan->max_runs = plan->batch ? task->batch : 1;
	plan->repeatable = task->repeatable;
	plan->requires_flag = task->requires_flag;
	plan->flag_subject = task->flag_subject;
	plan->rate.limit = task->rate_limit;
	plan->rate.task_id = task_id;
	plan->rate.key = task->rate_key;
}

static LanePlan
plan_lane(const Lane *lane, bool fresh)
{
	const ControlState *control = tc_cache_control();
	const QueueState *queue = tc_control_queue(control, lane->key.queue_id);
	LanePlan	plan = {0};

	if (queue == NULL || !queue->active || !control->adopted ||
		(!control->running && !(queue->control && !control->disabled)))
		return plan;
	if (lane->key.gate == 0)
	{
		plan.max_runs = adapted_claim();
		plan.repeatable = true;
	}
	else if (lane->key.gate == TC_GATE_SUSPECT)
		plan.max_runs = 1;
	else
		plan_gate(&plan, TC_GATE_TASK(lane->key.gate), fresh);
	if (lane->key.gate < TC_GATE_SUSPECT)
	{
		plan.task_in_turn = TC_GATE_TASK(lane->key.gate);
		plan.max_runs = Min(plan.max_runs, 1);
	}
	plan.rate.queue_id = queue->queue_id;
	if (queue->max_running >= 0)
		plan.limited_queue = queue->queue_id;
	return plan;
}

/*
 * Bring max_runs under the limits.  When there is no room the lane is blocked
 * first and looked at once more: a finish in between unblocks it again.
 */
static bool
apply_limits(const Lane *lane, LanePlan *plan, TimestampTz now)
{
	int64		room;

	if (plan->limited_queue == 0 && plan->limited_task == 0 && plan->task_in_turn == 0)
		return true;
	room = tc_runs_room(plan->limited_queue, plan->limited_task, plan->task_in_turn);
	if (room == 0)
	{
		tc_shared_lane_block(lane);
		room = tc_runs_room(plan->limited_queue, plan->limited_task, plan->task_in_turn);
		if (room > 0)
			tc_shared_lanes_unblock(MyDatabaseId, lane->key.queue_id,
									TC_GATE_TASK(lane->key.gate));
	}
	if (room == TC_ROOM_LOCKED)
		tc_shared_lane_drained(lane, now + LOCKED_RETRY_US, false);
	plan->max_runs = (int) Min(room, plan->max_runs);
	return room > 0;
}

/* Is a last chance of the lane to wait, because another one runs? */
static bool
has_to_wait(const Lane *lane, bool locked, int64 *waiting)
{
	int64		running;

	*waiting = tc_runs_last_chances(lane->key.role, lane->key.queue_id,
									lane->key.priority, lane->key.gate, locked, &running);
	return *waiting > 0 && running > 0;
}

/*
 * A run that was lost as often as its task bears but once is executed while
 * no other such run is: what kills its server each time is found out alone.
 * Until then its lane waits; the end of such a run unblocks all lanes.
 */
static bool
apply_last_chances(const Lane *lane, LanePlan *plan)
{
	int64		waiting;
	bool		wait;

	if (lane->key.gate == 0)
		return true;
	(void) has_to_wait(lane, false, &waiting);
	if (waiting == 0)
		return true;
	plan->max_runs = 1;
	wait = has_to_wait(lane, true, &waiting);
	if (wait)
	{
		tc_shared_lane_block(lane);
		wait = has_to_wait(lane, true, &waiting);
		if (!wait)
			tc_shared_lanes_unblock_all(MyDatabaseId);
	}
	return !wait;
}

/* Without a token the lane is looked at again when there is one. */
static bool
apply_rate(const Lane *lane, LanePlan *plan, TimestampTz now)
{
	TimestampTz next;
	int64		room;

	if (plan->rate.limit == NULL)
		return true;
	room = tc_task_rate_room(&plan->rate, now, &next);
	if (room == 0)
		tc_shared_lane_pace(lane, next);
	plan->max_runs = (int) Min(room, plan->max_runs);
	return room > 0;
}

/* Has the task's flag been switched off?  Decided anew by each claim. */
static bool
flag_is_off(LanePlan *plan)
{
	return plan->requires_flag != NULL &&
		!tc_flag_allows(plan->requires_flag, plan->flag_subject, &plan->flag_reason);
}

static void
note_flag(const LanePlan *plan, const RunRow *rows, int count)
{
	int64		run_ids[TC_MAX_CLAIM];
	int			i;

	if (plan->requires_flag == NULL || count == 0)
		return;
	for (i = 0; i < count; i++)
		run_ids[i] = rows[i].run_id;
	tc_flag_runs_note(run_ids, count, plan->flag_reason, "executor");
}

/* Load what the rows will need while a transaction is open anyway. */
static void
load_tasks(RunRow *rows, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (rows[i].parent_run_id != 0)
			tc_step_describe(&rows[i]);
		(void) tc_cache_task(rows[i].cache_id);
	}
}

static void
describe_lane(const Lane *lane, TimestampTz now, ClaimRequest *request)
{
	MemSet(request, 0, sizeof(ClaimRequest));
	request->role = lane->key.role;
	request->queue_id = lane->key.queue_id;
	request->priority = lane->key.priority;
	request->gate = lane->key.gate;
	request->bound_at = lane->bound_at;
	request->bound_run = lane->bound_run;
	request->now = now;
}

/*
 * When a lane that gave nothing can give something.  A run that is due and was
 * not given is locked by somebody, who tells at his end if he knows of it; one
 * who locked it by hand does not, so it is looked at again.
 */
static TimestampTz
next_due_of(ClaimRequest *request)
{
	TimestampTz now = request->now;
	TimestampTz next_due;

	request->now = DT_NOBEGIN;
	next_due = tc_runs_next_due(request);
	if (next_due > now)
		return next_due;
	request->now = now;
	next_due = tc_runs_next_due(request);
	return Min(next_due, now + LOCKED_RETRY_US);
}

/*
 * One lane in the open transaction; learns when a claim of it can succeed next.
 * Others look at that moment when the claimed runs keep this process for long.
 */
static int
claim_lane(const Lane *lane, const LanePlan *plan, int64 executor_id, TimestampTz now,
		   RunRow *rows, TimestampTz *next_due)
{
	const QueueState *queue = tc_control_queue(tc_cache_control(), lane->key.queue_id);
	ClaimRequest request;
	int			count;

	describe_lane(lane, now, &request);
	request.max_runs = plan->max_runs;
	request.executor_id = executor_id;
	request.control_queue = queue->control;

	count = tc_runs_claim(&request, rows);
	if (count == 0)
		*next_due = next_due_of(&request);
	else if (count < plan->max_runs)
		*next_due = now + TC_SLOW_FRONT_MS * INT64CONST(1000);
	else if (count == 1)
	{
		/*
		 * taken one by one: is there another, for another executor to wake up
		 * for?
		 */
		request.bound_at = rows[0].run_at;
		request.bound_run = rows[0].run_id + 1;
		request.now = DT_NOBEGIN;
		*next_due = tc_runs_next_due(&request);
	}
	return count;
}

/* What is due ends skipped; returns when there is more to look at. */
static TimestampTz
skip_lane(const Lane *lane, const LanePlan *plan, TimestampTz now)
{
	ClaimRequest request;
	int64	   *run_ids;
	int			count;

	describe_lane(lane, now, &request);
	request.max_runs = FLAG_SKIPS;
	count = tc_flag_runs_due(&request, &run_ids);
	(void) tc_flag_runs_skip(run_ids, count, plan->flag_reason, "executor", now);
	return count == FLAG_SKIPS ? now : next_due_of(&request);
}

/* In a transaction: look up what an earlier claim left for later. */
static void
learn_unknown_lane(const Lane *lanes, int count)
{
	ClaimRequest request;
	int			i;

	for (i = 0; i < count && has_unknown_lane; i++)
	{
		if (memcmp(&lanes[i].key, &unknown_lane, sizeof(LaneKey)) != 0)
			continue;
		/* whatever came since counts, also what was due before */
		describe_lane(&lanes[i], DT_NOBEGIN, &request);
		tc_shared_lane_drained(&lanes[i], tc_runs_next_due(&request), false);
	}
	has_unknown_lane = false;
}

static void
note_unknown_lane(const Lane *lane)
{
	unknown_lane = lane->key;
	has_unknown_lane = true;
}

static void
note_lane(const Lane *lane, const RunRow *rows, int count, TimestampTz next_due,
		  bool provisional)
{
	if (count > 0)
		tc_shared_lane_raise(lane, rows[count - 1].run_at, rows[count - 1].run_id);
	if (next_due != DT_NOBEGIN)
		tc_shared_lane_drained(lane, next_due, provisional);
	tc_shared_lane_let_go(lane);
}

/* true: the lane gave runs, or ends the search for another reason */
static bool
try_lane(const Lane *lane, int64 executor_id, bool fresh, TimestampTz now, RunRow *rows,
		 ClaimResult *result)
{
	LanePlan	plan = plan_lane(lane, fresh);
	TimestampTz next_due = DT_NOBEGIN;

	if (plan.max_runs <= 0)
	{
		tc_shared_lane_block(lane);
		return false;
	}
	if (plan.needs_fresh_process)
	{
		result->needs_fresh_process = true;
		return true;
	}
	if (!apply_limits(lane, &plan, now) || !apply_last_chances(lane, &plan))
		return false;
	if (flag_is_off(&plan))
		next_due = skip_lane(lane, &plan, now);
	else if (apply_rate(lane, &plan, now))
		result->count = claim_lane(lane, &plan, executor_id, now, rows, &next_due);
	else
		return false;
	note_flag(&plan, rows, result->count);
	if (plan.rate.limit != NULL && result->count > 0)
		tc_task_rate_take(&plan.rate, result->count, now);
	result->batch = plan.batch;
	/* a copy: the control state may be loaded anew while the runs execute */
	result->queue = pstrdup(tc_control_queue(tc_cache_control(), lane->key.queue_id)->name);
	load_tasks(rows, result->count);
	if (lane->key.gate == 0 && result->count > 0)
		last_claim = plan.max_runs;
	result->lane_unknown = result->count > 0 && result->count < plan.max_runs;
	if (result->lane_unknown)
		note_unknown_lane(lane);
	result->gated = lane->key.gate != 0 && lane->key.gate != TC_GATE_SUSPECT;
	result->lasting = !plan.repeatable || is_strict(now);
	if (result->lasting)
		tc_worker_commit();
	else
		tc_worker_commit_lazily();
	note_lane(lane, rows, result->count, next_due, result->lane_unknown);
	if (result->count > 0)
	{
		/* lastval() is the command's: it knows nothing of our sequence */
		ResetSequenceCaches();
		tc_claim_publish(rows, result->count);
		return true;
	}
	tc_worker_begin("claim runs");
	return false;
}

/* NULL: it is not among them */
static Lane *
find_lane(Lane *lanes, int count, const LaneKey *key)
{
	int			i;

	for (i = 0; i < count; i++)
		if (memcmp(&lanes[i].key, key, sizeof(LaneKey)) == 0)
			return &lanes[i];
	return NULL;
}

/*
 * What the steps that this executor has ended let start, in this transaction:
 * it can be claimed at once.  Returns how many lanes hold such runs that were
 * not to be looked at anyway.
 */
static int
advance_roots(Oid role, TimestampTz now, Lane *lanes, int count)
{
	Lane		touched[MAX_TOUCHED];
	int			touched_count;
	int			added = 0;
	int			i;

	(void) tc_graph_advance_mine(insists, now);
	touched_count = tc_shared_touched_lanes(role, now, touched,
											lengthof(touched));
	for (i = 0; i < touched_count && count + added < TC_MAX_LANES; i++)
	{
		Lane	   *held = find_lane(lanes, count, &touched[i].key);

		if (held == NULL)
			lanes[count + added++] = touched[i];
		else
			held->next_due = DT_NOBEGIN;
	}
	return added;
}

ClaimResult
tc_claim_runs(Oid role, int64 executor_id, bool fresh, TimestampTz now, RunRow *rows,
			  MemoryContext context)
{
	static Lane lanes[TC_MAX_LANES];
	ClaimResult result = {0};
	MemoryContext old = MemoryContextSwitchTo(context);
	const char *problem;
	int			count;
	int			i;

	/*
	 * The lanes first: what a change in between unblocks shall not be blocked
	 * for what was before it.
	 */
	count = tc_shared_lanes_due(MyDatabaseId, role, now,
								has_unknown_lane ? &unknown_lane : NULL, lanes);
	tc_cache_refresh();

	tc_worker_begin("claim runs");
	MemoryContextSwitchTo(context);
	if (tc_shared_has_roots())
		count += advance_roots(role, now, lanes, count);
	qsort(lanes, count, sizeof(Lane), compare_lanes);
	problem = tc_role_problem(role);
	if (problem != NULL)
	{
		tc_definition_quarantine_role(role, problem);
		result.role_is_gone = true;
		count = 0;
	}
	for (i = 0; i < count; i++)
	{
		if (lanes[i].blocked || lanes[i].next_due > now)
			continue;
		if (memcmp(&lanes[i].key, &unknown_lane, sizeof(LaneKey)) != 0)
			learn_unknown_lane(lanes, count);
		if (try_lane(&lanes[i], executor_id, fresh, now, rows, &result))
			break;
		MemoryContextSwitchTo(context);
	}
	if (result.count == 0)
	{
		learn_unknown_lane(lanes, count);
		tc_worker_commit();
	}
	/* not before: with the commit this process stops to answer for roots */
	insists = result.count == 0 && tc_shared_has_roots();
	MemoryContextSwitchTo(old);
	return result;
}
