/*-------------------------------------------------------------------------
 *
 * access_levels.h
 *		The rights to a task, and which of them a granted level carries.
 *
 * Layer 1.  Who has the owner's privileges has every right.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_ACCESS_LEVELS_H
#define TC_ACCESS_LEVELS_H

typedef enum TaskRight
{
	TASK_RIGHT_VIEW,			/* know of it: states and timings; pg_monitor
								 * has it too */
	TASK_RIGHT_READ,			/* contents: command, params, outputs, errors,
								 * logs */
	TASK_RIGHT_ENQUEUE,			/* make runs, read and cancel those */
	TASK_RIGHT_WORK,			/* claim and finish runs from outside */
	TASK_RIGHT_OPERATE,			/* states of task and schedules; cancel and
								 * retry runs; move the status */
	TASK_RIGHT_MANAGE,			/* change the definition, end it, grant lower
								 * levels */
	TASK_RIGHT_OWN				/* give it away, move it to another queue or
								 * application, grant the highest level */
} TaskRight;

#define TASK_RIGHT_COUNT (TASK_RIGHT_OWN + 1)

typedef enum AccessLevel
{
	ACCESS_LEVEL_VIEWER,
	ACCESS_LEVEL_ENQUEUER,
	ACCESS_LEVEL_WORKER,
	ACCESS_LEVEL_OPERATOR,
	ACCESS_LEVEL_ADMIN
} AccessLevel;

#define ACCESS_LEVEL_COUNT (ACCESS_LEVEL_ADMIN + 1)

extern const char *tc_access_level_label(AccessLevel level);
extern const char *tc_access_right_label(TaskRight right);

/* -1: there is no such level, or right */
extern int	tc_access_level_of(const char *label);
extern int	tc_access_right_of(const char *label);

extern bool tc_access_level_has(AccessLevel level, TaskRight right);

#endif							/* TC_ACCESS_LEVELS_H */
