/*-------------------------------------------------------------------------
 *
 * fire_store.h
 *		The statements that turn due schedules into runs.
 *
 * Layer 3, scheduler (and executors at the end of a run), in a transaction.  What fire decided is
 * written in sets: runs, skips and the cursors of the same transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_FIRE_STORE_H
#define TC_FIRE_STORE_H

#include "datatype/timestamp.h"

typedef struct DueSchedule
{
	int64		schedule_id;
	int64		task_id;
	int64		owner_id;
	char	   *schedule;
	char	   *timezone;
	char	   *dst_gap;		/* NULL: default */
	char	   *dst_repeat;		/* NULL: default */
	char	   *misfire;
	char	   *overlap;
	char	   *task_state;
	TimestampTz next_run_at;
	TimestampTz last_run_at;	/* DT_NOBEGIN: never */
	TimestampTz starts_at;		/* DT_NOBEGIN: none */
	TimestampTz ends_at;		/* DT_NOEND: none */
	TimestampTz anchor_at;
	int64		misfire_grace;	/* microseconds */
	int64		jitter;			/* microseconds */
	int			max_catchup;
	bool		has_queue;
	bool		busy;			/* a run that a schedule made is unfinished */
} DueSchedule;

typedef struct NewRun
{
	int64		task_id;
	int64		schedule_id;
	TimestampTz scheduled_for;
	TimestampTz run_at;
	TimestampTz catchup_from;	/* DT_NOBEGIN: none */
	int64		catchup_count;	/* 0: none */
	bool		is_catchup;
	bool		in_turn;		/* one after another with those of its task */
} NewRun;

typedef struct NewSkip
{
	const DueSchedule *due;
	TimestampTz from;
	TimestampTz to;
	int64		instants;
	const char *reason;
} NewSkip;

typedef struct NewCursor
{
	int64		schedule_id;
	TimestampTz next_run_at;	/* DT_NOEND: none */
	TimestampTz last_run_at;	/* DT_NOBEGIN: none */
	const char *state;
	const char *reason;			/* NULL: none */
} NewCursor;

/* due schedules from bound on, locked, at most max; those that others lock are passed by */
extern int	tc_fire_find_due(TimestampTz bound, TimestampTz now, int max, DueSchedule **due);

/* the earliest cursor from bound on; DT_NOEND: none */
extern TimestampTz tc_fire_next(TimestampTz bound);
extern int	tc_fire_insert_runs(const NewRun *runs, int count, TimestampTz now);
extern void tc_fire_record_skip(const NewSkip *skip, TimestampTz now);
extern void tc_fire_set_cursors(const NewCursor *cursors, int count);

/* @reboot: make all such schedules due, once per server start; false: somebody holds one, try again */
extern bool tc_fire_reboot(TimestampTz started_at, TimestampTz now);

/*
 * Unfinished runs of the task that schedules made: end what waits, but for what
 * somebody holds, and list what executes.
 */
extern int	tc_fire_cancel_waiting(int64 task_id, TimestampTz now);
extern int	tc_fire_list_running(int64 task_id, int64 **run_ids, int32 **attempts);

/* a schedule by id, for the end of its run; NULL: gone or not active */
extern DueSchedule *tc_fire_load(int64 schedule_id);

/* the next fire of a fixed-delay schedule whose run has ended */
extern void tc_fire_after_end(int64 schedule_id, TimestampTz next_run_at);

#endif							/* TC_FIRE_STORE_H */
