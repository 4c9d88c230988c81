/*-------------------------------------------------------------------------
 *
 * metric_store.c
 *		Counts as they are saved, counts out of the history, and what metrics
 *		ask the tables when they are read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "metric_store.h"
#include "statement.h"

/*
 * Tasks that are gone take no place in shared memory: what was counted of them
 * goes to what has none, so that sums do not fall.
 */
static Statement fold_archived = {
	.label = "keep what was counted of archived tasks",
	.text =
	"WITH gone AS ("
	" DELETE FROM taskcenter.saved_metrics AS m WHERE m.layout = $1 AND m.kind = 'task'"
	"   AND NOT EXISTS (SELECT FROM taskcenter.tasks AS t"
	"     WHERE t.task_id = m.task_id AND t.state <> 'archived')"
	"   AND EXISTS (SELECT FROM taskcenter.saved_metrics AS o"
	"     WHERE o.layout = $1 AND o.kind = 'others')"
	" RETURNING m.counts),"
	" sums AS ("
	" SELECT c.place, sum(c.value)::bigint AS value"
	" FROM gone AS g, unnest(g.counts) WITH ORDINALITY AS c (value, place) GROUP BY c.place)"
	" UPDATE taskcenter.saved_metrics AS o SET counts = ARRAY("
	"   SELECT c.value + coalesce(s.value, 0)"
	"   FROM unnest(o.counts) WITH ORDINALITY AS c (value, place)"
	"   LEFT JOIN sums AS s ON s.place = c.place ORDER BY c.place)"
	" WHERE o.layout = $1 AND o.kind = 'others' AND EXISTS (SELECT FROM sums)",
	.nargs = 1,
	.types = {INT4OID},
	.any_plan = true
};

static Statement read_saved = {
	.label = "read saved metrics",
	.text =
	"SELECT m.kind, m.queue_id, m.task_id, m.saved_at, m.complete, m.counts"
	" FROM taskcenter.saved_metrics AS m"
	" WHERE m.layout = $1 ORDER BY m.kind, m.queue_id, m.task_id",
	.nargs = 1,
	.types = {INT4OID},
	.any_plan = true
};

static Statement store_saved = {
	.label = "save metrics",
	.text =
	"INSERT INTO taskcenter.saved_metrics AS m (kind, queue_id, task_id, layout, saved_at,"
	"   complete, counts) VALUES ($1, $2, $3, $4, $5, $6, $7)"
	" ON CONFLICT (kind, queue_id, task_id) DO UPDATE SET layout = excluded.layout,"
	"   saved_at = excluded.saved_at, complete = excluded.complete, counts = excluded.counts",
	.nargs = 7,
	.types = {TEXTOID, INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID, BOOLOID, INT8ARRAYOID}
};

static Statement open_saved = {
	.label = "begin to count",
	.text =
	"UPDATE taskcenter.saved_metrics SET complete = false WHERE complete"
};

static Statement recount = {
	.label = "count what finished since metrics were saved",
	.text =
	"SELECT r.queue_id, r.task_id, array_position(ARRAY['succeeded', 'failed', 'timed_out',"
	"   'cancelled', 'skipped'], r.status), b.delay, b.duration, count(*),"
	"   sum(t.delay)::bigint, sum(t.duration)::bigint"
	" FROM taskcenter.finished_runs AS r"
	" CROSS JOIN LATERAL (SELECT (extract(epoch FROM r.started_at"
	"     - greatest(r.run_at, r.created_at)) * 1000000)::bigint,"
	"   (extract(epoch FROM r.finished_at - r.started_at) * 1000000)::bigint)"
	"   AS t (delay, duration)"
	/* a bucket holds its upper bound */
	" CROSS JOIN LATERAL (SELECT width_bucket(greatest(t.delay, 0) - 1, $2),"
	"   width_bucket(greatest(t.duration, 0) - 1, $2)) AS b (delay, duration)"
	" WHERE r.finished_at > $1 AND r.finished_at <= $3"
	" GROUP BY r.queue_id, r.task_id, r.status, b.delay, b.duration"
	" ORDER BY r.queue_id, r.task_id",
	.nargs = 3,
	.types = {TIMESTAMPTZOID, INT8ARRAYOID, TIMESTAMPTZOID},
	.any_plan = true
};

static Statement queue_depths = {
	.label = "count what lies in queues",
	.text =
	"SELECT q.queue, s.status, count(r.run_id), coalesce(extract(epoch FROM $1"
	"     - min(r.run_at) FILTER (WHERE r.run_at <= $1 AND r.status <> 'running'"
	"       AND r.status <> 'waiting')), -1)::text"
	" FROM taskcenter.queues AS q"
	" CROSS JOIN unnest(ARRAY['waiting', 'queued', 'running', 'retrying']) AS s (status)"
	" LEFT JOIN taskcenter.live_runs AS r ON r.queue_id = q.queue_id AND r.status = s.status"
	" GROUP BY q.queue, s.status ORDER BY q.queue, s.status",
	.nargs = 1,
	.types = {TIMESTAMPTZOID},
	.any_plan = true
};

static Statement task_states = {
	.label = "count tasks",
	.text =
	"SELECT s.state, count(t.task_id)"
	" FROM unnest(ARRAY['active', 'paused', 'disabled', 'quarantined', 'archived']) AS s (state)"
	" LEFT JOIN taskcenter.tasks AS t ON t.state = s.state"
	" GROUP BY s.state ORDER BY s.state",
	.any_plan = true
};

static Statement names = {
	.label = "read the names of queues and tasks",
	.text =
	"SELECT q.queue, t.name"
	" FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS w (queue_id, task_id, place)"
	" LEFT JOIN taskcenter.queues AS q ON q.queue_id = w.queue_id"
	" LEFT JOIN taskcenter.tasks AS t ON t.task_id = w.task_id"
	" ORDER BY w.place",
	.nargs = 2,
	.types = {INT8ARRAYOID, INT8ARRAYOID},
	.any_plan = true
};

static Statement due_runs = {
	.label = "count runs that are due",
	.text =
	"SELECT count(*), coalesce(extract(epoch FROM $3 - min(r.run_at)), 0)::text"
	" FROM taskcenter.live_runs AS r"
	" WHERE r.status = ANY (ARRAY['queued', 'retrying']) AND r.run_at <= $3"
	"   AND ($1 = 0 OR r.queue_id = $1) AND ($2 = 0 OR r.task_id = $2)",
	.nargs = 3,
	.types = {INT8OID, INT8OID, TIMESTAMPTZOID},
	.any_plan = true
};

static Statement open_dead_letters = {
	.label = "count open dead letters",
	.text =
	"SELECT count(*) FROM taskcenter.dead_letters AS d WHERE d.state = 'open'"
	"   AND ($1 = 0 OR d.queue_id = $1) AND ($2 = 0 OR d.task_id = $2)",
	.nargs = 2,
	.types = {INT8OID, INT8OID},
	.any_plan = true
};

/* ---- what is saved ---- */

static int
read_values(uint64 row, int column, int64 **values)
{
	bool		isnull;
	ArrayType  *array = DatumGetArrayTypeP(tc_get_datum(row, column, &isnull));
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			i;

	deconstruct_array(array, INT8OID, 8, true, TYPALIGN_DOUBLE, &elements, &nulls, &count);
	*values = palloc(sizeof(int64) * Max(count, 1));
	for (i = 0; i < count; i++)
		(*values)[i] = nulls[i] ? 0 : DatumGetInt64(elements[i]);
	return count;
}

int
tc_saved_metrics_read(SavedMetrics **rows)
{
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_int32(&bindings, TC_METRIC_LAYOUT);
	tc_run_bound(&fold_archived, &bindings);
	count = (int) tc_run_bound(&read_saved, &bindings);
	*rows = palloc(sizeof(SavedMetrics) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		SavedMetrics *row = &(*rows)[i];

		row->kind = tc_get_text(i, 1);
		row->queue_id = tc_get_int64(i, 2);
		row->task_id = tc_get_int64(i, 3);
		row->saved_at = tc_get_timestamptz(i, 4);
		row->complete = tc_get_bool(i, 5);
		row->count = read_values(i, 6, &row->values);
	}
	return count;
}

void
tc_saved_metrics_store(const SavedMetrics *row)
{
	Bindings	bindings = {0};

	tc_bind_text(&bindings, row->kind);
	tc_bind_int64(&bindings, row->queue_id);
	tc_bind_int64(&bindings, row->task_id);
	tc_bind_int32(&bindings, TC_METRIC_LAYOUT);
	tc_bind_timestamptz(&bindings, row->saved_at);
	tc_bind_bool(&bindings, row->complete);
	tc_bind_ids(&bindings, row->values, row->count);
	tc_run_bound(&store_saved, &bindings);
}

void
tc_saved_metrics_open(void)
{
	tc_run(&open_saved, NULL, NULL);
}

/* ---- out of the history ---- */

static void
add_time(Histogram *histogram, uint64 row, int bucket, int sum, int64 runs)
{
	if (tc_is_null(row, sum))
		return;
	histogram->counts[tc_get_int32(row, bucket)] += runs;
	histogram->sum += Max(tc_get_int64(row, sum), 0);
}

int
tc_metrics_recount(TimestampTz after, TimestampTz until, MetricSeries **series)
{
	Bindings	bindings = {0};
	int			rows;
	int			count = 0;
	int			i;

	tc_bind_datum(&bindings, TimestampTzGetDatum(after), false);
	tc_bind_ids(&bindings, tc_metric_bounds, TC_METRIC_BUCKETS - 1);
	tc_bind_datum(&bindings, TimestampTzGetDatum(until), false);
	rows = (int) tc_run_bound(&recount, &bindings);
	*series = palloc0(sizeof(MetricSeries) * Max(rows, 1));
	for (i = 0; i < rows; i++)
	{
		int64		queue_id = tc_get_int64(i, 1);
		int64		task_id = tc_get_int64(i, 2);
		int64		runs = tc_get_int64(i, 6);
		MetricSeries *one = &(*series)[Max(count - 1, 0)];

		if (count == 0 || one->queue_id != queue_id || one->task_id != task_id)
			one = &(*series)[count++];
		one->queue_id = queue_id;
		one->task_id = task_id;
		one->counts.counters[tc_get_int32(i, 3) - 1] += runs;
		add_time(&one->counts.delay, i, 4, 7, runs);
		add_time(&one->counts.duration, i, 5, 8, runs);
	}
	return count;
}

/* ---- at the time of reading ---- */

int
tc_metrics_queues(TimestampTz now, QueueDepth **depths)
{
	Bindings	bindings = {0};
	int			count;
	int			i;

	tc_bind_timestamptz(&bindings, now);
	count = (int) tc_run_bound(&queue_depths, &bindings);
	*depths = palloc(sizeof(QueueDepth) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		QueueDepth *depth = &(*depths)[i];

		depth->queue = tc_get_text(i, 1);
		depth->status = tc_get_text(i, 2);
		depth->runs = tc_get_int64(i, 3);
		depth->oldest = atof(tc_get_text(i, 4));
	}
	return count;
}

int
tc_metrics_tasks(NamedCount **states)
{
	int			count = (int) tc_run(&task_states, NULL, NULL);
	int			i;

	*states = palloc(sizeof(NamedCount) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*states)[i].name = tc_get_text(i, 1);
		(*states)[i].count = tc_get_int64(i, 2);
	}
	return count;
}

void
tc_metrics_name(const MetricSeries *series, int count, char **queues, char **tasks)
{
	Bindings	bindings = {0};
	int64	   *queue_ids = palloc(sizeof(int64) * Max(count, 1));
	int64	   *task_ids = palloc(sizeof(int64) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
	{
		queue_ids[i] = series[i].queue_id;
		task_ids[i] = series[i].task_id;
	}
	tc_bind_ids(&bindings, queue_ids, count);
	tc_bind_ids(&bindings, task_ids, count);
	tc_run_bound(&names, &bindings);
	for (i = 0; i < count; i++)
	{
		queues[i] = tc_get_text(i, 1);
		tasks[i] = tc_get_text(i, 2);
	}
}

int64
tc_metrics_dead_letters(int64 queue_id, int64 task_id)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, queue_id);
	tc_bind_int64(&bindings, task_id);
	tc_run_bound(&open_dead_letters, &bindings);
	return tc_get_int64(0, 1);
}

void
tc_metrics_due(int64 queue_id, int64 task_id, TimestampTz now, int64 *runs, double *oldest)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, queue_id);
	tc_bind_int64(&bindings, task_id);
	tc_bind_timestamptz(&bindings, now);
	tc_run_bound(&due_runs, &bindings);
	*runs = tc_get_int64(0, 1);
	*oldest = Max(atof(tc_get_text(0, 2)), 0);
}
