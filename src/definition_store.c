/*-------------------------------------------------------------------------
 *
 * definition_store.c
 *		What executors and the scheduler must know of a task, and of what is
 *		allowed to run in this database now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"

#include "arguments.h"
#include "backoff.h"
#include "bindings.h"
#include "definition_store.h"
#include "role_check.h"
#include "shared_state.h"
#include "statement.h"

enum
{
	STATEMENT_LOAD_TASK,
	STATEMENT_LOAD_STATE,
	STATEMENT_LOAD_QUEUES,
	STATEMENT_LEARN,
	STATEMENT_QUARANTINE_ROLE,
	STATEMENT_QUARANTINE_TASK
};

static Statement statements[] = {
	[STATEMENT_LOAD_TASK] = {
		.label = "load a task",
		.text =
		"SELECT t.task_id, t.definition_version, t.name, t.state, t.command, t.run_as,"
		"   t.run_as_id, t.owner_id, t.transaction_mode, t.learned_mode, t.capture_output,"
		"   t.isolation, t.batch, t.max_running, t.timeout, t.backoff, t.backoff_base,"
		"   t.backoff_cap, t.log_level, t.synchronous_commit, t.settings, t.retry_rules,"
		"   EXISTS (SELECT FROM taskcenter.schedules AS s"
		"     WHERE s.task_id = t.task_id AND s.schedule ILIKE 'after %'),"
		"   t.on_crash, t.gated, t.kind = 'composite', t.requires_flag,"
		"   coalesce(t.group_key, t.owner), t.rate_limit, t.owner_id || ' ' || t.group_key"
		" FROM taskcenter.tasks AS t WHERE t.task_id = $1",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_LOAD_STATE] = {
		.label = "load the state of the scheduler",
		.text =
		"SELECT s.state, s.system_identifier, s.database_id, s.rebooted_at"
		" FROM taskcenter.scheduler_state AS s",
		.nargs = 0
	},
	[STATEMENT_LOAD_QUEUES] = {
		.label = "load the queues",
		.text =
		"SELECT q.queue_id, q.queue, q.state, q.max_running FROM taskcenter.queues AS q"
		" ORDER BY q.queue_id",
		.nargs = 0,
		.any_plan = true
	},
	[STATEMENT_LEARN] = {
		.label = "learn that a task is autonomous",
		.text =
		"UPDATE taskcenter.tasks AS t SET learned_mode = 'autonomous', on_crash = 'fail',"
		"   definition_version = t.definition_version + 1, updated_at = now()"
		" WHERE t.task_id = $1 AND t.transaction_mode = 'auto' AND t.learned_mode IS NULL",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_QUARANTINE_ROLE] = {
		.label = "quarantine the tasks of a role",
		.text =
		"UPDATE taskcenter.tasks AS t SET state = 'quarantined', state_reason = $2,"
		"   definition_version = t.definition_version + 1, updated_at = now()"
		" WHERE t.task_id = ANY (ARRAY(SELECT s.task_id FROM taskcenter.tasks AS s"
		"   WHERE s.run_as_id = $1 AND s.state = ANY (ARRAY['active', 'paused'])"
		"   FOR NO KEY UPDATE SKIP LOCKED))"
		" RETURNING t.task_id",
		.nargs = 2,
		.types = {INT8OID, TEXTOID},
		.any_plan = true
	},
	[STATEMENT_QUARANTINE_TASK] = {
		.label = "quarantine a task",
		.text =
		"UPDATE taskcenter.tasks AS t SET state = 'quarantined', state_reason = $2,"
		"   definition_version = t.definition_version + 1, updated_at = now()"
		" WHERE t.task_id = $1 AND t.state = ANY (ARRAY['active', 'paused'])"
		" RETURNING t.task_id",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}
	}
};

static TransactionMode
mode_of(const char *chosen, const char *learned)
{
	if (strcmp(chosen, "atomic") == 0)
		return TRANSACTION_MODE_ATOMIC;
	if (strcmp(chosen, "batched") == 0)
		return TRANSACTION_MODE_BATCHED;
	if (strcmp(chosen, "autonomous") == 0 ||
		(learned != NULL && strcmp(learned, "autonomous") == 0))
		return TRANSACTION_MODE_AUTONOMOUS;
	return TRANSACTION_MODE_AUTO;
}

static int64
interval_usecs(Interval *value)
{
	int64		usecs;

	if (value == NULL || !tc_interval_usecs(value, &usecs))
		return 0;
	return usecs;
}

static TaskDefinition *
read_task(void)
{
	TaskDefinition *task = palloc0(sizeof(TaskDefinition));
	BackoffKind backoff;

	task->task_id = tc_get_int64(0, 1);
	task->version = tc_get_int64(0, 2);
	task->name = tc_get_text(0, 3);
	task->state = tc_get_text(0, 4);
	task->command = tc_get_text(0, 5);
	task->run_as = tc_get_text(0, 6);
	task->run_as_id = (Oid) tc_get_int64(0, 7);
	task->role_renamed = tc_role_is_renamed(task->run_as_id, task->run_as);
	task->owner_id = tc_get_int64(0, 8);
	task->mode = mode_of(tc_get_text(0, 9), tc_get_text(0, 10));
	task->capture_output = tc_get_bool(0, 11);
	task->process_isolation = strcmp(tc_get_text(0, 12), "process") == 0;
	task->batch = Min(Max(tc_get_int32(0, 13), 1), TC_MAX_BATCH);
	task->max_running = tc_is_null(0, 14) ? -1 : tc_get_int32(0, 14);
	task->timeout = interval_usecs(tc_get_interval(0, 15));
	if (!tc_backoff_parse(tc_get_text(0, 16), &backoff))
		backoff = BACKOFF_EXPONENTIAL;
	task->backoff = backoff;
	task->backoff_base = interval_usecs(tc_get_interval(0, 17));
	task->backoff_cap = interval_usecs(tc_get_interval(0, 18));
	task->log_level = tc_get_text(0, 19);
	task->synchronous_commit = tc_get_text(0, 20);
	task->settings = tc_get_jsonb(0, 21);
	task->retry_rules = tc_get_jsonb(0, 22);
	task->has_delay = tc_get_bool(0, 23);
	task->repeatable = task->mode != TRANSACTION_MODE_AUTONOMOUS &&
		strcmp(tc_get_text(0, 24), "retry") == 0;
	task->gated = tc_get_bool(0, 25);
	task->composite = tc_get_bool(0, 26);
	task->requires_flag = tc_get_text(0, 27);
	task->flag_subject = tc_get_text(0, 28);
	task->rate_limit = tc_get_text(0, 29);
	task->rate_key = tc_get_text(0, 30);
	task->runnable = strcmp(task->state, "active") == 0 ||
		strcmp(task->state, "paused") == 0;
	return task;
}

TaskDefinition *
tc_definition_load(int64 task_id)
{
	MemoryContext outside = CurrentMemoryContext;
	StoreFrame	frame;
	Bindings	bindings = {0};
	TaskDefinition *task = NULL;

	tc_bind_int64(&bindings, task_id);
	tc_store_begin(&frame);
	if (tc_run_bound(&statements[STATEMENT_LOAD_TASK], &bindings) > 0)
	{
		MemoryContext inside = MemoryContextSwitchTo(outside);

		task = read_task();
		MemoryContextSwitchTo(inside);
	}
	tc_store_end(&frame);
	return task;
}

/* Does the stored identity name this server and this database? */
static bool
identity_is_ours(void)
{
	char	   *identifier = tc_get_text(0, 2);
	char		ours[32];

	snprintf(ours, sizeof(ours), UINT64_FORMAT, GetSystemIdentifier());
	return strcmp(identifier, ours) == 0 && (Oid) tc_get_int64(0, 3) == MyDatabaseId;
}

ControlState *
tc_control_load(void)
{
	MemoryContext outside = CurrentMemoryContext;
	MemoryContext inside;
	StoreFrame	frame;
	Bindings	bindings = {0};
	ControlState *control = palloc0(sizeof(ControlState));
	int			i;

	control->rebooted_at = DT_NOBEGIN;
	tc_store_begin(&frame);
	inside = MemoryContextSwitchTo(outside);
	if (tc_run_bound(&statements[STATEMENT_LOAD_STATE], &bindings) > 0)
	{
		control->activated = true;
		control->state = tc_get_text(0, 1);
		control->adopted = identity_is_ours();
		control->running = control->adopted && strcmp(control->state, "running") == 0;
		control->disabled = strcmp(control->state, "disabled") == 0;
		control->rebooted_at = tc_get_timestamptz(0, 4);
	}
	control->barred = tc_shared_barred(MyDatabaseId);
	if (control->barred != NULL)
	{
		control->running = false;
		control->disabled = true;
	}
	control->queue_count = (int) tc_run_bound(&statements[STATEMENT_LOAD_QUEUES], &bindings);
	control->queues = palloc0(sizeof(QueueState) * Max(control->queue_count, 1));
	for (i = 0; i < control->queue_count; i++)
	{
		QueueState *queue = &control->queues[i];

		queue->queue_id = tc_get_int64(i, 1);
		queue->name = tc_get_text(i, 2);
		queue->active = strcmp(tc_get_text(i, 3), "active") == 0;
		queue->control = strcmp(queue->name, "control") == 0;
		queue->max_running = tc_is_null(i, 4) ? -1 : tc_get_int32(i, 4);
	}
	MemoryContextSwitchTo(inside);
	tc_store_end(&frame);
	return control;
}

const QueueState *
tc_control_queue(const ControlState *control, int64 queue_id)
{
	int			i;

	for (i = 0; i < control->queue_count; i++)
		if (control->queues[i].queue_id == queue_id)
			return &control->queues[i];
	return NULL;
}

bool
tc_definition_learn_autonomous(int64 task_id)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	bool		learnt;

	tc_bind_int64(&bindings, task_id);
	tc_store_begin(&frame);
	learnt = tc_run_bound(&statements[STATEMENT_LEARN], &bindings) > 0;
	tc_store_end(&frame);
	return learnt;
}

static int
quarantine(Statement *statement, int64 id, const char *reason)
{
	StoreFrame	frame;
	Bindings	bindings = {0};
	int			count;

	tc_bind_int64(&bindings, id);
	tc_bind_redacted(&bindings, reason);
	tc_store_begin(&frame);
	count = (int) tc_run_bound(statement, &bindings);
	tc_store_end(&frame);
	return count;
}

int
tc_definition_quarantine_role(Oid role, const char *reason)
{
	return quarantine(&statements[STATEMENT_QUARANTINE_ROLE], role, reason);
}

int
tc_definition_quarantine_task(int64 task_id, const char *reason)
{
	return quarantine(&statements[STATEMENT_QUARANTINE_TASK], task_id, reason);
}
