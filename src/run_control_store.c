/*-------------------------------------------------------------------------
 *
 * run_control_store.c
 *		The statements of those who steer runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "graph_rules.h"
#include "run_columns.h"
#include "run_control_store.h"
#include "run_status.h"
#include "statement.h"

enum
{
	STATEMENT_FIND_LIVE,
	STATEMENT_FIND_FINISHED,
	STATEMENT_HOLD_WAITING,
	STATEMENT_CANCEL,
	STATEMENT_CANCEL_SET,
	STATEMENT_RUNNING,
	STATEMENT_RETRYABLE,
	STATEMENT_RETRYABLE_ONE,
	STATEMENT_RETRY
};

/* to cancel many runs is not to stop what a cancelled one undoes */
#define NOT_UNDOING "   AND starts_with(r.step, '" TC_UNDO_PREFIX "') IS NOT TRUE"

static Statement statements[] = {
	[STATEMENT_FIND_LIVE] = {
		.label = "find an unfinished run",
		.text =
		"SELECT r.task_id, t.name, r.status, r.attempt, NULL::jsonb, r.error, r.sqlstate,"
		"   NULL::timestamptz, r.created_at, r.created_by, r.schedule_id IS NOT NULL, r.xmin,"
		"   r.parent_run_id"
		" FROM taskcenter.live_runs AS r"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" WHERE r.run_id = $1",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_FIND_FINISHED] = {
		.label = "find a finished run",
		.text =
		"SELECT r.task_id, t.name, r.status, r.attempt, r.output, r.error, r.sqlstate,"
		"   r.finished_at, r.created_at, r.created_by, r.schedule_id IS NOT NULL, NULL,"
		"   r.parent_run_id"
		" FROM taskcenter.finished_runs AS r"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" WHERE r.run_id = $1",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_HOLD_WAITING] = {
		.label = "hold a run that is not executed",
		.text =
		"SELECT r.run_id FROM taskcenter.live_runs AS r WHERE r.run_id = $1"
		"   AND r.status = ANY (ARRAY['waiting', 'queued', 'retrying'])"
		" FOR UPDATE SKIP LOCKED",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_CANCEL] = {
		.label = "cancel a run",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.live_runs AS r WHERE r.run_id = $1"
		"   AND r.status = ANY (ARRAY['waiting', 'queued', 'retrying'])"
		" RETURNING r.*, greatest($2, clock_timestamp()) AS moved_at),"
		" kept AS ("
		TC_FINISH_GONE
		"   g.started_at, g.moved_at, g.retention_class, g.lost, 'cancelled', NULL, $3, g.error,"
		"   g.sqlstate, NULL, NULL, NULL FROM gone AS g)"
		TC_NOTE_GONE("g.moved_at")
		"   g.status, 'cancelled', $3, $4 FROM gone AS g",
		.nargs = 4,
		.types = {INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID}
	},
	[STATEMENT_CANCEL_SET] = {
		.label = "cancel a set of runs",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.live_runs AS r USING taskcenter.tasks AS t"
		" WHERE t.task_id = r.task_id AND ($1 = 0 OR r.task_id = $1)"
		NOT_UNDOING
		"   AND ($2 OR t.owner_id = ANY ($3) OR t.task_id = ANY ($8)) AND ($4 IS NULL OR r.status = ANY ($4))"
		"   AND r.status = ANY (ARRAY['waiting', 'queued', 'retrying'])"
		" RETURNING r.*, t.name AS task, greatest($5, clock_timestamp()) AS moved_at),"
		" kept AS ("
		TC_FINISH_GONE
		"   g.started_at, g.moved_at, g.retention_class, g.lost, 'cancelled', NULL, $6, g.error,"
		"   g.sqlstate, NULL, NULL, NULL FROM gone AS g),"
		" noted AS ("
		TC_NOTE_GONE("g.moved_at")
		"   g.status, 'cancelled', $6, $7 FROM gone AS g)"
		" SELECT g.run_id, g.task_id, g.task, g.status, g.attempt, false FROM gone AS g"
		" ORDER BY g.run_id",
		.nargs = 8,
		.types = {INT8OID, BOOLOID, INT8ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, TEXTOID,
		TEXTOID, INT8ARRAYOID},
		.any_plan = true
	},
	[STATEMENT_RUNNING] = {
		.label = "list running runs",
		.text =
		"SELECT r.run_id, r.task_id, t.name, r.status, r.attempt, false"
		" FROM taskcenter.live_runs AS r"
		" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" WHERE r.status = 'running' AND ($1 = 0 OR r.task_id = $1)"
		NOT_UNDOING
		"   AND ($2 OR t.owner_id = ANY ($3) OR t.task_id = ANY ($5)) AND ($4 IS NULL OR r.status = ANY ($4))"
		" ORDER BY r.run_id",
		.nargs = 5,
		.types = {INT8OID, BOOLOID, INT8ARRAYOID, TEXTARRAYOID, INT8ARRAYOID},
		.any_plan = true
	},
	[STATEMENT_RETRYABLE] = {
		.label = "list runs to retry",
		.text =
		"SELECT r.run_id, r.task_id, t.name, r.status, r.attempt,"
		"   r.unique_key IS NOT NULL AND (EXISTS ("
		"     SELECT FROM taskcenter.live_runs AS o WHERE o.task_id = r.task_id"
		"       AND o.unique_guard = r.unique_key)"
		"   OR row_number() OVER (PARTITION BY r.task_id, r.unique_key"
		"     ORDER BY r.run_id DESC) > 1)"
		" FROM taskcenter.finished_runs AS r"
		" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" WHERE ($1 = 0 OR r.task_id = $1) AND ($2 OR t.owner_id = ANY ($3) OR t.task_id = ANY ($5))"
		"   AND r.status = ANY ($4)"
		"   AND r.status = ANY (ARRAY['failed', 'timed_out', 'cancelled'])"
		"   AND r.parent_run_id IS NULL"
		"   AND t.state = ANY (ARRAY['active', 'paused'])"
		" ORDER BY r.task_id, r.run_id DESC",
		.nargs = 5,
		.types = {INT8OID, BOOLOID, INT8ARRAYOID, TEXTARRAYOID, INT8ARRAYOID},
		.any_plan = true
	},
	[STATEMENT_RETRYABLE_ONE] = {
		.label = "look at a run to retry",
		.text =
		"SELECT r.run_id, r.task_id, t.name, r.status, r.attempt,"
		"   EXISTS (SELECT FROM taskcenter.live_runs AS o WHERE o.task_id = r.task_id"
		"     AND o.unique_guard = r.unique_key)"
		" FROM taskcenter.finished_runs AS r"
		" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" WHERE r.run_id = $1 AND r.parent_run_id IS NULL"
		"   AND r.status = ANY (ARRAY['failed', 'timed_out', 'cancelled'])",
		.nargs = 1,
		.types = {INT8OID}
	},
	[STATEMENT_RETRY] = {
		/*
		 * One that failed before it began counts as tried, so that its next
		 * end is seen to be one after a failure.  Its dead letter, and those
		 * of its steps, go with it.
		 */
		.label = "queue finished runs again",
		.text =
		"WITH gone AS ("
		" DELETE FROM taskcenter.finished_runs AS r"
		" WHERE r.run_id = ANY ($1) AND r.task_id = $2"
		"   AND r.status = ANY (ARRAY['failed', 'timed_out', 'cancelled']) RETURNING r.*),"
		" back AS ("
		" INSERT INTO taskcenter.live_runs (run_id, task_id, run_as_id, owner_id, queue_id,"
		"   gate, schedule_id, parent_run_id, run_at, created_at, scheduled_for,"
		"   catchup_from, catchup_count, priority, attempt, max_attempts, is_catchup,"
		"   status, params, step, unique_key, unique_guard, unique_until, reason, trace_id,"
		"   created_by, retention_class, group_key, definition_id, graph_version, item)"
		" SELECT g.run_id, g.task_id, $3, $4, g.queue_id, $5, g.schedule_id,"
		"   g.parent_run_id, $10, g.created_at, g.scheduled_for, g.catchup_from,"
		"   g.catchup_count, g.priority, CASE WHEN g.status = 'cancelled' THEN g.attempt"
		"     ELSE greatest(g.attempt, 1) END, greatest(g.max_attempts, g.attempt + 1,"
		"     CASE WHEN g.status <> 'cancelled' THEN 2 END),"
		"   g.is_catchup, 'queued', g.params, g.step, g.unique_key, g.unique_key,"
		"   g.unique_until, $8, g.trace_id, g.created_by, $6, g.group_key, g.definition_id,"
		"   g.graph_version, g.item FROM gone AS g),"
		" letters AS ("
		" UPDATE taskcenter.dead_letters AS d SET state = 'redriven', redrives = d.redrives + 1,"
		"   redriven_at = greatest($7, clock_timestamp()), redriven_by = $9, due_at = $10,"
		"   closed_at = NULL, closed_by = NULL, note = coalesce($8, d.note)"
		" FROM (SELECT x.dead_letter_id FROM gone AS g"
		"     JOIN taskcenter.dead_letters AS x ON x.run_id = g.run_id"
		"   UNION ALL SELECT x.dead_letter_id FROM gone AS g"
		"     JOIN taskcenter.dead_letters AS x ON x.root_run_id = g.run_id"
		"     WHERE x.state = 'open') AS c"
		" WHERE d.dead_letter_id = c.dead_letter_id),"
		" noted AS ("
		" INSERT INTO taskcenter.task_run_history (run_id, changed_at, owner_id,"
		"   task_id, retention_class, attempt, old_status, new_status, reason, actor)"
		" SELECT g.run_id, greatest($7, clock_timestamp()), $4, g.task_id, $6, g.attempt, g.status,"
		"   'queued', $8, $9"
		" FROM gone AS g)"
		" SELECT g.run_id FROM gone AS g ORDER BY g.run_id",
		.nargs = 10,
		.types = {INT8ARRAYOID, INT8OID, INT8OID, INT8OID, INT8OID, INT4OID,
		TIMESTAMPTZOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	}
};

/* ---- one run ---- */

static bool
find_by(Statement *statement, int64 run_id, bool finished, RunFacts *run)
{
	Bindings	bindings = {0};
	bool		isnull;

	tc_bind_int64(&bindings, run_id);
	if (tc_run_bound(statement, &bindings) == 0)
		return false;
	run->run_id = run_id;
	run->task_id = tc_get_int64(0, 1);
	run->task = tc_get_text(0, 2);
	run->status = tc_get_text(0, 3);
	run->attempt = tc_get_int32(0, 4);
	run->finished = finished;
	run->output = tc_get_jsonb(0, 5);
	run->error = tc_get_text(0, 6);
	run->sqlstate = tc_get_text(0, 7);
	run->finished_at = tc_get_timestamptz(0, 8);
	run->created_at = tc_get_timestamptz(0, 9);
	run->created_by = tc_get_text(0, 10);
	run->scheduled = tc_get_bool(0, 11);
	run->parent_run_id = tc_get_int64(0, 13);
	run->written_by = finished ? InvalidTransactionId
		: DatumGetTransactionId(tc_get_datum(0, 12, &isnull));
	return true;
}

/* Live first; a run that moves while we look is found on the other side. */
bool
tc_run_find(int64 run_id, RunFacts *run)
{
	return find_by(&statements[STATEMENT_FIND_LIVE], run_id, false, run) ||
		find_by(&statements[STATEMENT_FIND_FINISHED], run_id, true, run) ||
		find_by(&statements[STATEMENT_FIND_LIVE], run_id, false, run);
}

void
tc_run_report_missing(int64 run_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("run %lld does not exist", (long long) run_id),
			 errdetail("No unfinished or finished run has that id."),
			 errhint("The view taskcenter.task_runs shows the runs that you may see.")));
}

void
tc_run_require(int64 run_id, RunFacts *run)
{
	if (!tc_run_find(run_id, run))
		tc_run_report_missing(run_id);
}

bool
tc_run_hold_waiting(int64 run_id)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	return tc_run_bound(&statements[STATEMENT_HOLD_WAITING], &bindings) > 0;
}

bool
tc_run_cancel(int64 run_id, const RunChange *change)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	tc_bind_timestamptz(&bindings, change->now);
	tc_bind_text(&bindings, change->reason);
	tc_bind_text(&bindings, change->actor);
	return tc_run_bound(&statements[STATEMENT_CANCEL], &bindings) > 0;
}

/* ---- many ---- */

static void
bind_filter(Bindings *bindings, const RunFilter *filter)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(filter->status_count, 1));
	int			i;

	tc_bind_int64(bindings, filter->task_id);
	tc_bind_bool(bindings, filter->tasks.all);
	tc_bind_ids(bindings, filter->tasks.owners, filter->tasks.owner_count);
	if (filter->statuses == NULL)
	{
		tc_bind_null(bindings);
		return;
	}
	for (i = 0; i < filter->status_count; i++)
		values[i] = CStringGetTextDatum(filter->statuses[i]);
	tc_bind_datum(bindings, PointerGetDatum(construct_array(values, filter->status_count,
															TEXTOID, -1, false,
															TYPALIGN_INT)), false);
}

/* the filter's last one: the last parameter of its statements */
static void
bind_tasks(Bindings *bindings, const RunFilter *filter)
{
	tc_bind_ids(bindings, filter->tasks.ids, filter->tasks.id_count);
}

static void
read_chosen(uint64 row, ChosenRun *run)
{
	run->run_id = tc_get_int64(row, 1);
	run->task_id = tc_get_int64(row, 2);
	run->task = tc_get_text(row, 3);
	run->status = tc_get_text(row, 4);
	run->attempt = tc_get_int32(row, 5);
	run->key_taken = tc_get_bool(row, 6);
}

static int
read_all_chosen(ChosenRun **runs)
{
	int			count = (int) tc_rows();
	int			i;

	*runs = palloc(sizeof(ChosenRun) * Max(count, 1));
	for (i = 0; i < count; i++)
		read_chosen(i, &(*runs)[i]);
	return count;
}

int
tc_runs_cancel(const RunFilter *filter, const RunChange *change, ChosenRun **runs)
{
	Bindings	bindings = {0};

	bind_filter(&bindings, filter);
	tc_bind_timestamptz(&bindings, change->now);
	tc_bind_text(&bindings, change->reason);
	tc_bind_text(&bindings, change->actor);
	bind_tasks(&bindings, filter);
	tc_run_bound(&statements[STATEMENT_CANCEL_SET], &bindings);
	return read_all_chosen(runs);
}

int
tc_runs_running(const RunFilter *filter, ChosenRun **runs)
{
	Bindings	bindings = {0};

	bind_filter(&bindings, filter);
	bind_tasks(&bindings, filter);
	tc_run_bound(&statements[STATEMENT_RUNNING], &bindings);
	return read_all_chosen(runs);
}

int
tc_runs_retryable(const RunFilter *filter, ChosenRun **runs)
{
	Bindings	bindings = {0};

	bind_filter(&bindings, filter);
	bind_tasks(&bindings, filter);
	tc_run_bound(&statements[STATEMENT_RETRYABLE], &bindings);
	return read_all_chosen(runs);
}

bool
tc_run_retryable(int64 run_id, ChosenRun *run)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	if (tc_run_bound(&statements[STATEMENT_RETRYABLE_ONE], &bindings) == 0)
		return false;
	read_chosen(0, run);
	return true;
}

int
tc_runs_retry(const RetryTarget *target, const int64 *run_ids, int count,
			  const RunChange *change, int64 **moved)
{
	Bindings	bindings = {0};
	int			rows;
	int			i;

	tc_bind_ids(&bindings, run_ids, count);
	tc_bind_int64(&bindings, target->task_id);
	tc_bind_int64(&bindings, target->run_as_id);
	tc_bind_int64(&bindings, target->owner_id);
	tc_bind_int64(&bindings, target->gate);
	tc_bind_int32(&bindings, target->retention_class);
	tc_bind_timestamptz(&bindings, change->now);
	tc_bind_text(&bindings, change->reason);
	tc_bind_text(&bindings, change->actor);
	tc_bind_timestamptz(&bindings, target->run_at);
	rows = (int) tc_run_bound(&statements[STATEMENT_RETRY], &bindings);
	*moved = palloc(sizeof(int64) * Max(rows, 1));
	for (i = 0; i < rows; i++)
		(*moved)[i] = tc_get_int64(i, 1);
	return rows;
}

/* ---- lists ---- */
