/*-------------------------------------------------------------------------
 *
 * work_lanes.c
 *		From which lanes a worker may claim now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "access.h"
#include "settings.h"
#include "shared_state.h"
#include "shared_workers.h"
#include "statement.h"
#include "work_lanes.h"

#define MAX_KEPT_LANES 64
#define FAIR_LANES 256			/* among so many turns are taken at least */

/*
 * Between two looks nothing comes that shared memory does not tell of; what
 * went is found empty.  So a worker that drains a queue looks once.
 */
static struct
{
	MemoryContext context;
	uint64		version;		/* 0: nothing is kept */
	int64		worker_id;
	WorkerLane	lanes[MAX_KEPT_LANES];
	int			count;
}			kept;

static char *
kept_text(const char *text)
{
	return text == NULL ? NULL : MemoryContextStrdup(kept.context, text);
}

static void
keep_lanes(const WorkerRow *worker, uint64 version, const WorkerLane *lanes, int count)
{
	int			i;

	kept.version = 0;
	if (version == 0 || count == 0 || count > MAX_KEPT_LANES)
		return;
	if (kept.context == NULL)
		kept.context = AllocSetContextCreate(TopMemoryContext, "taskcenter lanes of a worker",
											 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(kept.context);
	for (i = 0; i < count; i++)
	{
		kept.lanes[i] = lanes[i];
		kept.lanes[i].queue = kept_text(lanes[i].queue);
		kept.lanes[i].task = kept_text(lanes[i].task);
		kept.lanes[i].rate_limit = kept_text(lanes[i].rate_limit);
		kept.lanes[i].rate_key = kept_text(lanes[i].rate_key);
		kept.lanes[i].requires_flag = kept_text(lanes[i].requires_flag);
		kept.lanes[i].flag_subject = kept_text(lanes[i].flag_subject);
	}
	kept.count = count;
	kept.worker_id = worker->worker_id;
	kept.version = version;
}

static int
find_lanes(LaneLook *look, WorkerLane **lanes)
{
	const WorkerRow *worker = look->worker;
	uint64		version = look->queues == worker->queues ? tc_shared_work_version() : 0;
	bool		found_all;
	int			count;

	if (look->depth == LOOK_KEPT && version != 0 && kept.version == version &&
		kept.worker_id == worker->worker_id)
	{
		*lanes = palloc(sizeof(WorkerLane) * kept.count);
		memcpy(*lanes, kept.lanes, sizeof(WorkerLane) * kept.count);
		return kept.count;
	}
	count = tc_worker_lanes(worker, look->queues, look->queue_count,
							look->depth == LOOK_ALL ? 0 : Max(look->wanted, FAIR_LANES),
							&found_all, lanes);
	look->depth = found_all ? LOOK_ALL : LOOK_SOME;
	keep_lanes(worker, found_all ? version : 0, *lanes, count);
	return count;
}

/* grants are looked up only where ownership does not suffice */
static bool
owns_all(Oid role, const WorkerLane *lanes, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (!has_privs_of_role(role, (Oid) lanes[i].owner_id))
			return false;
	}
	return true;
}

int
tc_work_lanes(LaneLook *look, TimestampTz now, WorkerLane **lanes)
{
	TaskSet		tasks = {.all = true};
	int			found;
	int			count = 0;
	int			i;

	look->next = DT_NOEND;
	look->refused = false;
	*lanes = NULL;
	if (!tc_enabled || tc_shared_barred(MyDatabaseId) != NULL)
		return 0;
	found = find_lanes(look, lanes);
	if (!owns_all(tc_statement_caller(), *lanes, found))
		tc_access_tasks(tc_statement_caller(), TASK_RIGHT_WORK, &tasks);
	for (i = 0; i < found; i++)
	{
		WorkerLane *lane = &(*lanes)[i];

		if (!tc_access_has(&tasks, lane->task_id, (Oid) lane->owner_id))
		{
			look->refused = true;
			continue;
		}
		if (lane->run_at > now)
			look->next = Min(look->next, lane->run_at);
		else
			(*lanes)[count++] = *lane;
	}
	return count;
}
