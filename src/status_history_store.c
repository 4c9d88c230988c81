/*-------------------------------------------------------------------------
 *
 * status_history_store.c
 *		The rows of task_status_history.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "status_history_store.h"

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
