/*-------------------------------------------------------------------------
 *
 * run_columns.h
 *		The columns of runs, as the statements that move whole rows name them.
 *
 * Layer 0.  Text for string literals: a column that is added to the tables is
 * added here, and every statement that moves rows carries it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_RUN_COLUMNS_H
#define TC_RUN_COLUMNS_H

/* of a live run, but for its roles */
#define TC_LIVE_COLUMNS \
	"run_id, task_id, queue_id, gate, schedule_id, parent_run_id, executor_id, token, run_at," \
	" created_at, scheduled_for, catchup_from, catchup_count, claimed_at, started_at," \
	" last_heartbeat_at, cancel_requested_at, priority, attempt, max_attempts, lost, is_catchup," \
	" status, params, step, unique_key, unique_guard, unique_until, reason, error, sqlstate," \
	" trace_id, created_by, retention_class, worker_id, last_token, lease_until, group_key," \
	" progress, definition_id, graph_version, item, step_state"

/* what a run keeps when it is finished, but for its roles */
#define TC_KEPT_COLUMNS \
	"run_id, task_id, queue_id, schedule_id, parent_run_id, run_at, created_at, scheduled_for," \
	" catchup_from, catchup_count, priority, attempt, max_attempts, is_catchup, params, step," \
	" unique_key, unique_until, trace_id, created_by, group_key, definition_id, graph_version," \
	" item"

/* what its end decides, in the order in which the statements say it */
#define TC_END_COLUMNS \
	"started_at, finished_at, retention_class, lost, status, output, reason, error, sqlstate," \
	" worker_id, token, code"

/* what the statements need of the rows of live_runs that they delete, at least */
#define TC_GONE_COLUMNS "run_as_id, owner_id, retention_class, lost, " TC_KEPT_COLUMNS

/* followed by the values of the end, and FROM gone AS g: what was deleted */
#define TC_FINISH_GONE \
	" INSERT INTO taskcenter.finished_runs (run_as_id, owner_id, " TC_KEPT_COLUMNS ", " \
	TC_END_COLUMNS ") SELECT run_as_id, owner_id, " TC_KEPT_COLUMNS ","

/* followed by old and new status, reason and actor, and FROM gone AS g */
#define TC_NOTE_GONE(changed_at) \
	" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id," \
	"   task_id, retention_class, attempt, old_status, new_status, reason, actor)" \
	" SELECT g.run_id, " changed_at ", g.owner_id, g.task_id, g.retention_class, g.attempt,"

#endif							/* TC_RUN_COLUMNS_H */
