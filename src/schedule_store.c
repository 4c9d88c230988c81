/*-------------------------------------------------------------------------
 *
 * schedule_store.c
 *		The rows of schedules as those see them who define them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "schedule_store.h"

static Statement read_schedules = {
	.label = "read schedules",
	.text =
	"SELECT"
	"   s.schedule_id, s.task_id, s.owner_id, s.name, s.schedule, "
	"   s.timezone, s.state, s.state_reason, s.next_run_at, "
	"   s.last_run_at, s.starts_at, s.ends_at, s.anchor_at, s.jitter, "
	"   s.misfire, s.misfire_grace, s.max_catchup, s.dst_gap, "
	"   s.dst_repeat, t.name, t.dst_gap, t.dst_repeat"
	" FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t USING (task_id)"
	" WHERE s.task_id = $1"
	" ORDER BY s.name",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement read_schedule = {
	.label = "read a schedule",
	.text =
	"SELECT"
	"   s.schedule_id, s.task_id, s.owner_id, s.name, s.schedule, "
	"   s.timezone, s.state, s.state_reason, s.next_run_at, "
	"   s.last_run_at, s.starts_at, s.ends_at, s.anchor_at, s.jitter, "
	"   s.misfire, s.misfire_grace, s.max_catchup, s.dst_gap, "
	"   s.dst_repeat, t.name, t.dst_gap, t.dst_repeat"
	" FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t USING (task_id)"
	" WHERE s.schedule_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement read_planned = {
	.label = "read planned schedules",
	.text =
	"SELECT"
	"   s.schedule_id, s.task_id, s.owner_id, s.name, s.schedule, "
	"   s.timezone, s.state, s.state_reason, s.next_run_at, "
	"   s.last_run_at, s.starts_at, s.ends_at, s.anchor_at, s.jitter, "
	"   s.misfire, s.misfire_grace, s.max_catchup, s.dst_gap, "
	"   s.dst_repeat, t.name, t.dst_gap, t.dst_repeat"
	" FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t USING (task_id)"
	" WHERE s.state = 'active' AND t.state = 'active' AND s.next_run_at <= $2"
	" AND ($1 = 0 OR s.task_id = $1)"
	" AND ($4 OR t.owner_id = ANY ($5) OR t.task_id = ANY ($6))"
	" ORDER BY s.next_run_at LIMIT $3",
	.nargs = 6,
	.types = {INT8OID, TIMESTAMPTZOID, INT8OID, BOOLOID, INT8ARRAYOID, INT8ARRAYOID},
	.any_plan = true
};

static Statement lock_schedules = {
	.label = "lock schedules",
	.text =
	"SELECT schedule_id FROM taskcenter.schedules"
	" WHERE task_id = $1"
	" ORDER BY schedule_id FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement find_schedule = {
	.label = "find a schedule of a task",
	.text =
	"SELECT schedule_id FROM taskcenter.schedules"
	" WHERE task_id = $1 AND name = $2",
	.nargs = 2,
	.types = {INT8OID, TEXTOID}
};

static Statement lock_schedule = {
	.label = "lock a schedule",
	.text =
	"SELECT schedule_id FROM taskcenter.schedules"
	" WHERE task_id = $1 AND name = $2 FOR NO KEY UPDATE",
	.nargs = 2,
	.types = {INT8OID, TEXTOID}
};

static Statement insert_schedule = {
	.label = "insert a schedule",
	.text =
	"INSERT INTO taskcenter.schedules (task_id, owner_id, name, schedule, timezone,"
	"   state, state_reason, next_run_at, starts_at, ends_at, anchor_at, jitter,"
	"   misfire, misfire_grace, max_catchup, dst_gap, dst_repeat, created_at, updated_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
	"   $18, $18) ON CONFLICT (task_id, name) DO NOTHING RETURNING schedule_id",
	.nargs = 18,
	.types = {INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
		TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INTERVALOID,
	TEXTOID, INTERVALOID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement update_schedule = {
	.label = "update a schedule",
	.text =
	"UPDATE taskcenter.schedules SET task_id = $1, owner_id = $2, name = $3,"
	"   schedule = $4, timezone = $5, state = $6, state_reason = $7, next_run_at = $8,"
	"   starts_at = $9, ends_at = $10, anchor_at = $11, jitter = $12, misfire = $13,"
	"   misfire_grace = $14, max_catchup = $15, dst_gap = $16, dst_repeat = $17,"
	"   updated_at = $18"
	" WHERE schedule_id = $19",
	.nargs = 19,
	.types = {INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
		TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INTERVALOID,
	TEXTOID, INTERVALOID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID}
};

static Statement delete_schedule = {
	.label = "delete a schedule",
	.text =
	"DELETE FROM taskcenter.schedules WHERE schedule_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement stop_schedules = {
	.label = "stop the schedules of a task",
	.text =
	"UPDATE taskcenter.schedules SET next_run_at = NULL, updated_at = $2"
	" WHERE task_id = $1 AND next_run_at IS NOT NULL",
	.nargs = 2,
	.types = {INT8OID, TIMESTAMPTZOID}
};

static Statement change_owner = {
	.label = "give schedules to the owner of their task",
	.text =
	"UPDATE taskcenter.schedules SET owner_id = $2 WHERE task_id = $1 AND owner_id <> $2",
	.nargs = 2,
	.types = {INT8OID, INT8OID}
};

static Statement insert_skip = {
	.label = "record instants that will not fire",
	.text =
	"INSERT INTO taskcenter.skipped_fires (schedule_id, task_id, owner_id, skipped_from,"
	"   skipped_to, instants, reason, recorded_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	.nargs = 8,
	.types = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID,
	TEXTOID, TIMESTAMPTZOID}
};

static void
read_row(uint64 row, ScheduleRow *schedule)
{
	schedule->schedule_id = tc_get_int64(row, 1);
	schedule->task_id = tc_get_int64(row, 2);
	schedule->owner_id = (Oid) tc_get_int64(row, 3);
	schedule->name = tc_get_text(row, 4);
	schedule->schedule = tc_get_text(row, 5);
	schedule->timezone = tc_get_text(row, 6);
	schedule->state = tc_get_text(row, 7);
	schedule->state_reason = tc_get_text(row, 8);
	schedule->next_run_at = tc_get_timestamptz(row, 9);
	schedule->last_run_at = tc_get_timestamptz(row, 10);
	schedule->starts_at = tc_get_timestamptz(row, 11);
	schedule->ends_at = tc_get_timestamptz(row, 12);
	schedule->anchor_at = tc_get_timestamptz(row, 13);
	schedule->jitter = tc_get_interval(row, 14);
	schedule->misfire = tc_get_text(row, 15);
	schedule->misfire_grace = tc_get_interval(row, 16);
	schedule->max_catchup = tc_is_null(row, 17) ? -1 : tc_get_int32(row, 17);
	schedule->dst_gap = tc_get_text(row, 18);
	schedule->dst_repeat = tc_get_text(row, 19);
	schedule->task = tc_get_text(row, 20);
	schedule->task_dst_gap = tc_get_text(row, 21);
	schedule->task_dst_repeat = tc_get_text(row, 22);
}

static ScheduleRow *
read_rows(int count, MemoryContext where)
{
	ScheduleRow *rows = MemoryContextAlloc(where, sizeof(ScheduleRow) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		read_row(i, &rows[i]);
	return rows;
}

bool
tc_schedule_find(int64 task_id, const char *name, bool lock, ScheduleRow *row)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	tc_bind_text(&arguments, name);
	if (tc_run_bound(lock ? &lock_schedule : &find_schedule, &arguments) == 0)
		return false;
	return tc_schedule_find_id(tc_get_int64(0, 1), row);
}

bool
tc_schedule_find_id(int64 schedule_id, ScheduleRow *row)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, schedule_id);
	if (tc_run_bound(&read_schedule, &arguments) == 0)
		return false;
	read_row(0, row);
	return true;
}

int
tc_schedules_of_task(int64 task_id, bool lock, ScheduleRow **rows, MemoryContext where)
{
	Bindings	arguments = {0};
	int			count;

	tc_bind_int64(&arguments, task_id);
	if (lock)
		tc_run_bound(&lock_schedules, &arguments);
	count = (int) tc_run_bound(&read_schedules, &arguments);
	*rows = read_rows(count, where);
	return count;
}

int
tc_schedules_planned(const TaskSet *tasks, int64 task_id, TimestampTz ending, int most,
					 ScheduleRow **rows, MemoryContext where)
{
	Bindings	arguments = {0};
	int			count;

	tc_bind_int64(&arguments, task_id);
	tc_bind_timestamptz(&arguments, ending);
	tc_bind_int64(&arguments, most);
	tc_bind_bool(&arguments, tasks->all);
	tc_bind_ids(&arguments, tasks->owners, tasks->owner_count);
	tc_bind_ids(&arguments, tasks->ids, tasks->id_count);
	count = (int) tc_run_bound(&read_planned, &arguments);
	*rows = read_rows(count, where);
	return count;
}

static void
bind_row(Bindings *arguments, const ScheduleRow *row, TimestampTz now)
{
	tc_bind_int64(arguments, row->task_id);
	tc_bind_int64(arguments, row->owner_id);
	tc_bind_text(arguments, row->name);
	tc_bind_text(arguments, row->schedule);
	tc_bind_text(arguments, row->timezone);
	tc_bind_text(arguments, row->state);
	tc_bind_text(arguments, row->state_reason);
	tc_bind_timestamptz(arguments, row->next_run_at);
	tc_bind_timestamptz(arguments, row->starts_at);
	tc_bind_timestamptz(arguments, row->ends_at);
	tc_bind_timestamptz(arguments, row->anchor_at);
	tc_bind_interval(arguments, row->jitter);
	tc_bind_text(arguments, row->misfire);
	tc_bind_interval(arguments, row->misfire_grace);
	if (row->max_catchup < 0)
		tc_bind_null(arguments);
	else
		tc_bind_int32(arguments, row->max_catchup);
	tc_bind_text(arguments, row->dst_gap);
	tc_bind_text(arguments, row->dst_repeat);
	tc_bind_timestamptz(arguments, now);
}

int64
tc_schedule_insert(const ScheduleRow *row, TimestampTz now)
{
	Bindings	arguments = {0};

	bind_row(&arguments, row, now);
	return tc_run_bound(&insert_schedule, &arguments) == 0 ? 0 : tc_get_int64(0, 1);
}

void
tc_schedule_update(const ScheduleRow *row, TimestampTz now)
{
	Bindings	arguments = {0};

	bind_row(&arguments, row, now);
	tc_bind_int64(&arguments, row->schedule_id);
	tc_run_bound(&update_schedule, &arguments);
}

void
tc_schedule_delete(int64 schedule_id)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, schedule_id);
	tc_run_bound(&delete_schedule, &arguments);
}

void
tc_schedules_stop(int64 task_id, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&stop_schedules, &arguments);
}

void
tc_schedules_change_owner(int64 task_id, Oid owner_id)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	tc_bind_int64(&arguments, owner_id);
	tc_run_bound(&change_owner, &arguments);
}

void
tc_schedule_record_skip(const ScheduleRow *row, TimestampTz from, TimestampTz to,
						int64 instants, const char *reason, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, row->schedule_id);
	tc_bind_int64(&arguments, row->task_id);
	tc_bind_int64(&arguments, row->owner_id);
	tc_bind_timestamptz(&arguments, from);
	tc_bind_timestamptz(&arguments, to);
	tc_bind_int64(&arguments, instants);
	tc_bind_text(&arguments, reason);
	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&insert_skip, &arguments);
}
