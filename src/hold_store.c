/*-------------------------------------------------------------------------
 *
 * hold_store.c
 *		Legal holds: tasks.hold_reason.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "hold_store.h"

static Statement find_tasks = {
	.label = "find the tasks of a name",
	.text =
	"SELECT t.task_id FROM taskcenter.tasks AS t WHERE t.name = $1"
	" ORDER BY t.task_id FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {TEXTOID},
	.any_plan = true
};

static Statement set_hold = {
	.label = "hold the history of a task",
	.text =
	"UPDATE taskcenter.tasks AS t SET hold_reason = $2, updated_at = $3,"
	"   definition_version = t.definition_version + 1"
	" WHERE t.task_id = $1 AND t.hold_reason IS DISTINCT FROM $2",
	.nargs = 3,
	.types = {INT8OID, TEXTOID, TIMESTAMPTZOID}
};

int
tc_hold_find(const char *name, int64 **task_ids)
{
	Bindings	arguments = {0};
	int			count;
	int			i;

	tc_bind_text(&arguments, name);
	count = (int) tc_run_bound(&find_tasks, &arguments);
	*task_ids = palloc(sizeof(int64) * Max(count, 1));
	for (i = 0; i < count; i++)
		(*task_ids)[i] = tc_get_int64(i, 1);
	return count;
}

bool
tc_hold_set(int64 task_id, const char *reason, TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_int64(&arguments, task_id);
	tc_bind_text(&arguments, reason);
	tc_bind_timestamptz(&arguments, now);
	return tc_run_bound(&set_hold, &arguments) > 0;
}
