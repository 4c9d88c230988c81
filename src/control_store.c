/*-------------------------------------------------------------------------
 *
 * control_store.c
 *		Queues, settings, and the state and identity of the scheduler.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "control_store.h"
#include "setting_keys.h"

/* ---- scheduler_state ---- */

static Statement read_state = {
	.label = "read the scheduler's state",
	.text =
	"SELECT state, state_reason, system_identifier, database_id, database_name"
	" FROM taskcenter.scheduler_state WHERE only_row"
};

static Statement lock_state = {
	.label = "lock the scheduler's state",
	.text =
	"SELECT state, state_reason, system_identifier, database_id, database_name"
	" FROM taskcenter.scheduler_state WHERE only_row FOR NO KEY UPDATE"
};

static Statement set_state = {
	.label = "set the scheduler's state",
	.text =
	"UPDATE taskcenter.scheduler_state"
	" SET state = $1, state_reason = $2, changed_by = $3, changed_at = $4"
	" WHERE only_row",
	.nargs = 4,
	.types = {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement insert_identity = {
	.label = "activate the database",
	.text =
	"INSERT INTO taskcenter.scheduler_state"
	"   (system_identifier, database_id, database_name, changed_by, changed_at, adopted_at,"
	"   rebooted_at)"			/* the next start is the first one */
	" VALUES ($1, $2, $3, $4, $5, $5, $5) ON CONFLICT (only_row) DO NOTHING",
	.nargs = 5,
	.types = {TEXTOID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement change_identity = {
	.label = "adopt the database",
	.text =
	"UPDATE taskcenter.scheduler_state"
	" SET system_identifier = $1, database_id = $2, database_name = $3,"
	"   changed_by = $4, changed_at = $5, adopted_at = $5"
	" WHERE only_row",
	.nargs = 5,
	.types = {TEXTOID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement has_content = {
	.label = "look for content",
	.text =
	"SELECT EXISTS (SELECT FROM taskcenter.tasks)"
	" OR EXISTS (SELECT FROM taskcenter.schedules)"
	" OR EXISTS (SELECT FROM taskcenter.workflows)"
	" OR EXISTS (SELECT FROM taskcenter.task_status_history)"
	" OR EXISTS (SELECT FROM taskcenter.live_runs)"
	" OR EXISTS (SELECT FROM taskcenter.finished_runs)",
	.any_plan = true
};

static Statement in_flight = {
	.label = "count the runs in flight",
	.text =
	"SELECT count(*) FROM taskcenter.live_runs AS r"
	" WHERE r.status = 'running' AND r.run_id <> $2"
	"   AND (r.executor_id IS NOT NULL OR r.graph_version IS NULL AND r.definition_id IS NULL)"
	" AND ($1 IS NULL OR r.queue_id ="
	"   (SELECT q.queue_id FROM taskcenter.queues AS q WHERE q.queue = $1))",
	.nargs = 2,
	.types = {TEXTOID, INT8OID}
};

static bool
get_state(Statement *statement, SchedulerStateRow *row)
{
	if (tc_run(statement, NULL, NULL) == 0)
		return false;
	row->state = tc_get_text(0, 1);
	row->state_reason = tc_get_text(0, 2);
	row->system_identifier = tc_get_text(0, 3);
	row->database_id = (Oid) tc_get_int64(0, 4);
	row->database_name = tc_get_text(0, 5);
	return true;
}

bool
tc_control_state(bool lock, SchedulerStateRow *row)
{
	return get_state(lock ? &lock_state : &read_state, row);
}

void
tc_control_set_state(const char *state, const char *reason, const char *actor,
					 TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, state);
	tc_bind_text(&arguments, reason);
	tc_bind_text(&arguments, actor);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&set_state, &arguments);
}

static bool
put_identity(Statement *statement, const char *system_identifier, Oid database,
			 const char *database_name, const char *actor, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, system_identifier);
	tc_bind_int64(&arguments, database);
	tc_bind_text(&arguments, database_name);
	tc_bind_text(&arguments, actor);
	tc_bind_timestamptz(&arguments, now);
	return tc_run_bound(statement, &arguments) > 0;
}

bool
tc_control_insert_identity(const char *system_identifier, Oid database,
						   const char *database_name, const char *actor,
						   TimestampTz now)
{
	return put_identity(&insert_identity, system_identifier, database,
						database_name, actor, now);
}

void
tc_control_change_identity(const char *system_identifier, Oid database,
						   const char *database_name, const char *actor,
						   TimestampTz now)
{
	put_identity(&change_identity, system_identifier, database, database_name,
				 actor, now);
}

bool
tc_control_has_content(void)
{
	tc_run(&has_content, NULL, NULL);
	return tc_get_bool(0, 1);
}

int64
tc_control_in_flight(const char *queue, int64 but_for_run)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, queue);
	tc_bind_int64(&arguments, but_for_run);
	tc_run_bound(&in_flight, &arguments);
	return tc_get_int64(0, 1);
}

/* ---- queues ---- */

static Statement find_queue = {
	.label = "find a queue",
	.text =
	"SELECT queue_id, queue, state, state_reason, max_running, description"
	" FROM taskcenter.queues WHERE queue = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement lock_queue = {
	.label = "lock a queue",
	.text =
	"SELECT queue_id, queue, state, state_reason, max_running, description"
	" FROM taskcenter.queues WHERE queue = $1 FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement insert_queue = {
	.label = "insert a queue",
	.text =
	"INSERT INTO taskcenter.queues (queue, max_running, description, created_at, updated_at)"
	" VALUES ($1, $2, $3, $4, $4) ON CONFLICT (queue) DO NOTHING RETURNING queue_id",
	.nargs = 4,
	.types = {TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID}
};

static Statement update_queue = {
	.label = "update a queue",
	.text =
	"UPDATE taskcenter.queues SET state = $2, state_reason = $3, max_running = $4,"
	"   description = $5, updated_at = $6 WHERE queue_id = $1",
	.nargs = 6,
	.types = {INT8OID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID}
};

static void
bind_limit(Bindings *arguments, int32 max_running)
{
	if (max_running < 0)
		tc_bind_null(arguments);
	else
		tc_bind_int32(arguments, max_running);
}

bool
tc_queue_find(const char *queue, bool lock, QueueRow *row)
{
	Bindings	arguments = {0};

	if (strlen(queue) > 1000)
		return false;
	tc_bind_text(&arguments, queue);
	if (tc_run_bound(lock ? &lock_queue : &find_queue, &arguments) == 0)
		return false;
	row->queue_id = tc_get_int64(0, 1);
	row->queue = tc_get_text(0, 2);
	row->state = tc_get_text(0, 3);
	row->state_reason = tc_get_text(0, 4);
	row->max_running = tc_is_null(0, 5) ? -1 : tc_get_int32(0, 5);
	row->description = tc_get_text(0, 6);
	return true;
}

int64
tc_queue_insert(const char *queue, int32 max_running, const char *description,
				TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, queue);
	bind_limit(&arguments, max_running);
	tc_bind_text(&arguments, description);
	tc_bind_timestamptz(&arguments, now);
	return tc_run_bound(&insert_queue, &arguments) == 0 ? 0 : tc_get_int64(0, 1);
}

void
tc_queue_update(const QueueRow *row, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, row->queue_id);
	tc_bind_text(&arguments, row->state);
	tc_bind_text(&arguments, row->state_reason);
	bind_limit(&arguments, row->max_running);
	tc_bind_text(&arguments, row->description);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&update_queue, &arguments);
}

/* ---- settings ---- */

static Statement read_setting = {
	.label = "read a setting",
	.text =
	"SELECT value, updated_at, updated_by FROM taskcenter.setting_values WHERE key = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static Statement store_setting = {
	.label = "store a setting",
	.text =
	"INSERT INTO taskcenter.setting_values AS s (key, value, updated_by, updated_at)"
	" VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO UPDATE"
	" SET value = excluded.value, updated_by = excluded.updated_by,"
	"   updated_at = excluded.updated_at"
	" WHERE s.value <> excluded.value",
	.nargs = 4,
	.types = {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

static bool
find_setting(const char *key)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, key);
	return tc_run_bound(&read_setting, &arguments) > 0;
}

char *
tc_setting_value(const char *key)
{
	const SettingKey *setting = tc_setting_key(key);

	if (setting == NULL)
		elog(ERROR, "setting \"%s\" is not known", key);
	return find_setting(key) ? tc_get_text(0, 1) : unconstify(char *, setting->default_value);
}

bool
tc_setting_origin(const char *key, TimestampTz *updated_at, char **updated_by)
{
	if (!find_setting(key))
		return false;
	*updated_at = tc_get_timestamptz(0, 2);
	*updated_by = tc_get_text(0, 3);
	return true;
}

void
tc_setting_store(const char *key, const char *value, const char *actor, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, key);
	tc_bind_text(&arguments, value);
	tc_bind_text(&arguments, actor);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&store_setting, &arguments);
}
