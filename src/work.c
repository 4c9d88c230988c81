/*-------------------------------------------------------------------------
 *
 * work.c
 *		What a worker may claim, and claiming it.
 *
 * A claim finds the lanes of the worker's queues, leaves out those that its
 * role may not work on, that are not due, or whose limit is reached, and shares
 * what is wanted among the rest in turns (worker_turn.c).  A lane that gives
 * less than its share is empty, or its runs are locked by others; the rest goes
 * to the other lanes.  Limits are counted from the live rows, under a lock on
 * the row that holds the limit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "activation.h"
#include "arguments.h"
#include "control_store.h"
#include "flag_check.h"
#include "flag_run_store.h"
#include "rate_limit.h"
#include "rate_store.h"
#include "run_store.h"
#include "setting_keys.h"
#include "shared_state.h"
#include "shared_workers.h"
#include "statement.h"
#include "work.h"
#include "work_lanes.h"

#define MAX_PASSES 16
#define FLAG_SKIPS 1000			/* runs of a lane that a claim skips */
#define LOCKED_LOOK_US (200 * INT64CONST(1000)) /* at a limit that somebody
												 * holds */
#define PASSED_LOOK_US (1 * USECS_PER_SEC)	/* at runs that others hold */

/* microseconds; 0: never */
static int64
priority_aging(const WorkerLane *lanes, int count)
{
	const char *value;
	int64		usecs;
	int			i;

	/* it matters only where there is more than one priority */
	for (i = 1; i < count && lanes[i].priority == lanes[0].priority; i++)
		;
	if (i >= count)
		return 0;
	value = tc_setting_value(TC_SETTING_PRIORITY_AGING);
	if (strcmp(value, "never") == 0 ||
		!tc_interval_usecs(tc_parse_interval(TC_SETTING_PRIORITY_AGING, value), &usecs))
		return 0;
	return usecs;
}

/* ---- flags ---- */

/* what is due of a lane whose flag is off ends skipped */
static void
skip_lane(const WorkerLane *lane, const char *reason, TimestampTz now)
{
	ClaimRequest request = {0};
	int64	   *run_ids;
	int			count;

	request.queue_id = lane->queue_id;
	request.priority = lane->priority;
	request.gate = lane->gate;
	request.bound_at = DT_NOBEGIN;
	request.now = now;
	request.max_runs = FLAG_SKIPS;
	count = tc_flag_runs_due(&request, &run_ids);
	(void) tc_flag_runs_skip(run_ids, count, reason, "taskcenter", now);
}

static void
ask_flags(WorkerLane *lanes, int count, TimestampTz now)
{
	char	   *why;
	int			i;

	for (i = 0; i < count; i++)
	{
		WorkerLane *lane = &lanes[i];

		if (lane->requires_flag == NULL)
			continue;
		lane->closed = !tc_flag_allows(lane->requires_flag, lane->flag_subject, &why);
		lane->flag_reason = why;
		if (lane->closed)
			skip_lane(lane, why, now);
	}
}

/* ---- limits ---- */

static bool
is_limited(const WorkerLane *lane)
{
	return lane->queue_limit >= 0 || lane->task_limit >= 0 || lane->in_turn;
}

/* How many more of this lane may run; TC_ROOM_LOCKED: somebody holds the limit. */
static int64
room_of(const WorkerLane *lane)
{
	if (!is_limited(lane))
		return TC_MAX_WORKER_CLAIM;
	return tc_runs_room(lane->queue_limit >= 0 ? lane->queue_id : 0,
						lane->task_limit >= 0 ? lane->task_id : 0,
						lane->in_turn ? lane->task_id : 0);
}

static void
apply_rate(WorkerLane *lane, TimestampTz now)
{
	RateLimit	limit = tc_rate_limit_parse("rate_limit", lane->rate_limit);
	RateUse		use;
	bool		changed;

	if (!tc_rate_bucket(lane->queue_id, lane->rate_key, true, now, &use))
	{
		lane->share = 0;
		lane->closed = true;
		return;
	}
	changed = tc_rate_settle(&limit, &use, now);
	lane->share = (int) Min((int64) lane->share, tc_rate_available(&limit, &use, now));
	if (lane->share > 0)
		tc_rate_take(&limit, &use, lane->share, now);
	else
		lane->closed = true;
	if (changed || lane->share > 0)
		tc_rate_bucket_set(lane->queue_id, lane->rate_key, &use, now);
}

/* what was taken and not used; the bucket is locked by us */
static void
give_tokens_back(const WorkerLane *lane, int unused, TimestampTz now)
{
	RateLimit	limit = tc_rate_limit_parse("rate_limit", lane->rate_limit);
	RateUse		use;

	if (!tc_rate_bucket(lane->queue_id, lane->rate_key, true, now, &use))
		return;
	tc_rate_take(&limit, &use, -unused, now);
	tc_rate_bucket_set(lane->queue_id, lane->rate_key, &use, now);
}

/* Cut the shares to what limits allow.  One limited lane at a time: they can share a limit. */
static void
apply_limits(WorkerLane *lanes, int count, TimestampTz now)
{
	bool		counted = false;
	int			i;

	for (i = 0; i < count; i++)
	{
		WorkerLane *lane = &lanes[i];

		if (lane->share <= 0)
			continue;
		if (is_limited(lane))
		{
			int64		room = counted ? 0 : room_of(lane);

			if (!counted && room <= 0)
				lane->closed = true;
			lane->share = (int) Min((int64) lane->share, Max(room, 0));
			counted |= lane->share > 0;
		}
		if (lane->share > 0 && lane->rate_limit != NULL)
			apply_rate(lane, now);
		lane->share = Max(lane->share, 0);
	}
}

/* ---- claiming ---- */

static bool
is_of_lane(const WorkerRun *run, const WorkerLane *lane)
{
	return run->gate == lane->gate && run->priority == lane->priority &&
		run->queue_id == lane->queue_id;
}

/* the history of each run says why its flag let it start */
static void
note_flag(const WorkerLane *lane, const WorkerRun *runs, int count)
{
	int64	   *run_ids;
	int			noted = 0;
	int			i;

	if (lane->requires_flag == NULL)
		return;
	run_ids = palloc(sizeof(int64) * Max(count, 1));
	for (i = 0; i < count; i++)
		if (is_of_lane(&runs[i], lane))
			run_ids[noted++] = runs[i].run_id;
	if (noted > 0)
		tc_flag_runs_note(run_ids, noted, lane->flag_reason, "taskcenter");
}

/* Lanes that gave less are done; and whose turn it was. */
static void
note_claimed(WorkerLane *lanes, int lane_count, WorkerRun *runs, int count, TimestampTz now)
{
	int			i;
	int			j;

	for (i = 0; i < lane_count; i++)
	{
		WorkerLane *lane = &lanes[i];
		int			got = 0;

		if (lane->share <= 0)
			continue;
		for (j = 0; j < count; j++)
		{
			if (!is_of_lane(&runs[j], lane))
				continue;
			runs[j].queue = lane->queue;
			runs[j].task = lane->task;
			runs[j].lease_until = lane->lease_until;
			runs[j].deadline_at = lane->deadline_at;
			got++;
		}
		if (got > 0)
			tc_shared_tenant_serve(lane->tenant);
		note_flag(lane, runs, count);
		if (got < lane->share)
			lane->closed = true;
		if (got < lane->share && lane->rate_limit != NULL)
			give_tokens_back(lane, lane->share - got, now);
	}
}

/* The task can make leases shorter, and no lease goes beyond its time limit. */
static void
set_leases(WorkerLane *lanes, int count, int64 lease, TimestampTz now)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		WorkerLane *lane = &lanes[i];

		lane->lease_until = now + lease;
		if (lane->stuck_after > 0)
			lane->lease_until = Min(lane->lease_until, now + lane->stuck_after);
		lane->deadline_at = lane->timeout > 0 ? now + lane->timeout : DT_NOBEGIN;
		if (lane->timeout > 0)
			lane->lease_until = Min(lane->lease_until, lane->deadline_at);
	}
}

static int
any_share(const WorkerLane *lanes, int count)
{
	int			shares = 0;
	int			i;

	for (i = 0; i < count; i++)
		shares += lanes[i].share;
	return shares;
}

static void
touch_leases(const WorkerRun *runs, int count)
{
	int			i;

	for (i = 0; i < count; i++)
		tc_shared_touch_lease(runs[i].lease_until);
}

/* From these lanes, in turns; returns how many there are in the end. */
static int
claim_from(const WorkerRow *worker, WorkerLane *lanes, int lane_count, int max_runs,
		   TimestampTz now, WorkerRun *runs, int claimed)
{
	int64		aging = priority_aging(lanes, lane_count);
	int			pass;

	ask_flags(lanes, lane_count, now);
	for (pass = 0; pass < MAX_PASSES && claimed < max_runs && lane_count > 0; pass++)
	{
		WorkerRun  *got;
		int			count;

		tc_worker_lanes_order(lanes, lane_count, now, aging, tc_shared_tenant_served());
		if (tc_worker_lanes_share(lanes, lane_count, max_runs - claimed) == 0)
			break;
		apply_limits(lanes, lane_count, now);
		if (any_share(lanes, lane_count) == 0)
			continue;
		count = tc_worker_claim(worker->worker_id, worker->name, lanes, lane_count, now, &got);
		note_claimed(lanes, lane_count, got, count, now);
		memcpy(&runs[claimed], got, sizeof(WorkerRun) * count);
		claimed += count;
	}
	return claimed;
}

int
tc_work_claim(const WorkerRow *worker, char *const *queues, int queue_count, int max_runs,
			  int64 lease, TimestampTz now, WorkerRun **runs)
{
	LaneLook	look = {worker, queues, queue_count, max_runs, LOOK_KEPT};
	int			claimed = 0;

	*runs = palloc(sizeof(WorkerRun) * Max(max_runs, 1));
	for (;;)
	{
		WorkerLane *lanes;
		int			count = tc_work_lanes(&look, now, &lanes);

		set_leases(lanes, count, lease, now);
		claimed = claim_from(worker, lanes, count, max_runs, now, *runs, claimed);
		if (claimed == max_runs || look.depth == LOOK_ALL)
			break;
		/* what was there is not there any more, or is not all that is there */
		look.depth++;
	}
	touch_leases(*runs, claimed);
	return claimed;
}

void
tc_work_refuse_copy(void)
{
	char	   *detail;

	if (tc_activation_status(&detail) == ACTIVATION_FOREIGN)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot claim runs in a copy of a database"),
				 errdetail("%s", detail),
				 errhint("Call taskcenter.adopt_database() if this database is to take over.")));
}

/* ---- looking ---- */

/* share 1: nothing holds it back */
static void
look_at_lane(WorkerLane *lane, TimestampTz now, WorkOutlook *outlook)
{
	int64		room = room_of(lane);

	if (room == TC_ROOM_LOCKED)
		outlook->next = Min(outlook->next, now + LOCKED_LOOK_US);
	else if (room <= 0)
		outlook->held_back = true;
	else if (lane->rate_limit == NULL)
		lane->share = 1;
	else
	{
		RateLimit	limit = tc_rate_limit_parse("rate_limit", lane->rate_limit);
		RateUse		use;
		TimestampTz next;

		(void) tc_rate_bucket(lane->queue_id, lane->rate_key, false, now, &use);
		next = tc_rate_next(&limit, &use, now);
		if (next <= now)
			lane->share = 1;
		else
			outlook->next = Min(outlook->next, next);
	}
}

static bool
any_due(WorkerLane *lanes, int count, TimestampTz now, WorkOutlook *outlook)
{
	int			i;

	for (i = 0; i < count; i++)
		look_at_lane(&lanes[i], now, outlook);
	if (any_share(lanes, count) == 0)
		return false;
	outlook->due = tc_worker_probe(lanes, count, now);
	/* others claim what is due; if they do not, nobody tells us */
	if (!outlook->due)
		outlook->next = Min(outlook->next, now + PASSED_LOOK_US);
	return outlook->due;
}

WorkOutlook
tc_work_look(const WorkerRow *worker, TimestampTz now)
{
	LaneLook	look = {worker, worker->queues, worker->queue_count, 0, LOOK_SOME};

	for (;;)
	{
		WorkerLane *lanes;
		int			count = tc_work_lanes(&look, now, &lanes);
		WorkOutlook outlook = {0};

		outlook.next = look.next;
		outlook.partial = look.refused || worker->task_count > 0;
		if (any_due(lanes, count, now, &outlook) || look.depth == LOOK_ALL)
			return outlook;
		look.depth = LOOK_ALL;
	}
}
