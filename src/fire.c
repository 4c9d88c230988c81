/*-------------------------------------------------------------------------
 *
 * fire.c
 *		Turn due schedules into runs, skips and new cursors.
 *
 * Every due instant becomes one run, or lies in the recorded range of one
 * skip or of one collapsed catch-up run; runs, skips and cursors are one
 * transaction.  A definition that cannot be evaluated is quarantined with
 * its error, alone.  The clock comes in as an argument.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "event_store.h"
#include "fire.h"
#include "fire_store.h"
#include "guarded.h"
#include "run_cancel.h"
#include "schedule.h"
#include "shared_state.h"
#include "worker_process.h"

#define FIRE_BATCH 1000			/* schedules in one transaction */
#define LOCKED_RETRY_MS 200		/* come back for a definition that is locked */
#define BOUND_LIFETIME (60 * USECS_PER_SEC)

/* what a batch of schedules comes to */
typedef struct FireBatch
{
	TimestampTz now;
	NewRun	   *runs;
	int			run_count;
	int			run_capacity;
	NewSkip    *skips;
	int			skip_count;
	int			skip_capacity;
	NewCursor  *cursors;
	int			cursor_count;
	HTAB	   *busy;			/* tasks that got a run in this batch */
} FireBatch;

/* one schedule while it is evaluated */
typedef struct Evaluation
{
	FireBatch  *batch;
	DueSchedule *due;
	Schedule   *schedule;
	ScheduleContext context;
	TimestampTz last;			/* latest due instant */
	int64		instants;		/* due: next_run_at to last */
	NewCursor	cursor;
} Evaluation;

static TimestampTz fire_bound = DT_NOBEGIN;
static TimestampTz bound_since = 0;

void
tc_fire_lower_bound(TimestampTz earliest)
{
	fire_bound = Min(fire_bound, earliest);
}

static void
add_run(Evaluation *evaluation, TimestampTz scheduled_for, bool in_turn)
{
	FireBatch  *batch = evaluation->batch;
	DueSchedule *due = evaluation->due;
	NewRun	   *run;

	if (batch->run_count == batch->run_capacity)
	{
		batch->run_capacity *= 2;
		batch->runs = repalloc(batch->runs, sizeof(NewRun) * batch->run_capacity);
	}
	run = &batch->runs[batch->run_count++];
	run->task_id = due->task_id;
	run->schedule_id = due->schedule_id;
	run->scheduled_for = scheduled_for;
	run->run_at = scheduled_for;
	if (due->jitter > 0)
		run->run_at += (int64) (pg_prng_double(&pg_global_prng_state) * (double) due->jitter);
	run->catchup_from = DT_NOBEGIN;
	run->catchup_count = 0;
	run->is_catchup = false;
	run->in_turn = in_turn;
	evaluation->cursor.last_run_at = scheduled_for;
	due->busy = true;
	(void) hash_search(batch->busy, &due->task_id, HASH_ENTER, NULL);
}

static void
add_skip(Evaluation *evaluation, TimestampTz from, TimestampTz to, int64 instants,
		 const char *reason)
{
	FireBatch  *batch = evaluation->batch;
	NewSkip    *skip;

	if (instants <= 0)
		return;
	if (batch->skip_count == batch->skip_capacity)
	{
		batch->skip_capacity *= 2;
		batch->skips = repalloc(batch->skips, sizeof(NewSkip) * batch->skip_capacity);
	}
	skip = &batch->skips[batch->skip_count++];
	skip->due = evaluation->due;
	skip->from = from;
	skip->to = to;
	skip->instants = instants;
	skip->reason = reason;
}

/* ---- overlap: what a fire does while an earlier run is unfinished ---- */

static void
cancel_earlier(Evaluation *evaluation)
{
	int64	   *run_ids;
	int32	   *attempts;
	int			count;
	int			i;

	tc_fire_cancel_waiting(evaluation->due->task_id, evaluation->batch->now);
	count = tc_fire_list_running(evaluation->due->task_id, &run_ids, &attempts);
	for (i = 0; i < count; i++)
		tc_run_ask_to_end(run_ids[i], attempts[i], "overlap: a later run is due", "scheduler",
						  evaluation->batch->now);
}

/* One instant that is to run; false: the overlap policy skips it. */
static bool
fire_instant(Evaluation *evaluation, TimestampTz instant)
{
	const char *overlap = evaluation->due->overlap;

	if (strcmp(overlap, "allow") == 0)
		add_run(evaluation, instant, false);
	else if (strcmp(overlap, "queue") == 0)
		add_run(evaluation, instant, true);
	else if (strcmp(overlap, "cancel_running") == 0)
	{
		if (evaluation->due->busy)
			cancel_earlier(evaluation);
		add_run(evaluation, instant, true);
	}
	else if (evaluation->due->busy)
		return false;
	else
		add_run(evaluation, instant, false);
	return true;
}

/* ---- misfire: what becomes of instants that are found late ---- */

/*
 * Fire the due instants one by one, at most max_catchup of them, the latest;
 * what is older is skipped.  late: they are catch-up runs, which take turns
 * rather than skip each other.
 */
static void
fire_each(Evaluation *evaluation, bool late)
{
	DueSchedule *due = evaluation->due;
	TimestampTz *instants = palloc(sizeof(TimestampTz) * due->max_catchup);
	TimestampTz instant = evaluation->last;
	TimestampTz overlapped_from = 0;
	TimestampTz overlapped_to = 0;
	int64		overlapped = 0;
	int			count = 0;
	int			i;

	/* the latest instants, walking back */
	while (count < due->max_catchup && count < evaluation->instants)
	{
		instants[count++] = instant;
		if (!tc_schedule_previous(evaluation->schedule, &evaluation->context, instant - 1,
								  &instant))
			break;
	}
	if (evaluation->instants > count)
		add_skip(evaluation, due->next_run_at, instant, evaluation->instants - count,
				 "max_catchup");
	for (i = count - 1; i >= 0; i--)
	{
		if (late && strcmp(due->overlap, "skip") == 0)
			add_run(evaluation, instants[i], true);
		else if (!fire_instant(evaluation, instants[i]))
		{
			if (overlapped++ == 0)
				overlapped_from = instants[i];
			overlapped_to = instants[i];
			continue;
		}
		evaluation->batch->runs[evaluation->batch->run_count - 1].is_catchup = late;
	}
	add_skip(evaluation, overlapped_from, overlapped_to, overlapped, "overlap");
}

/* One run stands for the whole range. */
static void
fire_collapsed(Evaluation *evaluation)
{
	DueSchedule *due = evaluation->due;
	NewRun	   *run;

	if (!fire_instant(evaluation, evaluation->last))
	{
		add_skip(evaluation, due->next_run_at, evaluation->last, evaluation->instants,
				 "overlap");
		return;
	}
	run = &evaluation->batch->runs[evaluation->batch->run_count - 1];
	run->is_catchup = true;
	run->catchup_from = due->next_run_at;
	run->catchup_count = evaluation->instants;
}

static void
fire_range(Evaluation *evaluation)
{
	DueSchedule *due = evaluation->due;
	bool		late = evaluation->batch->now - due->next_run_at > due->misfire_grace;

	if (!late || strcmp(due->misfire, "run_all") == 0)
		fire_each(evaluation, late);
	else if (strcmp(due->misfire, "skip") == 0)
		add_skip(evaluation, due->next_run_at, evaluation->last, evaluation->instants,
				 "misfire");
	else
		fire_collapsed(evaluation);
}

/* ---- one schedule ---- */

static void
open_schedule(Evaluation *evaluation)
{
	DueSchedule *due = evaluation->due;
	ScheduleContext *context = &evaluation->context;
	ScheduleError error;

	evaluation->schedule = tc_schedule_parse(due->schedule, &error);
	if (evaluation->schedule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schedule cannot be read: %s", error.message)));
	context->tz = pg_tzset(due->timezone);
	if (context->tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known to this server", due->timezone)));
	context->anchor = due->anchor_at;
	context->starts_at = due->starts_at;
	context->ends_at = due->ends_at;
	context->gap = SCHEDULE_GAP_DEFAULT;
	context->repeat = SCHEDULE_REPEAT_DEFAULT;
	if (due->dst_gap != NULL && !tc_schedule_gap_parse(due->dst_gap, &context->gap))
		elog(ERROR, "dst_gap \"%s\" is not known", due->dst_gap);
	if (due->dst_repeat != NULL && !tc_schedule_repeat_parse(due->dst_repeat, &context->repeat))
		elog(ERROR, "dst_repeat \"%s\" is not known", due->dst_repeat);
	if (!due->has_queue)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the task or its queue does not exist")));
}

/* Which instants are due, and which comes next. */
static void
find_range(Evaluation *evaluation)
{
	DueSchedule *due = evaluation->due;
	NewCursor  *cursor = &evaluation->cursor;
	TimestampTz now = evaluation->batch->now;

	evaluation->last = due->next_run_at;
	evaluation->instants = 1;
	cursor->next_run_at = DT_NOEND;
	switch (tc_schedule_kind(evaluation->schedule))
	{
		case SCHEDULE_REBOOT:
			return;
		case SCHEDULE_DELAY:
			/* provisional: the end of the run sets it anew */
			if (!tc_schedule_delay_after(evaluation->schedule, &evaluation->context, now,
										 &cursor->next_run_at))
				cursor->next_run_at = DT_NOEND;
			break;
		case SCHEDULE_CRON:
		case SCHEDULE_INTERVAL:
		case SCHEDULE_ONCE:
		case SCHEDULE_RRULE:
			evaluation->instants += tc_schedule_count(evaluation->schedule,
													  &evaluation->context,
													  due->next_run_at, now);
			if (evaluation->instants > 1)
				(void) tc_schedule_previous(evaluation->schedule, &evaluation->context, now,
											&evaluation->last);
			if (!tc_schedule_next(evaluation->schedule, &evaluation->context,
								  Max(now, evaluation->last), &cursor->next_run_at))
				cursor->next_run_at = DT_NOEND;
			break;
	}
	if (cursor->next_run_at == DT_NOEND)
		cursor->state = "completed";
}

static void
evaluate(void *argument)
{
	Evaluation *evaluation = argument;
	DueSchedule *due = evaluation->due;

	open_schedule(evaluation);
	find_range(evaluation);
	if (strcmp(due->task_state, "active") != 0)
		add_skip(evaluation, due->next_run_at, evaluation->last, evaluation->instants,
				 due->task_state);
	else if (tc_schedule_kind(evaluation->schedule) == SCHEDULE_DELAY && due->busy)
		return;					/* its next instant is counted from the run's
								 * end */
	else if (tc_schedule_kind(evaluation->schedule) == SCHEDULE_DELAY ||
			 tc_schedule_kind(evaluation->schedule) == SCHEDULE_REBOOT)
		fire_each(evaluation, false);
	else
		fire_range(evaluation);
}

static void
fire_schedule(FireBatch *batch, DueSchedule *due)
{
	Evaluation	evaluation = {.batch = batch,.due = due};
	int			runs = batch->run_count;
	int			skips = batch->skip_count;
	char	   *error;
	bool		found;

	(void) hash_search(batch->busy, &due->task_id, HASH_FIND, &found);
	due->busy = due->busy || found;
	evaluation.cursor.schedule_id = due->schedule_id;
	evaluation.cursor.last_run_at = DT_NOBEGIN;
	evaluation.cursor.state = "active";
	if (!tc_guarded(evaluate, &evaluation, &error))
	{
		batch->run_count = runs;
		batch->skip_count = skips;
		evaluation.cursor.next_run_at = due->next_run_at;
		evaluation.cursor.last_run_at = DT_NOBEGIN;
		evaluation.cursor.state = "quarantined";
		evaluation.cursor.reason = error;
	}
	batch->cursors[batch->cursor_count++] = evaluation.cursor;
}

/* ---- batches ---- */

static void
init_batch(FireBatch *batch, TimestampTz now, int count)
{
	HASHCTL		info = {0};

	memset(batch, 0, sizeof(*batch));
	batch->now = now;
	batch->run_capacity = batch->skip_capacity = Max(count, 8);
	batch->runs = palloc(sizeof(NewRun) * batch->run_capacity);
	batch->skips = palloc(sizeof(NewSkip) * batch->skip_capacity);
	batch->cursors = palloc(sizeof(NewCursor) * Max(count, 1));
	info.keysize = sizeof(int64);
	info.entrysize = sizeof(int64);
	info.hcxt = CurrentMemoryContext;
	batch->busy = hash_create("taskcenter busy tasks", 64, &info,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static int
fire_batch(TimestampTz now, MemoryContext context)
{
	FireBatch	batch;
	DueSchedule *due;
	int			count;
	int			i;

	tc_worker_begin("fire schedules");
	MemoryContextSwitchTo(context);
	count = tc_fire_find_due(fire_bound, now, FIRE_BATCH, &due);
	init_batch(&batch, now, count);
	for (i = 0; i < count; i++)
		fire_schedule(&batch, &due[i]);
	tc_fire_insert_runs(batch.runs, batch.run_count, now);
	for (i = 0; i < batch.skip_count; i++)
		tc_fire_record_skip(&batch.skips[i], now);
	tc_fire_set_cursors(batch.cursors, batch.cursor_count);
	if (batch.run_count > 0)
		tc_event_note_tick(count, batch.run_count, batch.skip_count, now);
	tc_worker_commit();
	return count;
}

static TimestampTz
next_fire(TimestampTz now)
{
	TimestampTz next;

	tc_worker_begin("find the next fire");
	next = tc_fire_next(fire_bound);
	tc_worker_commit();
	fire_bound = next == DT_NOEND ? now : Min(next, now);
	/* due and yet not fired: locked by somebody */
	if (next <= now)
		next = now + LOCKED_RETRY_MS * INT64CONST(1000);
	return next;
}

TimestampTz
tc_fire_due(TimestampTz now)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "taskcenter fire",
												  ALLOCSET_DEFAULT_SIZES);
	int			count;

	/* the bound may be wrong for a reason not thought of: heal every minute */
	if (now - bound_since > BOUND_LIFETIME || now < bound_since)
	{
		fire_bound = DT_NOBEGIN;
		bound_since = now;
	}
	do
	{
		count = fire_batch(now, context);
		MemoryContextReset(context);
	} while (count == FIRE_BATCH);
	MemoryContextDelete(context);
	return next_fire(now);
}
