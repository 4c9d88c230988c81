/*-------------------------------------------------------------------------
 *
 * retention.c
 *		What is out of policy now: the settings, what tasks have of their own,
 *		and what is held.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "arguments.h"
#include "control_store.h"
#include "guarded.h"
#include "retention.h"

/* what a task has of its own, read */
typedef struct TaskRetention
{
	OwnPolicy  *policy;
	int64		passed;			/* microseconds, or TC_RETENTION_KEEP */
	int64		failed;
} TaskRetention;

static TimestampTz
cutoff_of(int64 retention, TimestampTz now)
{
	return retention == TC_RETENTION_KEEP ? DT_NOBEGIN : now - retention;
}

static TimestampTz
cutoff_of_setting(const char *key, TimestampTz now)
{
	return cutoff_of(tc_parse_retention(key, tc_setting_value(key)), now);
}

static void
parse(void *argument)
{
	TaskRetention *task = argument;

	task->passed = task->policy->retention == NULL ? 0 :
		tc_parse_retention("retention", task->policy->retention);
	task->failed = task->policy->failed_retention == NULL ? 0 :
		tc_parse_retention("failed_retention", task->policy->failed_retention);
}

/* several tasks, up to one with a NULL policy */
static void
parse_all(void *argument)
{
	TaskRetention *task;

	for (task = argument; task->policy != NULL; task++)
		parse(task);
}

static TaskRetention *
read_tasks(int *count, bool warn)
{
	OwnPolicy  *policies;
	TaskRetention *tasks;
	char	   *error;
	int			i;

	*count = tc_purge_own_policies(&policies);
	tasks = palloc0(sizeof(TaskRetention) * (*count + 1));
	for (i = 0; i < *count; i++)
		tasks[i].policy = &policies[i];
	if (tc_guarded(parse_all, tasks, &error))
		return tasks;
	for (i = 0; i < *count; i++)
	{
		if (tc_guarded(parse, &tasks[i], &error))
			continue;
		policies[i].held = true;
		if (warn)
			ereport(WARNING,
					(errmsg("history of task \"%s\" is kept: %s", policies[i].name, error)));
	}
	return tasks;
}

static Cutoffs
own_cutoffs(const PurgeRelation *relation, const TaskRetention *task,
			const Cutoffs *by_setting, TimestampTz now)
{
	Cutoffs		own = {DT_NOBEGIN, DT_NOBEGIN};
	TimestampTz longer;

	if (task->policy->held)
		return own;
	own.standard = task->policy->retention == NULL ? by_setting->standard :
		cutoff_of(task->passed, now);
	own.failed = task->policy->failed_retention == NULL ? by_setting->failed :
		cutoff_of(task->failed, now);
	if (relation->own == OWN_BY_OUTCOME)
		return own;
	longer = Min(own.standard, own.failed);
	own.standard = own.failed = longer;
	return own;
}

static bool
concerns(const PurgeRelation *relation, const TaskRetention *task)
{
	switch (relation->own)
	{
		case OWN_BY_OUTCOME:
		case OWN_LONGER:
			return true;
		case OWN_NONE:
			return task->policy->held;
		case OWN_NOT_EVEN_HELD:
			break;
	}
	return false;
}

static void
load_relation(const PurgeRelation *relation, const TaskRetention *tasks, int task_count,
			  TimestampTz now, RelationCutoffs *cutoffs)
{
	Cutoffs    *by_setting = &cutoffs->by_setting;
	int			i;

	cutoffs->now = now;
	by_setting->standard = relation->key == NULL ? now : cutoff_of_setting(relation->key, now);
	by_setting->failed = relation->failed_key == NULL ? by_setting->standard :
		cutoff_of_setting(relation->failed_key, now);
	cutoffs->latest_own = DT_NOBEGIN;
	cutoffs->earliest_own = DT_NOEND;
	cutoffs->count = 0;
	cutoffs->tasks = palloc(sizeof(int64) * Max(task_count, 1));
	cutoffs->own = palloc(sizeof(Cutoffs) * Max(task_count, 1));
	for (i = 0; i < task_count; i++)
	{
		Cutoffs		own;

		if (!concerns(relation, &tasks[i]))
			continue;
		own = own_cutoffs(relation, &tasks[i], by_setting, now);
		cutoffs->tasks[cutoffs->count] = tasks[i].policy->task_id;
		cutoffs->own[cutoffs->count++] = own;
		cutoffs->latest_own = Max(cutoffs->latest_own, Max(own.standard, own.failed));
		cutoffs->earliest_own = Min(cutoffs->earliest_own, Min(own.standard, own.failed));
	}
}

RelationCutoffs *
tc_retention_load(TimestampTz now, bool warn)
{
	RelationCutoffs *cutoffs = palloc0(sizeof(RelationCutoffs) * tc_purge_relation_count);
	int			task_count;
	TaskRetention *tasks = read_tasks(&task_count, warn);
	int			i;

	for (i = 0; i < tc_purge_relation_count; i++)
		load_relation(&tc_purge_relations[i], tasks, task_count, now, &cutoffs[i]);
	return cutoffs;
}

Cutoffs
tc_retention_of(const RelationCutoffs *cutoffs, int64 task_id, bool *own)
{
	int			low = 0;
	int			high = cutoffs->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (cutoffs->tasks[middle] < task_id)
			low = middle + 1;
		else
			high = middle;
	}
	*own = low < cutoffs->count && cutoffs->tasks[low] == task_id;
	return *own ? cutoffs->own[low] : cutoffs->by_setting;
}
