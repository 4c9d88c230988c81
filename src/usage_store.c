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

#define ZONE \
	"coalesce((SELECT v.value FROM taskcenter.setting_values AS v" \
	"   WHERE v.key = 'default_timezone'), 'UTC')"

#define INTO_USAGE \
	"INSERT INTO taskcenter.counted_usage AS c" \
	"   (day, owner_id, group_key, owner, runs, failed, duration)"
#define COUNTS \
	"   count(*) FILTER (WHERE r.parent_run_id IS NULL) AS runs," \
	"   count(*) FILTER (WHERE r.parent_run_id IS NULL" \
	"     AND r.status = ANY (ARRAY['failed', 'timed_out'])) AS failed," \
	"   coalesce(sum(r.finished_at - r.started_at)" \
	"     FILTER (WHERE r.graph_version IS NULL), interval '0') AS duration"
#define HAS_BEGUN \
	"(r.started_at IS NOT NULL OR r.status = ANY (ARRAY['failed', 'timed_out']))"
#define ADDED_TO_WHAT_IS_THERE \
	" ON CONFLICT (day, owner_id, group_key) DO UPDATE SET runs = c.runs + excluded.runs," \
	"   failed = c.failed + excluded.failed, duration = c.duration + excluded.duration," \
	"   owner = excluded.owner, counted_at = excluded.counted_at"

/* what is not counted yet of rows that go; the aggregate sees all before one is written */
#define ROWS_TO_USAGE \
	INTO_USAGE " SELECT to_char(" DAY ", 'YYYY-MM-DD'), r.owner_id, " TENANT "," \
	"   max(" OWNER ")," COUNTS " FROM "
#define ADDED_UP \
	" AS r JOIN taskcenter.tasks AS t ON t.task_id = r.task_id" \
	" CROSS JOIN (SELECT " ZONE " AS zone) AS z" \
	" WHERE r.finished_at >= (SELECT h.counted_until FROM taskcenter.usage_horizon AS h)" \
	"   AND " HAS_BEGUN " GROUP BY " DAY ", r.owner_id, " TENANT ADDED_TO_WHAT_IS_THERE

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

/* of the horizon's day what is before $1; an hour at least: days can be odd */
static Statement find_day = {
	.label = "look which day's usage is to be counted",
	.text =
	"SELECT h.counted_until, least($1, greatest((a.day + interval '1 day') AT TIME ZONE z.zone,"
	"   h.counted_until + interval '1 hour')), to_char(a.day, 'YYYY-MM-DD')"
	" FROM taskcenter.usage_horizon AS h CROSS JOIN (SELECT " ZONE " AS zone) AS z"
	" CROSS JOIN LATERAL (SELECT date_trunc('day', h.counted_until AT TIME ZONE z.zone) AS day) AS a"
	" WHERE h.counted_until < $1",
	.nargs = 1,
	.types = {TIMESTAMPTZOID}
};

/* by task first: the planner knows how many of these there are; it sees the instants */
static const Statement count_day = {
	.label = "count usage",
	.text =
	INTO_USAGE " SELECT $3, r.owner_id, " TENANT ", max(" OWNER "), sum(r.runs)::bigint,"
	"   sum(r.failed)::bigint, sum(r.duration)"
	" FROM (SELECT r.owner_id, r.task_id, r.group_key," COUNTS
	"   FROM taskcenter.finished_runs AS r"
	"   WHERE r.finished_at >= $1 AND r.finished_at < $2 AND " HAS_BEGUN
	"   GROUP BY r.owner_id, r.task_id, r.group_key) AS r"
	" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
	" GROUP BY r.owner_id, " TENANT ADDED_TO_WHAT_IS_THERE,
	.nargs = 3,
	.types = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID},
	.any_plan = true,
	.transient = true
};

static Statement move_horizon = {
	.label = "say how far usage is counted",
	.text = "UPDATE taskcenter.usage_horizon AS h SET counted_until = $1",
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
	"   (day, owner_id, group_key, owner, runs, failed, duration, counted_at)"
	" SELECT g.day, coalesce(o.oid::bigint, -min(g.owner_id)), g.group_key, g.owner,"
	"   sum(g.runs)::bigint, sum(g.failed)::bigint, sum(g.duration), max(g.counted_at)"
	" FROM gone AS g LEFT JOIN pg_roles AS o ON o.rolname = g.owner"
	" GROUP BY g.day, o.oid, g.group_key, g.owner"
	ADDED_TO_WHAT_IS_THERE,
	.any_plan = true
};

void
tc_usage_seed(TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&seed, &arguments);
}

bool
tc_usage_misses(TimestampTz until)
{
	return tc_run(&find_horizon, NULL, NULL) > 0 && tc_get_timestamptz(0, 1) < until;
}

bool
tc_usage_count_day(TimestampTz until)
{
	Statement	counting = count_day;
	Bindings	search = {0};
	Bindings	day = {0};
	Bindings	horizon = {0};
	TimestampTz ends;

	tc_bind_timestamptz(&search, until);
	if (tc_run_bound(&find_day, &search) == 0)
		return false;
	ends = tc_get_timestamptz(0, 2);
	tc_bind_timestamptz(&day, tc_get_timestamptz(0, 1));
	tc_bind_timestamptz(&day, ends);
	tc_bind_text(&day, tc_get_text(0, 3));
	tc_bind_timestamptz(&horizon, ends);
	/* a day on which nothing ended is not written to before it is over */
	if (tc_run_bound(&counting, &day) > 0 || ends < until)
		tc_run_bound(&move_horizon, &horizon);
	return ends < until;
}

char *
tc_usage_insert(const char *relation)
{
	return psprintf("%s%s%s", ROWS_TO_USAGE, relation, ADDED_UP);
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
