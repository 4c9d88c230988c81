/*-------------------------------------------------------------------------
 *
 * status_store.c
 *		What the view status asks the catalogs and our tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "bindings.h"
#include "statement.h"
#include "status_store.h"

enum
{
	STATEMENT_PARTITIONS,
	STATEMENT_DEFAULTS,
	STATEMENT_DEFINITIONS,
	STATEMENT_BACKLOG
};

static Statement statements[] = {
	[STATEMENT_PARTITIONS] = {
		.label = "look at the partitions",
		.text =
		"SELECT CASE WHEN bool_and(p.until IS NOT NULL) THEN min(p.until) END"
		" FROM (SELECT w.relname, max(b.range[1]::timestamptz) AS until"
		"   FROM (VALUES ('finished_runs_1'), ('finished_runs_2'), ('finished_runs_3'),"
		"     ('task_run_history_1'), ('task_run_history_3'), ('task_run_logs_1'),"
		"     ('task_run_logs_3')) AS w (relname)"
		"   LEFT JOIN pg_class AS k ON k.relname = w.relname"
		"     AND k.relnamespace = 'taskcenter'::regnamespace"
		"   LEFT JOIN pg_inherits AS i ON i.inhparent = k.oid"
		"   LEFT JOIN pg_class AS c ON c.oid = i.inhrelid"
		"   LEFT JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),"
		"     'TO \\(''([^'']*)''\\)') AS b (range) ON true"
		"   GROUP BY w.relname) AS p",
		.nargs = 0,
		.any_plan = true
	},
	[STATEMENT_DEFAULTS] = {
		.label = "look into the default partitions",
		.text =
		"SELECT string_agg(d.relname, ', ' ORDER BY d.relname) FROM ("
		" SELECT 'finished_runs_1_rest' AS relname"
		"   WHERE EXISTS (SELECT FROM taskcenter.finished_runs_1_rest)"
		" UNION ALL SELECT 'finished_runs_2_rest'"
		"   WHERE EXISTS (SELECT FROM taskcenter.finished_runs_2_rest)"
		" UNION ALL SELECT 'finished_runs_3_rest'"
		"   WHERE EXISTS (SELECT FROM taskcenter.finished_runs_3_rest)"
		" UNION ALL SELECT 'task_run_history_1_rest'"
		"   WHERE EXISTS (SELECT FROM taskcenter.task_run_history_1_rest)"
		" UNION ALL SELECT 'task_run_history_3_rest'"
		"   WHERE EXISTS (SELECT FROM taskcenter.task_run_history_3_rest)"
		" UNION ALL SELECT 'task_run_logs_1_rest'"
		"   WHERE EXISTS (SELECT FROM taskcenter.task_run_logs_1_rest)"
		" UNION ALL SELECT 'task_run_logs_3_rest'"
		"   WHERE EXISTS (SELECT FROM taskcenter.task_run_logs_3_rest)) AS d",
		.nargs = 0,
		.any_plan = true
	},
	[STATEMENT_DEFINITIONS] = {
		.label = "look at the definitions",
		.text =
		"SELECT (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'taskcenter'),"
		"   (SELECT count(*) FROM taskcenter.tasks AS t WHERE t.state = 'quarantined')"
		"     + (SELECT count(*) FROM taskcenter.schedules AS s WHERE s.state = 'quarantined'),"
		"   (SELECT count(*) FROM taskcenter.tasks AS t WHERE t.state = 'disabled'),"
		"   (SELECT count(*) FROM taskcenter.tasks AS t WHERE t.state = 'paused')"
		"     + (SELECT count(*) FROM taskcenter.schedules AS s WHERE s.state = 'paused'),"
		"   (SELECT string_agg(q.queue, ', ' ORDER BY q.queue) FROM taskcenter.queues AS q"
		"     WHERE q.state = 'paused'),"
		"   (SELECT NOT r.rolcanlogin AND NOT r.rolsuper AND NOT EXISTS ("
		"       SELECT FROM pg_auth_members AS m WHERE m.roleid = r.oid)"
		"     FROM pg_roles AS r WHERE r.rolname = 'taskcenter_owner')",
		.nargs = 0,
		.any_plan = true
	},
	[STATEMENT_BACKLOG] = {
		.label = "look at the backlog",
		.text =
		"SELECT count(*) FILTER (WHERE r.status <> 'running' AND r.run_at <= $1"
		"     AND t.state = ANY (ARRAY['active', 'paused']) AND q.state = 'active'),"
		"   min(r.run_at) FILTER (WHERE r.status <> 'running' AND r.run_at <= $1"
		"     AND t.state = ANY (ARRAY['active', 'paused']) AND q.state = 'active'),"
		"   count(*) FILTER (WHERE r.status = 'running')"
		" FROM taskcenter.live_runs AS r"
		" JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
		" JOIN taskcenter.queues AS q ON q.queue_id = r.queue_id"
		" WHERE r.status <> 'waiting'",
		.nargs = 1,
		.types = {TIMESTAMPTZOID},
		.any_plan = true
	}
};

void
tc_status_facts(TimestampTz now, StatusFacts *facts)
{
	Bindings	none = {0};
	Bindings	at = {0};

	tc_run_bound(&statements[STATEMENT_PARTITIONS], &none);
	facts->partitions_until = tc_get_timestamptz(0, 1);
	tc_run_bound(&statements[STATEMENT_DEFAULTS], &none);
	facts->filled_defaults = tc_get_text(0, 1);
	tc_run_bound(&statements[STATEMENT_DEFINITIONS], &none);
	facts->extension_version = tc_get_text(0, 1);
	facts->quarantined = tc_get_int64(0, 2);
	facts->disabled = tc_get_int64(0, 3);
	facts->paused = tc_get_int64(0, 4);
	facts->paused_queues = tc_get_text(0, 5);
	facts->owner_is_sane = tc_get_bool(0, 6);
	tc_bind_timestamptz(&at, now);
	tc_run_bound(&statements[STATEMENT_BACKLOG], &at);
	facts->due = tc_get_int64(0, 1);
	facts->due_since = tc_get_timestamptz(0, 2);
	facts->running = tc_get_int64(0, 3);
}
