/*-------------------------------------------------------------------------
 *
 * status_store.c
 *		What the checks of status ask the catalogs and our tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"

#include "bindings.h"
#include "statement.h"
#include "status_store.h"

/*
 * Lanes are found by skipping from one to the next in the claim's own index:
 * neither future nor paused runs are read.
 */
static Statement backlog = {
	.label = "look at the backlog",
	.text =
	"WITH RECURSIVE lane AS ("
	" (SELECT r.run_as_id, r.queue_id, r.priority, r.gate, r.run_at"
	"  FROM taskcenter.live_runs AS r WHERE r.status = ANY (ARRAY['queued', 'retrying'])"
	"  ORDER BY r.run_as_id, r.queue_id, r.priority, r.gate, r.run_at, r.run_id LIMIT 1)"
	" UNION ALL"
	" SELECT n.* FROM lane AS l CROSS JOIN LATERAL ("
	"  SELECT r.run_as_id, r.queue_id, r.priority, r.gate, r.run_at"
	"  FROM taskcenter.live_runs AS r WHERE r.status = ANY (ARRAY['queued', 'retrying'])"
	"    AND (r.run_as_id, r.queue_id, r.priority, r.gate) >"
	"        (l.run_as_id, l.queue_id, l.priority, l.gate)"
	"  ORDER BY r.run_as_id, r.queue_id, r.priority, r.gate, r.run_at, r.run_id LIMIT 1"
	" ) AS n),"
	" ready AS ("
	" SELECT l.* FROM (SELECT * FROM lane LIMIT 2000) AS l"
	" JOIN taskcenter.queues AS q ON q.queue_id = l.queue_id AND q.state = 'active'"
	" LEFT JOIN taskcenter.tasks AS t"
	"   ON t.task_id = CASE WHEN l.gate > 0 THEN l.gate WHEN l.gate < -1 THEN -l.gate - 1 END"
	" WHERE l.run_at <= $1 AND coalesce(t.state, 'active') = ANY (ARRAY['active', 'paused']))"
	" SELECT (SELECT count(*) FROM (SELECT FROM ready AS o CROSS JOIN LATERAL ("
	"     SELECT FROM taskcenter.live_runs AS r"
	"     WHERE r.status = ANY (ARRAY['queued', 'retrying']) AND r.run_as_id = o.run_as_id"
	"       AND r.queue_id = o.queue_id AND r.priority = o.priority AND r.gate = o.gate"
	"       AND r.run_at <= $1 LIMIT $2) AS d LIMIT $2) AS due),"
	"   (SELECT min(o.run_at) FROM ready AS o)",
	.nargs = 2,
	.types = {TIMESTAMPTZOID, INT8OID}
};

/* an executor's run lives with its executor, a worker's by its heartbeat */
static Statement in_flight = {
	.label = "look at what is running",
	.text =
	"SELECT count(*), count(*) FILTER (WHERE s.stuck), min(s.run_id) FILTER (WHERE s.stuck)"
	" FROM (SELECT r.run_id, CASE WHEN r.executor_id IS NOT NULL"
	"     THEN NOT r.executor_id = ANY ($2) AND r.claimed_at < $1 - interval '1 minute'"
	"     ELSE coalesce(r.lease_until, coalesce(r.last_heartbeat_at, r.claimed_at)"
	"       + coalesce(t.stuck_after, interval '2 minutes')) < $1 END AS stuck"
	"   FROM taskcenter.live_runs AS r"
	"   LEFT JOIN taskcenter.tasks AS t ON t.task_id = r.task_id"
	"   WHERE r.status = 'running'"
	"     AND (r.executor_id IS NOT NULL OR r.graph_version IS NULL AND r.definition_id IS NULL)"
	"   LIMIT $3) AS s",
	.nargs = 3,
	.types = {TIMESTAMPTZOID, INT8ARRAYOID, INT8OID}
};

static Statement lost = {
	.label = "look for lost runs",
	.text =
	"SELECT count(*), min(l.run_id)"
	" FROM (SELECT r.run_id FROM taskcenter.live_runs AS r WHERE r.lost > 0 LIMIT $1) AS l",
	.nargs = 1,
	.types = {INT8OID}
};

static Statement held = {
	.label = "look at what is held",
	.text =
	"SELECT (SELECT count(*) FROM taskcenter.tasks AS t WHERE t.state = 'quarantined')"
	"     + (SELECT count(*) FROM taskcenter.schedules AS s WHERE s.state = 'quarantined'),"
	"   coalesce((SELECT t.name FROM taskcenter.tasks AS t WHERE t.state = 'quarantined' LIMIT 1),"
	"     (SELECT t.name FROM taskcenter.schedules AS s"
	"       JOIN taskcenter.tasks AS t ON t.task_id = s.task_id"
	"       WHERE s.state = 'quarantined' LIMIT 1)),"
	"   (SELECT count(*) FROM taskcenter.tasks AS t WHERE t.state = 'disabled'),"
	"   (SELECT count(*) FROM taskcenter.tasks AS t WHERE t.state = 'paused')"
	"     + (SELECT count(*) FROM taskcenter.schedules AS s WHERE s.state = 'paused'),"
	"   (SELECT string_agg(q.queue, ', ' ORDER BY q.queue) FROM taskcenter.queues AS q"
	"     WHERE q.state = 'paused')"
};

/* roles are few, whatever the number of tasks: skipped through in their index */
static Statement homeless = {
	.label = "look at the roles of tasks",
	.text =
	"WITH RECURSIVE role AS ("
	" (SELECT t.run_as_id FROM taskcenter.tasks AS t ORDER BY t.run_as_id LIMIT 1)"
	" UNION ALL"
	" SELECT n.* FROM role AS r CROSS JOIN LATERAL (SELECT t.run_as_id"
	"   FROM taskcenter.tasks AS t WHERE t.run_as_id > r.run_as_id"
	"   ORDER BY t.run_as_id LIMIT 1) AS n)"
	" SELECT count(*), min(t.name) FROM role AS r"
	" CROSS JOIN LATERAL (SELECT t.name FROM taskcenter.tasks AS t"
	"   WHERE t.run_as_id = r.run_as_id AND t.state = 'active'"
	"     AND t.kind <> ALL (ARRAY['manual', 'external']) LIMIT 100) AS t"
	" WHERE NOT EXISTS (SELECT FROM pg_roles AS p"
	"   WHERE p.oid = r.run_as_id::oid AND p.rolcanlogin)"
};

/* what fires once per start, or after a run that is unfinished, has no next time */
static Statement without_next = {
	.label = "look for schedules without a next time",
	.text =
	"SELECT count(*), min(t.name || '/' || s.name)"
	" FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t ON t.task_id = s.task_id"
	" WHERE s.state = 'active' AND s.next_run_at IS NULL AND t.state = 'active'"
	"   AND s.schedule !~* '^\\s*@reboot'"
	"   AND NOT (s.schedule ~* '^\\s*after' AND EXISTS (SELECT FROM taskcenter.live_runs AS r"
	"     WHERE r.task_id = s.task_id AND r.schedule_id = s.schedule_id))"
};

static Statement overdue = {
	.label = "look for schedules that are overdue",
	.text =
	"SELECT count(*), min(o.next_run_at), min(o.name)"
	" FROM (SELECT s.next_run_at, t.name || '/' || s.name AS name"
	"   FROM taskcenter.schedules AS s JOIN taskcenter.tasks AS t ON t.task_id = s.task_id"
	"   WHERE s.state = 'active' AND s.next_run_at IS NOT NULL"
	"     AND s.next_run_at < $1 - interval '5 minutes' AND t.state = 'active'"
	"   ORDER BY s.next_run_at LIMIT 100) AS o",
	.nargs = 1,
	.types = {TIMESTAMPTZOID}
};

/* the last partition of each parent is the last by its name */
static Statement partitions = {
	.label = "look at the partitions",
	.text =
	"SELECT CASE WHEN bool_and(b.until IS NOT NULL) THEN min(b.until[1]::timestamptz) END"
	" FROM (SELECT DISTINCT ON (p.partrelid) p.partrelid, c.oid AS last"
	"   FROM pg_partitioned_table AS p JOIN pg_class AS k ON k.oid = p.partrelid"
	"   LEFT JOIN pg_inherits AS i ON i.inhparent = p.partrelid AND i.inhrelid <> p.partdefid"
	"   LEFT JOIN pg_class AS c ON c.oid = i.inhrelid"
	"   WHERE k.relnamespace = 'taskcenter'::regnamespace AND p.partstrat = 'r'"
	"   ORDER BY p.partrelid, c.relname DESC) AS w"
	" LEFT JOIN pg_class AS c ON c.oid = w.last"
	" LEFT JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),"
	"   'TO \\(''([^'']*)''\\)') AS b (until) ON true",
	.any_plan = true
};

/*
 * The end of the oldest partition with rows, by parent; names are in the order
 * of their times.
 */
static Statement oldest = {
	.label = "look at the oldest partitions",
	.text =
	"SELECT k.relname::text, ("
	"   SELECT (regexp_match(pg_get_expr(o.relpartbound, o.oid), 'TO \\(''([^'']*)''\\)'))[1]::timestamptz"
	"   FROM (SELECT c.oid, c.relpartbound, c.relname FROM pg_inherits AS i"
	"     JOIN pg_class AS c ON c.oid = i.inhrelid"
	"     WHERE i.inhparent = p.partrelid AND i.inhrelid <> p.partdefid"
	"     ORDER BY c.relname LIMIT 20) AS o"
	"   WHERE pg_relation_size(o.oid) > 0 ORDER BY o.relname LIMIT 1)"
	" FROM pg_partitioned_table AS p JOIN pg_class AS k ON k.oid = p.partrelid"
	" WHERE k.relnamespace = 'taskcenter'::regnamespace AND p.partstrat = 'r'"
	"   AND k.relname ~ '_[12]$'",
	.any_plan = true
};

static Statement holds = {
	.label = "count held tasks",
	.text = "SELECT count(*) FROM taskcenter.tasks AS t WHERE t.hold_reason IS NOT NULL"
};

static Statement defaults = {
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
	.any_plan = true
};

static Statement security = {
	.label = "look at owner and privileges",
	.text =
	"WITH ours AS (SELECT c.* FROM pg_class AS c"
	"   WHERE c.relnamespace = 'taskcenter'::regnamespace"
	"     AND c.relkind = ANY (ARRAY['r'::\"char\", 'p'::\"char\"]))"
	" SELECT (SELECT NOT r.rolcanlogin AND NOT r.rolsuper AND NOT EXISTS ("
	"     SELECT FROM pg_auth_members AS m WHERE m.roleid = r.oid)"
	"   FROM pg_roles AS r WHERE r.rolname = 'taskcenter_owner'),"
	" (SELECT string_agg(h.held, ', ') FROM ("
	"   SELECT format('%s holds %s on %s', CASE WHEN a.grantee = 0 THEN 'everybody'"
	"     ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, o.relname) AS held"
	"   FROM ours AS o, aclexplode(o.relacl) AS a"
	"   WHERE a.grantee <> o.relowner AND a.privilege_type <> 'SELECT' LIMIT 3) AS h),"
	" (SELECT string_agg(u.relname, ', ' ORDER BY u.relname) FROM ("
	"   SELECT o.relname FROM ours AS o WHERE NOT o.relrowsecurity"
	"     AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = o.oid)"
	"   UNION ALL SELECT o.relname FROM ours AS o"
	"   WHERE pg_get_userbyid(o.relowner) <> 'taskcenter_owner') AS u)",
	.any_plan = true
};

static Statement storage = {
	.label = "look at the state of our tables",
	.text =
	"WITH ours AS (SELECT c.oid, c.relname, c.reloptions, c.reltoastrelid,"
	"     CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END AS root"
	"   FROM pg_class AS c WHERE c.relnamespace = 'taskcenter'::regnamespace"
	"     AND c.relkind = ANY (ARRAY['r'::\"char\", 'p'::\"char\"])),"
	" parts AS (SELECT o.root, o.oid FROM ours AS o"
	"   UNION ALL SELECT o.root, i.indexrelid FROM ours AS o JOIN pg_index AS i ON i.indrelid = o.oid"
	"   UNION ALL SELECT o.root, o.reltoastrelid FROM ours AS o),"
	/* as the last vacuum counted them; asking the file system takes long */
	" sizes AS (SELECT p.root, sum(CASE WHEN c.relpages > 0 OR c.relkind <> 'r'"
	"     THEN c.relpages::bigint * current_setting('block_size')::bigint"
	"     ELSE pg_relation_size(c.oid) END)::bigint AS bytes"
	"   FROM parts AS p JOIN pg_class AS c ON c.oid = p.oid GROUP BY p.root)"
	" SELECT (SELECT string_agg(i.indexrelid::regclass::text, ', ') FROM pg_index AS i"
	"     JOIN ours AS o ON o.oid = i.indrelid WHERE NOT i.indisvalid),"
	"   (SELECT string_agg(o.relname, ', ') FROM ours AS o, unnest(o.reloptions) AS v (setting)"
	"     WHERE v.setting ~ '^autovacuum_enabled=(f|of|n|0)'),"
	"   pg_stat_get_dead_tuples('taskcenter.live_runs'::regclass),"
	"   pg_stat_get_live_tuples('taskcenter.live_runs'::regclass),"
	"   (SELECT sum(s.bytes)::bigint FROM sizes AS s),"
	"   (SELECT c.relname::text FROM sizes AS s JOIN pg_class AS c ON c.oid = s.root"
	"     ORDER BY s.bytes DESC LIMIT 1),"
	"   (SELECT max(s.bytes) FROM sizes AS s),"
	"   (SELECT count(*) FROM pg_prepared_xacts AS x"
	"     WHERE x.database = current_database() AND x.prepared < $1 - interval '5 minutes'),"
	"   (SELECT max(t.members)::int FROM ("
	"     SELECT sum(1 + (SELECT count(*) FROM pg_index AS i WHERE i.indrelid = o.oid)) AS members"
	"     FROM ours AS o GROUP BY o.root) AS t)",
	.nargs = 1,
	.types = {TIMESTAMPTZOID},
	.any_plan = true
};

void
tc_status_work(TimestampTz now, const int64 *alive, int alive_count, WorkFacts *facts)
{
	Bindings	due = {0};
	Bindings	running = {0};
	Bindings	limit = {0};
	Datum	   *ids = palloc(sizeof(Datum) * Max(alive_count, 1));
	int			i;

	tc_bind_timestamptz(&due, now);
	tc_bind_int64(&due, TC_STATUS_COUNT_LIMIT);
	tc_run_bound(&backlog, &due);
	facts->due = tc_get_int64(0, 1);
	facts->due_since = tc_get_timestamptz(0, 2);

	for (i = 0; i < alive_count; i++)
		ids[i] = Int64GetDatum(alive[i]);
	tc_bind_timestamptz(&running, now);
	tc_bind_datum(&running, PointerGetDatum(construct_array(ids, alive_count, INT8OID, 8, true,
															TYPALIGN_DOUBLE)), false);
	tc_bind_int64(&running, TC_STATUS_COUNT_LIMIT);
	tc_run_bound(&in_flight, &running);
	facts->running = tc_get_int64(0, 1);
	facts->stuck = tc_get_int64(0, 2);
	facts->a_stuck_run = tc_get_int64(0, 3);

	tc_bind_int64(&limit, TC_STATUS_COUNT_LIMIT);
	tc_run_bound(&lost, &limit);
	facts->lost = tc_get_int64(0, 1);
	facts->a_lost_run = tc_get_int64(0, 2);
}

void
tc_status_definitions(TimestampTz now, DefinitionFacts *facts)
{
	Bindings	none = {0};
	Bindings	at = {0};

	tc_run_bound(&held, &none);
	facts->quarantined = tc_get_int64(0, 1);
	facts->a_quarantined = tc_get_text(0, 2);
	facts->disabled = tc_get_int64(0, 3);
	facts->paused = tc_get_int64(0, 4);
	facts->paused_queues = tc_get_text(0, 5);

	tc_run_bound(&homeless, &none);
	facts->homeless = tc_get_int64(0, 1);
	facts->a_homeless = tc_get_text(0, 2);

	tc_run_bound(&without_next, &none);
	facts->without_next = tc_get_int64(0, 1);
	facts->a_without_next = tc_get_text(0, 2);

	tc_bind_timestamptz(&at, now);
	tc_run_bound(&overdue, &at);
	facts->overdue = tc_get_int64(0, 1);
	facts->overdue_since = tc_get_timestamptz(0, 2);
	facts->an_overdue = tc_get_text(0, 3);
}

void
tc_status_house(TimestampTz now, HouseFacts *facts)
{
	Bindings	none = {0};
	Bindings	at = {0};

	tc_run_bound(&partitions, &none);
	facts->partitions_until = tc_get_timestamptz(0, 1);
	tc_run_bound(&defaults, &none);
	facts->filled_defaults = tc_get_text(0, 1);
	tc_run_bound(&security, &none);
	facts->owner_is_sane = tc_get_bool(0, 1);
	facts->privileges = tc_get_text(0, 2);
	facts->unsecured = tc_get_text(0, 3);

	tc_bind_timestamptz(&at, now);
	tc_run_bound(&storage, &at);
	facts->invalid_indexes = tc_get_text(0, 1);
	facts->not_vacuumed = tc_get_text(0, 2);
	facts->dead_rows = tc_get_int64(0, 3);
	facts->live_rows = tc_get_int64(0, 4);
	facts->total_bytes = tc_get_int64(0, 5);
	facts->largest = tc_get_text(0, 6);
	facts->largest_bytes = tc_get_int64(0, 7);
	facts->prepared = tc_get_int64(0, 8);
	facts->locks_per_scan = tc_get_int32(0, 9);
}

void
tc_status_retention(RetentionFacts *facts)
{
	Bindings	none = {0};
	int			i;

	facts->count = (int) Min(tc_run_bound(&oldest, &none), TC_STATUS_PARENTS);
	for (i = 0; i < facts->count; i++)
	{
		facts->parents[i] = tc_get_text(i, 1);
		facts->oldest_until[i] = tc_get_timestamptz(i, 2);
	}
	tc_run_bound(&holds, &none);
	facts->held = tc_get_int64(0, 1);
}
