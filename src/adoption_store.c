/*-------------------------------------------------------------------------
 *
 * adoption_store.c
 *		After a move to another server: roles by their names again, and what
 *		else a copy does not bring.
 *
 * Tasks are mapped by the names that they store; all else follows its task.
 * Rows that never change otherwise are made anew, which only our own
 * statements may do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"

#include "adoption_store.h"
#include "bindings.h"
#include "run_columns.h"
#include "shared_roots.h"

static Statement map_tasks = {
	.label = "map the roles of tasks",
	.text =
	"UPDATE taskcenter.tasks AS t"
	" SET owner_id = coalesce(o.oid, 0)::bigint, run_as_id = coalesce(r.oid, 0)::bigint,"
	"   state = CASE WHEN t.state <> 'archived' AND (o.oid IS NULL"
	"       OR (r.oid IS NULL AND t.kind <> 'external'))"
	"     THEN 'quarantined' ELSE t.state END,"
	"   state_reason = CASE WHEN t.state <> 'archived' AND o.oid IS NULL"
	"       THEN format('role \"%s\" does not exist', t.owner)"
	"     WHEN t.state <> 'archived' AND r.oid IS NULL AND t.kind <> 'external'"
	"       THEN format('role \"%s\" does not exist', t.run_as)"
	"     ELSE t.state_reason END,"
	"   updated_at = $1, definition_version = t.definition_version + 1"
	" FROM taskcenter.tasks AS s"
	" LEFT JOIN pg_roles AS o ON o.rolname = s.owner"
	" LEFT JOIN pg_roles AS r ON r.rolname = s.run_as"
	" WHERE s.task_id = t.task_id AND (t.owner_id IS DISTINCT FROM o.oid::bigint"
	"   OR (t.run_as_id IS DISTINCT FROM r.oid::bigint AND t.kind <> 'external'))",
	.nargs = 1,
	.types = {TIMESTAMPTZOID},
	.any_plan = true
};

static Statement map_schedules = {
	.label = "map the roles of schedules",
	.text =
	"UPDATE taskcenter.schedules AS s SET owner_id = t.owner_id"
	" FROM taskcenter.tasks AS t"
	" WHERE t.task_id = s.task_id AND s.owner_id <> t.owner_id",
	.any_plan = true
};

static Statement map_skipped_fires = {
	.label = "map the roles of skipped fires",
	.text =
	"UPDATE taskcenter.skipped_fires AS s SET owner_id = t.owner_id"
	" FROM taskcenter.tasks AS t"
	" WHERE t.task_id = s.task_id AND s.owner_id <> t.owner_id",
	.any_plan = true
};

static Statement map_dead_letters = {
	.label = "map the roles of dead letters",
	.text =
	"UPDATE taskcenter.dead_letters AS d SET owner_id = t.owner_id"
	" FROM taskcenter.tasks AS t"
	" WHERE t.task_id = d.task_id AND d.owner_id <> t.owner_id",
	.any_plan = true
};

static Statement map_live_runs = {
	.label = "map the roles of unfinished runs",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.live_runs AS r USING taskcenter.tasks AS t"
	"   WHERE t.task_id = r.task_id AND (r.owner_id <> t.owner_id"
	"     OR r.run_as_id <> t.run_as_id)"
	"   RETURNING r.*, t.run_as_id AS new_run_as_id, t.owner_id AS new_owner_id)"
	" INSERT INTO taskcenter.live_runs (run_as_id, owner_id, " TC_LIVE_COLUMNS ")"
	" SELECT g.new_run_as_id, g.new_owner_id, " TC_LIVE_COLUMNS " FROM gone AS g",
	.any_plan = true
};

/* who is gone stays nobody: his old OID does not go with his name */
static Statement map_progress = {
	.label = "map the roles of graphs that run",
	.text =
	"UPDATE taskcenter.graph_progress AS p SET owner_id = t.owner_id"
	" FROM taskcenter.tasks AS t WHERE t.task_id = p.task_id AND p.owner_id <> t.owner_id",
	.any_plan = true
};

static Statement map_decisions = {
	.label = "map the roles of decisions",
	.text =
	"UPDATE taskcenter.decisions AS d SET role_id = coalesce(o.oid::bigint, -d.role_id)"
	" FROM taskcenter.decisions AS s LEFT JOIN pg_roles AS o ON o.rolname = s.role"
	" WHERE s.run_id = d.run_id AND s.role_id = d.role_id AND s.role_id > 0"
	"   AND d.role_id IS DISTINCT FROM o.oid::bigint",
	.any_plan = true
};

static Statement map_signals = {
	.label = "map the roles of signals",
	.text =
	"UPDATE taskcenter.signals AS s SET sender_id = coalesce(o.oid, 0)::bigint"
	" FROM taskcenter.signals AS t LEFT JOIN pg_roles AS o ON o.rolname = t.sent_by"
	" WHERE t.signal_id = s.signal_id AND s.sender_id IS DISTINCT FROM coalesce(o.oid, 0)::bigint",
	.any_plan = true
};

static Statement map_finished_runs = {
	.label = "map the roles of finished runs",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.finished_runs AS r USING taskcenter.tasks AS t"
	"   WHERE t.task_id = r.task_id AND (r.owner_id <> t.owner_id"
	"     OR r.run_as_id <> t.run_as_id)"
	"   RETURNING r.*, t.run_as_id AS new_run_as_id, t.owner_id AS new_owner_id)"
	" INSERT INTO taskcenter.finished_runs (run_as_id, owner_id, " TC_KEPT_COLUMNS ", "
	TC_END_COLUMNS ") SELECT g.new_run_as_id, g.new_owner_id, " TC_KEPT_COLUMNS ", "
	TC_END_COLUMNS " FROM gone AS g",
	.any_plan = true
};

static Statement map_history = {
	.label = "map the roles of history",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.task_run_history AS h WHERE h.owner_id IS DISTINCT FROM"
	"   (SELECT t.owner_id FROM taskcenter.tasks AS t WHERE t.task_id = h.task_id) RETURNING *)"
	" INSERT INTO taskcenter.task_run_history ("
	"   run_id, changed_at, owner_id, task_id, retention_class, attempt, "
	"   old_status, new_status, reason, actor, event_id"
	" ) SELECT "
	"   g.run_id, g.changed_at, coalesce(t.owner_id, 0), g.task_id, "
	"   g.retention_class, g.attempt, g.old_status, g.new_status, "
	"   g.reason, g.actor, g.event_id"
	" FROM gone AS g LEFT JOIN taskcenter.tasks AS t USING (task_id)",
	.any_plan = true
};

static Statement map_logs = {
	.label = "map the roles of logs",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.task_run_logs AS h WHERE h.owner_id IS DISTINCT FROM"
	"   (SELECT t.owner_id FROM taskcenter.tasks AS t WHERE t.task_id = h.task_id) RETURNING *)"
	" INSERT INTO taskcenter.task_run_logs ("
	"   run_id, logged_at, owner_id, task_id, retention_class, attempt, level, "
	"   message, metadata"
	" ) SELECT "
	"   g.run_id, g.logged_at, coalesce(t.owner_id, 0), g.task_id, "
	"   g.retention_class, g.attempt, g.level, g.message, g.metadata"
	" FROM gone AS g LEFT JOIN taskcenter.tasks AS t USING (task_id)",
	.any_plan = true
};

static Statement map_audit = {
	.label = "map the roles of the audit",
	.text =
	"WITH owners AS (SELECT 'task' AS object_type, task_id AS object_id, owner_id"
	"   FROM taskcenter.tasks"
	"   UNION ALL SELECT 'graph', task_id, owner_id FROM taskcenter.tasks"
	"   UNION ALL SELECT 'schedule', schedule_id, owner_id FROM taskcenter.schedules"
	"   UNION ALL SELECT 'workflow', workflow_id, owner_id FROM taskcenter.workflows"
	"   UNION ALL SELECT 'guarded table', guarded_table_id, owner_id"
	"     FROM taskcenter.guarded_tables"
	"   UNION ALL SELECT 'grant', grant_id, owner_id FROM taskcenter.access_grants"
	"   UNION ALL SELECT 'run', r.run_id, t.owner_id FROM (SELECT run_id, task_id"
	"     FROM taskcenter.live_runs UNION ALL SELECT run_id, task_id"
	"     FROM taskcenter.finished_runs) AS r JOIN taskcenter.tasks AS t USING (task_id)"
	"     WHERE r.run_id IN (SELECT s.object_id FROM taskcenter.task_audit_logs AS s"
	"       WHERE s.object_type = 'run')),"
	" gone AS (DELETE FROM taskcenter.task_audit_logs AS a"
	"   WHERE a.owner_id IS NOT NULL AND a.owner_id IS DISTINCT FROM"
	"   (SELECT o.owner_id FROM owners AS o WHERE o.object_type = a.object_type"
	"     AND o.object_id = a.object_id) RETURNING *)"
	" INSERT INTO taskcenter.task_audit_logs ("
	"   audit_id, recorded_at, action, object_type, object_id, "
	"   object_name, owner_id, old_values, new_values, channel, run_id, actor, "
	"   session_role, effective_role, application_name, client_addr, "
	"   reason, trace_id, event_id"
	" ) SELECT "
	"   g.audit_id, g.recorded_at, g.action, object_type, "
	"   object_id, g.object_name, coalesce(o.owner_id, 0), "
	"   g.old_values, g.new_values, g.channel, g.run_id, g.actor, g.session_role, "
	"   g.effective_role, g.application_name, g.client_addr, "
	"   g.reason, g.trace_id, g.event_id"
	" FROM gone AS g LEFT JOIN owners AS o USING (object_type, object_id)",
	.any_plan = true
};

/* who is not here stays nobody: his old OID does not go with his name */
static Statement map_grants = {
	.label = "map the roles of grants",
	.text =
	"UPDATE taskcenter.access_grants AS g"
	" SET role_id = CASE WHEN g.role_id = 0 THEN 0 ELSE coalesce(r.oid::bigint, g.role_id) END,"
	"   owner_id = coalesce(o.oid::bigint, g.owner_id)"
	" FROM taskcenter.access_grants AS s"
	" LEFT JOIN pg_roles AS r ON r.rolname = s.role"
	" LEFT JOIN pg_roles AS o ON o.rolname = s.owner"
	" WHERE s.grant_id = g.grant_id"
	"   AND (g.role_id <> r.oid::bigint OR g.owner_id <> o.oid::bigint)",
	.any_plan = true
};

/* a worker of a role that is gone has nobody who may act as it */
static Statement map_workers = {
	.label = "map the roles of workers",
	.text =
	"UPDATE taskcenter.workers AS w SET role_id = coalesce(r.oid, 0)::bigint"
	" FROM taskcenter.workers AS s LEFT JOIN pg_roles AS r ON r.rolname = s.role"
	" WHERE s.worker_id = w.worker_id AND w.role_id IS DISTINCT FROM r.oid::bigint",
	.any_plan = true
};

/* a role that is gone leaves its workflow to the owner of the database */
static Statement map_workflows = {
	.label = "map the roles of workflows",
	.text =
	"UPDATE taskcenter.workflows AS w SET owner_id = coalesce(r.oid, 0)::bigint"
	" FROM taskcenter.workflows AS s LEFT JOIN pg_roles AS r ON r.rolname = s.owner"
	" WHERE s.workflow_id = w.workflow_id AND w.owner_id IS DISTINCT FROM r.oid::bigint",
	.any_plan = true
};

/*
 * A table that bears a guard, and no other of this database does, is the one,
 * if its owner is: a restore gave it another OID.
 */
static Statement map_guarded_tables = {
	.label = "map guarded tables",
	.text =
	"WITH bearers AS ("
	"   SELECT t.tgrelid::oid AS relation_id, pg_get_userbyid(c.relowner) AS owner,"
	"     split_part(encode(t.tgargs, 'escape'), chr(92) || '000', 2) AS id,"
	"     count(*) OVER (PARTITION BY"
	"       split_part(encode(t.tgargs, 'escape'), chr(92) || '000', 2)) AS bearers"
	"   FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid"
	"   WHERE t.tgfoid = 'taskcenter.guard_row()'::regprocedure AND t.tgparentid = 0"
	"     AND t.tgqual IS NOT NULL AND (t.tgtype & 2) = 0)"
	" UPDATE taskcenter.guarded_tables AS g SET relation_id = b.relation_id::bigint"
	" FROM bearers AS b WHERE b.id = g.guarded_table_id::text AND b.bearers = 1"
	"   AND b.owner = g.owner AND g.relation_id <> b.relation_id::bigint",
	.any_plan = true
};

/* a role that is gone leaves what it had to nobody */
static Statement map_unguarded_tables = {
	.label = "map the roles of tables that are not guarded",
	.text =
	"UPDATE taskcenter.guarded_tables AS g SET owner_id = coalesce(r.oid, 0)::bigint"
	" FROM taskcenter.guarded_tables AS s LEFT JOIN pg_roles AS r ON r.rolname = s.owner"
	" WHERE s.guarded_table_id = g.guarded_table_id AND g.owner_id IS DISTINCT FROM r.oid::bigint",
	.any_plan = true
};

static Statement map_row_history = {
	.label = "map the roles of the history of rows",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.task_status_history AS h"
	"   USING taskcenter.guarded_tables AS t"
	"   WHERE t.relation = h.relation AND h.owner_id <> t.owner_id RETURNING h.*)"
	" INSERT INTO taskcenter.task_status_history ("
	"   id, task_id, old_status, new_status, reason, metadata, "
	"   timestamp, accepted, requested_status, problems, actor, "
	"   relation, row_key, owner_id, event_id"
	" ) SELECT "
	"   g.id, g.task_id, g.old_status, g.new_status, g.reason, "
	"   g.metadata, g.timestamp, g.accepted, g.requested_status, "
	"   g.problems, g.actor, g.relation, g.row_key, t.owner_id, g.event_id"
	" FROM gone AS g JOIN taskcenter.guarded_tables AS t USING (relation)",
	.any_plan = true
};

static Statement map_status_history = {
	.label = "map the roles of the history of statuses",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.task_status_history AS h"
	"   USING taskcenter.tasks AS t"
	"   WHERE t.task_id = h.task_id AND h.owner_id <> t.owner_id RETURNING h.*)"
	" INSERT INTO taskcenter.task_status_history ("
	"   id, task_id, old_status, new_status, reason, metadata, "
	"   timestamp, accepted, requested_status, problems, actor, "
	"   relation, row_key, owner_id, event_id"
	" ) SELECT "
	"   g.id, g.task_id, g.old_status, g.new_status, g.reason, "
	"   g.metadata, g.timestamp, g.accepted, g.requested_status, "
	"   g.problems, g.actor, g.relation, g.row_key, t.owner_id, g.event_id"
	" FROM gone AS g JOIN taskcenter.tasks AS t USING (task_id)",
	.any_plan = true
};

static Statement map_noted_events = {
	.label = "map the roles of events",
	.text =
	"WITH gone AS (DELETE FROM taskcenter.noted_events AS n USING taskcenter.tasks AS t"
	"   WHERE t.task_id = n.task_id AND n.owner_id <> t.owner_id RETURNING n.*)"
	" INSERT INTO taskcenter.noted_events ("
	"   event_id, recorded_at, event_type, owner_id, task_id, run_id, payload"
	" ) SELECT "
	"   g.event_id, g.recorded_at, g.event_type, t.owner_id, g.task_id, g.run_id, g.payload"
	" FROM gone AS g JOIN taskcenter.tasks AS t USING (task_id)",
	.any_plan = true
};

static Statement advance_sequences = {
	.label = "advance the sequences",
	.text =
	"SELECT setval(s.ids, s.taken) FROM ("
	" SELECT 'taskcenter.task_ids'::regclass AS ids,"
	"   (SELECT max(task_id) FROM taskcenter.tasks) AS taken"
	" UNION ALL SELECT 'taskcenter.schedule_ids',"
	"   (SELECT max(schedule_id) FROM taskcenter.schedules)"
	" UNION ALL SELECT 'taskcenter.queue_ids', (SELECT max(queue_id) FROM taskcenter.queues)"
	" UNION ALL SELECT 'taskcenter.run_ids', greatest("
	"   (SELECT max(run_id) FROM taskcenter.live_runs),"
	"   (SELECT max(run_id) FROM taskcenter.finished_runs))"
	" UNION ALL SELECT 'taskcenter.token_ids', (SELECT max(token) FROM taskcenter.live_runs)"
	" UNION ALL SELECT 'taskcenter.executor_ids',"
	"   (SELECT max(executor_id) FROM taskcenter.live_runs)"
	" UNION ALL SELECT 'taskcenter.audit_ids',"
	"   (SELECT max(audit_id) FROM taskcenter.task_audit_logs)"
	" UNION ALL SELECT 'taskcenter.skip_ids',"
	"   (SELECT max(skip_id) FROM taskcenter.skipped_fires)"
	" UNION ALL SELECT 'taskcenter.worker_ids',"
	"   (SELECT max(worker_id) FROM taskcenter.workers)"
	" UNION ALL SELECT 'taskcenter.grant_ids',"
	"   (SELECT max(grant_id) FROM taskcenter.access_grants)"
	" UNION ALL SELECT 'taskcenter.alert_rule_ids',"
	"   (SELECT max(alert_rule_id) FROM taskcenter.alert_rules)"
	" UNION ALL SELECT 'taskcenter.attention_rule_ids',"
	"   (SELECT max(attention_rule_id) FROM taskcenter.attention_rules)"
	" UNION ALL SELECT 'taskcenter.alert_ids', (SELECT max(alert_id) FROM taskcenter.alerts)"
	" UNION ALL SELECT 'taskcenter.guarded_table_ids',"
	"   (SELECT max(guarded_table_id) FROM taskcenter.guarded_tables)"
	" UNION ALL SELECT 'taskcenter.dead_letter_ids',"
	"   (SELECT max(dead_letter_id) FROM taskcenter.dead_letters)"
	" UNION ALL SELECT 'taskcenter.workflow_ids',"
	"   (SELECT max(workflow_id) FROM taskcenter.workflows)"
	" UNION ALL SELECT 'taskcenter.step_definition_ids',"
	"   (SELECT max(first_definition_id) FROM taskcenter.graphs)"
	" UNION ALL SELECT 'taskcenter.status_history_ids',"
	"   (SELECT max(id) FROM taskcenter.task_status_history)"
	" UNION ALL SELECT 'taskcenter.event_ids', greatest("
	"   (SELECT max(event_id) FROM taskcenter.task_run_history),"
	"   (SELECT max(event_id) FROM taskcenter.task_audit_logs),"
	"   (SELECT max(event_id) FROM taskcenter.task_status_history),"
	"   (SELECT max(event_id) FROM taskcenter.noted_events))) AS s"
	" WHERE s.taken > coalesce(pg_sequence_last_value(s.ids), 0)",
	.any_plan = true
};

void
tc_adoption_advance_sequences(void)
{
	tc_run(&advance_sequences, NULL, NULL);
}

static Statement foreign_partitions = {
	.label = "find partitions of other owners",
	.text =
	"SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, o.rolname)"
	" FROM pg_class AS p"
	" JOIN pg_roles AS o ON o.oid = p.relowner"
	" CROSS JOIN pg_partition_tree(p.oid) AS t"
	" JOIN pg_class AS c ON c.oid = t.relid"
	" WHERE p.relnamespace = 'taskcenter'::regnamespace AND p.relkind = 'p'"
	"   AND NOT p.relispartition AND c.relowner <> p.relowner",
	.any_plan = true
};

void
tc_adoption_own_partitions(void)
{
	uint64		count;
	char	  **commands;
	uint64		i;

	if (!superuser_arg(tc_statement_caller()))
		return;
	count = tc_run(&foreign_partitions, NULL, NULL);
	commands = palloc(sizeof(char *) * Max(count, 1));
	for (i = 0; i < count; i++)
		commands[i] = tc_get_text(i, 1);
	for (i = 0; i < count; i++)
		tc_run_utility_as_caller("take over a partition", commands[i]);
}

void
tc_adoption_map_roles(TimestampTz now)
{
	Bindings	arguments = {0};

	tc_bind_timestamptz(&arguments, now);
	tc_run_bound(&map_tasks, &arguments);
	tc_run(&map_schedules, NULL, NULL);
	tc_run(&map_skipped_fires, NULL, NULL);
	tc_run(&map_dead_letters, NULL, NULL);
	tc_run(&map_live_runs, NULL, NULL);
	tc_run(&map_progress, NULL, NULL);
	tc_run(&map_decisions, NULL, NULL);
	tc_run(&map_signals, NULL, NULL);
	/* the steps among them ended long ago */
	tc_arrivals_mute();
	tc_run(&map_finished_runs, NULL, NULL);
	tc_arrivals_hear();
	tc_run(&map_history, NULL, NULL);
	tc_run(&map_logs, NULL, NULL);
	tc_run(&map_grants, NULL, NULL);
	tc_run(&map_workers, NULL, NULL);
	tc_run(&map_workflows, NULL, NULL);
	tc_run(&map_unguarded_tables, NULL, NULL);
	tc_run(&map_guarded_tables, NULL, NULL);
	tc_run(&map_audit, NULL, NULL);
	tc_run(&map_status_history, NULL, NULL);
	tc_run(&map_row_history, NULL, NULL);
	tc_run(&map_noted_events, NULL, NULL);
}
