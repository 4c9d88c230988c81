/*-------------------------------------------------------------------------
 *
 * run_list_store.c
 *		Which runs a page of list_runs() shows.
 *
 * Runs are read in their order, as far as the limit goes.  Who does not know
 * all tasks is looked for in a window of the newest runs first.  Is that not
 * enough, his tasks are few or have few runs, and each is asked for its own.
 *
 * The lists have no condition inside their two sides: only then are these
 * read in order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "run_list_store.h"
#include "run_status.h"
#include "taskcenter.h"

/* ---- pages ---- */

static Statement list_all = {
	.label = "list runs",
	.text =
	"SELECT r.run_id FROM ("
	"   SELECT run_id, status, created_at, 'infinity'::timestamptz AS finished_at,"
	"     4 AS retention_class FROM taskcenter.live_runs"
	"   UNION ALL"
	"   SELECT run_id, status, created_at, finished_at, retention_class"
	"   FROM taskcenter.finished_runs) AS r"
	" WHERE ($1 IS NULL OR r.status = ANY ($1)) AND r.created_at >= $2 AND r.run_id < $3"
	"   AND r.finished_at >= $2 AND r.retention_class >= $4"
	" ORDER BY r.run_id DESC LIMIT $5",
	.nargs = 5,
	.types = {TEXTARRAYOID, TIMESTAMPTZOID, INT8OID, INT4OID, INT4OID}
};

static Statement list_of_task = {
	.label = "list runs of a task",
	.text =
	"SELECT r.run_id FROM ("
	"   SELECT run_id, task_id, status, created_at, 'infinity'::timestamptz AS finished_at,"
	"     4 AS retention_class FROM taskcenter.live_runs"
	"   UNION ALL"
	"   SELECT run_id, task_id, status, created_at, finished_at, retention_class"
	"   FROM taskcenter.finished_runs) AS r"
	" WHERE ($1 IS NULL OR r.status = ANY ($1)) AND r.created_at >= $2 AND r.run_id < $3"
	"   AND r.finished_at >= $2 AND r.retention_class >= $4 AND r.task_id = $6"
	" ORDER BY r.run_id DESC LIMIT $5",
	.nargs = 6,
	.types = {TEXTARRAYOID, TIMESTAMPTZOID, INT8OID, INT4OID, INT4OID, INT8OID}
};

static Statement list_window = {
	.label = "list runs of known tasks among the newest",
	.text =
	"SELECT w.run_id FROM ("
	"   SELECT r.run_id, r.task_id, r.status, r.created_at FROM ("
	"     SELECT run_id, task_id, status, created_at, 'infinity'::timestamptz AS finished_at,"
	"       4 AS retention_class FROM taskcenter.live_runs"
	"     UNION ALL"
	"     SELECT run_id, task_id, status, created_at, finished_at, retention_class"
	"     FROM taskcenter.finished_runs) AS r"
	"   WHERE r.run_id < $3 AND r.finished_at >= $2 AND r.retention_class >= $4"
	"   ORDER BY r.run_id DESC LIMIT 2000) AS w"
	" JOIN taskcenter.tasks AS t ON t.task_id = w.task_id"
	" WHERE (t.owner_id = ANY ($6) OR t.task_id = ANY ($7))"
	"   AND ($1 IS NULL OR w.status = ANY ($1)) AND w.created_at >= $2"
	" ORDER BY w.run_id DESC LIMIT $5",
	.nargs = 7,
	.types = {TEXTARRAYOID, TIMESTAMPTZOID, INT8OID, INT4OID, INT4OID, INT8ARRAYOID,
	INT8ARRAYOID}
};

static Statement list_by_task = {
	.label = "list runs of each known task",
	.text =
	"WITH known AS MATERIALIZED (SELECT t.task_id FROM taskcenter.tasks AS t"
	"   WHERE t.owner_id = ANY ($6) OR t.task_id = ANY ($7))"
	" SELECT l.run_id FROM ("
	"   SELECT f.run_id FROM known AS k CROSS JOIN LATERAL ("
	"     SELECT r.run_id FROM taskcenter.finished_runs AS r"
	"     WHERE r.task_id = k.task_id AND ($1 IS NULL OR r.status = ANY ($1))"
	"       AND r.created_at >= $2 AND r.run_id < $3 AND r.finished_at >= $2"
	"       AND r.retention_class >= $4"
	"     ORDER BY r.run_id DESC LIMIT $5) AS f"
	"   UNION ALL"
	"   SELECT r.run_id FROM taskcenter.live_runs AS r"
	"   WHERE EXISTS (SELECT FROM known) AND ($1 IS NULL OR r.status = ANY ($1))"
	"     AND r.created_at >= $2 AND r.run_id < $3 AND taskcenter.is_among(r.task_id,"
	"       ARRAY(SELECT k.task_id FROM known AS k ORDER BY k.task_id))) AS l"
	" ORDER BY l.run_id DESC LIMIT $5",
	.nargs = 7,
	.types = {TEXTARRAYOID, TIMESTAMPTZOID, INT8OID, INT4OID, INT4OID, INT8ARRAYOID,
	INT8ARRAYOID}
};

/* the lowest retention class in which runs of these statuses can lie */
static int32
lowest_class(const RunFilter *filter)
{
	int32		lowest = TC_CLASS_OWN + 1;
	int			i;

	if (filter->statuses == NULL)
		return TC_CLASS_DEFAULT;
	for (i = 0; i < filter->status_count; i++)
	{
		const char *label = filter->statuses[i];
		RunStatus	status;

		if (!tc_run_status_parse(label, strlen(label), &status) ||
			!tc_run_status_is_finished(status))
			continue;
		if (status == RUN_STATUS_FAILED || status == RUN_STATUS_TIMED_OUT)
			lowest = Min(lowest, TC_CLASS_FAILED);
		else
			lowest = TC_CLASS_DEFAULT;
	}
	return lowest;
}

static void
bind_page(Bindings *bindings, const RunFilter *filter, TimestampTz since,
		  int64 before_run_id, int max_rows)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(filter->status_count, 1));
	int			i;

	for (i = 0; i < filter->status_count; i++)
		values[i] = CStringGetTextDatum(filter->statuses[i]);
	if (filter->statuses == NULL)
		tc_bind_null(bindings);
	else
		tc_bind_datum(bindings, PointerGetDatum(construct_array(values, filter->status_count,
																TEXTOID, -1, false,
																TYPALIGN_INT)), false);
	tc_bind_datum(bindings, TimestampTzGetDatum(since), false);
	tc_bind_int64(bindings, before_run_id);
	tc_bind_int32(bindings, lowest_class(filter));
	tc_bind_int32(bindings, max_rows);
}

static void
bind_known(Bindings *bindings, const TaskSet *tasks)
{
	tc_bind_ids(bindings, tasks->owners, tasks->owner_count);
	tc_bind_ids(bindings, tasks->ids, tasks->id_count);
}

int
tc_runs_list(const RunFilter *filter, TimestampTz since, int64 before_run_id,
			 int max_rows, Datum **run_ids)
{
	Bindings	bindings = {0};
	int			count;
	int			i;

	bind_page(&bindings, filter, since, before_run_id, max_rows);
	if (filter->task_id != 0)
	{
		tc_bind_int64(&bindings, filter->task_id);
		count = (int) tc_run_bound(&list_of_task, &bindings);
	}
	else if (filter->tasks.all)
		count = (int) tc_run_bound(&list_all, &bindings);
	else
	{
		bind_known(&bindings, &filter->tasks);
		count = (int) tc_run_bound(&list_window, &bindings);
		if (count < max_rows)
			count = (int) tc_run_bound(&list_by_task, &bindings);
	}
	*run_ids = palloc(sizeof(Datum) * Max(count, 1));
	for (i = 0; i < count; i++)
		(*run_ids)[i] = Int64GetDatum(tc_get_int64(i, 1));
	return count;
}
