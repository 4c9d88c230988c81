/*-------------------------------------------------------------------------
 *
 * task_cache.c
 *		Definitions and prepared commands that this executor has met.
 *
 * An entry whose version is unchanged keeps its prepared command, and with
 * it the plans, however often other definitions change.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "graph_cache.h"
#include "shared_state.h"
#include "task_cache.h"

#define MAX_CACHED_TASKS 2000

static HTAB *tasks = NULL;
static ControlState *control = NULL;
static MemoryContext control_context = NULL;
static uint64 control_version = 0;	/* of `control` */
static uint64 current_version = 0;	/* as last seen in shared memory */

static void
make_cache(void)
{
	HASHCTL		info = {0};

	info.keysize = sizeof(int64);
	info.entrysize = sizeof(CachedTask);
	info.hcxt = TopMemoryContext;
	tasks = hash_create("taskcenter tasks", 128, &info,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	control_context = AllocSetContextCreate(TopMemoryContext, "taskcenter control",
											ALLOCSET_SMALL_SIZES);
}

static void
drop_entry(CachedTask *task)
{
	if (task->command != NULL)
		tc_user_command_release(task->command);
	MemoryContextDelete(task->context);
	hash_search(tasks, &task->task_id, HASH_REMOVE, NULL);
}

/* Too many tasks were met: begin anew rather than grow. */
static void
bound_cache(void)
{
	HASH_SEQ_STATUS scan;
	CachedTask *task;

	if (hash_get_num_entries(tasks) < MAX_CACHED_TASKS)
		return;
	hash_seq_init(&scan, tasks);
	while ((task = hash_seq_search(&scan)) != NULL)
		drop_entry(task);
}

void
tc_cache_refresh(void)
{
	DatabaseSlot *slot;

	if (tasks == NULL)
		make_cache();
	bound_cache();
	LWLockAcquire(tc_shared->lock, LW_SHARED);
	slot = tc_shared_database(MyDatabaseId);
	current_version = slot != NULL ? slot->control_version : 0;
	LWLockRelease(tc_shared->lock);
}

bool
tc_cache_control_is_fresh(void)
{
	return control != NULL && control_version == current_version;
}

const ControlState *
tc_cache_control(void)
{
	MemoryContext old;

	if (tc_cache_control_is_fresh())
		return control;
	control = NULL;
	MemoryContextReset(control_context);
	old = MemoryContextSwitchTo(control_context);
	control = tc_control_load();
	MemoryContextSwitchTo(old);
	control_version = current_version;
	return control;
}

CachedTask *
tc_cache_peek(int64 task_id)
{
	return hash_search(tasks, &task_id, HASH_FIND, NULL);
}

bool
tc_cache_task_is_fresh(int64 task_id)
{
	CachedTask *task = tc_cache_peek(task_id);

	return task != NULL && task->checked_at == current_version;
}

/* Of a task, or of a step that its graph defines. */
static TaskDefinition *
load_definition(int64 id)
{
	const CachedGraph *graph;
	const TaskDefinition *composite;
	TaskDefinition *definition;
	int			step;

	if (!tc_is_step_definition(TC_CACHE_ID(id)))
		return tc_definition_load(id);
	graph = tc_graph_of_definition(TC_CACHE_ID(id), &step);
	if (graph == NULL)
		return NULL;
	composite = tc_cache_task(graph->task_id)->definition;
	if (composite == NULL)
		return NULL;
	definition = tc_graph_step_definition(graph, step, composite, CurrentMemoryContext);
	definition->task_id = id;
	if ((id & TC_CACHE_UNDO) != 0)
		definition->command = pstrdup(graph->graph.steps[step].compensate);
	if (id != TC_CACHE_ID(id))
	{
		definition->gated = false;
		definition->repeatable = true;
		definition->process_isolation = false;
		definition->mode = TRANSACTION_MODE_ATOMIC;
	}
	return definition;
}

/* Load into a context of its own, so that a failure leaves no half an entry. */
CachedTask *
tc_cache_task(int64 task_id)
{
	CachedTask *task = tc_cache_peek(task_id);
	TaskDefinition *definition;
	MemoryContext context;
	MemoryContext old;
	bool		found;

	if (task != NULL && task->checked_at == current_version)
		return task;

	context = AllocSetContextCreate(CurrentMemoryContext, "taskcenter task load",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	definition = load_definition(task_id);
	MemoryContextSwitchTo(old);

	if (task != NULL && task->definition != NULL && definition != NULL &&
		task->definition->version == definition->version)
	{
		MemoryContextDelete(context);
		task->checked_at = current_version;
		return task;
	}
	if (task != NULL)
		drop_entry(task);
	task = hash_search(tasks, &task_id, HASH_ENTER, &found);
	MemoryContextSetParent(context, TopMemoryContext);
	task->definition = definition;
	task->command = NULL;
	task->checked_at = current_version;
	task->context = context;
	return task;
}

UserCommand *
tc_cache_command(CachedTask *task)
{
	if (task->command == NULL && task->definition->command == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task \"%s\" has no command", task->definition->name),
				 errdetail("There is nothing to execute.")));
	if (task->command == NULL)
		task->command = tc_user_command_prepare(task->definition->command, task->context);
	return task->command;
}
