/*-------------------------------------------------------------------------
 *
 * status_history_store.c
 *		The rows of task_status_history, and the status of a task.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "status_history_store.h"

/* ---- writing ---- */

static Statement insert_row = {
	.label = "write the history of a status",
	.text =
	"INSERT INTO taskcenter.task_status_history (task_id, relation, row_key, owner_id,"
	"   old_status, new_status, accepted, requested_status, problems, reason, metadata,"
	"   actor, timestamp)"
	" VALUES ($1, $2, $3, $4, $5, coalesce($6, 'validation_failed'), $6 IS NOT NULL, $7, $8,"
	"   $9, coalesce($10, '{}'), $11, $12)",
	.nargs = 12,
	.types = {INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID,
	TEXTOID, JSONBOID, TEXTOID, TIMESTAMPTZOID}
};

/* the lock is the one that the foreign key would wait for */
static Statement insert_unlocked = {
	.label = "write the history of a refused status",
	.text =
	"WITH free AS (SELECT task_id, owner_id FROM taskcenter.tasks WHERE task_id = $1"
	"   FOR KEY SHARE SKIP LOCKED)"
	" INSERT INTO taskcenter.task_status_history (task_id, owner_id, old_status, new_status,"
	"   accepted, requested_status, problems, reason, actor, timestamp)"
	" SELECT task_id, owner_id, $2, 'validation_failed', false, $3, $4, $5, $6, $7"
	" FROM free",
	.nargs = 7,
	.types = {INT8OID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement move_task = {
	.label = "move a task to another status",
	.text =
	"WITH moved AS (UPDATE taskcenter.tasks SET status = $2,"
	"   status_changed_at = greatest(status_changed_at, $6), updated_at = $6"
	"   WHERE task_id = $1 RETURNING owner_id, status_changed_at)"
	" INSERT INTO taskcenter.task_status_history (task_id, owner_id, old_status, new_status,"
	"   reason, metadata, actor, timestamp)"
	" SELECT $1, owner_id, $3, $2, $4, coalesce($7, '{}'), $5, status_changed_at FROM moved",
	.nargs = 7,
	.types = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, JSONBOID}
};

void
tc_status_history_insert(const StatusHistoryRow *row)
{
	Bindings	arguments = {0};

	tc_bind_id(&arguments, row->task_id);
	tc_bind_text(&arguments, row->relation);
	tc_bind_text(&arguments, row->row_key);
	tc_bind_int64(&arguments, row->owner_id);
	tc_bind_text(&arguments, row->old_status);
	tc_bind_text(&arguments, row->new_status);
	tc_bind_text(&arguments, row->requested_status);
	tc_bind_jsonb(&arguments, row->problems);
	tc_bind_text(&arguments, row->reason);
	tc_bind_jsonb(&arguments, row->metadata);
	tc_bind_text(&arguments, row->actor);
	tc_bind_timestamptz(&arguments, row->at);
	tc_run_bound(&insert_row, &arguments);
}

bool
tc_status_history_insert_patiently(const StatusHistoryRow *row)
{
	Bindings	arguments = {0};
	TaskStatusRow task;

	tc_bind_int64(&arguments, row->task_id);
	tc_bind_text(&arguments, row->old_status);
	tc_bind_text(&arguments, row->requested_status);
	tc_bind_jsonb(&arguments, row->problems);
	tc_bind_text(&arguments, row->reason);
	tc_bind_text(&arguments, row->actor);
	tc_bind_timestamptz(&arguments, row->at);
	return tc_run_bound(&insert_unlocked, &arguments) > 0 ||
		!tc_status_history_task(row->task_id, &task);
}

void
tc_status_history_move(const StatusHistoryRow *row)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, row->task_id);
	tc_bind_text(&arguments, row->new_status);
	tc_bind_text(&arguments, row->old_status);
	tc_bind_text(&arguments, row->reason);
	tc_bind_text(&arguments, row->actor);
	tc_bind_timestamptz(&arguments, row->at);
	tc_bind_jsonb(&arguments, row->metadata);
	tc_run_bound(&move_task, &arguments);
}

/* ---- a task's status ---- */

static Statement read_task_status = {
	.label = "read the status of a task",
	.text =
	"SELECT task_id, name, state, workflow, status, status_changed_at"
	" FROM taskcenter.tasks WHERE task_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement find_archived = {
	.label = "find an archived task",
	.text =
	"SELECT task_id FROM taskcenter.tasks WHERE name = $1 AND state = 'archived'"
	" ORDER BY archived_at DESC, task_id DESC LIMIT 1",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

bool
tc_status_history_task(int64 task_id, TaskStatusRow *row)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	if (tc_run_bound(&read_task_status, &arguments) == 0)
		return false;
	row->task_id = tc_get_int64(0, 1);
	row->name = tc_get_text(0, 2);
	row->state = tc_get_text(0, 3);
	row->workflow = tc_get_text(0, 4);
	row->status = tc_get_text(0, 5);
	row->changed_at = tc_get_timestamptz(0, 6);
	return true;
}

int64
tc_status_history_archived(const char *name)
{
	Bindings	arguments = {0};

	tc_bind_text(&arguments, name);
	return tc_run_bound(&find_archived, &arguments) == 0 ? 0 : tc_get_int64(0, 1);
}

/* ---- reading ---- */

static Statement list_of_task = {
	.label = "list the history of a task's status",
	.text =
	"SELECT h.id, h.task_id, h.old_status, h.new_status,"
	"   CASE WHEN $2 THEN h.reason END, CASE WHEN $2 THEN h.metadata END, h.timestamp,"
	"   h.accepted, h.requested_status, h.problems, h.actor, h.relation, h.row_key,"
	"   h.owner_id"
	" FROM taskcenter.task_status_history AS h"
	" WHERE h.task_id = $1 ORDER BY h.timestamp DESC, h.id DESC LIMIT $3",
	.nargs = 3,
	.types = {INT8OID, BOOLOID, INT4OID}
};

static Statement list_failures = {
	.label = "list the refused moves of a task",
	.text =
	"SELECT h.id, h.task_id, h.old_status, h.new_status,"
	"   CASE WHEN $2 THEN h.reason END, CASE WHEN $2 THEN h.metadata END, h.timestamp,"
	"   h.accepted, h.requested_status, h.problems, h.actor, h.relation, h.row_key,"
	"   h.owner_id"
	" FROM taskcenter.task_status_history AS h"
	" WHERE h.task_id = $1 AND NOT h.accepted ORDER BY h.id DESC LIMIT $3",
	.nargs = 3,
	.types = {INT8OID, BOOLOID, INT4OID}
};

/* one look into the index for each owner, and for each task that was granted */
static Statement list_failures_of = {
	.label = "list the refused moves of owners",
	.text =
	"SELECT id, task_id, old_status, new_status, reason, metadata, timestamp, accepted,"
	"   requested_status, problems, actor, relation, row_key, owner_id FROM ("
	" SELECT h.* FROM unnest($1::bigint[]) AS o (owner_id) CROSS JOIN LATERAL ("
	"   SELECT * FROM taskcenter.task_status_history"
	"   WHERE new_status = 'validation_failed' AND owner_id = o.owner_id"
	"   ORDER BY new_status, owner_id, id DESC LIMIT $3) AS h"
	" UNION ALL"
	" SELECT h.* FROM unnest($2::bigint[]) AS t (task_id) CROSS JOIN LATERAL ("
	"   SELECT * FROM taskcenter.task_status_history"
	"   WHERE NOT accepted AND task_id = t.task_id AND NOT owner_id = ANY ($1)"
	"   ORDER BY task_id, id DESC LIMIT $3) AS h) AS f"
	" ORDER BY id DESC LIMIT $3",
	.nargs = 3,
	.types = {INT8ARRAYOID, INT8ARRAYOID, INT4OID}
};

/* whoever has refused moves, one after the other out of the index */
static Statement list_failures_of_all = {
	.label = "list all refused moves",
	.text =
	"WITH RECURSIVE owners AS ("
	"   (SELECT owner_id FROM taskcenter.task_status_history"
	"     WHERE new_status = 'validation_failed' ORDER BY owner_id LIMIT 1)"
	"   UNION ALL"
	"   SELECT (SELECT n.owner_id FROM taskcenter.task_status_history AS n"
	"     WHERE n.new_status = 'validation_failed' AND n.owner_id > o.owner_id"
	"     ORDER BY n.owner_id LIMIT 1)"
	"   FROM owners AS o WHERE o.owner_id IS NOT NULL)"
	" SELECT h.* FROM owners AS o CROSS JOIN LATERAL ("
	"   SELECT id, task_id, old_status, new_status, reason, metadata, timestamp, accepted,"
	"     requested_status, problems, actor, relation, row_key, owner_id"
	"   FROM taskcenter.task_status_history"
	"   WHERE new_status = 'validation_failed' AND owner_id = o.owner_id"
	"   ORDER BY new_status, owner_id, id DESC LIMIT $1) AS h"
	" ORDER BY h.id DESC LIMIT $1",
	.nargs = 1,
	.types = {INT4OID}
};

static void
run_list(Statement *statement, int64 task_id, bool contents, int max_rows)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	tc_bind_bool(&arguments, contents);
	tc_bind_int32(&arguments, max_rows);
	tc_run_bound(statement, &arguments);
}

void
tc_status_history_of_task(int64 task_id, bool contents, int max_rows)
{
	run_list(&list_of_task, task_id, contents, max_rows);
}

void
tc_status_history_failures(int64 task_id, bool contents, int max_rows)
{
	run_list(&list_failures, task_id, contents, max_rows);
}

static Datum
id_array(const int64 *ids, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		elements[i] = Int64GetDatum(ids[i]);
	return PointerGetDatum(construct_array(elements, count, INT8OID, 8, true,
										   TYPALIGN_DOUBLE));
}

void
tc_status_history_failures_of(const TaskSet *tasks, int max_rows)
{
	Bindings	arguments = {0};

	if (tasks->all)
	{
		tc_bind_int32(&arguments, max_rows);
		tc_run_bound(&list_failures_of_all, &arguments);
		return;
	}
	tc_bind_datum(&arguments, id_array(tasks->owners, tasks->owner_count), false);
	tc_bind_datum(&arguments, id_array(tasks->ids, tasks->id_count), false);
	tc_bind_int32(&arguments, max_rows);
	tc_run_bound(&list_failures_of, &arguments);
}

/* ---- the foreign key ---- */

static Statement look_at_link = {
	.label = "look for the foreign key of the history",
	.text =
	"SELECT EXISTS (SELECT FROM pg_constraint"
	"   WHERE conrelid = 'taskcenter.task_status_history'::regclass AND contype = 'f'),"
	" EXISTS (SELECT FROM taskcenter.task_status_history AS h WHERE h.task_id IS NOT NULL"
	"   AND NOT EXISTS (SELECT FROM taskcenter.tasks AS t WHERE t.task_id = h.task_id))",
	.any_plan = true
};

void
tc_status_history_link(void)
{
	tc_run(&look_at_link, NULL, NULL);
	if (tc_get_bool(0, 1))
		return;
	if (tc_get_bool(0, 2))
		tc_run_utility("link the history to tasks",
					   "ALTER TABLE taskcenter.task_status_history"
					   " ADD CONSTRAINT task_status_history_task_id_fkey"
					   " FOREIGN KEY (task_id) REFERENCES taskcenter.tasks (task_id) NOT VALID");
	else
		tc_run_utility("link the history to tasks",
					   "ALTER TABLE taskcenter.task_status_history"
					   " ADD CONSTRAINT task_status_history_task_id_fkey"
					   " FOREIGN KEY (task_id) REFERENCES taskcenter.tasks (task_id)");
}
