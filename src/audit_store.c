/*-------------------------------------------------------------------------
 *
 * audit_store.c
 *		Rows of task_audit_logs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "audit_store.h"
#include "bindings.h"

static Statement insert_row = {
	.label = "write the audit",
	.text =
	"INSERT INTO taskcenter.task_audit_logs (recorded_at, action, object_type, object_id,"
	"   object_name, owner_id, old_values, new_values, channel, run_id, actor, session_role,"
	"   effective_role, application_name, client_addr, reason, trace_id)"
	" VALUES ($1, $2, $3, $4, concat((SELECT t.name || '/' FROM taskcenter.tasks AS t"
	"   WHERE t.task_id = $6), $5), $7, $8, $9, $10, $11, $12, $13,"
	"   $14, $15, host(inet_client_addr()), $16, $17)",
	.nargs = 17,
	.types = {TIMESTAMPTZOID, TEXTOID, TEXTOID, INT8OID, TEXTOID, INT8OID, INT8OID,
	JSONBOID, JSONBOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

void
tc_audit_insert(const AuditRow *row)
{
	Bindings	arguments = {0};

	tc_bind_timestamptz(&arguments, row->recorded_at);
	tc_bind_text(&arguments, row->action);
	tc_bind_text(&arguments, row->object_type);
	tc_bind_id(&arguments, row->object_id);
	tc_bind_text(&arguments, row->object_name);
	tc_bind_id(&arguments, row->task_id);
	tc_bind_id(&arguments, row->owner_id);
	tc_bind_redacted_jsonb(&arguments, row->old_values);
	tc_bind_redacted_jsonb(&arguments, row->new_values);
	tc_bind_text(&arguments, row->channel);
	tc_bind_id(&arguments, row->run_id);
	tc_bind_redacted(&arguments, row->actor);
	tc_bind_text(&arguments, row->session_role);
	tc_bind_text(&arguments, row->effective_role);
	tc_bind_redacted(&arguments, row->application_name);
	tc_bind_redacted(&arguments, row->reason);
	tc_bind_redacted(&arguments, row->trace_id);
	tc_run_bound(&insert_row, &arguments);
}
