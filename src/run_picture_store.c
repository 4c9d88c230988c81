/*-------------------------------------------------------------------------
 *
 * run_picture_store.c
 *		The runs under a run, as those need them who draw it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "run_picture_store.h"
#include "statement.h"

static Statement find_run = {
	.label = "find a run to draw",
	.text =
	"SELECT r.run_id, r.task_id, r.status, false, r.graph_version, r.attempt, r.max_attempts,"
	"   r.item, 0::bigint, r.created_at, r.run_at, r.started_at, NULL::timestamptz, r.step,"
	"   r.reason, r.error"
	" FROM taskcenter.live_runs AS r WHERE r.run_id = $1"
	" UNION ALL"
	" SELECT r.run_id, r.task_id, r.status, true, r.graph_version, r.attempt, r.max_attempts,"
	"   r.item, 0::bigint, r.created_at, r.run_at, r.started_at, r.finished_at, r.step,"
	"   r.reason, r.error"
	" FROM taskcenter.finished_runs AS r WHERE r.run_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement list_steps = {
	.label = "list the runs under a run",
	.text =
	"SELECT r.run_id, r.task_id, r.status, false, r.graph_version, r.attempt, r.max_attempts,"
	"   r.item, (SELECT count(*) FROM taskcenter.decisions AS d WHERE d.run_id = r.run_id),"
	"   r.created_at, r.run_at, r.started_at, NULL::timestamptz, r.step, r.reason, r.error"
	" FROM taskcenter.live_runs AS r WHERE r.parent_run_id = $1"
	" UNION ALL"
	" SELECT r.run_id, r.task_id, r.status, true, r.graph_version, r.attempt, r.max_attempts,"
	"   r.item, 0::bigint, r.created_at, r.run_at, r.started_at, r.finished_at, r.step,"
	"   r.reason, r.error"
	" FROM taskcenter.finished_runs AS r WHERE r.parent_run_id = $1"
	" ORDER BY 1",
	.nargs = 1,
	.types = {INT8OID}
};

/* a state is a letter for each step: succeeded, failed, skipped (k), others */
static Statement list_progress = {
	.label = "see how far the runs under a run are",
	.text =
	"SELECT p.run_id, coalesce(p.items, length(p.state)),"
	"   p.items_succeeded + length(p.state) - length(replace(p.state, 's', '')),"
	"   p.items_failed + length(p.state) - length(replace(p.state, 'f', '')),"
	"   length(p.state) - length(replace(p.state, 'k', ''))"
	" FROM taskcenter.graph_progress AS p WHERE p.parent_run_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement count_ended = {
	.label = "count what ended under runs",
	.text =
	"SELECT r.parent_run_id, count(*)::int,"
	"   (count(*) FILTER (WHERE r.status = 'succeeded'))::int,"
	"   (count(*) FILTER (WHERE r.status = ANY (ARRAY['failed', 'timed_out', 'cancelled'])))::int,"
	"   (count(*) FILTER (WHERE r.status = 'skipped'))::int"
	" FROM taskcenter.finished_runs AS r"
	" WHERE r.parent_run_id = ANY ($1) AND NOT starts_with(r.step, 'undo:')"
	" GROUP BY r.parent_run_id",
	.nargs = 1,
	.types = {INT8ARRAYOID}
};

static void
read_run(uint64 row, PictureRun *run)
{
	run->run_id = tc_get_int64(row, 1);
	run->task_id = tc_get_int64(row, 2);
	run->status = tc_get_text(row, 3);
	run->finished = tc_get_bool(row, 4);
	run->graph_version = tc_get_int32(row, 5);
	run->attempt = tc_get_int32(row, 6);
	run->max_attempts = tc_get_int32(row, 7);
	run->item = tc_get_int32(row, 8);
	run->decisions = (int) tc_get_int64(row, 9);
	run->created_at = tc_get_timestamptz(row, 10);
	run->run_at = tc_get_timestamptz(row, 11);
	run->started_at = tc_get_timestamptz(row, 12);
	run->finished_at = tc_get_timestamptz(row, 13);
	run->step = tc_get_text(row, 14);
	run->reason = tc_get_text(row, 15);
	run->error = tc_get_text(row, 16);
}

bool
tc_picture_run(int64 run_id, PictureRun *run)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	if (tc_run_bound(&find_run, &bindings) == 0)
		return false;
	read_run(0, run);
	return true;
}

int
tc_picture_steps(int64 run_id, PictureRun **steps)
{
	Bindings	bindings = {0};
	uint64		count;
	uint64		i;

	tc_bind_int64(&bindings, run_id);
	count = tc_run_bound(&list_steps, &bindings);
	*steps = palloc(sizeof(PictureRun) * Max(count, 1));
	for (i = 0; i < count; i++)
		read_run(i, &(*steps)[i]);
	return (int) count;
}

static int
read_counts(uint64 count, PictureCount **counts)
{
	uint64		i;

	*counts = palloc(sizeof(PictureCount) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		(*counts)[i].run_id = tc_get_int64(i, 1);
		(*counts)[i].total = tc_get_int32(i, 2);
		(*counts)[i].succeeded = tc_get_int32(i, 3);
		(*counts)[i].failed = tc_get_int32(i, 4);
		(*counts)[i].skipped = tc_get_int32(i, 5);
	}
	return (int) count;
}

int
tc_picture_progress(int64 run_id, PictureCount **counts)
{
	Bindings	bindings = {0};

	tc_bind_int64(&bindings, run_id);
	return read_counts(tc_run_bound(&list_progress, &bindings), counts);
}

int
tc_picture_ended(const int64 *run_ids, int count, PictureCount **counts)
{
	Bindings	bindings = {0};

	tc_bind_ids(&bindings, run_ids, count);
	return read_counts(tc_run_bound(&count_ended, &bindings), counts);
}
