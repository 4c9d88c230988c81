/*-------------------------------------------------------------------------
 *
 * alias_store.c
 *		Views with foreign names.
 *
 * The texts are constant: the schema is where search_path points.  They name
 * our relations with their schema, and use only operators and functions whose
 * exact match lies in pg_catalog, which is searched first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "alias_store.h"
#include "bindings.h"

#define MARK "taskcenter alias: "

typedef struct Alias
{
	const char *name;
	const char *create;
	const char *comment;
	const char *drop;
} Alias;

static const Alias aliases[] = {
	{
		"agent_events",
		"CREATE OR REPLACE VIEW agent_events WITH (security_invoker) AS"
		" SELECT a.id, a.agent_id, a.agent_ref, a.type, a.message, a.payload, a.timestamp"
		" FROM (SELECT e.event_id AS id, e.task_id AS agent_id, e.task AS agent_ref,"
		"   CASE e.event_type WHEN 'task_run_started' THEN 'TOOL_RUN_STARTED'"
		"     WHEN 'task_run_finished' THEN 'TOOL_RUN_FINISHED'"
		"     WHEN 'scheduler_tick' THEN 'HEARTBEAT_TICK'"
		"     WHEN 'worker_registered' THEN 'AGENT_STARTED'"
		"     WHEN 'worker_ended' THEN 'AGENT_STOPPED'"
		"     WHEN 'task_changed' THEN CASE e.payload ->> 'action'"
		"       WHEN 'create' THEN 'AGENT_CREATED'"
		"       WHEN 'resume' THEN 'AGENT_STARTED' WHEN 'enable' THEN 'AGENT_STARTED'"
		"       WHEN 'unarchive' THEN 'AGENT_STARTED' WHEN 'pause' THEN 'AGENT_STOPPED'"
		"       WHEN 'disable' THEN 'AGENT_STOPPED' WHEN 'quarantine' THEN 'AGENT_STOPPED'"
		"       WHEN 'archive' THEN 'AGENT_STOPPED' ELSE 'WORKFLOW_PATCH_APPLIED' END"
		"   END AS type,"
		"   e.payload ->> 'reason' AS message, e.payload, e.recorded_at AS timestamp"
		"   FROM taskcenter.events AS e) AS a"
		" WHERE a.type IS NOT NULL",
		"COMMENT ON VIEW agent_events IS"
		" 'taskcenter alias: events of tasks as of agents, from events; what a run does is a tool run'",
		"DROP VIEW agent_events"
	},
	{
		"execution_audit_logs",
		"CREATE OR REPLACE VIEW execution_audit_logs WITH (security_invoker) AS"
		" SELECT h.run_id AS execution_id,"
		"   h.task_id AS task_intent_id,"
		"   t.name AS job_name,"
		"   CASE h.new_status WHEN 'succeeded' THEN 'completed'"
		"     WHEN 'retrying' THEN 'retry_scheduled' WHEN 'cancelled' THEN 'canceled'"
		"     ELSE h.new_status END AS status,"
		"   h.old_status AS previous_status,"
		"   h.attempt AS attempt_count,"
		"   h.actor,"
		"   h.reason,"
		"   h.changed_at AS created_at"
		" FROM taskcenter.task_run_history AS h"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = h.task_id",
		"COMMENT ON VIEW execution_audit_logs IS"
		" 'taskcenter alias: a row for each change of a run''s status, from task_run_history'",
		"DROP VIEW execution_audit_logs"
	},
	{
		"executions",
		"CREATE OR REPLACE VIEW executions WITH (security_invoker) AS"
		" SELECT r.run_id AS id,"
		"   r.task_id AS task_intent_id,"
		"   r.task AS job_name,"
		"   r.schedule_id,"
		"   r.scheduled_for,"
		"   CASE r.status WHEN 'succeeded' THEN 'completed'"
		"     WHEN 'retrying' THEN 'retry_scheduled' WHEN 'cancelled' THEN 'canceled'"
		"     ELSE r.status END AS status,"
		"   r.attempt AS attempt_count,"
		"   r.max_attempts,"
		"   CASE r.status WHEN 'retrying' THEN r.run_at END AS next_retry_at,"
		"   r.sqlstate AS last_error_code,"
		"   r.error AS last_error_message,"
		"   r.trace_id,"
		"   r.created_at,"
		"   r.started_at,"
		"   r.finished_at"
		" FROM taskcenter.task_runs AS r",
		"COMMENT ON VIEW executions IS"
		" 'taskcenter alias: runs, from task_runs; succeeded is called completed'",
		"DROP VIEW executions"
	},
	{
		"job_dlq",
		"CREATE OR REPLACE VIEW job_dlq WITH (security_invoker) AS"
		" SELECT d.dead_letter_id AS id,"
		"   d.run_id AS job_id,"
		"   t.name AS job_type,"
		"   d.params AS payload,"
		"   split_part(d.error, E'\\n', 1) AS failure_reason,"
		"   d.code AS failure_code,"
		"   d.error AS failure_stack,"
		"   d.attempts AS attempt_count,"
		"   d.max_attempts AS max_retries,"
		"   d.failed_at AS last_attempt_at,"
		"   CASE d.state WHEN 'redriven' THEN d.due_at END AS next_retry_at,"
		"   CASE d.state WHEN 'open' THEN 'pending' WHEN 'redriven' THEN 'retrying'"
		"     WHEN 'discarded' THEN 'abandoned' ELSE d.state END AS status,"
		"   d.created_by,"
		"   d.closed_by AS resolved_by,"
		"   d.closed_at AS resolved_at,"
		"   d.note AS resolution_notes,"
		"   d.first_failed_at AS created_at,"
		"   greatest(d.failed_at, d.redriven_at, d.closed_at) AS updated_at"
		" FROM taskcenter.dead_letters AS d"
		" LEFT JOIN taskcenter.tasks AS t ON t.task_id = d.task_id",
		"COMMENT ON VIEW job_dlq IS"
		" 'taskcenter alias: dead letters, from dead_letters; open is called pending, redriven retrying, discarded abandoned'",
		"DROP VIEW job_dlq"
	},
	{
		"qc_jobs",
		"CREATE OR REPLACE VIEW qc_jobs WITH (security_invoker) AS"
		" SELECT r.run_id AS id,"
		"   r.task AS qc_type,"
		"   CASE r.status WHEN 'succeeded' THEN 'completed' WHEN 'timed_out' THEN 'failed'"
		"     WHEN 'retrying' THEN 'queued' WHEN 'waiting' THEN 'pending'"
		"     WHEN 'skipped' THEN 'cancelled' ELSE r.status END AS status,"
		"   r.params,"
		"   r.output AS result_json,"
		"   r.error AS error_message,"
		"   CASE r.status WHEN 'succeeded' THEN 100 WHEN 'running' THEN"
		"     (SELECT (100 * x.done / nullif(x.total, 0))::int FROM taskcenter.running_runs AS x"
		"       WHERE x.run_id = r.run_id) END AS progress,"
		"   r.last_heartbeat_at,"
		"   r.started_at,"
		"   CASE r.status WHEN 'succeeded' THEN r.finished_at END AS completed_at,"
		"   r.created_at,"
		"   coalesce(r.finished_at, r.started_at, r.created_at) AS updated_at"
		" FROM taskcenter.task_runs AS r",
		"COMMENT ON VIEW qc_jobs IS"
		" 'taskcenter alias: runs as jobs, from task_runs; progress only where a run reports it'",
		"DROP VIEW qc_jobs"
	},
	{
		"schedules",
		"CREATE OR REPLACE VIEW schedules WITH (security_invoker) AS"
		" SELECT s.schedule_id AS id,"
		"   s.task_id AS task_intent_id,"
		"   s.name,"
		"   s.schedule,"
		"   s.timezone,"
		"   s.state,"
		"   s.state_reason,"
		"   s.next_run_at,"
		"   s.last_run_at,"
		"   s.created_at,"
		"   s.updated_at"
		" FROM taskcenter.schedules AS s",
		"COMMENT ON VIEW schedules IS"
		" 'taskcenter alias: the schedules with the column id; an UPDATE of state goes through'",
		"DROP VIEW schedules"
	},
	{
		"task_manager_settings",
		"CREATE OR REPLACE VIEW task_manager_settings WITH (security_invoker) AS"
		" SELECT 'task_run_log_retention_days'::text AS key,"
		"   CASE s.value WHEN 'keep' THEN '0'"
		"     ELSE trim_scale(round(extract(epoch FROM s.value::interval) / 86400.0, 3))::text"
		"   END AS value,"
		"   s.updated_at"
		" FROM taskcenter.list_settings() AS s WHERE s.key = 'run_logs_retention'"
		" UNION ALL"
		" SELECT s.key, s.value, s.updated_at FROM taskcenter.list_settings() AS s",
		"COMMENT ON VIEW task_manager_settings IS"
		" 'taskcenter alias: the settings, and task_run_log_retention_days in days (0: for ever) from run_logs_retention'",
		"DROP VIEW task_manager_settings"
	}
};

static Statement find_relation = {
	.label = "look for a relation of a name",
	.text =
	"SELECT c.relkind = 'v' AND coalesce(starts_with(obj_description(c.oid, 'pg_class'), $3), false)"
	" FROM pg_catalog.pg_class AS c WHERE c.relnamespace = $1 AND c.relname = $2",
	.nargs = 3,
	.types = {OIDOID, NAMEOID, TEXTOID}
};

int
tc_alias_count(void)
{
	return lengthof(aliases);
}

const char *
tc_alias_name(int alias)
{
	return aliases[alias].name;
}

AliasState
tc_alias_state(Oid schema_id, int alias)
{
	Bindings	arguments = {0};
	StoreFrame	frame;
	NameData	name;
	AliasState	state = ALIAS_MISSING;

	namestrcpy(&name, aliases[alias].name);
	tc_store_begin(&frame);
	tc_bind_datum(&arguments, ObjectIdGetDatum(schema_id), false);
	tc_bind_datum(&arguments, NameGetDatum(&name), false);
	tc_bind_text(&arguments, MARK);
	if (tc_run_bound(&find_relation, &arguments) > 0)
		state = tc_get_bool(0, 1) ? ALIAS_OURS : ALIAS_FOREIGN;
	tc_store_end(&frame);
	return state;
}

void
tc_alias_create(const char *schema, int alias)
{
	tc_run_in_schema("make an alias view", aliases[alias].create, schema);
	tc_run_in_schema("mark an alias view", aliases[alias].comment, schema);
}

void
tc_alias_drop(const char *schema, int alias)
{
	tc_run_in_schema("drop an alias view", aliases[alias].drop, schema);
}
