/*-------------------------------------------------------------------------
 *
 * task_store.c
 *		The rows of tasks, and the live runs that must follow them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "run_columns.h"
#include "task_store.h"

#define MAX_NAME_SOUGHT 1000	/* bytes; longer texts name nothing */

static Statement find_id = {
	.label = "find a task by name",
	.text =
	"SELECT task_id FROM taskcenter.tasks WHERE name = $1 AND state <> 'archived'",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement lock_name = {
	.label = "lock a task by name",
	.text =
	"SELECT task_id FROM taskcenter.tasks WHERE name = $1 AND state <> 'archived'"
	" FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement lock_archived = {
	.label = "lock an archived task by name",
	.text =
	"SELECT task_id FROM taskcenter.tasks WHERE name = $1 AND state = 'archived'"
	" ORDER BY archived_at DESC, task_id DESC LIMIT 1 FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement lock_id = {
	.label = "lock a task",
	.text =
	"SELECT task_id FROM taskcenter.tasks WHERE task_id = $1 FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement list_tasks = {
	.label = "list the tasks of an application",
	.text =
	"SELECT task_id, name, owner_id FROM taskcenter.tasks"
	" WHERE state <> 'archived' AND ($1 IS NULL OR application = $1)"
	" ORDER BY name COLLATE \"C\"",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

/* conflicts with itself, and with nothing that creates, changes or runs a task */
static Statement lock_definitions = {
	.label = "lock the definitions of tasks",
	.text = "LOCK TABLE taskcenter.tasks IN SHARE UPDATE EXCLUSIVE MODE"
};

static Statement read_task = {
	.label = "read a task",
	.text =
	"SELECT "
	"task_id, name, kind, state, state_reason, owner, owner_id, "
	"run_as, run_as_id, learned_mode, definition_version, "
	"retention_class, command, "
	"params, queue, priority, max_attempts, backoff, backoff_base, "
	"backoff_cap, timeout, overlap, misfire, transaction_mode, "
	"on_crash, description, tags, application, batch, isolation, "
	"synchronous_commit, settings, capture_output, log_level, "
	"max_running, max_lost, stuck_after, misfire_grace, max_catchup, "
	"dst_gap, dst_repeat, retention, failed_retention, events, "
	"requires_flag, group_key, rate_limit, workflow, retry_rules, status"
	" FROM taskcenter.tasks WHERE task_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement insert_task = {
	.label = "insert a task",
	.text =
	"INSERT INTO taskcenter.tasks ("
	"name, kind, state, state_reason, owner, owner_id, run_as, "
	"run_as_id, learned_mode, created_at, updated_at, command, "
	"params, queue, priority, max_attempts, backoff, backoff_base, "
	"backoff_cap, timeout, overlap, misfire, transaction_mode, "
	"on_crash, description, tags, application, batch, isolation, "
	"synchronous_commit, settings, capture_output, log_level, "
	"max_running, max_lost, stuck_after, misfire_grace, max_catchup, "
	"dst_gap, dst_repeat, retention, failed_retention, events, "
	"requires_flag, group_key, rate_limit, workflow, retry_rules, "
	"status, status_changed_at"
	") VALUES ("
	"$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, "
	"$14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, "
	"$26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, "
	"$38, $39, $40, $41, $42, $43, $44, $45, $46, $47, "
	"$48, CASE WHEN $48::text IS NOT NULL THEN $10 END"
	") ON CONFLICT (name) WHERE state <> 'archived' DO NOTHING RETURNING task_id",
	.nargs = 48,
	.types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID,
		INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TEXTOID,
		INT4OID, INT4OID, TEXTOID, INTERVALOID, INTERVALOID, INTERVALOID,
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID,
		INT4OID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, TEXTOID, INT4OID,
		INT4OID, INTERVALOID, INTERVALOID, INT4OID, TEXTOID, TEXTOID,
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	JSONBOID, TEXTOID}
};

static Statement update_task = {
	.label = "update a task",
	.text =
	"UPDATE taskcenter.tasks SET "
	"name = $1, kind = $2, state = $3, state_reason = $4, "
	"owner = $5, owner_id = $6, run_as = $7, run_as_id = $8, "
	"learned_mode = $9, updated_at = $10, command = $11, "
	"params = $12, queue = $13, priority = $14, max_attempts = $15, "
	"backoff = $16, backoff_base = $17, backoff_cap = $18, "
	"timeout = $19, overlap = $20, misfire = $21, "
	"transaction_mode = $22, on_crash = $23, description = $24, "
	"tags = $25, application = $26, batch = $27, isolation = $28, "
	"synchronous_commit = $29, settings = $30, capture_output = $31, "
	"log_level = $32, max_running = $33, max_lost = $34, "
	"stuck_after = $35, misfire_grace = $36, max_catchup = $37, "
	"dst_gap = $38, dst_repeat = $39, retention = $40, "
	"failed_retention = $41, events = $42, requires_flag = $43, "
	"group_key = $44, rate_limit = $45, workflow = $46, "
	"retry_rules = $47, "
	"archived_at = CASE WHEN $3 = 'archived' THEN coalesce(archived_at, $10) END, "
	"definition_version = definition_version + 1"
	" WHERE task_id = $48",
	.nargs = 48,
	.types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID,
		INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TEXTOID,
		INT4OID, INT4OID, TEXTOID, INTERVALOID, INTERVALOID, INTERVALOID,
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID,
		INT4OID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, TEXTOID, INT4OID,
		INT4OID, INTERVALOID, INTERVALOID, INT4OID, TEXTOID, TEXTOID,
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	JSONBOID, INT8OID}
};

/* the role of a run never changes: the row is made anew */
static Statement move_roles = {
	.label = "give runs to the roles of their task",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.live_runs"
	"   WHERE task_id = $1 AND (owner_id <> $2 OR run_as_id <> $3)"
	"   AND status = ANY ('{waiting,queued,retrying}') RETURNING *)"
	" INSERT INTO taskcenter.live_runs (run_as_id, owner_id, " TC_LIVE_COLUMNS ")"
	" SELECT $3, $2, " TC_LIVE_COLUMNS
	" FROM gone",
	.nargs = 3,
	.types = {INT8OID, INT8OID, INT8OID},
	.any_plan = true
};

static Statement cancel_unstarted = {
	.label = "cancel the runs of a task",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.live_runs"
	"   WHERE ($1 = 0 OR task_id = $1 AND status <> 'running') RETURNING *,"
	"   greatest($4, clock_timestamp()) AS moved_at),"
	" moved AS ("
	TC_FINISH_GONE
	"   g.started_at, g.moved_at, g.retention_class, g.lost, 'cancelled', NULL, $2, NULL, NULL,"
	"   NULL, NULL, NULL FROM gone AS g)"
	TC_NOTE_GONE("g.moved_at")
	"   g.status, 'cancelled', $2, $3 FROM gone AS g",
	.nargs = 4,
	.types = {INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID},
	.any_plan = true
};

static Statement running_runs = {
	.label = "list the running runs of a task",
	.text =
	"SELECT run_id, attempt FROM taskcenter.live_runs"
	" WHERE task_id = $1 AND status = 'running'",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement circumstances_of_task = {
	.label = "look at the circumstances of a task",
	.text =
	"SELECT q.state, q.state_reason, q.max_running,"
	"   (SELECT count(*) FROM taskcenter.live_runs AS r"
	"     WHERE r.queue_id = q.queue_id AND r.status = 'running'),"
	"   runs.waiting, runs.due, runs.later, runs.running, runs.next_queued_at,"
	"   plan.total, plan.active, plan.next_run_at,"
	"   skip.reason, skip.skipped_to, skip.recorded_at, skip.instants,"
	"   last.status, last.error, last.finished_at"
	" FROM (SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting,"
	"     count(*) FILTER (WHERE status = ANY ('{queued,retrying}')"
	"       AND run_at <= $3) AS due,"
	"     count(*) FILTER (WHERE status = ANY ('{queued,retrying}')"
	"       AND run_at > $3) AS later,"
	"     count(*) FILTER (WHERE status = 'running') AS running,"
	"     min(run_at) FILTER (WHERE status = ANY ('{queued,retrying}')"
	"       AND run_at > $3) AS next_queued_at"
	"   FROM taskcenter.live_runs WHERE task_id = $1) AS runs"
	" CROSS JOIN (SELECT count(*) AS total,"
	"     count(*) FILTER (WHERE state = 'active') AS active,"
	"     min(next_run_at) FILTER (WHERE state = 'active') AS next_run_at"
	"   FROM taskcenter.schedules WHERE task_id = $1) AS plan"
	" LEFT JOIN taskcenter.queues AS q ON q.queue = $2"
	" LEFT JOIN LATERAL (SELECT * FROM taskcenter.skipped_fires"
	"   WHERE task_id = $1 ORDER BY skip_id DESC LIMIT 1) AS skip ON true"
	" LEFT JOIN LATERAL (SELECT status, error, finished_at"
	"   FROM taskcenter.finished_runs WHERE task_id = $1"
	"   ORDER BY run_id DESC LIMIT 1) AS last ON true",
	.nargs = 3,
	.types = {INT8OID, TEXTOID, TIMESTAMPTZOID},
	.any_plan = true
};

/* ---- a row in memory ---- */

char *
tc_task_text(const TaskRow *task, TaskProperty property)
{
	return task->nulls[property] ? NULL : TextDatumGetCString(task->values[property]);
}

int32
tc_task_int32(const TaskRow *task, TaskProperty property)
{
	return task->nulls[property] ? 0 : DatumGetInt32(task->values[property]);
}

static bool
property_is(const TaskRow *task, TaskProperty property, const char *value)
{
	return !task->nulls[property] &&
		strcmp(tc_task_text(task, property), value) == 0;
}

bool
tc_task_accepts_runs(const TaskRow *task)
{
	return strcmp(task->state, "active") == 0 || strcmp(task->state, "paused") == 0;
}

/* as the column "gated" says */
int64
tc_task_gate(const TaskRow *task)
{
	bool		guarded = !task->nulls[TASK_MAX_RUNNING] || !task->nulls[TASK_REQUIRES_FLAG] ||
	(!task->nulls[TASK_RATE_LIMIT] && strcmp(task->kind, TC_KIND_EXTERNAL) != 0) ||
	task->learned_mode != NULL ||
	property_is(task, TASK_TRANSACTION_MODE, "autonomous") ||
	property_is(task, TASK_TRANSACTION_MODE, "batched") ||
	property_is(task, TASK_ISOLATION, "process") ||
	property_is(task, TASK_ON_CRASH, "fail") ||
	!tc_task_accepts_runs(task);

	return guarded ? task->task_id : 0;
}

/* ---- reading ---- */

static bool
read_row(int64 task_id, TaskRow *task)
{
	Bindings	arguments = {0};
	int			column = 1;
	int			i;

	tc_bind_int64(&arguments, task_id);
	if (tc_run_bound(&read_task, &arguments) == 0)
		return false;
	task->task_id = tc_get_int64(0, column++);
	task->name = tc_get_text(0, column++);
	task->kind = tc_get_text(0, column++);
	task->state = tc_get_text(0, column++);
	task->state_reason = tc_get_text(0, column++);
	task->owner = tc_get_text(0, column++);
	task->owner_id = (Oid) tc_get_int64(0, column++);
	task->run_as = tc_get_text(0, column++);
	task->run_as_id = (Oid) tc_get_int64(0, column++);
	task->learned_mode = tc_get_text(0, column++);
	task->definition_version = tc_get_int64(0, column++);
	task->retention_class = tc_get_int32(0, column++);
	for (i = 0; i < TASK_PROPERTY_COUNT; i++)
		task->values[i] = tc_get_datum(0, column++, &task->nulls[i]);
	task->status = tc_get_text(0, column++);
	return true;
}

static bool
find_by_name(Statement *statement, const char *name, TaskRow *task)
{
	Bindings	arguments = {0};

	if (strlen(name) > MAX_NAME_SOUGHT)
		return false;
	tc_bind_text(&arguments, name);
	if (tc_run_bound(statement, &arguments) == 0)
		return false;
	return read_row(tc_get_int64(0, 1), task);
}

bool
tc_task_find(const char *name, bool lock, TaskRow *task)
{
	return find_by_name(lock ? &lock_name : &find_id, name, task);
}

bool
tc_task_find_archived(const char *name, TaskRow *task)
{
	return find_by_name(&lock_archived, name, task);
}

bool
tc_task_find_id(int64 task_id, bool lock, TaskRow *task)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	if (lock && tc_run_bound(&lock_id, &arguments) == 0)
		return false;
	return read_row(task_id, task);
}

int
tc_task_list(const char *application, TaskName **tasks, MemoryContext where)
{
	Bindings	arguments = {0};
	int			count;
	int			i;

	tc_bind_text(&arguments, application);
	count = (int) tc_run_bound(&list_tasks, &arguments);
	*tasks = MemoryContextAllocHuge(where, sizeof(TaskName) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*tasks)[i].task_id = tc_get_int64(i, 1);
		(*tasks)[i].name = tc_get_text(i, 2);
		(*tasks)[i].owner_id = (Oid) tc_get_int64(i, 3);
	}
	return count;
}

void
tc_task_lock_definitions(void)
{
	Bindings	arguments = {0};

	tc_run_bound(&lock_definitions, &arguments);
}

/* ---- writing ---- */

static void
bind_row(Bindings *arguments, const TaskRow *task, TimestampTz now)
{
	int			i;

	tc_bind_text(arguments, task->name);
	tc_bind_text(arguments, task->kind);
	tc_bind_text(arguments, task->state);
	tc_bind_text(arguments, task->state_reason);
	tc_bind_text(arguments, task->owner);
	tc_bind_int64(arguments, task->owner_id);
	tc_bind_text(arguments, task->run_as);
	tc_bind_int64(arguments, task->run_as_id);
	tc_bind_text(arguments, task->learned_mode);
	tc_bind_timestamptz(arguments, now);
	for (i = 0; i < TASK_PROPERTY_COUNT; i++)
		tc_bind_datum(arguments, task->values[i], task->nulls[i]);
}

bool
tc_task_insert(TaskRow *task, TimestampTz now)
{
	Bindings	arguments = {0};

	bind_row(&arguments, task, now);
	tc_bind_text(&arguments, task->status);
	if (tc_run_bound(&insert_task, &arguments) == 0)
		return false;
	task->task_id = tc_get_int64(0, 1);
	return true;
}

void
tc_task_update(const TaskRow *task, TimestampTz now)
{
	Bindings	arguments = {0};

	bind_row(&arguments, task, now);
	tc_bind_int64(&arguments, task->task_id);
	tc_run_bound(&update_task, &arguments);
}

void
tc_task_move_roles(const TaskRow *task)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task->task_id);
	tc_bind_int64(&arguments, task->owner_id);
	tc_bind_int64(&arguments, task->run_as_id);
	tc_run_bound(&move_roles, &arguments);
}

int64
tc_task_cancel_unstarted(int64 task_id, const char *reason, const char *actor,
						 TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	tc_bind_text(&arguments, reason);
	tc_bind_text(&arguments, actor);
	tc_bind_timestamptz(&arguments, now);
	return (int64) tc_run_bound(&cancel_unstarted, &arguments);
}

int64
tc_task_each_running(int64 task_id, RunningRunAction action, void *argument)
{
	Bindings	arguments = {0};
	int64		count;
	int64		i;

	tc_bind_int64(&arguments, task_id);
	count = (int64) tc_run_bound(&running_runs, &arguments);
	for (i = 0; action != NULL && i < count; i++)
		action(tc_get_int64(i, 1), tc_get_int32(i, 2), argument);
	return count;
}

void
tc_task_circumstances(const TaskRow *task, TimestampTz now,
					  TaskCircumstances *circumstances)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task->task_id);
	tc_bind_datum(&arguments, task->values[TASK_QUEUE], task->nulls[TASK_QUEUE]);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&circumstances_of_task, &arguments);
	circumstances->queue_state = tc_get_text(0, 1);
	circumstances->queue_reason = tc_get_text(0, 2);
	circumstances->queue_limit = tc_is_null(0, 3) ? -1 : tc_get_int32(0, 3);
	circumstances->queue_running = tc_get_int64(0, 4);
	circumstances->waiting = tc_get_int64(0, 5);
	circumstances->due = tc_get_int64(0, 6);
	circumstances->later = tc_get_int64(0, 7);
	circumstances->running = tc_get_int64(0, 8);
	circumstances->next_queued_at = tc_get_timestamptz(0, 9);
	circumstances->schedules = tc_get_int64(0, 10);
	circumstances->schedules_active = tc_get_int64(0, 11);
	circumstances->next_run_at = tc_get_timestamptz(0, 12);
	circumstances->skip_reason = tc_get_text(0, 13);
	circumstances->skipped_to = tc_get_timestamptz(0, 14);
	circumstances->skip_recorded_at = tc_get_timestamptz(0, 15);
	circumstances->skip_count = tc_get_int64(0, 16);
	circumstances->last_status = tc_get_text(0, 17);
	circumstances->last_error = tc_get_text(0, 18);
	circumstances->last_finished_at = tc_get_timestamptz(0, 19);
}
