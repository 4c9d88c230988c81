/*-------------------------------------------------------------------------
 *
 * schedule_store.h
 *		The rows of schedules as those see them who define them; firing has a
 *		store of its own.
 *
 * Layer 3.  Called between tc_store_begin() and tc_store_end(); what is read
 * is allocated in the context that was current at tc_store_begin().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_SCHEDULE_STORE_H
#define TC_SCHEDULE_STORE_H

#include "task_store.h"
#include "taskcenter.h"
#include "utils/timestamp.h"

#define TC_DEFAULT_SCHEDULE "default"

typedef struct ScheduleRow
{
	int64		schedule_id;
	int64		task_id;
	Oid			owner_id;
	char	   *task;			/* name */
	char	   *name;
	char	   *schedule;
	char	   *timezone;
	char	   *state;
	char	   *state_reason;	/* NULL: none */
	TimestampTz next_run_at;	/* DT_NOBEGIN: none */
	TimestampTz last_run_at;	/* DT_NOBEGIN: none */
	TimestampTz starts_at;		/* DT_NOBEGIN: none */
	TimestampTz ends_at;		/* DT_NOBEGIN: none */
	TimestampTz anchor_at;
	Interval   *jitter;			/* NULL: none */
	char	   *misfire;		/* NULL: that of the task, as all that follow */
	Interval   *misfire_grace;
	int32		max_catchup;	/* -1 */
	char	   *dst_gap;
	char	   *dst_repeat;
	char	   *task_dst_gap;	/* of the task; NULL: default */
	char	   *task_dst_repeat;
} ScheduleRow;

/* false: there is none; locked if asked */
extern bool tc_schedule_find(int64 task_id, const char *name, bool lock, ScheduleRow *row);
extern bool tc_schedule_find_id(int64 schedule_id, ScheduleRow *row);

/* of one task, by name, locked if asked; rows has room for them all afterwards */
extern int	tc_schedules_of_task(int64 task_id, bool lock, ScheduleRow **rows,
								 MemoryContext where);

/*
 * Active ones of active tasks of the set that fire until `ending`, by
 * next_run_at; at most `most`.  Of one task, or (0) of all.
 */
extern int	tc_schedules_planned(const TaskSet *tasks, int64 task_id, TimestampTz ending, int most,
								 ScheduleRow **rows, MemoryContext where);

/* 0: the task has a schedule of that name by now */
extern int64 tc_schedule_insert(const ScheduleRow *row, TimestampTz now);

/* everything but ids and last_run_at */
extern void tc_schedule_update(const ScheduleRow *row, TimestampTz now);
extern void tc_schedule_delete(int64 schedule_id);

/* of a task that is archived: nothing is due any more */
extern void tc_schedules_stop(int64 task_id, TimestampTz now);

/* after a change of the task's owner */
extern void tc_schedules_change_owner(int64 task_id, Oid owner_id);

/* instants that will not fire */
extern void tc_schedule_record_skip(const ScheduleRow *row, TimestampTz from,
									TimestampTz to, int64 instants,
									const char *reason, TimestampTz now);

#endif							/* TC_SCHEDULE_STORE_H */
