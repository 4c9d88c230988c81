/*-------------------------------------------------------------------------
 *
 * access_levels.c
 *		The rights to a task, and which of them a granted level carries.
 *
 * The one table.  No level carries the right to own: a grant never lets
 * somebody decide what another role executes, or take a task.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access_levels.h"

typedef struct LevelRule
{
	const char *label;
	bool		has[TASK_RIGHT_COUNT];
} LevelRule;

static const LevelRule rules[ACCESS_LEVEL_COUNT] = {
	[ACCESS_LEVEL_VIEWER] = {
		"viewer",
		{[TASK_RIGHT_VIEW] = true,[TASK_RIGHT_READ] = true}
	},
	[ACCESS_LEVEL_ENQUEUER] = {
		"enqueuer",
		{[TASK_RIGHT_VIEW] = true,[TASK_RIGHT_ENQUEUE] = true}
	},
	[ACCESS_LEVEL_WORKER] = {
		"worker",
		{[TASK_RIGHT_VIEW] = true,[TASK_RIGHT_WORK] = true}
	},
	[ACCESS_LEVEL_OPERATOR] = {
		"operator",
		{[TASK_RIGHT_VIEW] = true,[TASK_RIGHT_READ] = true,
		[TASK_RIGHT_ENQUEUE] = true,[TASK_RIGHT_OPERATE] = true}
	},
	[ACCESS_LEVEL_ADMIN] = {
		"admin",
		{[TASK_RIGHT_VIEW] = true,[TASK_RIGHT_READ] = true,
			[TASK_RIGHT_ENQUEUE] = true,[TASK_RIGHT_WORK] = true,
		[TASK_RIGHT_OPERATE] = true,[TASK_RIGHT_MANAGE] = true}
	}
};

static const char *const rights[TASK_RIGHT_COUNT] = {
	[TASK_RIGHT_VIEW] = "view",
	[TASK_RIGHT_READ] = "read",
	[TASK_RIGHT_ENQUEUE] = "enqueue",
	[TASK_RIGHT_WORK] = "work",
	[TASK_RIGHT_OPERATE] = "operate",
	[TASK_RIGHT_MANAGE] = "manage",
	[TASK_RIGHT_OWN] = "own"
};

const char *
tc_access_level_label(AccessLevel level)
{
	return rules[level].label;
}

const char *
tc_access_right_label(TaskRight right)
{
	return rights[right];
}

int
tc_access_level_of(const char *label)
{
	int			i;

	for (i = 0; i < ACCESS_LEVEL_COUNT; i++)
	{
		if (strcmp(rules[i].label, label) == 0)
			return i;
	}
	return -1;
}

int
tc_access_right_of(const char *label)
{
	int			i;

	for (i = 0; i < TASK_RIGHT_COUNT; i++)
	{
		if (strcmp(rights[i], label) == 0)
			return i;
	}
	return -1;
}

bool
tc_access_level_has(AccessLevel level, TaskRight right)
{
	return rules[level].has[right];
}
