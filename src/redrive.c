/*-------------------------------------------------------------------------
 *
 * redrive.c
 *		Redriving dead letters without being asked.
 *
 * Each letter goes in a sub-transaction of its own: what somebody holds is
 * looked at again in a moment, what cannot be done is noted in the letter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "arguments.h"
#include "audit.h"
#include "control_store.h"
#include "dead_letter.h"
#include "guarded.h"
#include "redrive.h"
#include "setting_keys.h"
#include "shared_state.h"
#include "statement.h"
#include "worker_process.h"

#define BATCH 50				/* letters in one transaction, and one look */
#define LOCK_MS "50ms"			/* for the run and the composite of a letter */
#define MOST_LOCKED 4			/* of these in one transaction */
#define LOCKED_LOOK_US (1 * USECS_PER_SEC)	/* at what somebody holds */
#define ACTOR "taskcenter"

static int64 after = -1;		/* microseconds; below 0: never */
static int32 most = 0;			/* times that one letter goes */

/* a letter, and what became of it */
typedef struct RedriveCall
{
	int64		dead_letter_id;
	TimestampTz now;
	const char *problem;		/* why it is left to people */
} RedriveCall;

void
tc_redrive_load(void)
{
	StoreFrame	frame;
	const char *value;

	tc_store_begin(&frame);
	value = tc_setting_value(TC_SETTING_REDRIVE_AFTER);
	if (strcmp(value, "never") == 0 ||
		!tc_interval_usecs(tc_parse_interval(TC_SETTING_REDRIVE_AFTER, value), &after))
		after = -1;
	most = atoi(tc_setting_value(TC_SETTING_REDRIVE_MOST));
	tc_store_end(&frame);
	if (most == 0)
		after = -1;

	/*
	 * those that open from now on call us; those that are there are looked
	 * for
	 */
	tc_shared_redrive_after(after);
}

static void
record(const DeadLetter *letter, const TaskRow *task, const RunChange *change)
{
	AuditRow	row = {0};

	row.action = "redrive";
	row.object_type = "dead letter";
	row.object_id = letter->dead_letter_id;
	row.object_name = task->name;
	row.owner_id = task->owner_id;
	row.old_values = tc_audit_text("state", letter->state);
	row.new_values = tc_audit_text("state", "redriven");
	row.reason = change->reason;
	tc_audit_record(&row, change->role, change->now);
}

static void
redrive_one(void *argument)
{
	RedriveCall *call = argument;
	RunChange	change = {ACTOR, "redriven automatically", call->now, GetUserId()};
	StoreFrame	frame;
	DeadLetter	letter;
	TaskRow		task;

	tc_store_begin(&frame);
	/* with its composite one may have gone already */
	if (tc_dead_letter_find(call->dead_letter_id, false, &letter) &&
		tc_dead_letter_state_problem(&letter) == NULL)
	{
		Redrive		redrive = {.problem = "Its task is not there."};

		if (tc_task_find_id(letter.task_id, false, &task))
			redrive = tc_dead_letter_redrive(&letter, &task, call->now, false, &change);
		if (redrive.problem == NULL)
			record(&letter, &task, &change);
		else if (redrive.unfinished)
			tc_dead_letter_put_off(call->dead_letter_id, call->now);
		else
			tc_dead_letter_pass_over(call->dead_letter_id, redrive.problem, call->now);
	}
	tc_store_end(&frame);
}

static void
pass_over(void *argument)
{
	RedriveCall *call = argument;
	StoreFrame	frame;

	tc_store_begin(&frame);
	tc_dead_letter_pass_over(call->dead_letter_id, call->problem, call->now);
	tc_store_end(&frame);
}

/* false: look at it again */
static bool
settle(int64 dead_letter_id, TimestampTz now)
{
	RedriveCall call = {dead_letter_id, now, NULL};
	ErrorData  *error = tc_guarded_error(redrive_one, &call);

	if (error == NULL)
		return true;
	if (tc_heals_by_waiting(error->sqlerrcode))
		return false;
	call.problem = error->message;
	return tc_guarded_error(pass_over, &call) == NULL;
}

/* in a transaction of its own; returns how many were due, *next: since when the next one waits */
static int
redrive_batch(TimestampTz now, TimestampTz *next)
{
	int64		ids[BATCH];
	StoreFrame	frame;
	int			locked = 0;
	int			count;
	int			i;

	tc_worker_begin("redrive dead letters");
	(void) set_config_option("lock_timeout", LOCK_MS, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	tc_store_begin(&frame);
	count = tc_dead_letters_ripe(now - after, most, ids, BATCH);
	tc_store_end(&frame);
	/* who holds many of them does not hold up the scheduler */
	for (i = 0; i < count && locked < MOST_LOCKED; i++)
		locked += settle(ids[i], now) ? 0 : 1;
	tc_store_begin(&frame);
	*next = tc_dead_letters_next_ripe(most);
	tc_store_end(&frame);
	tc_worker_commit();
	return locked > 0 ? 0 : count;
}

TimestampTz
tc_redrive_due(TimestampTz now)
{
	TimestampTz next;
	int			count;

	if (after < 0)
		return DT_NOEND;
	count = redrive_batch(now, &next);
	if (next == DT_NOEND || next + after > now)
		return next == DT_NOEND ? DT_NOEND : next + after;
	/* what is due still: more than a batch, or somebody holds it */
	return count == BATCH ? now : now + LOCKED_LOOK_US;
}
