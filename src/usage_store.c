/*-------------------------------------------------------------------------
 *
 * usage_store.c
 *		How many runs ended, for whom, on which day.
 *
 * What counts, and for whom, stands once more in the view usage, which counts
 * what is younger than the horizon where it lies.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "usage_store.h"

#define DAY "date_trunc('day', r.finished_at AT TIME ZONE z.zone)"
/* the task may have gone to another owner since */
#define OWNER \
	"CASE r.owner_id WHEN t.owner_id THEN t.owner" \
	" ELSE pg_get_userbyid(r.owner_id::oid)::text END"
#define TENANT "coalesce(r.group_key, t.group_key, " OWNER ")"

/* then the rows, and the rest; the aggregate sees all rows before one is written */
#define INTO_USAGE \
	"INSERT INTO taskcenter.counted_usage AS c" \
	"   (day, owner_id, group_key, owner, runs, failed, duration)" \
	" SELECT to_char(" DAY ", 'YYYY-MM-DD'), r.owner_id, " TENANT ", max(" OWNER ")," \
	"   count(*) FILTER (WHERE r.parent_run_id IS NULL)," \
	"   count(*) FILTER (WHERE r.parent_run_id IS NULL" \
	"     AND r.status = ANY (ARRAY['failed', 'timed_out']))," \
	"   coalesce(sum(r.finished_at - r.started_at)" \
	"     FILTER (WHERE r.graph_version IS NULL), interval '0') FROM "
#define NOT_COUNTED \
	" AS r JOIN taskcenter.tasks AS t ON t.task_id = r.task_id" \
	" CROSS JOIN (SELECT coalesce((SELECT v.value FROM taskcenter.setting_values AS v" \
	"   WHERE v.key = 'default_timezone'), 'UTC') AS zone) AS z" \
	" WHERE r.finished_at >= (SELECT h.counted_until FROM taskcenter.usage_horizon AS h)" \
	"   AND (r.started_at IS NOT NULL OR r.status = ANY (ARRAY['failed', 'timed_out']))"
#define ADDED_UP \
	" GROUP BY " DAY ", r.owner_id, " TENANT
#define ADDED_TO_WHAT_IS_THERE \
	" ON CONFLICT (day, owner_id, group_key) DO UPDATE SET runs = c.runs + excluded.runs," \
	"   failed = c.failed + excluded.failed, duration = c.duration + excluded.duration," \
	"   owner = excluded.owner"

static Statement seed = {
	.label = "begin to count usage",
	.text =
	"INSERT INTO taskcenter.usage_horizon (counted_until) VALUES ($1)"
	" ON CONFLICT (only_row) DO NOTHING",
	.nargs = 1,
	.types = {TIMESTAMPTZOID}
};

static Statement find_horizon = {
	.label = "look how far usage is counted",
	.text = "SELECT h.counted_until FROM taskcenter.usage_horizon AS h",
	.any_plan = true
};

static Statement count_ended = {
	.label = "count usage",
	.text =
	INTO_USAGE "taskcenter.finished_runs" NOT_COUNTED " AND r.finished_at < $1"
	ADDED_UP ADDED_TO_WHAT_IS_THERE,
	.nargs = 1,
	.types = {TIMESTAMPTZOID},
	.any_plan = true
};

static Statement move_horizon = {
	.label = "say how far usage is counted",
	.text =
	"UPDATE taskcenter.usage_horizon AS h SET counted_until = $1 WHERE h.counted_until < $1",
	.nargs = 1,
	.types = {TIMESTAMPTZOID},
	.any_plan = true
};

/* who is gone stays nobody: his old OID does not go with his name */
static Statement map_roles = {
	.label = "map the roles of usage",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.counted_usage AS c WHERE c.owner_id > 0"
	"   AND c.owner_id IS DISTINCT FROM (SELECT o.oid::bigint FROM pg_roles AS o"
	"     WHERE o.rolname = c.owner) RETURNING c.*)"
	" INSERT INTO taskcenter.counted_usage AS c"
	"   (day, owner_id, group_key, owner, runs, failed, duration)"
	" SELECT g.day, coalesce(o.oid::bigint, -min(g.owner_id)), g.group_key, g.owner,"
	"   sum(g.runs)::bigint, sum(g.failed)::bigint, sum(g.duration)"
	" FROM gone AS g LEFT JOIN pg_roles AS o ON o.rolname = g.owner"
	" GROUP BY g.day, o.oid, g.group_key, g.owner"
	ADDED_TO_WHAT_IS_THERE,
	.any_plan = true
};

static void
run_at(Statement *statement, TimestampTz at)
{
	Bindings	arguments = {0};

	tc_bind_timestamptz(&arguments, at);
	tc_run_bound(statement, &arguments);
}

void
tc_usage_seed(TimestampTz now)
{
	run_at(&seed, now);
}

TimestampTz
tc_usage_counted_until(void)
{
	return tc_run(&find_horizon, NULL, NULL) == 0 ? DT_NOEND : tc_get_timestamptz(0, 1);
}

void
tc_usage_count_until(TimestampTz until)
{
	if (tc_usage_counted_until() >= until)
		return;
	run_at(&count_ended, until);
	run_at(&move_horizon, until);
}

char *
tc_usage_insert(const char *relation)
{
	return psprintf("%s%s%s", INTO_USAGE, relation,
					NOT_COUNTED ADDED_UP ADDED_TO_WHAT_IS_THERE);
}

void
tc_usage_count_table(const char *table)
{
	Statement	count = {.label = "count usage before it is purged",.any_plan = true,
	.transient = true};

	count.text = tc_usage_insert(table);
	tc_run(&count, NULL, NULL);
}

void
tc_usage_map_roles(void)
{
	tc_run(&map_roles, NULL, NULL);
}
